/** The parts of the wire that Hearts adds. No page loads it. */

import type { InsideView, Seat, View } from "/static/shapes.d.ts";

export interface HeartsView extends Omit<InsideView, "game" | "me" | "seats"> {
  game: HeartsGame;
  me: Omit<View["me"], "legal"> & { legal: HeartsMove[]; seat_index?: number; hand?: string[]; aside?: string[] };
  seats: { [index: string]: HeartsSeat };
}
export interface HeartsGame {
  number: number;
  phase: "waiting" | "passing" | "playing";
  pass: Direction | null;
  points: number[];
  trick: Played[];
  last: { winner: number; cards: Played[] } | null;
  broken: boolean;
}
export type Direction = "left" | "right" | "across" | "none";
export interface Played {
  seat_index: number;
  card: string;
}
export interface HeartsSeat extends Seat {
  points: number;
  taken: number;
  cards: number;
  has_passed: boolean;
}
export interface HeartsMove {
  move: "pass" | "play";
  cards?: { choices: string[] };
  card?: { choices: string[] };
}
