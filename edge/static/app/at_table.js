/** A room's table as its game's page sees it: the `Table` of table.d.ts, of the room's page. */

/** @import { Json, RoomPage } from "./shapes.d.ts" */
/** @import { Table } from "./table.d.ts" */

/** @implements {Table} */
export class AtTable {
  #page;
  #leaving = new AbortController();
  /** @type {HTMLElement | null} */
  #element = null;
  /** @type {HTMLElement | null} */
  #bar = null;

  /** @param {RoomPage} page */
  constructor(page) {
    this.#page = page;
  }

  /** @param {HTMLElement} element */
  placed(element) {
    this.#element = element;
  }

  /** @param {HTMLElement} bar */
  barred(bar) {
    this.#bar = bar;
  }

  /** Whether there is something to draw in. */
  get ready() {
    return Boolean(this.#element?.isConnected && this.#bar?.isConnected);
  }

  leave() {
    this.#leaving.abort();
  }

  get element() {
    return /** @type {HTMLElement} */ (this.#element);
  }

  get bar() {
    return /** @type {HTMLElement} */ (this.#bar);
  }

  get signal() {
    return this.#leaving.signal;
  }

  get view() {
    return this.#page.inside;
  }

  get seat() {
    return this.view.me.seat_index;
  }

  get legal() {
    return this.view.me.legal;
  }

  get history() {
    return this.#page.room.history;
  }

  get maySit() {
    return this.#page.maySit;
  }

  now() {
    return this.#page.client.now();
  }

  /**
   * @param {string} name
   * @param {{ [name: string]: Json }} [args]
   */
  move(name, args) {
    return this.#page.attempt(this.#page.room.act(name, args));
  }

  /** @param {number} seat */
  sit(seat) {
    this.#page.askToSit(seat);
  }

  redraw() {
    this.#page.redraw();
  }

  /** @param {string} text */
  notice(text) {
    this.#page.notice(text);
  }
}
