/** The hold'em table: seats round a felt, cards, chips, pots, winnings. Drawn from the view and its past alone. */

import { amount, card, cards, chips } from "/static/cards.js";
import { h } from "/static/dom.js";
import { emptySeat, place, statusBadge, turnClock } from "/static/seats.js";
import { words } from "/static/story.js";
import { t } from "/static/texts.js";

/** @import { Distributed, Hand, HoldemSeat, HoldemView, Told, Won } from "./holdem.d.ts" */
/** @import { Update, Vars } from "/static/shapes.d.ts" */
/** @import { Table } from "/static/table.d.ts" */

const BOARD = 5;

/**
 * The part of the running (or last) hand that only its events tell: whose moves were automatic, who won what.
 * @param {readonly Update[]} history
 * @returns {Told}
 */
export function handTold(history) {
  /** @type {Set<number>} */
  const automatic = new Set();
  /** @type {Distributed[]} */
  let won = [];
  for (const { events = [] } of history) {
    for (const event of events) {
      if (event.kind === "hand_started") {
        automatic.clear();
        won = [];
      } else if (event.kind === "player_action") {
        if (event.automatic) automatic.add(event.seat_index);
        else automatic.delete(event.seat_index);
      } else if (event.kind === "pot_distributed") won = event.pots;
    }
  }
  /** @type {Map<number, Won>} */
  const winners = new Map();
  for (const pot of won) {
    for (const { seat_index, amount: worth, hand } of pot.winners) {
      const before = winners.get(seat_index);
      winners.set(seat_index, { amount: (before?.amount ?? 0) + worth, hand: hand ?? before?.hand });
    }
  }
  return { automatic, winners };
}

/**
 * The view of a hold'em table.
 * @param {Table} table
 */
export const holdemView = (table) => /** @type {HoldemView} */ (/** @type {unknown} */ (table.view));

/**
 * The whole table.
 * @param {Table} table
 */
export function felt(table) {
  const view = holdemView(table);
  const { hand } = view.game;
  const count = view.room.max_players;
  const mine = view.me.seat_index ?? 0;
  const told = handTold(table.history);
  const over = hand.phase === "showdown";
  return h(
    "section",
    { class: `table holdem seats-${count}`, "aria-label": t("Table") },
    h("div", { class: "felt", "aria-hidden": "true" }),
    center(hand, over),
    h(
      "ol",
      { class: "seats", "aria-label": t("Seats") },
      Array.from({ length: count }, (_, index) => {
        const seat = view.seats[index];
        const vars = place(index, count, mine);
        return seat ? player(seat, vars, view, told, over) : emptySeat(index, vars, table);
      }),
    ),
    h("div", { class: "bets" }, marks(view, hand, count, mine)),
  );
}

/**
 * @param {Hand} hand
 * @param {boolean} over
 */
function center(hand, over) {
  const board = Array.from({ length: BOARD }, (_, index) => hand.board[index]);
  const label = (/** @type {number} */ index) => (hand.pots.length < 2 ? t("Pot") : index ? t("Side {0}", index) : t("Main"));
  return h(
    "div",
    { class: "center" },
    h(
      "div",
      { class: "pots", role: "group", "aria-label": t("Pots") },
      hand.pots.map((pot, index) => chips(pot.amount, { key: `pot${index}`, label: label(index) })),
      over && h("span", { class: "phase" }, t("Showdown")),
    ),
    h(
      "div",
      { class: "board", role: "group", "aria-label": t("Board") },
      board.map((code, index) =>
        code
          ? card(code, { key: `${index}${code}` })
          : h("span", { class: "card slot", key: `slot${index}`, "aria-hidden": "true" }),
      ),
    ),
    hand.phase === "waiting" && h("p", { class: "waiting" }, t("The first hand begins when two players sit.")),
  );
}

/**
 * @param {HoldemSeat} seat
 * @param {Vars} vars
 * @param {HoldemView} view
 * @param {Told} told
 * @param {boolean} over
 */
function player(seat, vars, view, told, over) {
  const { seat_index: index } = seat;
  const isMe = index === view.me.seat_index;
  const acts = view.turn?.seat_index === index;
  const shown = isMe && view.me.hole_cards && (seat.in_hand || over) ? view.me.hole_cards : seat.hole_cards;
  const won = over ? told.winners.get(index) : undefined;
  const state = [
    acts && "acts",
    isMe && "me",
    !seat.in_hand && "out",
    won && "won",
    shown && shown[0] !== "??" && "shown",
    `status-${seat.status}`,
  ];
  return h(
    "li",
    { class: `seat ${state.filter(Boolean).join(" ")}`, key: `seat${index}`, vars, "data-seat": index },
    shown &&
      cards(shown, {
        key: "cards",
        label: isMe ? t("Your cards") : t("Cards of {0}", seat.display_name),
        dim: isMe && !seat.in_hand,
      }),
    h(
      "div",
      { class: "pod", key: "pod" },
      h("span", { class: "name" }, isMe && h("span", { class: "sr" }, t("You: ")), h("bdi", null, seat.display_name)),
      h("span", { class: "stack" }, seat.all_in ? t("all in") : amount(seat.chips)),
      acts && turnClock(view),
    ),
    h("div", { class: "badges", key: "badges" }, badges(seat, told, won, over)),
  );
}

/**
 * @param {HoldemSeat} seat
 * @param {Told} told
 * @param {Won | undefined} won
 * @param {boolean} over
 */
function badges(seat, told, won, over) {
  const automatic = told.automatic.has(seat.seat_index);
  return [
    won && h("span", { class: "badge won", key: "won" }, `+${amount(won.amount)}${won.hand ? ` ${won.hand}` : ""}`),
    !won &&
      seat.last_action &&
      (!over || seat.last_action === "fold") &&
      h(
        "span",
        { class: `badge action-${seat.last_action}`, key: "action" },
        words(seat.last_action),
        automatic && t(" · auto"),
      ),
    statusBadge(seat),
  ];
}

/**
 * The things on the felt before the seats: bets, and the button.
 * @param {HoldemView} view
 * @param {Hand} hand
 * @param {number} count
 * @param {number} mine
 */
function marks(view, hand, count, mine) {
  const bets = Object.values(view.seats)
    .filter((seat) => seat.bet > 0)
    .map((seat) =>
      h(
        "span",
        { class: "wager", key: `bet${seat.seat_index}`, vars: place(seat.seat_index, count, mine, 0.42) },
        chips(seat.bet),
      ),
    );
  if (hand.button === undefined) return bets;
  const vars = place(hand.button + 0.3, count, mine, 0.22);
  return [
    ...bets,
    h(
      "span",
      {
        class: "button",
        key: "button",
        vars,
        title: t("Dealer button"),
        role: "img",
        "aria-label": t("Button: seat {0}", hand.button + 1),
      },
      "D",
    ),
  ];
}

/**
 * What somebody waits for who is not in the hand, and when it is over.
 * @param {Table} table
 */
export function waiting(table) {
  const { turn, game, me, seats } = holdemView(table);
  const seat = seats[me.seat_index ?? -1];
  if (turn && game.hand && seat && !seat.in_hand && !seat.last_action)
    return seat.status === "sitting_out"
      ? t("You sit out. Press I'm back to be dealt in again.")
      : t("You play from the next hand.");
  if (!turn && seat?.chips && game.hand.phase === "showdown") return t("The next hand begins in a moment.");
  return undefined;
}
