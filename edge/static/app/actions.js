/** Hold'em's action bar: the legal moves and no others, amounts by slider, by typing and by share of the pot. */

import { amount } from "./cards.js";
import { h } from "./dom.js";

/** The cost of a move and the chips to win, from the view. */
export function stakes(view) {
  const { hand } = view.game;
  const me = view.seats[view.me.seat_index];
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

/** The total to bet or raise to for a share of the pot, within what is legal. */
export function share(part, { pot, call, price }, { min, max }) {
  return Math.min(max, Math.max(min, Math.round(price + part * (pot + call))));
}

/** Remembers the amount that was chosen, for as long as the turn lasts. */
export class Actions {
  #page;
  #turn;
  #chosen;
  #sent;

  constructor(page) {
    this.#page = page;
  }

  get #legal() {
    return new Map(this.#page.view.me.legal.map((each) => [each.move, each]));
  }

  get #raising() {
    return this.#legal.get("raise") ?? this.#legal.get("bet");
  }

  draw() {
    const { view } = this.#page;
    if (this.#turn !== view.turn?.number) {
      this.#turn = view.turn?.number;
      this.#chosen = this.#sent = undefined;
    }
    const legal = this.#legal;
    if (!legal.size) return null;
    if (legal.has("show")) return this.#showing();
    const held = stakes(view);
    const busy = this.#sent !== undefined || view.room.status === "paused";
    return h(
      "div",
      { class: "actions", role: "group", "aria-label": "Your move", key: "actions" },
      this.#raising && this.#amounts(this.#raising.amount, held, busy),
      h("div", { class: "moves", key: "moves" }, this.#moves(legal, held, busy)),
    );
  }

  #moves(legal, held, busy) {
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
    const raising = this.#raising;
    const chosen = raising && this.#amount(raising.amount);
    const raiseText =
      raising &&
      (chosen === held.all
        ? `All in ${amount(chosen)}`
        : raising.move === "bet"
          ? `Bet ${amount(chosen)}`
          : `Raise to ${amount(chosen)}`);
    const canShove = legal.has("all_in") && !raising && held.call < held.chips;
    return [
      legal.has("fold") && button("fold", "Fold", "F"),
      legal.has("check") && button("check", "Check", "C"),
      legal.has("call") &&
        button("call", `Call ${amount(held.call)}${held.call === held.chips ? ", all in" : ""}`, "C"),
      raising && button(raising.move, raiseText, "R", { amount: chosen }),
      canShove && button("all_in", `All in ${amount(held.all)}`, "A"),
    ];
  }

  #amounts({ min, max }, held, busy) {
    const value = this.#amount({ min, max });
    const choose = (total) => {
      this.#chosen = total;
      this.#page.redraw();
    };
    const typed = (event) => event.target.value !== "" && choose(Math.round(Number(event.target.value)));
    const preset = (label, total) =>
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
        { class: "presets", role: "group", "aria-label": "Amounts" },
        preset("Min", min),
        preset("½ pot", share(0.5, held, { min, max })),
        preset("Pot", share(1, held, { min, max })),
        preset("All in", max),
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
        "aria-label": "Amount",
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
        "aria-label": `Amount, ${min} to ${max}`,
        on: { change: typed, keydown: (event) => event.key === "Enter" && (typed(event), this.#raise()) },
      }),
    );
  }

  #amount({ min, max }) {
    return Math.min(max, Math.max(min, this.#chosen ?? min));
  }

  #raise() {
    const raising = this.#raising;
    if (raising) this.#do(raising.move, { amount: this.#amount(raising.amount) });
  }

  #showing() {
    const button = (move, text) =>
      h(
        "button",
        { class: `move ${move}`, key: move, disabled: this.#sent !== undefined, on: { click: () => this.#do(move) } },
        text,
      );
    return h(
      "div",
      { class: "actions", role: "group", "aria-label": "Your cards", key: "showing" },
      h("div", { class: "moves" }, button("show", "Show cards"), button("muck", "Muck")),
    );
  }

  /** Each turn is played once, however often a button is pressed; after a refusal it may be tried again. */
  async #do(move, args) {
    if (this.#sent !== undefined || !this.#legal.has(move)) return;
    const sent = (this.#sent = {});
    this.#page.redraw();
    await this.#page.attempt(this.#page.room.act(move, args));
    if (this.#sent === sent) this.#sent = undefined;
    this.#page.redraw();
  }

  /** F, C, R and A, when nothing is being typed. Folding by key is for when it is not free to stay. */
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
    this.#page.redraw();
  }
}
