/** How turns pass on: the part that it has of what a move changes (`foresee` of table.d.ts). */

/** @import { InsideView } from "./shapes.d.ts" */

/**
 * The part of a patch by which one's turn is over at that time, and one has no moves: it passes on to `seat`, or to
 * nobody; where several are to act, to the others. One's own clock stands, and has an increment; what other rules give
 * back comes with the true update.
 * @param {InsideView} view
 * @param {number | null} seat
 * @param {number} at
 */
export function passes({ turn, turns, room, me }, seat, at) {
  const mine = me.seat_index;
  const others = (turns ?? []).filter(({ seat_index }) => seat_index !== mine);
  const none = { me: { legal: [] }, turn: null, turns: null };
  if (others.length) return { ...none, turn: others[0], turns: others.length > 1 ? others : null };
  if (seat === null || !turn || mine === undefined) return none;
  const { number, deadline_ms, clock, clocks = {} } = turn;
  const next = { number: number + 1, seat_index: seat, timebank_ms: 0 };
  if (!clock) return { ...none, turn: { ...next, deadline_ms: at + (room.options.turn_seconds ?? 20) * 1000 } };
  const rest = Math.max(0, deadline_ms - at) + (clock.increment_ms ?? 0);
  return { ...none, turn: { ...next, deadline_ms: at + (clocks[seat] ?? 0), clocks: { [mine]: rest } } };
}
