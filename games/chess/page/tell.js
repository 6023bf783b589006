/** Chess in words: for the history, for screen readers, and below the board. */

/** @import { Fact } from "/static/shapes.d.ts" */
/** @import { Names } from "/static/story.js" */

/** @type {{ [reason: string]: string }} */
const BY = {
  checkmate: "by checkmate",
  stalemate: "by stalemate",
  insufficient_material: "for neither can mate",
  seventy_five_moves: "by 75 moves without a capture or a pawn's",
  fivefold_repetition: "by the same position for the fifth time",
  threefold_repetition: "by the same position for the third time",
  fifty_moves: "by 50 moves without a capture or a pawn's",
  resignation: "by resignation or time",
  forfeit: "for the other left",
};

/**
 * How a game ended.
 * @param {{ winner?: number | null, white: number, reason: string }} game
 */
export function ended({ winner = null, white, reason }) {
  const who = winner === null ? "The game is drawn" : winner === white ? "White wins" : "Black wins";
  return `${who}, ${BY[reason] ?? reason}.`;
}

/**
 * @param {Fact} event
 * @param {Names} names
 * @returns {string[] | undefined}
 */
export function tell(event, names) {
  const who = names.of(event);
  if (event.kind === "game_complete" && event.reason) return [ended(/** @type {any} */ (event))];
  if (event.kind !== "player_action") return undefined;
  if (event.move === "go") return [`${who} plays ${event.san}.`];
  if (event.move === "claim_draw") return [`${who} claims a draw.`];
  return [event.automatic ? `${who} has no time left.` : `${who} resigns.`];
}
