/** Hold'em's events in words: for the history, for screen readers. They are those of docs/reference/protocol.md. */

import { amount, cardText } from "/static/cards.js";
import { words } from "/static/story.js";

/** @import { Distributed, Post } from "./holdem.d.ts" */
/** @import { Fact } from "/static/shapes.d.ts" */
/** @import { Names } from "/static/story.js" */

/** @type {{ [move: string]: (event: Fact) => string }} */
const MOVES = {
  fold: () => "folds",
  check: () => "checks",
  call: (event) => `calls ${amount(event.amount)}`,
  bet: (event) => `bets ${amount(event.amount)}`,
  raise: (event) => `raises to ${amount(event.amount)}`,
  all_in: (event) => `is all in${event.amount ? ` for ${amount(event.amount)}` : ""}`,
  muck: () => "mucks",
};
/** @type {{ [phase: string]: string }} */
const PHASES = { flop: "Flop", turn: "Turn", river: "River" };
/** @type {{ [kind: string]: string }} */
const BLINDS = {
  ante: "the ante",
  small_blind: "the small blind",
  big_blind: "the big blind",
  live_post: "a missed blind",
  dead_post: "a missed small blind",
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
      return [`Hand ${event.number} begins.`];
    case "blinds_posted":
      return event.posts.map(
        (/** @type {Post} */ post) =>
          `${names.seat(post.seat_index)} posts ${BLINDS[post.kind] ?? words(post.kind)}, ${amount(post.amount)}.`,
      );
    case "hole_cards_dealt":
      return event.hole_cards ? [`You are dealt ${cardText(event.hole_cards)}.`] : [];
    case "player_action":
      return event.move in MOVES ? [`${who} ${MOVES[event.move](event)}${event.automatic ? " (automatic)" : ""}.`] : undefined;
    case "street_advanced":
      return [`${PHASES[event.phase] ?? words(event.phase)}: ${cardText(event.board)}`];
    case "cards_shown":
      return [`${who} shows ${cardText(event.hole_cards)}.`];
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
      const which = pots.length === 1 ? "" : index === 0 ? " from the main pot" : ` from side pot ${index}`;
      return `${names.seat(seat_index)} wins ${amount(worth)}${which}${hand ? ` with ${hand.toLowerCase()}` : ""}.`;
    }),
  );
  const back = returned.map((each) => `${names.seat(each.seat_index)} takes back ${amount(each.amount)}.`);
  return [...won, ...back];
}
