/** Hold'em's events in words: for the history, for screen readers. They are those of docs/reference/protocol.md. */

import { amount, cardText } from "/static/cards.js";
import { words } from "/static/story.js";
import { t } from "/static/texts.js";

/** @import { Distributed, Post } from "./holdem.d.ts" */
/** @import { Fact } from "/static/shapes.d.ts" */
/** @import { Names } from "/static/story.js" */

/** @type {{ [move: string]: (event: Fact) => string }} */
const MOVES = {
  fold: () => t("folds"),
  check: () => t("checks"),
  call: (event) => t("calls {0}", amount(event.amount)),
  bet: (event) => t("bets {0}", amount(event.amount)),
  raise: (event) => t("raises to {0}", amount(event.amount)),
  all_in: (event) => t("is all in{0}", event.amount ? t(" for {0}", amount(event.amount)) : ""),
  muck: () => t("mucks"),
};
/** @type {{ [phase: string]: string }} */
const PHASES = { flop: t("Flop"), turn: t("Turn"), river: t("River") };
/** @type {{ [kind: string]: string }} */
const BLINDS = {
  ante: t("the ante"),
  small_blind: t("the small blind"),
  big_blind: t("the big blind"),
  live_post: t("a missed blind"),
  dead_post: t("a missed small blind"),
};

/**
 * @param {Fact} event
 * @param {Names} names
 * @returns {string[] | undefined}
 */
export function tell(event, names) {
  const who = names.of(event);
  switch (event.kind) {
    case "hand_started":
      return [t("Hand {0} begins.", event.number)];
    case "blinds_posted":
      return event.posts.map(
        (/** @type {Post} */ post) =>
          t("{0} posts {1}, {2}.", names.seat(post.seat_index), BLINDS[post.kind] ?? words(post.kind), amount(post.amount)),
      );
    case "hole_cards_dealt":
      return event.hole_cards ? [t("You are dealt {0}.", cardText(event.hole_cards))] : [];
    case "player_action":
      return event.move in MOVES ? [`${who} ${MOVES[event.move](event)}${event.automatic ? t(" (automatic)") : ""}.`] : undefined;
    case "street_advanced":
      return [`${PHASES[event.phase] ?? words(event.phase)}: ${cardText(event.board)}`];
    case "cards_shown":
      return [t("{0} shows {1}.", who, cardText(event.hole_cards))];
    case "pot_distributed":
      return distributed(event.pots, event.returned ?? [], names);
    default:
      return undefined;
  }
}

/**
 * @param {Distributed[]} pots
 * @param {{ seat_index: number, amount: number }[]} returned
 * @param {Names} names
 */
function distributed(pots, returned, names) {
  const won = pots.flatMap((pot, index) =>
    pot.winners.map(({ seat_index, amount: worth, hand }) => {
      const which = pots.length === 1 ? "" : index === 0 ? t(" from the main pot") : t(" from side pot {0}", index);
      return t("{0} wins {1}{2}{3}.", names.seat(seat_index), amount(worth), which, hand ? t(" with {0}", hand.toLowerCase()) : "");
    }),
  );
  const back = returned.map((each) => t("{0} takes back {1}.", names.seat(each.seat_index), amount(each.amount)));
  return [...won, ...back];
}
