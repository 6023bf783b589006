/** The page of hold'em: its felt, its bar of moves, its events in words. */

import { render } from "/static/dom.js";
import { register, stylesheet } from "/static/games.js";
import { Actions } from "./actions.js";
import { felt, waiting } from "./felt.js";
import { tell } from "./tell.js";

/** @import { Table } from "/static/table.d.ts" */

await stylesheet(new URL("holdem.css", import.meta.url));

/** @type {WeakMap<Table, Actions>} */
const bars = new WeakMap();

/** @param {Table} table */
function barOf(table) {
  const bar = bars.get(table) ?? new Actions(table);
  bars.set(table, bar);
  return bar;
}

register(
  "holdem",
  (table) => {
    render(table.element, felt(table));
    render(table.bar, barOf(table).draw());
  },
  { key: (table, event) => barOf(table).key(event), ahead: (table) => barOf(table).ahead(), waiting, tell },
);
