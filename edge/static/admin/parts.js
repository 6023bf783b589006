/** The parts of the operator's sections: figures, tables, buttons, and numbers as people read them. */

import { h } from "./dom.js";

/** @import { Child } from "./shapes.d.ts" */

/** @typedef {{ wide: string }} Wide A cell that takes what room there is. */

export const number = new Intl.NumberFormat("en", { maximumFractionDigits: 1 });
const UNITS = ["byte", "kilobyte", "megabyte", "gigabyte", "terabyte", "petabyte"].map(
  (unit) => new Intl.NumberFormat("en", { style: "unit", unit, maximumSignificantDigits: 3 }),
);
/** Bytes as people read them. */
export const bytes = {
  format(/** @type {number} */ value) {
    const power = Math.min(UNITS.length - 1, Math.floor(Math.log10(Math.max(1, Math.abs(value))) / 3));
    return /** @type {Intl.NumberFormat} */ (UNITS[power]).format(value / 1000 ** power);
  },
};
export const time = (/** @type {string} */ iso) => new Date(iso).toLocaleTimeString();

/**
 * Names and what each has.
 * @param {{ [name: string]: string }} named
 */
export function figures(named) {
  return h(
    "dl",
    { class: "figures", key: "figures" },
    Object.entries(named).map(([name, value]) =>
      h("div", { key: name }, h("dt", { class: "muted" }, name), h("dd", null, value)),
    ),
  );
}

/**
 * Rows of cells under heads; a head that begins with # has numbers under it.
 * @param {string} label
 * @param {string[]} heads
 * @param {{ key: string | number, cells: (Child | Wide)[], chosen?: boolean }[]} rows
 */
export function table(label, heads, rows) {
  if (!rows.length) return h("p", { class: "muted", key: label }, `${label}: none.`);
  const kind = heads.map((head) => (head.startsWith("#") ? "number" : undefined));
  return h(
    "div",
    { class: "scroll", key: label, tabindex: 0, role: "region", "aria-label": label },
    h(
      "table",
      null,
      h(
        "thead",
        null,
        h("tr", null, heads.map((head, index) => h("th", { key: head, scope: "col", class: kind[index] }, head.replace("#", "")))),
      ),
      h(
        "tbody",
        null,
        rows.map(({ key, cells, chosen }) =>
          h(
            "tr",
            { key, class: chosen ? "chosen" : undefined },
            cells.map((cell, index) =>
              isWide(cell)
                ? h("td", { key: index, class: "wide" }, cell.wide)
                : h("td", { key: index, class: kind[index] }, cell),
            ),
          ),
        ),
      ),
    ),
  );
}

/** @returns {cell is Wide} */
const isWide = (/** @type {Child | Wide} */ cell) => typeof cell === "object" && cell !== null && "wide" in cell;

/** @type {(text: string, disabled: boolean, click: () => unknown) => Child} */
export const button = (text, disabled, click) =>
  h("button", { class: "small", key: text, disabled, on: { click } }, text);
