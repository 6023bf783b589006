/** Playing cards and chips, as descriptions. A suit has a shape, a colour of its own, and a name that can be heard. */

import { h } from "./dom.js";
import { t } from "./texts.js";

/** @type {{ [suit: string]: [name: string, shape: string] }} */
const SUITS = {
  s: [
    "spades",
    "M12 2C7 7 3 10 3 14.2 3 16.8 5 18.5 7.3 18.5c1.6 0 2.9-.7 3.7-1.9C10.8 19 10 20.8 8.5 22h7c-1.5-1.2-2.3-3-2.5-5.4.8 1.2 2.1 1.9 3.7 1.9 2.3 0 4.3-1.7 4.3-4.3C21 10 17 7 12 2z",
  ],
  h: [
    "hearts",
    "M12 21.5C5 15.5 2 12 2 8c0-3 2.2-5 4.9-5C9.1 3 11 4.3 12 6.3 13 4.3 14.9 3 17.1 3 19.8 3 22 5 22 8c0 4-3 7.5-10 13.5z",
  ],
  d: ["diamonds", "M12 1.5 20.5 12 12 22.5 3.5 12z"],
  c: [
    "clubs",
    "M12 2a4.7 4.7 0 0 0-3.9 7.3A4.7 4.7 0 1 0 11 16.3C10.9 18.9 10 20.7 8.5 22h7c-1.5-1.3-2.4-3.1-2.5-5.7a4.7 4.7 0 1 0 2.9-7A4.7 4.7 0 0 0 12 2z",
  ],
};
/** @type {{ [rank: string]: string }} */
const RANKS = { A: t("Ace"), K: t("King"), Q: t("Queen"), J: t("Jack"), T: t("Ten") };
/** @type {{ [suit: string]: string }} */
const SIGNS = { s: "♠", h: "♥", d: "♦", c: "♣" };

const CARD = /^([2-9TJQKA][cdhs]|\?\?)$/;

/**
 * Whether it is a card, open or hidden, as games write them.
 * @param {unknown} value
 * @returns {value is string}
 */
export const isCard = (value) => typeof value === "string" && CARD.test(value);

/**
 * `Ah` as it is said.
 * @param {string} card
 */
export function cardName(card) {
  if (card === "??") return t("hidden card");
  return t("{0} of {1}", RANKS[card[0]] ?? card[0], SUITS[card[1]][0]);
}

/**
 * `["Ah", "Td"]` as it is written in a line.
 * @param {string[]} cards
 */
export function cardText(cards) {
  return cards.map((card) => (card === "??" ? "?" : (card[0] === "T" ? "10" : card[0]) + SIGNS[card[1]])).join(" ");
}

/**
 * @param {string} code
 * @param {{ key?: string, dim?: boolean }} [props]
 */
export function card(code, { key, dim = false } = {}) {
  if (code === "??") return h("span", { class: "card back", key, role: "img", "aria-label": t("hidden card") });
  const [rank, suit] = code;
  return h(
    "span",
    { class: `card suit-${suit}${dim ? " dim" : ""}`, key, role: "img", "aria-label": cardName(code) },
    h("span", { class: "rank", "aria-hidden": "true" }, rank === "T" ? "10" : rank),
    h("svg", { class: "suit", viewBox: "0 0 24 24", "aria-hidden": "true" }, h("path", { d: SUITS[suit][1] })),
  );
}

/**
 * @param {string[]} codes
 * @param {{ label?: string, key?: string, dim?: boolean }} [props]
 */
export function cards(codes, { label, key, dim } = {}) {
  return h(
    "span",
    { class: "cards", key, role: "group", "aria-label": label },
    codes.map((code, index) => card(code, { key: `${index}${code}`, dim })),
  );
}

const numbers = new Intl.NumberFormat("en");

/** 12500 → `12,500`. */
export const amount = (/** @type {number} */ chips) => numbers.format(chips);

/**
 * A stack of chips with its worth.
 * @param {number} worth
 * @param {{ key?: string, label?: string }} [props]
 */
export function chips(worth, { key, label } = {}) {
  const size = worth >= 1000 ? "large" : worth >= 100 ? "middle" : "small";
  return h(
    "span",
    { class: `chips ${size}`, key },
    h("span", { class: "chip", "aria-hidden": "true" }),
    label && h("span", { class: "chips-label" }, label),
    h("span", { class: "chips-worth" }, amount(worth)),
  );
}
