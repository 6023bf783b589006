/** Seats round a table: where each stands, who sits there, and how they are. For any game; games add what they have. */

import { remaining } from "./clock.js";
import { h } from "./dom.js";
import { t } from "./texts.js";

/** @import { Child, Seat, Vars, View } from "./shapes.d.ts" */
/** @import { Table } from "./table.d.ts" */

/**
 * The seats that nobody has, and that are not kept for somebody else.
 * @param {Pick<View, "room" | "me" | "seats">} view
 */
export function freeSeats({ room, me, seats = {} }) {
  const kept = (room.reserved ?? []).filter((index) => index !== me.reserved_seat);
  const all = Array.from({ length: room.max_players }, (_, index) => index);
  return all.filter((index) => !(index in seats) && !kept.includes(index));
}

/**
 * How many of a room's seats are taken, and how many are kept for somebody, in words.
 * @param {View["room"]} room
 */
export function seatsText({ players, max_players, reserved = [] }) {
  const kept = reserved.length ? t(", {0} reserved", reserved.length) : "";
  return t("{0} of {1} seats taken{2}", players, max_players, kept);
}

/** @type {{ [status: string]: string }} */
const STATUS = { away: t("away"), disconnected: t("disconnected"), sitting_out: t("sitting out") };
/** Below one: places are pushed from the ellipse towards the corners, where there is room. */
const SQUARENESS = 0.72;

/**
 * Where seat `index` of `count` stands, in percent of the table; `mine` is at the bottom.
 * @param {number} index
 * @param {number} count
 * @param {number} mine
 * @param {number} inward 0 is the rim, 1 the middle.
 */
export function place(index, count, mine, inward = 0) {
  const angle = Math.PI / 2 + ((index - mine) * 2 * Math.PI) / count;
  const push = (/** @type {number} */ value) => Math.sign(value) * Math.abs(value) ** SQUARENESS;
  const reach = 1 - inward;
  return { "--x": `${50 + 50 * push(Math.cos(angle)) * reach}%`, "--y": `${50 + 50 * push(Math.sin(angle)) * reach}%` };
}

/**
 * The badge that tells a player's state, for eyes and ears.
 * @param {Seat} seat
 */
export function statusBadge(seat) {
  const text = STATUS[seat.status] ?? (seat.sitting_out ? STATUS.sitting_out : undefined);
  return [
    seat.bot && h("span", { class: "badge bot", key: "bot" }, t("bot")),
    text && h("span", { class: `badge status-${seat.status}`, key: "status" }, text),
  ];
}

/**
 * The turn of a seat, if it is to act.
 * @param {Pick<View, "turn" | "turns">} view
 * @param {number | undefined} index
 */
export const turnOf = ({ turn, turns }, index) => (turns ?? [turn]).find((each) => each?.seat_index === index);

/**
 * The clock of a turn.
 * @param {Pick<View, "room" | "turn">} view
 */
export function turnClock(view, turn = view.turn) {
  const { room } = view;
  if (!turn) return null;
  if (room.status === "paused")
    return h("span", { class: "clock paused", key: "clock" }, h("span", { class: "clock-text" }, t("II")));
  return h(
    "span",
    {
      class: "clock",
      key: `clock${turn.number}`,
      role: "timer",
      "aria-label": t("seconds left"),
      "data-deadline": turn.deadline_ms,
      "data-bank": turn.timebank_ms ?? 0,
      "data-total": view.turn?.clocks?.[turn.seat_index] ?? (room.options.turn_seconds ?? 20) * 1000,
      "data-own": view.turn?.clock && JSON.stringify(view.turn.clock),
    },
    h("span", { class: "clock-bar", "aria-hidden": "true" }),
    h("span", { class: "clock-text" }),
  );
}

/**
 * The clock of a seat: that of its turn, when it is to act, or one that stands, where players have their own.
 * @param {Pick<View, "room" | "turn" | "turns">} view
 * @param {number} index
 */
export function seatClock(view, index) {
  const { turn } = view;
  const own = turnOf(view, index);
  if (own) return turnClock(view, own);
  const left = turn?.clocks?.[index];
  if (!turn?.clock || left === undefined) return null;
  return h(
    "span",
    { class: "clock paused", key: "clock" },
    h("span", { class: "clock-text" }, remaining(left, turn.clock)),
  );
}

/**
 * A seat that nobody has: to be taken by who may.
 * @param {number} index
 * @param {Vars} vars
 * @param {Table} table
 */
export function emptySeat(index, vars, table) {
  const label = t("Seat {0}", index + 1);
  const kept = table.view.reservations?.[index];
  const mine = kept !== undefined && table.view.me.reserved_seat === index;
  if (kept && !(mine && table.maySit))
    return h(
      "li",
      { class: "seat empty", key: `seat${index}`, vars },
      h("span", { class: "vacant" }, t("reserved for "), mine ? t("you") : h("bdi", null, kept.display_name ?? kept.user_id)),
    );
  if (!table.maySit)
    return h("li", { class: "seat empty", key: `seat${index}`, vars }, h("span", { class: "vacant" }, t("empty")));
  return h(
    "li",
    { class: "seat empty", key: `seat${index}`, vars },
    h(
      "button",
      { class: "sit", on: { click: () => table.sit(index) }, "aria-label": t("Sit in {0}", label.toLowerCase()) },
      mine ? t("Your seat") : t("Sit here"),
    ),
  );
}

/**
 * A player beside the others: the name, what there is to say of them (`more`), their clock.
 * @param {Seat} seat
 * @param {Table} table
 * @param {Child[]} more
 */
export function seatPod(seat, { view }, ...more) {
  const acts = turnOf(view, seat.seat_index);
  const isMe = view.me.seat_index === seat.seat_index;
  return h(
    "li",
    {
      class: `seat ${acts ? "acts" : ""} ${isMe ? "me" : ""} status-${seat.status}`,
      key: `seat${seat.seat_index}`,
      "data-seat": seat.seat_index,
    },
    h(
      "div",
      { class: "pod" },
      h("span", { class: "name" }, isMe && h("span", { class: "sr" }, t("You: ")), h("bdi", null, seat.display_name)),
      h("span", { class: "stack" }, more),
      seatClock(view, seat.seat_index),
    ),
    h("div", { class: "badges" }, statusBadge(seat)),
  );
}
