/** Hold'em's action bar: the legal moves and no others, amounts by slider, by typing and by share of the pot. */

import { amount } from "/static/cards.js";
import { fieldOf, h } from "/static/dom.js";
import { holdemView } from "./felt.js";
import { t } from "/static/texts.js";

/** @import { HoldemMove, HoldemView, Raise, Stakes } from "./holdem.d.ts" */
/** @import { Description, Range } from "/static/shapes.d.ts" */
/** @import { Table } from "/static/table.d.ts" */

/**
 * What a move would cost and what there is to win, from the view.
 * @param {HoldemView} view
 * @returns {Stakes}
 */
export function stakes(view) {
  const { hand } = view.game;
  const me = view.seats[view.me.seat_index ?? -1]; // Only somebody with a seat has a move.
  const inPots = hand.pots.reduce((sum, pot) => sum + pot.amount, 0);
  const pot = inPots + Object.values(view.seats).reduce((sum, seat) => sum + seat.bet, 0);
  return {
    pot,
    call: Math.min(me.chips, Math.max(0, hand.current_bet - me.bet)),
    price: hand.current_bet,
    chips: me.chips,
    all: me.chips + me.bet,
  };
}

/**
 * The total to bet or raise to for a share of the pot, within what is legal.
 * @param {number} part
 * @param {Stakes} stakes
 * @param {Range} legal
 */
export function share(part, { pot, call, price }, { min, max }) {
  return Math.min(max, Math.max(min, Math.round(price + part * (pot + call))));
}

/** Remembers the amount that was chosen, for as long as the turn lasts. */
export class Actions {
  #table;
  /** @type {number | undefined} */
  #turn;
  /** @type {number | undefined} */
  #chosen;
  /** @type {object | undefined} */
  #sent;
  /**
   * The hand in which the next move is said ahead: to check, or else to fold.
   * @type {number | undefined}
   */
  #ahead;

  /** @param {Table} table */
  constructor(table) {
    this.#table = table;
  }

  get #view() {
    return holdemView(this.#table);
  }

  get #legal() {
    return new Map(this.#view.me.legal.map((each) => [each.move, each]));
  }

  /** @returns {Raise | undefined} */
  get #raising() {
    const { move = "", amount } = this.#legal.get("raise") ?? this.#legal.get("bet") ?? {};
    return amount && { move, amount };
  }

  draw() {
    const view = this.#view;
    if (this.#turn !== view.turn?.number) {
      this.#turn = view.turn?.number;
      this.#chosen = this.#sent = undefined;
    }
    const legal = this.#legal;
    if (!legal.size) return this.#mayGoAhead ? this.#aheadBox() : null;
    if (legal.has("show")) return this.#showing();
    const held = stakes(view);
    const raising = this.#raising;
    const busy = this.#sent !== undefined || view.room.status === "paused";
    return h(
      "div",
      { class: "actions", role: "group", "aria-label": t("Your move"), key: "actions" },
      raising && this.#amounts(raising.amount, held, busy),
      h("div", { class: "moves", key: "moves" }, this.#moves(legal, raising, held, busy)),
    );
  }

  /** Whether one holds cards in a hand that goes on, so that one's next move can be said ahead. */
  get #mayGoAhead() {
    const { turn, me, seats } = this.#view;
    const seat = seats[me.seat_index ?? -1];
    return Boolean(turn && turn.seat_index !== me.seat_index && seat?.in_hand && !seat.all_in);
  }

  #aheadBox() {
    const { number } = this.#view.game;
    const change = () => {
      this.#ahead = this.#ahead === number ? undefined : number;
      this.#table.redraw();
    };
    return h(
      "label",
      { class: "ahead", key: "ahead" },
      h("input", { type: "checkbox", id: "ahead", checked: this.#ahead === number, on: { change } }),
      t(" Check or fold"),
    );
  }

  /** The move that was said ahead, once. */
  ahead() {
    if (this.#ahead === undefined || this.#ahead !== this.#view.game.number) return undefined;
    this.#ahead = undefined;
    return { move: this.#legal.has("check") ? "check" : "fold" };
  }

  /**
   * @param {Map<string, HoldemMove>} legal
   * @param {Raise | undefined} raising
   * @param {Stakes} held
   * @param {boolean} busy
   */
  #moves(legal, raising, held, busy) {
    /** @type {(move: string, text: string, key: string, args?: { amount: number }) => Description} */
    const button = (move, text, key, args) =>
      h(
        "button",
        {
          class: `move ${move}`,
          key: move,
          disabled: busy,
          "aria-keyshortcuts": key,
          on: { click: () => this.#do(move, args) },
        },
        h("span", { class: "move-text" }, text),
        h("kbd", { "aria-hidden": "true" }, key),
      );
    const raise = () => {
      if (!raising) return null;
      const chosen = this.#amount(raising.amount);
      const verb = chosen === held.all ? t("All in") : raising.move === "bet" ? t("Bet") : t("Raise to");
      return button(raising.move, `${verb} ${amount(chosen)}`, "R", { amount: chosen });
    };
    const canShove = legal.has("all_in") && !raising && held.call < held.chips;
    return [
      legal.has("fold") && button("fold", t("Fold"), "F"),
      legal.has("check") && button("check", t("Check"), "C"),
      legal.has("call") &&
        button("call", t("Call {0}{1}", amount(held.call), held.call === held.chips ? t(", all in") : ""), "C"),
      raise(),
      canShove && button("all_in", t("All in {0}", amount(held.all)), "A"),
    ];
  }

  /**
   * @param {Range} range
   * @param {Stakes} held
   * @param {boolean} busy
   */
  #amounts({ min, max }, held, busy) {
    const value = this.#amount({ min, max });
    const choose = (/** @type {number} */ total) => {
      this.#chosen = total;
      this.#table.redraw();
    };
    const typed = (/** @type {Event} */ event) => {
      const { value } = fieldOf(event);
      if (value !== "") choose(Math.round(Number(value)));
    };
    const preset = (/** @type {string} */ label, /** @type {number} */ total) =>
      h(
        "button",
        { class: "preset", key: label, type: "button", disabled: busy, on: { click: () => choose(total) } },
        label,
      );
    return h(
      "div",
      { class: "amounts", key: "amounts" },
      h(
        "div",
        { class: "presets", role: "group", "aria-label": t("Amounts") },
        preset(t("Min"), min),
        preset(t("½ pot"), share(0.5, held, { min, max })),
        preset(t("Pot"), share(1, held, { min, max })),
        preset(t("All in"), max),
      ),
      h("input", {
        class: "slider",
        key: "slider",
        type: "range",
        min,
        max,
        step: 1,
        disabled: busy,
        value,
        "aria-label": t("Amount"),
        on: { input: typed },
      }),
      h("input", {
        class: "typed",
        key: "typed",
        id: "amount",
        type: "number",
        inputmode: "numeric",
        min,
        max,
        step: 1,
        disabled: busy,
        value,
        "aria-label": t("Amount, {0} to {1}", min, max),
        on: { change: typed, keydown: (event) => event.key === "Enter" && (typed(event), this.#raise()) },
      }),
    );
  }

  /** @param {Range} range */
  #amount({ min, max }) {
    return Math.min(max, Math.max(min, this.#chosen ?? min));
  }

  #raise() {
    const raising = this.#raising;
    if (raising) this.#do(raising.move, { amount: this.#amount(raising.amount) });
  }

  #showing() {
    const button = (/** @type {string} */ move, /** @type {string} */ text) =>
      h(
        "button",
        { class: `move ${move}`, key: move, disabled: this.#sent !== undefined, on: { click: () => this.#do(move) } },
        text,
      );
    return h(
      "div",
      { class: "actions", role: "group", "aria-label": t("Your cards"), key: "showing" },
      h("div", { class: "moves" }, button("show", t("Show cards")), button("muck", t("Muck"))),
    );
  }

  /**
   * Each turn is played once, however often a button is pressed; after a refusal it may be tried again.
   * @param {string} move
   * @param {{ amount: number }} [args]
   */
  async #do(move, args) {
    if (this.#sent !== undefined || !this.#legal.has(move)) return;
    const sent = (this.#sent = {});
    this.#table.redraw();
    await this.#table.move(move, args);
    if (this.#sent === sent) this.#sent = undefined;
    this.#table.redraw();
  }

  /**
   * F, C, R and A, when nothing is being typed. Folding by key is for when it is not free to stay.
   * @param {KeyboardEvent} event
   */
  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
    const legal = this.#legal;
    const key = event.key.toLowerCase();
    if (key === "f" && legal.has("fold") && !legal.has("check")) this.#do("fold");
    else if (key === "c") this.#do(legal.has("check") ? "check" : "call");
    else if (key === "a" && this.#raising)
      this.#chosen = Infinity; // All that may be; R or Enter makes it so.
    else if (key === "a" && legal.has("all_in")) this.#do("all_in");
    else if (key === "r" && this.#raising) this.#raise();
    else return;
    event.preventDefault();
    this.#table.redraw();
  }
}
