/** What a move of one's own changes on the board. Whether it gives check, or ends the game, comes with its update. */

import { passes } from "/static/turns.js";
import { pieces, placed } from "./fen.js";

/** @import { InsideView } from "/static/shapes.d.ts" */
/** @import { Made } from "/static/table.d.ts" */

/**
 * Squares of kings and rooks that have not moved, and the castling that is over when they do, or are taken.
 * @type {{ [square: string]: RegExp }}
 */
const AT_HOME = { a1: /Q/, e1: /[KQ]/g, h1: /K/, a8: /q/, e8: /[kq]/g, h8: /k/ };

/**
 * @param {InsideView} view
 * @param {Made} made
 * @param {number} at
 */
export function foresee(view, { move, from, to, promotion }, at) {
  if (move !== "go" || typeof from !== "string" || typeof to !== "string") return undefined;
  const fen = moved(view.game.fen, from, to, typeof promotion === "string" ? promotion : "");
  return { ...passes(view, 1 - Number(view.me.seat_index), at), game: { fen, last: [from, to], check: false } };
}

/**
 * The position after a legal move, but for the square on which a pawn may be taken in passing: it is not drawn.
 * @param {string} fen
 * @param {string} from
 * @param {string} to
 * @param {string} promotion
 */
function moved(fen, from, to, promotion) {
  const [, side, castling, , quiet, number] = fen.split(" ");
  const standing = pieces(fen);
  const piece = standing.get(from) ?? "";
  const isPawn = /p/i.test(piece);
  const takes = standing.has(to);
  standing.delete(from);
  standing.set(to, promotion ? (side === "w" ? promotion.toUpperCase() : promotion) : piece);
  if (isPawn && !takes && from[0] !== to[0]) standing.delete(to[0] + from[1]);
  if (/k/i.test(piece) && from[0] === "e" && /[cg]/.test(to[0])) {
    const [rook, beside] = to[0] === "g" ? ["h", "f"] : ["a", "d"];
    standing.set(beside + to[1], standing.get(rook + to[1]) ?? "");
    standing.delete(rook + to[1]);
  }
  const may = [from, to].reduce((left, square) => (AT_HOME[square] ? left.replace(AT_HOME[square], "") : left), castling);
  return [
    placed(standing),
    side === "w" ? "b" : "w",
    may || "-",
    "-",
    isPawn || takes ? 0 : Number(quiet) + 1,
    Number(number) + (side === "b" ? 1 : 0),
  ].join(" ");
}
