/** Shapes that the pages' scripts hand each other, and those that games add to the wire. No page loads this file. */

import type { Json, Seat, View } from "./wire.d.ts";

export type { App } from "./app.js";
export type { RoomPage } from "./room.js";
export type { Connection, Room } from "./tavola.js";
export type { Json, Legal, Seat, Status, Update, View } from "./wire.d.ts";

/** The rule of clocks that players have of their own. */
export type TurnClock = NonNullable<NonNullable<View["turn"]>["clock"]>;

/** An event of the room's or of any game's. */
export type Fact = { kind: string; [name: string]: any };

/** An element that is to be, as `h` describes it. */
export interface Description {
  tag: string;
  props: Props;
  children: (string | number | Description)[];
}
/** A child for `h`; null, undefined, false and "" are nothing. */
export type Child = string | number | false | null | undefined | Description | readonly Child[];
export interface Props {
  key?: string | number | null;
  on?: Listeners;
  /** Custom CSS properties. */
  vars?: Vars;
  mounted?(element: HTMLElement | SVGElement): void;
  [attribute: string]: unknown;
}
export type Listeners = { [Name in keyof HTMLElementEventMap]?: (event: HTMLElementEventMap[Name]) => unknown };
export type Vars = { [name: string]: string | number };

/** An element of a form that has a value. */
export type Field = HTMLInputElement | HTMLSelectElement | HTMLTextAreaElement;

/** A JSON Schema, as far as games' options use it. */
export interface Schema {
  $ref?: string;
  $defs?: { [name: string]: Schema };
  properties?: { [name: string]: Schema };
  anyOf?: Schema[];
  type?: string;
  enum?: Json[];
  title?: string;
  description?: string;
  default?: Json;
  minimum?: number;
  maximum?: number;
  maxLength?: number;
  /** Ours: it may be left out. */
  optional?: boolean;
}
/** A game that can be played here. */
export interface Game {
  game: string;
  title: string;
  options: Schema;
  bots: string[];
}
/** Where a room's page was asked for: with `sit`, to take a seat at once. */
export interface Wish {
  sit?: boolean;
}

/** The view of somebody inside. */
export type InsideView = View & Required<Pick<View, "game" | "seats" | "spectators" | "watching">>;

export interface Range {
  min: number;
  max: number;
}
export type Choices = { choices: Json[] };

/** A line of the history. */
export interface Line {
  seq: number;
  text: string;
  kind: string;
}
/** A hand or a game of the history. */
export interface Round {
  title: string;
  lines: Line[];
}

/** A page's question in a dialog. */
export type Question =
  | { kind: "sit"; index: number; buy_in: number }
  | { kind: "rebuy"; min: number; max: number; buy_in: number }
  | { kind?: undefined; title: string; body(close: () => void): Child };

// Hold'em

export interface HoldemView extends Omit<InsideView, "game" | "me" | "seats"> {
  game: { hand: Hand };
  me: Omit<View["me"], "legal"> & { legal: HoldemMove[]; seat_index?: number; hole_cards?: string[] };
  seats: { [index: string]: HoldemSeat };
}
/** A game's options, where chips are brought. */
export interface BuyIn {
  min_buy_in: number;
  max_buy_in: number;
  default_buy_in?: number;
  big_blind: number;
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
