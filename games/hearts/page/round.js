/** The table: four places, the trick between them, the trick before, and what each has. */

import { card } from "/static/cards.js";
import { h } from "/static/dom.js";
import { emptySeat, place, seatPod } from "/static/seats.js";
import { t } from "/static/texts.js";
import { scoreOf } from "./tell.js";

/** @import { Child, Fact } from "/static/shapes.d.ts" */
/** @import { Table } from "/static/table.d.ts" */
/** @import { HeartsView, Played } from "./hearts.d.ts" */

const SEATS = 4;
/** The places round the table, from one's own on, as they are passed. */
const PLACES = ["bottom", "left", "top", "right"];
/** @type {{ [direction: string]: number }} */
const STEPS = { left: 1, across: 2, right: 3 };

/**
 * The view of a table of Hearts.
 * @param {Table} table
 */
export const heartsView = (table) => /** @type {HeartsView} */ (/** @type {unknown} */ (table.view));

/**
 * The name of the player to whom one passes cards.
 * @param {HeartsView} view
 */
export function passedTo({ game, me, seats }) {
  const index = ((me.seat_index ?? 0) + STEPS[game.pass ?? "left"]) % SEATS;
  return seats[index]?.display_name ?? t("Seat {0}", index + 1);
}

/**
 * @param {Table} table
 * @param {Child} hand One's own cards, below the others.
 */
export function round(table, hand) {
  const view = heartsView(table);
  const mine = view.me.seat_index ?? 0;
  const { game } = view;
  const seats = Array.from({ length: SEATS }, (_, index) => {
    const vars = place(index, SEATS, mine);
    const seat = view.seats[index];
    if (!seat) return emptySeat(index, vars, table);
    const pod = seatPod(seat, table, ...worth(view, index));
    return { ...pod, props: { ...pod.props, vars } };
  });
  return h(
    "section",
    { class: `table hearts ${hand ? "dealt" : ""}`, "aria-label": t("Table") },
    h(
      "div",
      { class: "round", key: "round" },
      h("ol", { class: "seats", key: "seats", "aria-label": t("Seats") }, seats),
      h("div", { class: "middle", key: "middle" }, middle(table, view, mine)),
      game.last && game.trick.length > 0 && before(view, game.last),
    ),
    hand,
  );
}

/**
 * The points of a seat in the game, and in this hand.
 * @param {HeartsView} view
 * @param {number} index
 * @returns {Child[]}
 */
function worth({ game, seats }, index) {
  const { points, taken, has_passed } = seats[index];
  return [
    h("span", { class: "points", key: "points" }, t("{0} points", points)),
    game.phase === "playing" && h("span", { class: `taken ${taken ? "some" : ""}`, key: "taken" }, `+${taken}`),
    game.phase === "passing" && h("span", { class: "taken", key: "passed" }, has_passed ? t("ready") : t("chooses")),
  ];
}

/**
 * @param {Table} table
 * @param {HeartsView} view
 * @param {number} mine
 */
function middle(table, view, mine) {
  const { game } = view;
  if (game.phase === "waiting" && game.number) return score(table, view);
  if (game.phase !== "playing") return null;
  const shown = game.trick.length ? game.trick : (game.last?.cards ?? []);
  const over = !game.trick.length && game.last;
  return [
    h(
      "div",
      { class: `trick ${over ? "over" : ""}`, key: "trick", role: "group", "aria-label": over ? t("Last trick") : t("Trick") },
      shown.map((played) => lies(played, mine, over ? game.last?.winner : undefined)),
    ),
    over && h("p", { class: "note", key: "note" }, t("{0} takes it.", view.seats[over.winner]?.display_name ?? "")),
  ];
}

/**
 * A card of the trick, before the seat that played it.
 * @param {Played} played
 * @param {number} mine
 * @param {number | undefined} winner
 */
const lies = ({ seat_index, card: code }, mine, winner) =>
  h(
    "span",
    {
      class: `lies ${PLACES[(seat_index - mine + SEATS) % SEATS]} ${winner === seat_index ? "won" : ""}`,
      key: code,
      "data-seat": seat_index,
    },
    card(code),
  );

/**
 * The trick before, small and in the corner.
 * @param {HeartsView} view
 * @param {{ winner: number, cards: Played[] }} last
 */
function before(view, last) {
  return h(
    "div",
    { class: "before", key: "before", role: "group", "aria-label": t("Last trick") },
    h("span", { class: "cards" }, last.cards.map(({ card: code }) => card(code, { key: code }))),
    h("span", { class: "to" }, t("Last trick: {0}", view.seats[last.winner]?.display_name ?? t("Seat {0}", last.winner + 1))),
  );
}

/**
 * The score of the hand that is over, and of the game if it is.
 * @param {Table} table
 * @param {HeartsView} view
 */
function score(table, view) {
  /** @type {Fact[]} */
  const events = table.history.flatMap((update) => update.events ?? []);
  const hand = events.findLast(({ kind }) => kind === "hand_complete");
  const over = view.game.pass === null;
  const name = (/** @type {number} */ index) => view.seats[index]?.display_name ?? t("Seat {0}", index + 1);
  const fewest = Math.min(...view.game.points);
  const rows = view.game.points.map((points, index) =>
    h(
      "tr",
      { key: index, class: over && points === fewest ? "best" : "" },
      h("th", { scope: "row" }, h("bdi", null, name(index))),
      hand && h("td", null, `+${hand.scores[index]}`),
      h("td", null, points),
    ),
  );
  return h(
    "div",
    { class: "score", key: "score", role: "status" },
    h("p", { class: "verdict" }, over ? t("The game is over.") : t("Hand {0} is over.", view.game.number)),
    hand?.shot_the_moon !== undefined && h("p", null, scoreOf(hand, name(hand.shot_the_moon))),
    h("table", null, h("tbody", null, rows)),
  );
}

/**
 * The thing that is waited for, where nobody has a turn or one has chosen already.
 * @param {Table} table
 */
export function waiting(table) {
  const { game, me, seats } = heartsView(table);
  const seated = Object.keys(seats).length;
  if (game.phase === "waiting" && seated < SEATS) return t("A hand is dealt when four sit.");
  if (game.phase === "waiting") return t("The next hand begins in a moment.");
  if (game.phase === "passing" && me.aside?.length) return t("The others choose their cards.");
  return undefined;
}
