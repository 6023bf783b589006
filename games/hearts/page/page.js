/** The page of Hearts: four places round a trick, and one's own cards, of which one is clicked, or three. */

import { render } from "/static/dom.js";
import { register, stylesheet } from "/static/games.js";
import { Hand } from "./hand.js";
import { round, waiting } from "./round.js";
import { tell } from "./tell.js";

/** @import { Table } from "/static/table.d.ts" */

await stylesheet(new URL("hearts.css", import.meta.url));

/** @type {WeakMap<Table, Hand>} */
const hands = new WeakMap();

/** @param {Table} table */
function handOf(table) {
  const hand = hands.get(table) ?? new Hand(table);
  hands.set(table, hand);
  return hand;
}

register(
  "hearts",
  (table) => {
    const hand = handOf(table);
    render(table.element, round(table, hand.draw()));
    render(table.bar, hand.bar());
  },
  { key: (table, event) => handOf(table).key(event), waiting, tell },
);
