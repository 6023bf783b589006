/** The board after a mark of one's own: nothing is hidden here, and nothing left to chance. */

import { passes } from "/static/turns.js";

/** @import { InsideView } from "/static/shapes.d.ts" */
/** @import { Made } from "/static/table.d.ts" */

const LINES = [[0, 1, 2], [3, 4, 5], [6, 7, 8], [0, 3, 6], [1, 4, 7], [2, 5, 8], [0, 4, 8], [2, 4, 6]];

/**
 * @param {InsideView} view
 * @param {Made} made
 * @param {number} at
 */
export function foresee(view, { cell }, at) {
  const mine = view.me.seat_index;
  if (mine === undefined) return undefined;
  const board = view.game.board.with(Number(cell), mine);
  const line = LINES.find((each) => each.every((index) => board[index] === mine)) ?? [];
  const over = line.length > 0 || !board.includes(null);
  return { ...passes(view, over ? null : 1 - mine, at), game: { board, line } };
}
