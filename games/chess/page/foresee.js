/** The board after a move of one's own. Whether it gives check, or ends the game, comes with its update. */

import { passes } from "/static/turns.js";
import { pieces, placed } from "./fen.js";

/** @import { InsideView } from "/static/shapes.d.ts" */
/** @import { Made } from "/static/table.d.ts" */

/**
 * Of the position all that is drawn: the pieces, and who is to move.
 * @param {InsideView} view
 * @param {Made} made
 * @param {number} at
 */
export function foresee(view, { move, from, to, promotion }, at) {
  if (move !== "go" || typeof from !== "string" || typeof to !== "string") return undefined;
  const standing = pieces(view.game.fen);
  const piece = standing.get(from) ?? "";
  const isWhite = piece < "a";
  const [file, rank] = to;
  standing.delete(from);
  if (/p/i.test(piece) && file !== from[0] && !standing.has(to)) standing.delete(file + from[1]); // in passing
  const becomes = typeof promotion === "string" ? promotion : piece;
  standing.set(to, isWhite ? becomes.toUpperCase() : becomes);
  if (/k/i.test(piece) && from[0] === "e" && /[cg]/.test(file)) {
    const [rook, beside] = file === "g" ? "hf" : "ad";
    standing.set(beside + rank, standing.get(rook + rank) ?? "");
    standing.delete(rook + rank);
  }
  const fen = `${placed(standing)} ${isWhite ? "b" : "w"} - - 0 1`;
  return { ...passes(view, 1 - Number(view.me.seat_index), at), game: { fen, last: [from, to], check: false } };
}
