/**
 * A table for any game, drawn from its view alone: rectangular arrays as boards, cards as cards, all else as facts; and
 * the legal moves, where they are made.
 */

import { card, isCard } from "./cards.js";
import { boardOf, drawBoard, movesOn } from "./board.js";
import { h, render } from "./dom.js";
import { asked, bar, handMoves } from "./moves.js";
import { emptySeat, place, seatPod } from "./seats.js";
import { label, shown, words } from "./story.js";
import { t } from "./texts.js";

/** @import { Child, Seat } from "./shapes.d.ts" */
/** @import { Table } from "./table.d.ts" */

const TOLD_ELSEWHERE = new Set(["seat_index", "user_id", "display_name", "status", "bot"]);
const NOT_MINE = new Set([
  "user_id", "role", "is_host", "seat_index", "display_name", "legal", "request", "rejoin_token", "reserved_seat",
]);
/** Fields that name a seat. */
const SEATS = /(^|_)(seat|seat_index|winner|loser|dealer|first|leader|player)$/;

/** @param {Table} table */
export function draw(table) {
  const { view } = table;
  const { id, number, ...game } = view.game;
  const count = view.room.max_players;
  const own = Object.entries(view.me).filter(([name]) => !NOT_MINE.has(name));
  const boards = Object.entries(game).flatMap(([name, value]) => boardOf(name, value) ?? []);
  const clicked = movesOn(table.legal, boards);
  const facts = Object.entries(game).filter(([name]) => !boards.some((board) => board.name === name));
  render(
    table.element,
    h(
      "section",
      { class: "table generic", "aria-label": t("Table") },
      h(
        "ol",
        { class: "seats row", "aria-label": t("Seats") },
        Array.from({ length: count }, (_, index) =>
          view.seats[index] ? player(view.seats[index], table) : emptySeat(index, place(index, count, 0), table),
        ),
      ),
      boards.map((board) => drawBoard(board, clicked, table)),
      facts.length > 0 && h("div", { class: "public", key: "public" }, tree(Object.fromEntries(facts), table)),
      own.length > 0 &&
        h(
          "div",
          { class: "private", key: "private" },
          h("h2", null, t("Yours alone")),
          own.map(([name, value]) =>
            h("div", { class: "own-part", key: name }, h("span", { class: "muted" }, label(name)), tree(value, table)),
          ),
        ),
    ),
  );
  render(table.bar, bar(table, asked(table.legal, [...clicked, ...handMoves(table.legal, [game, ...own])])));
}

/**
 * @param {Seat} seat
 * @param {Table} table
 */
function player(seat, table) {
  const facts = Object.entries(seat).filter(([name]) => !TOLD_ELSEWHERE.has(name));
  const isPlain = (/** @type {unknown} */ value) => typeof value !== "object" || value === null;
  return seatPod(
    seat,
    table,
    facts.filter(([, value]) => isPlain(value)).map(([name, value]) => `${words(name)} ${shown(value)}`).join(" · "),
    facts
      .filter(([, value]) => !isPlain(value))
      .map(([name, value]) => h("span", { class: "seat-part", key: name }, label(name), tree(value, table))),
  );
}

/**
 * Anything that JSON can say: cards as cards, short lists in a line, the rest as facts.
 * @param {unknown} value
 * @param {Table} table
 * @param {string} [named]
 * @returns {Child}
 */
function tree(value, table, named = "") {
  if (Array.isArray(value)) {
    if (value.length && value.every(isCard)) return hand(value, table);
    if (value.every((each) => typeof each !== "object" || each === null))
      return value.length
        ? h("ul", { class: "tiles" }, value.map((each, index) => h("li", { key: index }, fact(each, table, named))))
        : h("span", { class: "muted" }, t("none"));
    return h("ol", { class: "list" }, value.map((each, index) => h("li", { key: index }, tree(each, table))));
  }
  if (typeof value === "object" && value !== null) {
    const entries = Object.entries(value);
    const bySeat = entries.length > 0 && entries.every(([name]) => name in table.view.seats);
    return h(
      "dl",
      { class: "facts" },
      entries.map(([name, each]) =>
        h(
          "div",
          { key: name },
          h("dt", null, bySeat ? seatName(Number(name), table) : name === "seat_index" ? t("Player") : label(name)),
          h("dd", null, tree(each, table, name)),
        ),
      ),
    );
  }
  return isCard(value) ? hand([value], table) : h("span", null, fact(value, table, named));
}

/**
 * @param {unknown} value
 * @param {Table} table
 * @param {string} named
 */
const fact = (value, table, named) =>
  typeof value === "number" && SEATS.test(named) ? seatName(value, table) : shown(value);

/**
 * @param {number} index
 * @param {Table} table
 */
const seatName = (index, { view }) => view.seats[index]?.display_name ?? t("Seat {0}", index + 1);

/**
 * Cards, of which those are buttons that a legal move plays.
 * @param {string[]} codes
 * @param {Table} table
 */
function hand(codes, table) {
  return h(
    "span",
    { class: "cards hand" },
    codes.map((code, index) => {
      const move = handMoves(table.legal, [code])[0];
      const key = `${index}${code}`;
      if (!move) return card(code, { key });
      return h(
        "button",
        { class: "plays", key, title: label(move.move), on: { click: () => table.move(move.move, { [move.name]: code }) } },
        card(code),
      );
    }),
  );
}
