/** A form made from a JSON Schema, as the server publishes for each game's options. */

import { checkedIn, fieldIn, h } from "./dom.js";
import { words } from "./story.js";
import { t } from "./texts.js";

/** @import { Json, Schema } from "./shapes.d.ts" */

/**
 * The object schema that `schema` means.
 * @param {Schema} schema
 */
function root(schema) {
  const name = schema.$ref?.split("/").at(-1);
  return (name && schema.$defs?.[name]) || schema;
}

/**
 * A field's schema, without its way of saying that it may be left out.
 * @param {Schema} field
 * @returns {Schema}
 */
function plain(field) {
  const choices = field.anyOf?.filter((each) => each.type !== "null");
  return choices?.length === 1 ? { ...field, ...choices[0], optional: true } : field;
}

/**
 * Fields for every property. `values` are what stands in them when the form appears.
 * @param {Schema} schema
 * @param {{ [name: string]: unknown }} values
 * @param {{ prefix?: string }} options
 */
export function fields(schema, values = {}, { prefix = "" } = {}) {
  return Object.entries(root(schema).properties ?? {}).map(([name, described]) => {
    const field = plain(described);
    const id = `${prefix}${name}`;
    const value = values[name] ?? field.default;
    const label = field.title ?? words(name);
    const hint = field.description && h("span", { class: "hint", id: `${id}-hint` }, field.description);
    const common = { id, name: id, "aria-describedby": field.description ? `${id}-hint` : undefined };
    if (field.type === "boolean") {
      return h(
        "div",
        { class: "field check", key: id },
        h("input", { ...common, type: "checkbox", checked: Boolean(value) }),
        h("label", { for: id }, label),
        hint,
      );
    }
    return h("div", { class: "field", key: id }, h("label", { for: id }, label), input(field, common, value), hint);
  });
}

/**
 * @param {Schema} field
 * @param {{ id: string, name: string }} common
 * @param {unknown} value
 */
function input(field, common, value) {
  if (field.enum) {
    const choices = field.enum.filter((each) => each !== null);
    const options = choices.map((each) => h("option", { key: String(each), value: String(each) }, words(each)));
    const usual = field.optional || choices.length < field.enum.length;
    return h(
      "select",
      { ...common, value: String(value ?? (usual ? "" : choices[0])) },
      usual && h("option", { key: "", value: "" }, t("as usual")),
      options,
    );
  }
  if (field.type === "integer" || field.type === "number") {
    return h("input", {
      ...common,
      type: "number",
      inputmode: "numeric",
      step: field.type === "integer" ? 1 : "any",
      min: field.minimum,
      max: field.maximum,
      required: !field.optional,
      placeholder: field.optional ? t("as usual") : undefined,
      value: value ?? "",
    });
  }
  return h("input", { ...common, type: "text", maxlength: field.maxLength ?? 200, value: value ?? "" });
}

/**
 * The values that were filled in, by the properties' names; empty ones are left out.
 * @param {HTMLFormElement} form
 * @param {Schema} schema
 * @param {{ prefix?: string }} options
 */
export function filled(form, schema, { prefix = "" } = {}) {
  /** @type {{ [name: string]: Json }} */
  const values = {};
  for (const [name, described] of Object.entries(root(schema).properties ?? {})) {
    const field = plain(described);
    const element = fieldIn(form, `${prefix}${name}`);
    if (!element) continue;
    if (field.type === "boolean") values[name] = checkedIn(form, element.name);
    else if (element.value === "") continue;
    else if (field.type === "integer" || field.type === "number") values[name] = Number(element.value);
    else values[name] = field.enum?.find((each) => String(each) === element.value) ?? element.value;
  }
  return values;
}
