/** Chess in words: for the history, for screen readers, and below the board. */

import { t } from "/static/texts.js";

/** @import { Fact } from "/static/shapes.d.ts" */
/** @import { Names } from "/static/story.js" */

/** @type {{ [reason: string]: string }} */
const BY = {
  checkmate: t("by checkmate"),
  stalemate: t("by stalemate"),
  insufficient_material: t("for neither can mate"),
  seventy_five_moves: t("by 75 moves without a capture or a pawn's"),
  fivefold_repetition: t("by the same position for the fifth time"),
  threefold_repetition: t("by the same position for the third time"),
  fifty_moves: t("by 50 moves without a capture or a pawn's"),
  agreement: t("by agreement"),
  resignation: t("by resignation or time"),
  forfeit: t("for the other left"),
};

/**
 * How a game ended.
 * @param {{ winner?: number | null, white: number, reason: string }} game
 */
export function ended({ winner = null, white, reason }) {
  const who = winner === null ? t("The game is drawn") : winner === white ? t("White wins") : t("Black wins");
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
  if (event.move === "go") return [t("{0} plays {1}.", who, event.san)];
  if (event.move === "claim_draw") return [t("{0} claims a draw.", who)];
  return [event.automatic ? t("{0} has no time left.", who) : t("{0} resigns.", who)];
}
