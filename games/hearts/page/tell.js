/** Hearts in words: for the history, and for screen readers. */

import { cardText } from "/static/cards.js";
import { t } from "/static/texts.js";

/** @import { Fact } from "/static/shapes.d.ts" */
/** @import { Names } from "/static/story.js" */

/** @type {{ [direction: string]: string }} */
const PASSED = {
  left: t("Three cards are passed to the left."),
  right: t("Three cards are passed to the right."),
  across: t("Three cards are passed across."),
};

/**
 * A player took all points.
 * @param {Fact} event
 * @param {string} name
 */
export const scoreOf = (event, name) => (event.shot_the_moon === undefined ? "" : t("{0} shot the moon.", name));

/**
 * @param {Fact} event
 * @param {Names} names
 * @returns {string[] | undefined}
 */
export function tell(event, names) {
  const who = names.of(event);
  const automatic = event.automatic ? t(" (automatic)") : "";
  switch (event.kind) {
    case "hand_started":
      return [t("Hand {0} begins.", event.number), ...(event.cards ? [t("You are dealt {0}.", cardText(event.cards))] : [])];
    case "player_action":
      if (event.move === "play") return [t("{0} plays {1}{2}.", who, cardText([event.card]), automatic)];
      return [
        event.cards ? t("You pass {0}{1}.", cardText(event.cards), automatic) : t("{0} has chosen cards to pass{1}.", who, automatic),
      ];
    case "cards_passed":
      return [PASSED[event.pass], ...(event.received ? [t("You receive {0}.", cardText(event.received))] : [])];
    case "trick_taken":
      return [
        event.points
          ? t("{0} takes the trick, with {1} points.", names.seat(event.winner), event.points)
          : t("{0} takes the trick.", names.seat(event.winner)),
      ];
    case "hand_complete":
      return [
        scoreOf(event, names.seat(event.shot_the_moon)),
        ...event.points.map((/** @type {number} */ points, /** @type {number} */ seat) =>
          t("{0}: {1} more, {2} points.", names.seat(seat), event.scores[seat], points),
        ),
      ].filter(Boolean);
    default:
      return undefined;
  }
}
