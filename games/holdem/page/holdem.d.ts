/** The parts of the wire that hold'em adds, and shapes that its page's modules hand each other. No page loads it. */

import type { InsideView, Range, Seat, View } from "/static/shapes.d.ts";

export interface HoldemView extends Omit<InsideView, "game" | "me" | "seats"> {
  /** `number` is the hand's. */
  game: { number: number; hand: Hand };
  me: Omit<View["me"], "legal"> & { legal: HoldemMove[]; seat_index?: number; hole_cards?: string[] };
  seats: { [index: string]: HoldemSeat };
}
export interface Hand {
  phase: string;
  board: string[];
  pots: { amount: number }[];
  button?: number;
  current_bet: number;
}
export interface HoldemSeat extends Seat {
  chips: number;
  bet: number;
  in_hand: boolean;
  all_in: boolean;
  last_action?: string;
  hole_cards?: string[];
  sitting_out: boolean;
}
export interface HoldemMove {
  move: string;
  /** Of a bet and a raise. */
  amount?: Range;
}
export interface Raise {
  move: string;
  amount: Range;
}
/** The cost of a move, and the pot to win. */
export interface Stakes {
  pot: number;
  call: number;
  price: number;
  chips: number;
  all: number;
}
export interface Post {
  seat_index: number;
  kind: string;
  amount: number;
}
/** A pot that is given to its winners. */
export interface Distributed {
  winners: (Won & { seat_index: number })[];
}
/** Somebody's winnings of a hand. */
export interface Won {
  amount: number;
  hand?: string;
}
/** The parts of a hand that only its events tell: the seats whose moves were automatic, and who won what. */
export interface Told {
  automatic: Set<number>;
  winners: Map<number, Won>;
}
