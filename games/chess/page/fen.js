/** Positions as text (FEN), read: which piece stands where, and which are gone. */

import { t } from "/static/texts.js";

/** Filled signs for both sides; the second character keeps a telephone from making a picture of it. */
export const SIGNS = /** @type {{ [piece: string]: string }} */ ({
  k: "♚\uFE0E", q: "♛\uFE0E", r: "♜\uFE0E", b: "♝\uFE0E", n: "♞\uFE0E", p: "♟\uFE0E",
});
export const PIECES = /** @type {{ [piece: string]: string }} */ ({
  k: t("king"), q: t("queen"), r: t("rook"), b: t("bishop"), n: t("knight"), p: t("pawn"),
});
const FIRST = { q: 1, r: 2, b: 2, n: 2, p: 8 };

/**
 * Square → piece; those of White are capital letters.
 * @param {string} fen
 */
export function pieces(fen) {
  /** @type {Map<string, string>} */
  const found = new Map();
  fen.split(" ")[0].split("/").forEach((rank, down) => {
    let file = 0;
    for (const sign of rank) {
      if (/\d/.test(sign)) file += Number(sign);
      else found.set(`${"abcdefgh"[file++]}${8 - down}`, sign);
    }
  });
  return found;
}

/**
 * The placement of pieces as text, the first part of a position.
 * @param {Map<string, string>} standing
 */
export function placed(standing) {
  const rank = (/** @type {number} */ up) => [..."abcdefgh"].map((file) => standing.get(`${file}${up}`) ?? "1").join("");
  const ranks = [8, 7, 6, 5, 4, 3, 2, 1].map(rank);
  return ranks.join("/").replace(/1+/g, (empty) => String(empty.length));
}

/**
 * The pieces that each side has lost, as signs: fewer than it began with.
 * @param {Map<string, string>} standing
 */
export function captured(standing) {
  const all = [...standing.values()].join("");
  const lost = (/** @type {(piece: string) => string} */ of) =>
    Object.entries(FIRST)
      .map(([piece, first]) => SIGNS[piece].repeat(Math.max(0, first - (all.split(of(piece)).length - 1))))
      .join("");
  return { white: lost((piece) => piece.toUpperCase()), black: lost((piece) => piece) };
}
