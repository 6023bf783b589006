/** One's own cards: three are chosen and passed, then one is played after the other, by clicks or by keys. */

import { card } from "/static/cards.js";
import { h } from "/static/dom.js";
import { t } from "/static/texts.js";
import { heartsView, passedTo } from "./round.js";

/** @import { Fact, Json } from "/static/shapes.d.ts" */
/** @import { Table } from "/static/table.d.ts" */

const THREE = 3;

export class Hand {
  #table;
  /** @type {string[]} */
  #chosen = [];
  /** The hand of which they are. */
  #number = 0;
  #sent = false;
  /** The card that Tab comes to. */
  #at = "";

  /** @param {Table} table */
  constructor(table) {
    this.#table = table;
  }

  get #view() {
    return heartsView(this.#table);
  }

  get #cards() {
    return this.#view.me.hand ?? [];
  }

  get #passes() {
    return this.#view.me.legal.some(({ move }) => move === "pass");
  }

  /** The cards that may be played now. */
  get #playable() {
    return this.#view.me.legal.find(({ move }) => move === "play")?.card?.choices ?? [];
  }

  /** The cards that came from somebody else, until one of the hand has been played. */
  get #received() {
    if (this.#view.game.phase !== "playing" || this.#cards.length < 13) return [];
    /** @type {Fact[]} */
    const events = this.#table.history.flatMap((update) => update.events ?? []);
    return events.findLast(({ kind }) => kind === "cards_passed")?.received ?? [];
  }

  draw() {
    const { game, me } = this.#view;
    if (this.#number !== game.number || game.phase !== "passing") this.#chosen = [];
    this.#number = game.number;
    const cards = this.#cards;
    if (!cards.length) return null;
    if (!cards.includes(this.#at)) this.#at = cards.find((each) => this.#playable.includes(each)) ?? cards[0];
    const raised = me.aside?.length ? me.aside : this.#chosen;
    const received = this.#received;
    return h(
      "div",
      { class: "fan", key: "fan", role: "group", "aria-label": t("Your cards"), vars: { "--count": cards.length } },
      cards.map((code, index) => this.#card(code, index - (cards.length - 1) / 2, raised, received)),
    );
  }

  /**
   * @param {string} code
   * @param {number} from The places from the middle.
   * @param {string[]} raised
   * @param {string[]} received
   */
  #card(code, from, raised, received) {
    const playing = this.#playable.length > 0;
    const may = this.#passes || this.#playable.includes(code);
    const state = [may && "may", playing && !may && "barred", raised.includes(code) && "raised", received.includes(code) && "received"];
    return h(
      "button",
      {
        class: `held ${state.filter(Boolean).join(" ")}`,
        key: code,
        "data-card": code,
        vars: { "--from": from, "--off": Math.abs(from) },
        "aria-pressed": this.#passes ? String(raised.includes(code)) : undefined,
        "aria-disabled": may ? undefined : "true",
        tabindex: code === this.#at ? 0 : -1,
        on: { click: () => this.#click(code), focus: () => (this.#at = code) },
      },
      card(code),
      received.includes(code) && h("span", { class: "sr" }, t("passed to you")),
    );
  }

  /** @param {string} code */
  #click(code) {
    this.#at = code;
    if (this.#passes) {
      const others = this.#chosen.filter((each) => each !== code);
      this.#chosen = others.length < this.#chosen.length ? others : [...others, code].slice(-THREE);
      this.#table.redraw();
    } else if (this.#playable.includes(code)) this.#do("play", { card: code });
  }

  #pass() {
    if (this.#passes && this.#chosen.length === THREE)
      this.#do("pass", { cards: this.#cards.filter((each) => this.#chosen.includes(each)).join("") });
  }

  /**
   * A move is sent once, however often it is clicked.
   * @param {string} move
   * @param {{ [name: string]: Json }} args
   */
  async #do(move, args) {
    if (this.#sent) return;
    this.#sent = true;
    this.#table.redraw();
    await this.#table.move(move, args);
    this.#sent = false;
    this.#table.redraw();
  }

  /** Below the cards: what is to be done with them. */
  bar() {
    const { legal } = this.#view.me;
    if (!legal.length) return null;
    const missing = THREE - this.#chosen.length;
    const to = passedTo(this.#view);
    return h(
      "div",
      { class: "actions hearts-moves", key: "actions", role: "group", "aria-label": t("Your move") },
      this.#passes
        ? [
            h("p", { key: "task" }, missing ? t("Choose three cards for {0}.", to) : t("These three are for {0}.", to)),
            h(
              "button",
              {
                class: "move pass",
                key: "pass",
                disabled: missing > 0 || this.#sent,
                "aria-keyshortcuts": "P",
                on: { click: () => this.#pass() },
              },
              h("span", null, missing ? t("{0} more", missing) : t("Pass them")),
              h("kbd", { "aria-hidden": "true" }, "P"),
            ),
          ]
        : h("p", { key: "task" }, this.#view.game.trick.length ? t("It is your turn: play a card.") : t("You lead: play a card.")),
    );
  }

  /**
   * Arrows go from card to card, P passes.
   * @param {KeyboardEvent} event
   */
  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const cards = this.#cards;
    const way = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (way) this.#focus(cards[(cards.indexOf(this.#at) + way + cards.length) % cards.length]);
    else if (event.key.toLowerCase() === "p" && !event.repeat) this.#pass();
    else return;
    event.preventDefault();
    this.#table.redraw();
  }

  /** @param {string} code */
  #focus(code) {
    const there = this.#table.element.querySelector(`[data-card="${code}"]`);
    if (this.#table.element.contains(document.activeElement)) this.#at = code;
    else code = this.#at; // The first arrow comes to where one was.
    const found = this.#table.element.querySelector(`[data-card="${code}"]`) ?? there;
    if (found instanceof HTMLElement) found.focus();
  }
}
