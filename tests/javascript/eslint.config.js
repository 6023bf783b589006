import js from "@eslint/js";
import globals from "globals";

const unused = ["error", { argsIgnorePattern: "^_", varsIgnorePattern: "^_", ignoreRestSiblings: true }];

export default [
  { ignores: ["**/*.d.ts"] },
  js.configs.recommended,
  { rules: { "no-unused-vars": unused, eqeqeq: "error", "prefer-const": "error", "no-var": "error" } },
  { files: ["edge/static/**", "games/**"], languageOptions: { globals: globals.browser } },
  { files: ["tests/**", "load/**"], languageOptions: { globals: { ...globals.browser, ...globals.node } } },
];
