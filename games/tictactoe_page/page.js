/** The page of tic-tac-toe, the smallest of a game: nine cells, of which the free ones are clicked. */

import { h, render } from "/static/dom.js";
import { register, stylesheet } from "/static/games.js";
import { emptySeat, place, seatPod } from "/static/seats.js";
import { t } from "/static/texts.js";
import { foresee } from "./foresee.js";

/** @import { Table } from "/static/table.d.ts" */

const MARKS = ["X", "O"];

await stylesheet("/static/generic.css");
await stylesheet(new URL("tictactoe.css", import.meta.url));

/** @param {Table} table */
function draw(table) {
  const { board, line } = table.view.game;
  const cells = table.legal.find(({ move }) => move === "mark")?.cell;
  const free = typeof cells === "object" && "choices" in cells ? cells.choices : [];
  const cell = (/** @type {number | null} */ mark, /** @type {number} */ index) => {
    const text = mark === null ? "" : MARKS[mark];
    return h(
      "button",
      {
        class: `cell mark-${text}${line.includes(index) ? " won" : ""}`,
        key: index,
        disabled: !free.includes(index),
        "aria-label": t("Cell {0}, {1}", index + 1, text || "free"),
        on: { click: () => table.move("mark", { cell: index }) },
      },
      text,
    );
  };
  const seats = [0, 1].map((index) => {
    const seat = table.view.seats[index];
    return seat ? seatPod(seat, table, MARKS[index]) : emptySeat(index, place(index, 2, 0), table);
  });
  render(
    table.element,
    h(
      "section",
      { class: "table generic", "aria-label": t("Table") },
      h("ol", { class: "seats row", "aria-label": t("Seats") }, seats),
      h("div", { class: "grid tictactoe", role: "group", "aria-label": t("Board"), vars: { "--columns": 3, "--rows": 3 } }, board.map(cell)),
    ),
  );
}

register("tictactoe", draw, {
  foresee,
  tell: ({ kind, move, cell, automatic, ...event }, names) =>
    kind === "player_action" && move === "mark"
      ? [t("{0} marks cell {1}{2}.", names.of({ kind, ...event }), cell + 1, automatic ? t(" (automatic)") : "")]
      : undefined,
});
