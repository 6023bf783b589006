/** How turns pass on: the part that it has of what a move changes (`foresee` of table.d.ts). */

/** @import { InsideView } from "./shapes.d.ts" */

/**
 * The part of a patch by which one's turn is over at that time and one has no moves: it passes on to `seat`, or to
 * nobody. One's own clock stands, and has an increment; what other rules give back comes with the true update.
 * @param {InsideView} view
 * @param {number | null} seat
 * @param {number} at
 */
export function passes({ turn, room, me }, seat, at) {
  if (seat === null || !turn) return { me: { legal: [] }, turn: null };
  const { number, deadline_ms, clock, clocks = {} } = turn;
  const rest = Math.max(0, deadline_ms - at) + (clock?.increment_ms ?? 0);
  const has = clock ? clocks[seat] : (room.options.turn_seconds ?? 20) * 1000;
  return {
    me: { legal: [] },
    turn: {
      number: number + 1,
      seat_index: seat,
      deadline_ms: at + has,
      timebank_ms: 0,
      ...(clock && { clocks: { [Number(me.seat_index)]: rest } }),
    },
  };
}
