/** Boards of any game: rectangular arrays of a view, whose cells, columns or rows are clicked to move there. */

import { card, isCard } from "./cards.js";
import { h } from "./dom.js";
import { offered, values } from "./moves.js";
import { label, words } from "./story.js";
import { t } from "./texts.js";

/** @import { Board, Child, Clicked, Json, Legal } from "./shapes.d.ts" */
/** @import { Table } from "./table.d.ts" */

/** A list of cells that is a square, row by row, and not one row. */
const FLAT = /board|grid|cells|field|squares/;
/** Arguments that name a column, a row, or a cell by its number. */
const AXES = {
  column: /^(column|col|x|file)$/,
  row: /^(row|y|rank)$/,
  cell: /^(cell|square|index|position|place)$/,
};
const COLOURS = /^(red|yellow|blue|green|white|black|orange|purple|pink|brown|gray|grey|gold|silver)$/;
/** @type {{ [key: string]: number[] }} */
const ARROWS = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };
/** As many cells may differ for the difference to be a move, and not another game. */
const MOVED = 4;

/**
 * What a board was before, to show where it has changed, and which way it is clicked.
 * @type {WeakMap<Table, Map<string, { cells: string[], changed: Set<number>, by: string }>>}
 */
const pasts = new WeakMap();

/**
 * The board that a field of the view is, if it is one.
 * @param {string} name
 * @param {unknown} value
 * @returns {Board | undefined}
 */
export function boardOf(name, value) {
  if (!Array.isArray(value) || !value.length) return undefined;
  const plain = (/** @type {unknown} */ each) => typeof each !== "object" || each === null;
  if (value.every(plain)) {
    const side = Math.sqrt(value.length);
    if (!FLAT.test(name) || !Number.isInteger(side) || side < 3) return undefined;
    return { name, cells: value, columns: side, rows: side };
  }
  const columns = value[0]?.length;
  const isRow = (/** @type {unknown} */ row) => Array.isArray(row) && row.length === columns && row.every(plain);
  if (!columns || !value.every(isRow)) return undefined;
  return { name, cells: value.flat(), columns, rows: value.length };
}

/**
 * The moves that are made by clicking a board: of all whose arguments name places on it, those of one name.
 * @param {readonly Legal[]} legal
 * @param {Board[]} boards
 * @returns {Clicked[]}
 */
export function movesOn(legal, boards) {
  /** @type {Clicked[]} */
  const found = [];
  for (const entry of legal) {
    const { move, fixed, open } = offered(entry);
    const args = Object.entries({ ...fixed, ...open });
    const axes = args.map(([name]) => Object.entries(AXES).find(([, is]) => is.test(name))?.[0]);
    const by = [...axes].sort().join(" ");
    if (!["cell", "column", "column row", "row"].includes(by)) continue;
    if (found.length && (found[0].move !== move || found[0].by !== by)) continue;
    const places = Object.fromEntries(args.map(([name, offer], at) => [axes[at], { name, all: values(offer) }]));
    const board = boards.find(({ columns, rows }) => {
      const sizes = /** @type {{ [axis: string]: number }} */ ({ column: columns, row: rows, cell: columns * rows });
      return Object.entries(places).every(([axis, { all }]) =>
        all.every((/** @type {Json} */ each) => Number.isInteger(each) && Number(each) >= 0 && Number(each) < sizes[axis]),
      );
    });
    if (board) found.push({ entry, move, by, board: board.name, places });
  }
  return found;
}

/**
 * The arguments of the move that is made at a cell, if one is.
 * @param {Clicked[]} clicked
 * @param {{ [axis: string]: number }} at
 */
function argumentsAt(clicked, at) {
  const here = clicked.find(({ places = {} }) => Object.entries(places).every(([axis, { all }]) => all.includes(at[axis])));
  if (!here) return undefined;
  /** @type {{ [name: string]: Json }} */
  const args = Object.fromEntries(Object.entries(here.places ?? {}).map(([axis, { name }]) => [name, at[axis]]));
  return { move: here.move, args };
}

/**
 * @param {Board} board
 * @param {Clicked[]} all
 * @param {Table} table
 */
export function drawBoard(board, all, table) {
  const clicked = all.filter((each) => each.board === board.name);
  const past = remembered(board, clicked[0]?.by, table);
  const { columns, rows } = board;
  const seats = isOfSeats(board, table);
  const cell = (/** @type {number} */ index, /** @type {string} */ tag, more = {}, /** @type {string} */ spoken = "") =>
    h(
      tag,
      { class: `cell${past.changed.has(index) ? " moved" : ""}`, key: index, ...more },
      content(board.cells[index], seats, table),
      h("span", { class: "sr" }, `${spoken}${inWords(board.cells[index], seats, table)} `),
    );
  const button = (/** @type {string} */ name, /** @type {{ [axis: string]: number }} */ at) => {
    const here = argumentsAt(clicked, at);
    return {
      "data-at": `${at.row ?? 0} ${at.column ?? 0}`,
      disabled: !here,
      ...(here && { title: `${label(here.move)}: ${name}` }),
      on: { click: () => here && table.move(here.move, here.args) },
    };
  };
  const count = (/** @type {number} */ length) => Array.from({ length }, (_, index) => index);
  /** @type {Child} */
  let drawn;
  if (past.by === "column")
    drawn = count(columns).map((column) =>
      h(
        "button",
        { class: "line", key: `column${column}`, ...button(t("column {0}", column + 1), { column }) },
        h("span", { class: "sr" }, t("Column {0}: ", column + 1)),
        count(rows).map((row) => cell(row * columns + column, "span")),
      ),
    );
  else if (past.by === "row")
    drawn = count(rows).map((row) =>
      h(
        "button",
        { class: "line across", key: `row${row}`, ...button(t("row {0}", row + 1), { row }) },
        h("span", { class: "sr" }, t("Row {0}: ", row + 1)),
        count(columns).map((column) => cell(row * columns + column, "span")),
      ),
    );
  else
    drawn = board.cells.map((_, index) => {
      const at = { row: Math.floor(index / columns), column: index % columns, cell: index };
      const name = t("row {0}, column {1}", at.row + 1, at.column + 1);
      return cell(index, "button", button(name, at), `${label(name)}: `);
    });
  return h(
    "div",
    {
      class: `grid by-${past.by.replace(" ", "-") || "none"}`,
      key: `board ${board.name}`,
      role: "group",
      "aria-label": label(board.name),
      vars: { "--columns": columns, "--rows": rows },
      on: { keydown: step },
    },
    drawn,
  );
}

/**
 * @param {Board} board
 * @param {string | undefined} by
 * @param {Table} table
 */
function remembered(board, by, table) {
  const all = pasts.get(table) ?? new Map();
  pasts.set(table, all);
  const cells = board.cells.map((each) => JSON.stringify(each));
  const past = all.get(board.name) ?? { cells, changed: new Set(), by: "" };
  all.set(board.name, past);
  if (by) past.by = by;
  const changed = cells.flatMap((each, index) => (each === past.cells[index] ? [] : [index]));
  if (changed.length) past.changed = new Set(changed.length > MOVED ? [] : changed);
  past.cells = cells;
  return past;
}

/**
 * Whether a board tells seats: every cell is nobody's or a seat's.
 * @param {Board} board
 * @param {Table} table
 */
const isOfSeats = (board, { view }) =>
  board.cells.every((each) => each === null || (Number.isInteger(each) && Number(each) >= 0 && Number(each) < view.room.max_players));

/**
 * @param {unknown} value
 * @param {boolean} seats
 * @param {Table} table
 */
function content(value, seats, table) {
  if (value === null || value === "" || value === ".") return null;
  if (isCard(value)) return card(value);
  if (!seats) return h("span", { class: "mark", "aria-hidden": "true" }, String(value));
  const facts = Object.values(table.view.seats[Number(value)] ?? {});
  const sign = facts.find((each) => typeof each === "string" && [...each].length === 1);
  const colour = facts.find((each) => typeof each === "string" && COLOURS.test(each));
  if (sign) return h("span", { class: `mark of-${value}`, "aria-hidden": "true" }, String(sign));
  return h("span", { class: `disc of-${value}`, "aria-hidden": "true", vars: colour ? { "--disc": String(colour) } : {} });
}

/**
 * @param {unknown} value
 * @param {boolean} seats
 * @param {Table} table
 */
function inWords(value, seats, { view }) {
  if (value === null || value === "" || value === ".") return t("free");
  return seats ? (view.seats[Number(value)]?.display_name ?? t("seat {0}", Number(value) + 1)) : words(value);
}

/**
 * Arrows go from one place that can be clicked to the next one.
 * @param {KeyboardEvent} event
 */
function step(event) {
  const way = ARROWS[event.key];
  const from = event.target instanceof HTMLElement ? event.target : null;
  if (!way || !from?.dataset.at) return;
  const [row, column] = from.dataset.at.split(" ").map(Number);
  const grid = /** @type {HTMLElement} */ (event.currentTarget);
  /** @type {HTMLElement | undefined} */
  let best;
  let least = Infinity;
  for (const each of grid.querySelectorAll("button:enabled")) {
    if (!(each instanceof HTMLElement) || each === from) continue;
    const [down, right] = (each.dataset.at ?? "").split(" ").map(Number).map((at, axis) => at - [row, column][axis]);
    const ahead = down * way[0] + right * way[1];
    const beside = Math.abs(down * way[1]) + Math.abs(right * way[0]);
    if (ahead > 0 && ahead + 3 * beside < least) [best, least] = [each, ahead + 3 * beside];
  }
  best?.focus();
  event.preventDefault();
}
