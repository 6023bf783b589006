/** The page of chess: the board, both players with their clocks, and what may be claimed. */

import { h, render } from "/static/dom.js";
import { register, stylesheet } from "/static/games.js";
import { emptySeat, place, seatPod } from "/static/seats.js";
import { Board } from "./board.js";
import { captured, pieces } from "./fen.js";
import { foresee } from "./foresee.js";
import { ended, tell } from "./tell.js";
import { t } from "/static/texts.js";

/** @import { Fact } from "/static/shapes.d.ts" */
/** @import { Table } from "/static/table.d.ts" */

await stylesheet("/static/generic.css");
await stylesheet(new URL("chess.css", import.meta.url));

/** @type {WeakMap<Table, Board>} */
const boards = new WeakMap();

/** @param {Table} table */
function boardOf(table) {
  const board = boards.get(table) ?? new Board(table);
  boards.set(table, board);
  return board;
}

/** @param {Table} table */
function draw(table) {
  const { view } = table;
  const { fen, white, reason } = view.game;
  const bottom = table.seat ?? white;
  const taken = captured(pieces(fen));
  const player = (/** @type {number} */ index) => {
    const seat = view.seats[index];
    if (!seat) return emptySeat(index, place(index, 2, 0), table);
    const lost = index === white ? taken.black : taken.white;
    return seatPod(seat, table, h("span", { class: `captures of-${index === white ? "black" : "white"}` }, lost));
  };
  const row = (/** @type {number} */ index) =>
    h("ol", { class: "seats row", key: `player${index}`, "aria-label": t("Players") }, player(index));
  const board = boardOf(table);
  render(
    table.element,
    h(
      "section",
      { class: "table generic chess", "aria-label": t("Table") },
      row(1 - bottom),
      board.draw(bottom === white),
      row(bottom),
      reason && h("p", { class: "ended", key: "ended", role: "status" }, ended({ white, reason, winner: view.game.winner }), " ", copy(table)),
    ),
  );
  render(table.bar, board.bar());
}

/**
 * A button that gives away the last game, for other programs.
 * @param {Table} table
 */
function copy(table) {
  /** @type {Fact[]} */
  const events = table.history.flatMap((update) => update.events ?? []);
  const pgn = events.findLast((event) => event.kind === "game_complete")?.pgn;
  const give = async () => {
    try {
      await navigator.clipboard.writeText(pgn);
      table.notice(t("The game is in your clipboard, as PGN."));
    } catch {
      table.notice(pgn);
    }
  };
  return pgn && h("button", { class: "quiet", on: { click: give } }, t("Copy PGN"));
}

register("chess", draw, { foresee, key: (table, event) => boardOf(table).key(event), tell });
