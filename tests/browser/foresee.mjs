// node foresee.mjs <tavola.js> <foresee.js>: reads [{view, made, at}, …] and prints the views that are shown, as JSON.
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

const [tavola, game] = process.argv.slice(2).map((path) => pathToFileURL(path).href);
const { merge } = await import(tavola);
const { foresee } = await import(game);
const shown = ({ view, made, at }) => {
  const patch = foresee(view, made, at);
  return patch ? merge(view, patch) : null;
};
console.log(JSON.stringify(JSON.parse(readFileSync(0, "utf8")).map(shown)));
