/** A table of the past as its game's page sees it: the `Table` of table.d.ts at a moment that is over. */

/** @import { InsideView, Json, Update, View } from "./shapes.d.ts" */
/** @import { Table } from "./table.d.ts" */

/**
 * A merge patch applied (RFC 7396); nothing of `target` is changed.
 * @param {any} target
 * @param {any} patch
 * @returns {any}
 */
export function merged(target, patch) {
  if (patch === undefined) return target;
  if (typeof patch !== "object" || patch === null || Array.isArray(patch)) return patch;
  const out = typeof target === "object" && target !== null && !Array.isArray(target) ? { ...target } : {};
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) delete out[name];
    else out[name] = merged(out[name], value);
  }
  return out;
}

/** @implements {Table} */
export class PastTable {
  #page;
  #leaving = new AbortController();
  /** @type {HTMLElement | null} */
  #element = null;
  bar = document.createElement("div");
  /** @type {never[]} */
  legal = [];
  maySit = false;

  /** @param {{ past: { view: View, history: Update[] }, redraw(): void }} page */
  constructor(page) {
    this.#page = page;
  }

  /** @param {HTMLElement} element */
  placed(element) {
    this.#element = element;
  }

  get ready() {
    return Boolean(this.#element?.isConnected);
  }

  leave() {
    this.#leaving.abort();
  }

  get element() {
    return /** @type {HTMLElement} */ (this.#element);
  }

  get signal() {
    return this.#leaving.signal;
  }

  /** Nobody is to move, and no clock runs: it is over. */
  get view() {
    const { turn: _turn, turns: _turns, ...view } = /** @type {InsideView} */ (this.#page.past.view);
    return /** @type {InsideView} */ ({ ...view, me: { ...view.me, legal: [] } });
  }

  get seat() {
    return this.view.me.seat_index;
  }

  get history() {
    return this.#page.past.history;
  }

  now() {
    return 0;
  }

  /**
   * @param {string} _name
   * @param {{ [name: string]: Json }} [_args]
   */
  move(_name, _args) {
    return Promise.resolve(false);
  }

  /** @param {number} _seat */
  sit(_seat) {}

  redraw() {
    this.#page.redraw();
  }

  /** @param {string} _text */
  notice(_text) {}
}
