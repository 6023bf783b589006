/** My games: rounds of rooms in which one has a part, the newest first, and any of them again, move by move. */

import { h } from "./dom.js";
import { loadedPage, pageOf, stylesheet } from "./games.js";
import { PastTable, merged } from "./past_table.js";
import { Names, label, shown, tell, whatOf } from "./story.js";
import { t } from "./texts.js";

/** @import { App, Child, Json, View } from "./shapes.d.ts" */
/** @import { Update } from "./shapes.d.ts" */

/**
 * A round that is over, as the server lists it. `seq` is that of the state it is shown from, if one is kept.
 * @typedef {{ room: string, code: string, name: string, game: string, number: number, started_at: number,
 *   ended_at: number, seq?: number, record: { [name: string]: Json } }} PastRound
 */

await stylesheet("/static/table.css");

const PAGE = 200;
/** Updates of a round that are fetched at most. */
const MOST = 2000;
const times = new Intl.DateTimeFormat("en", { dateStyle: "medium", timeStyle: "short" });

export class MinePage {
  title = t("My games");
  /** @type {string | null} */
  banner = null;
  own_head = false;

  #app;
  /** @type {PastRound[] | null} */
  #rounds = null;
  /** @type {number | null} */
  #before = null;
  /** @type {PastRound | null} */
  #round = null;
  /** @type {View[]} */
  #views = [];
  /** @type {Update[]} */
  #updates = [];
  #step = 0;
  #table = new PastTable(this);
  #left = false;

  /** @param {App} app */
  constructor(app) {
    this.#app = app;
  }

  async enter() {
    this.#app.client.connect();
    await this.#more();
  }

  /** @param {unknown} error */
  failed(error) {
    this.#app.notice(whatOf(error));
  }

  exit() {
    this.#left = true;
    this.#table.leave();
  }

  /** @param {KeyboardEvent} event */
  key(event) {
    const by = event.key === "ArrowRight" ? 1 : event.key === "ArrowLeft" ? -1 : 0;
    if (!by || !this.#round) return;
    event.preventDefault();
    this.#go(this.#step + by);
  }

  /** The moment of the past that is shown. */
  get past() {
    return { view: this.#views[this.#step], history: this.#updates.slice(0, this.#step) };
  }

  redraw() {
    this.#app.redraw();
  }

  async #more() {
    const query = this.#before === null ? "" : `?before=${this.#before}`;
    const { rounds, next } = await this.#app.client.request("GET", `/api/me/rounds${query}`);
    this.#rounds = [...(this.#rounds ?? []), ...rounds];
    this.#before = next;
    this.redraw();
  }

  /**
   * Fetches the round's updates from the log, and what the table looked like after each.
   * @param {PastRound} round
   */
  async #open(round) {
    try {
      const { client } = this.#app;
      const [{ seq, view }] = await Promise.all([
        client.request("GET", `/api/rooms/${round.room}/then?seq=${round.seq}`),
        pageOf(round.game),
      ]);
      /** @type {Update[]} */
      const updates = [];
      for (let after = seq; after !== null && updates.length < MOST; ) {
        const page = await client.request("GET", `/api/rooms/${round.room}/events?after=${after}&limit=${PAGE}`);
        updates.push(...page.updates.filter((/** @type {Update} */ each) => Number(each.at) <= round.ended_at));
        after = page.updates.at(-1)?.at > round.ended_at ? null : page.next;
      }
      if (this.#left) return;
      const before = updates.filter((update) => Number(update.at) < round.started_at);
      const first = before.reduce((shown, { patch }) => merged(shown, patch), view);
      this.#updates = updates.slice(before.length);
      this.#views = [first];
      for (const { patch } of this.#updates) this.#views.push(merged(this.#views.at(-1), patch));
      this.#round = round;
      this.#step = 0;
      this.#go(1);
    } catch (error) {
      this.#app.notice(whatOf(error));
    }
  }

  /** @param {number} step */
  #go(step) {
    this.#step = Math.max(0, Math.min(this.#views.length - 1, step));
    this.redraw();
  }

  draw() {
    return h("main", { class: "page mine", id: "main" }, this.#round ? this.#replay(this.#round) : this.#list());
  }

  drawn() {
    const page = loadedPage(this.#round?.game);
    if (page && this.#round && this.#table.ready && this.#table.view) page.draw(this.#table);
  }

  /** @returns {Child} */
  #list() {
    const rounds = this.#rounds;
    if (!rounds) return h("p", { class: "muted" }, t("Looking…"));
    return [
      h("h1", { key: "h" }, t("My games")),
      !rounds.length && h("p", { class: "muted", key: "none" }, t("Nothing was played yet in rooms of yours.")),
      h("ul", { class: "room-list", key: "rounds" }, rounds.map((round) => this.#line(round))),
      this.#before !== null && h("button", { class: "quiet", key: "more", on: { click: () => this.#more() } }, t("Earlier")),
    ];
  }

  /** @param {PastRound} round */
  #line(round) {
    const { record } = round;
    const facts = Object.entries(record).filter(([, value]) => typeof value !== "object" && String(value).length < 40);
    return h(
      "li",
      { key: `${round.room}.${round.number}.${round.ended_at}`, class: "room-line" },
      h(
        "button",
        { class: "past-round", disabled: round.seq === undefined, on: { click: () => this.#open(round) } },
        h("span", { class: "room-title" }, h("bdi", null, round.name), ` · ${round.number}`),
        h("span", { class: "room-game" }, label(round.game)),
        h("span", { class: "muted" }, times.format(round.ended_at)),
        h("span", { class: "muted" }, facts.map(([name, value]) => `${label(name)} ${shown(value)}`).join(" · ")),
      ),
    );
  }

  /** @param {PastRound} round */
  #replay(round) {
    const last = this.#views.length - 1;
    const names = new Names(this.#views[0]);
    for (const update of this.#updates) for (const event of update.events ?? []) names.learn(event);
    const said = (this.#updates[this.#step - 1]?.events ?? []).flatMap((event) => tell(event, names));
    const button = (/** @type {string} */ text, /** @type {string} */ name, /** @type {number} */ step) =>
      h(
        "button",
        {
          class: "quiet",
          key: name,
          "aria-label": name,
          disabled: step < 0 || step > last || step === this.#step,
          on: { click: () => this.#go(step) },
        },
        text,
      );
    const placed = (/** @type {HTMLElement} */ element) => this.#table.placed(element);
    const back = () => {
      this.#round = null;
      this.redraw();
    };
    return [
      h(
        "header",
        { class: "past-head", key: "head" },
        h("button", { class: "quiet", on: { click: back } }, t("‹ My games")),
        h("h1", null, h("bdi", null, round.name), ` · ${round.number}`),
      ),
      h("p", { class: "past-said", key: "said", "aria-live": "polite" }, said.join(" ") || " "),
      h(
        "div",
        { class: "past-steps", key: "steps", role: "group", "aria-label": t("Moves") },
        button("|◀", t("To the beginning"), 0),
        button("◀", t("Back"), this.#step - 1),
        h("input", {
          type: "range",
          min: 0,
          max: last,
          value: this.#step,
          "aria-label": t("Moment"),
          on: { input: ({ target }) => target instanceof HTMLInputElement && this.#go(Number(target.value)) },
        }),
        h("span", { class: "muted" }, `${this.#step} / ${last}`),
        button("▶", t("On"), this.#step + 1),
        button("▶|", t("To the end"), last),
      ),
      h("div", { class: "stage past", key: `stage ${round.room} ${round.seq}` },
        h("div", { class: "game", key: "game", foreign: true, mounted: placed })),
    ];
  }
}
