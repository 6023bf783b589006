/** The legal moves of any game as small forms: one of several values is chosen, a number by a slider or by typing. */

import { isCard } from "./cards.js";
import { fieldOf, h, submitted, valueIn } from "./dom.js";
import { turnOf } from "./seats.js";
import { label, shown, words } from "./story.js";
import { t } from "./texts.js";

/** @import { Choices, Clicked, Form, Json, Legal, Range } from "./shapes.d.ts" */
/** @import { Table } from "./table.d.ts" */

/** The name of the field in which one of several whole moves is chosen; no argument's. */
const WHOLE = "whole move";
/** So many choices are buttons, more are in a list. */
const BUTTONS = 6;

/**
 * An entry of `legal`: its move, the arguments that have one value here, and those of which one is to be chosen.
 * @param {Legal} legal
 */
export function offered({ move, ...rest }) {
  const all = Object.entries(rest).filter(([name, offer]) => name !== "exact" || typeof offer !== "boolean");
  const some = (/** @type {boolean} */ isOpen) =>
    Object.fromEntries(all.filter(([, offer]) => (typeof offer === "object") === isOpen));
  return {
    move,
    fixed: /** @type {{ [name: string]: Json }} */ (some(false)),
    open: /** @type {{ [name: string]: Range | Choices }} */ (some(true)),
  };
}

/**
 * The forms that `legal` makes: one an entry, but one for all the whole moves of a name.
 * @param {readonly Legal[]} legal
 */
export function forms(legal) {
  /** @type {Form[]} */
  const made = [];
  for (const entry of legal.map(offered)) {
    const whole = Object.keys(entry.open).length ? undefined : [entry.fixed];
    const same = whole && made.find((each) => each.move === entry.move && each.whole);
    if (same) same.whole?.push(entry.fixed);
    else made.push({ ...entry, whole });
  }
  return made;
}

/**
 * The values that one argument may have, if they are listed.
 * @param {Json | Range | Choices} offer
 * @returns {Json[]}
 */
export function values(offer) {
  if (typeof offer !== "object" || offer === null) return [offer];
  if ("choices" in offer && Array.isArray(offer.choices)) return offer.choices;
  if (!("min" in offer)) return [];
  const { min, max } = /** @type {Range} */ (offer);
  return Array.from({ length: Math.min(max - min + 1, 1000) }, (_, index) => min + index);
}

/**
 * The moves that play one card of what is `seen`, by clicking it.
 * @param {readonly Legal[]} legal
 * @param {unknown[]} seen
 * @returns {(Clicked & { name: string })[]}
 */
export function handMoves(legal, seen) {
  const text = JSON.stringify(seen);
  return legal.flatMap((entry) => {
    const { move, fixed, open } = offered(entry);
    const [[name, offer], ...more] = [...Object.entries(fixed), ...Object.entries(open), [""]];
    const all = more.length === 1 && name ? values(/** @type {Json} */ (offer)) : [];
    return all.length && all.every(isCard) && all.some((code) => text.includes(`"${code}"`)) ? [{ entry, move, name }] : [];
  });
}

/**
 * The entries that are made by a form, since nothing on the table is clicked for them.
 * @param {readonly Legal[]} legal
 * @param {Clicked[]} clicked
 */
export const asked = (legal, clicked) => legal.filter((entry) => !clicked.some((each) => each.entry === entry));

/**
 * @param {Table} table
 * @param {Legal[]} legal
 */
export function bar(table, legal) {
  if (!legal.length) return null;
  return h(
    "div",
    { class: "actions generic-moves", role: "group", "aria-label": t("Your move"), key: "actions" },
    forms(legal).map((each, index) => drawn(table, each, index)),
  );
}

/**
 * @param {Table} table
 * @param {Form} form
 * @param {number} index
 */
function drawn(table, { move, fixed, open, whole = [] }, index) {
  const names = Object.keys(open);
  const key = `${turnOf(table.view, table.seat)?.number}.${move}.${index}`;
  const only = names.length === 1 && "choices" in open[names[0]] ? values(open[names[0]]) : whole[1] ? whole : [];
  if (only.length > 1 && only.length <= BUTTONS) {
    const button = (/** @type {Json} */ value) => {
      const args = whole[1] ? /** @type {{ [name: string]: Json }} */ (value) : { ...fixed, [names[0]]: value };
      const text = whole[1] ? said(args) : shown(value);
      return h(
        "button",
        { class: "move", key: JSON.stringify(value), on: { click: () => table.move(move, args) } },
        text,
      );
    };
    const title = [label(move), said(fixed), whole[1] ? "" : words(names[0])].filter(Boolean).join(" · ");
    return h(
      "div",
      { class: "generic-move", key, role: "group", "aria-label": title },
      h("span", null, title),
      only.map(button),
    );
  }
  const submit = (/** @type {SubmitEvent} */ event) => {
    const form = submitted(event);
    const chosen = Object.fromEntries(names.map((name) => [name, JSON.parse(valueIn(form, name))]));
    table.move(move, { ...(whole[1] ? JSON.parse(valueIn(form, WHOLE)) : fixed), ...chosen });
  };
  return h(
    "form",
    { class: "generic-move", key, on: { submit } },
    whole[1] ? h("label", { key: WHOLE }, select(WHOLE, whole, said)) : said(fixed) && h("span", { key: WHOLE }, said(fixed)),
    names.map((name) => argument(name, open[name])),
    h("button", { class: "move", key: "go" }, label(move)),
  );
}

/**
 * @param {string} name
 * @param {Range | Choices} allowed
 */
function argument(name, allowed) {
  if ("choices" in allowed)
    return h("label", { key: name }, label(name), " ", select(name, allowed.choices, shown));
  const { min, max } = allowed;
  /** @type {(event: Event, other: string) => void} What one of the two has, the other shows. */
  const same = (event, other) => {
    const { form, value } = fieldOf(event);
    const field = form?.elements.namedItem(other);
    if (field instanceof HTMLInputElement) field.value = value;
  };
  const both = { min, max, step: 1, value: min };
  return h(
    "label",
    { key: name, class: "number" },
    h("span", null, label(name)),
    h("input", {
      ...both,
      class: "slider",
      type: "range",
      name: `${name} slider`,
      "aria-label": label(name),
      disabled: min === max,
      on: { input: (event) => same(event, name) },
    }),
    h("input", {
      ...both,
      class: "typed",
      type: "number",
      inputmode: "numeric",
      name,
      required: true,
      "aria-label": `${label(name)}, ${min} – ${max}`,
      on: { input: (event) => same(event, `${name} slider`) },
    }),
  );
}

/**
 * @template {Json} T
 * @param {string} name
 * @param {T[]} all
 * @param {(value: T) => string} text
 */
function select(name, all, text) {
  return h(
    "select",
    { name, value: JSON.stringify(all[0]) },
    all.map((each) => h("option", { key: JSON.stringify(each), value: JSON.stringify(each) }, text(each))),
  );
}

/**
 * Arguments and their values, for people.
 * @param {{ [name: string]: Json }} given
 */
function said(given) {
  return Object.entries(given)
    .map(([name, value]) => `${words(name)} ${shown(value)}`)
    .join(" · ");
}
