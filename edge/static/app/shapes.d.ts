/** Shapes that the pages' scripts hand each other, and those that games add to the wire. No page loads this file. */

import type { Json, Legal, Seat, View } from "./wire.d.ts";

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

/** A page of the application. */
export interface Page {
  readonly title: string;
  readonly banner: string | null;
  /** Whether it has a head of its own, in place of the application's. */
  readonly own_head: boolean;
  enter(): Promise<void>;
  /** It could not be entered. */
  failed(error: unknown): void;
  exit(): void;
  key(event: KeyboardEvent): void;
  draw(): Description;
  /** It stands in the document now. */
  drawn(): void;
}

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

/** A rectangular array of a view: its cells, row by row. */
export interface Board {
  name: string;
  cells: unknown[];
  columns: number;
  rows: number;
}
/** An entry of `legal` that is made by clicking: a card, or a place on a board, by `column`, `row` or `cell`. */
export interface Clicked {
  entry: Legal;
  move: string;
  by?: string;
  board?: string;
  places?: { [axis: string]: { name: string; all: Json[] } };
}
/** A form that makes a move. */
export interface Form {
  move: string;
  fixed: { [name: string]: Json };
  open: { [name: string]: Range | Choices };
  whole?: { [name: string]: Json }[];
}

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

/** A game's options, where chips are brought. */
export interface BuyIn {
  min_buy_in: number;
  max_buy_in: number;
  default_buy_in?: number;
  big_blind: number;
}
