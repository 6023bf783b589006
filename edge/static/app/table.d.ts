/** The types of `register` in games.js: the table that a game's page draws. No page loads this file. */

import type { Fact, InsideView, Json, Legal, Update } from "./shapes.d.ts";
import type { Names } from "./story.js";

/** A table before somebody, for as long as they look at it: the same object at each call, its parts as they are now. */
export interface Table {
  /** The table's place in the page. It is empty at first, and nobody's but the game's page's. */
  readonly element: HTMLElement;
  /**
   * The place below the table for what the player may do, in reach of a thumb. Beside it the room's page says what is
   * waited for, unless there is an element of the class `actions` in it.
   */
  readonly bar: HTMLElement;
  /**
   * The view that this player has (docs/reference/protocol.md, section 4), with moves of theirs that `foresee` knows;
   * never to be changed.
   */
  readonly view: InsideView;
  /** Their seat; undefined for who watches. */
  readonly seat: number | undefined;
  /** The moves that they may make now: those of `Game.legal`. Empty when it is not their turn. */
  readonly legal: readonly Legal[];
  /** The updates that are known of the past, oldest first: what only events tell. */
  readonly history: readonly Update[];
  /** Whether they may take one of the free seats. */
  readonly maySit: boolean;
  /** Aborted when they leave the table: for listeners and requests (`{ signal }`), timers and animations. */
  readonly signal: AbortSignal;
  /** The server's time, in ms: a turn's `deadline_ms` is of it. */
  now(): number;
  /**
   * Makes a move, exactly once. A refusal is told to the player; resolves to whether the move was made. The view that
   * comes of it is drawn as any other.
   */
  move(name: string, args?: { [name: string]: Json }): Promise<boolean>;
  /** Takes that seat, or asks what to bring first. */
  sit(seat: number): void;
  /** Has the table drawn again, soon: after what only the page knows has changed. */
  redraw(): void;
  /** Says something to the player, for some seconds. */
  notice(text: string): void;
}

/** Makes a table's element and bar show how it stands. It is called again whenever that may have changed. */
export type Draw = (table: Table) => void;

/** A move and its arguments, as it is made. */
export type Made = { move: string; [argument: string]: Json | undefined };

/** The parts that a game's page may have besides. */
export interface More {
  /**
   * The JSON merge patch that a move of this player's makes of their view; undefined where that is not sure. It is
   * drawn at once, until the update is there or the move is refused. `at` is the server's time in ms at which it was
   * made. It is called anew whenever the view changes meanwhile, so it gives the same for the same.
   */
  foresee?(view: InsideView, made: Made, at: number): { [name: string]: any } | undefined;
  /** A key was pressed while there are legal moves, and nothing is being typed. */
  key?(table: Table, event: KeyboardEvent): void;
  /** The move that the player has said ahead, if any: asked once, as their turn begins, and made at once. */
  ahead?(table: Table): { move: string; args?: { [name: string]: Json } } | undefined;
  /** The thing that is waited for, as a sentence; undefined: what is said for any game. */
  waiting?(table: Table): string | undefined;
  /** An event of the game in sentences, for history and screen readers; undefined: as events usually are. */
  tell?(event: Fact, names: Names): string[] | undefined;
}
