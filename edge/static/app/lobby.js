/** The lobby: who you are, a seat at once, the public rooms as they are now, a room of your own, a room by its code. */

import { amount } from "./cards.js";
import { fieldOf, h, modal, submitted, valueIn } from "./dom.js";
import { fields, filled } from "./form.js";
import { seatsText } from "./seats.js";
import { whatOf } from "./story.js";
import { t } from "./texts.js";

/** @import { App, Child, Game, View } from "./shapes.d.ts" */

/** @typedef {View["room"]} Listed */
/**
 * A table that is being opened; `id` goes with what was `asked` for.
 * @typedef {{ game?: string, asked?: string, id?: string }} Making
 */

const LOOK_MS = 2500;
/** @type {{ [status: string]: string }} */
const STATUS = { open: t("waiting"), playing: t("playing"), paused: t("paused"), closed: t("closed") };

export class LobbyPage {
  title = t("Lobby");
  /** @type {string | null} */
  banner = null;
  own_head = false;

  #app;
  /** @type {Listed[] | null} */
  #rooms = null;
  /** @type {Game[]} */
  #games = [];
  #filter = { game: "", open: false };
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  #left = false;
  /** @type {Making | null} */
  #making = null;
  #busy = false;

  /** @param {App} app */
  constructor(app) {
    this.#app = app;
  }

  async enter() {
    this.#app.client.connect();
    this.#look();
    this.#games = (await this.#app.client.request("GET", "/api/games")).games;
    this.#app.redraw();
  }

  exit() {
    clearTimeout(this.#timer);
    this.#left = true;
  }

  /** @param {unknown} error */
  failed(error) {
    this.#app.notice(whatOf(error));
  }

  key() {}

  drawn() {}

  async #look() {
    clearTimeout(this.#timer);
    if (!document.hidden || !this.#rooms) {
      const { game, open } = this.#filter;
      const query = new URLSearchParams({ ...(game && { game }), ...(open && { open: "true" }) });
      try {
        this.#rooms = (await this.#app.client.request("GET", `/api/rooms?${query}`)).rooms;
        this.banner = null;
      } catch (error) {
        this.banner = t("{0} The list is as it was.", whatOf(error));
      }
      this.#app.redraw();
    }
    if (!this.#left) this.#timer = setTimeout(() => this.#look(), LOOK_MS);
  }

  /** @param {{ game?: string, open?: boolean }} filter */
  #change(filter) {
    Object.assign(this.#filter, filter);
    this.#look();
  }

  /**
   * Goes to the room that `work` gives, under the name in its field.
   * @param {() => Promise<{ code: string }>} work
   * @param {boolean} [sit]
   */
  async #go(work, sit) {
    if (this.#busy) return;
    this.#busy = true;
    this.#app.redraw();
    try {
      await this.#save();
      const room = await work();
      this.#app.go(`/room/${room.code}`, { sit });
    } catch (error) {
      this.#app.notice(whatOf(error));
    }
    this.#busy = false;
    this.#app.redraw();
  }

  draw() {
    return h(
      "main",
      { class: "page lobby", id: "main" },
      this.#welcome(),
      this.#list(),
      this.#making && this.#create(this.#making),
    );
  }

  #welcome() {
    const { client } = this.#app;
    const match = (/** @type {string} */ game) =>
      this.#go(() => client.request("POST", "/api/matchmake", { game }, `match.${crypto.randomUUID()}`), true);
    const byCode = (/** @type {SubmitEvent} */ event) => {
      const code = valueIn(submitted(event), "code").replace(/[\s-]/g, "").toUpperCase();
      if (code) this.#go(() => client.request("GET", `/api/rooms/${encodeURIComponent(code)}`));
    };
    return h(
      "section",
      { class: "welcome", key: "welcome", "aria-label": t("Play") },
      h("h1", null, t("Take a seat")),
      this.#name(),
      h(
        "div",
        { class: "quick" },
        this.#games.map(({ game, title }) =>
          h(
            "button",
            { class: "primary big", key: game, disabled: this.#busy, on: { click: () => match(game) } },
            t("Play {0}", title),
          ),
        ),
        h("button", { class: "quiet big", key: "make", on: { click: () => this.#make() } }, t("Open a table")),
      ),
      h(
        "form",
        { class: "by-code", on: { submit: byCode } },
        h("label", { for: "code" }, t("Have a code?")),
        h("input", {
          id: "code",
          name: "code",
          maxlength: 20,
          size: 12,
          autocomplete: "off",
          autocapitalize: "characters",
          spellcheck: "false",
          placeholder: "KXGFZCM2QP",
        }),
        h("button", { class: "quiet" }, t("Go")),
      ),
      h("p", null, h("a", { href: "/mine" }, t("My games"))),
    );
  }

  /** Saves the name in its field. Throws what is refused. */
  async #save() {
    const field = /** @type {HTMLInputElement | null} */ (document.getElementById("name"));
    const name = field?.value.trim();
    if (name && name !== this.#app.client.session?.display_name) await this.#app.rename(name);
  }

  #name() {
    const { client } = this.#app;
    const submit = async (/** @type {SubmitEvent} */ event) => {
      event.preventDefault();
      const { session } = client;
      try {
        await this.#save();
        if (client.session !== session) this.#app.notice(t("You are {0} now.", client.session?.display_name));
      } catch (error) {
        this.#app.notice(whatOf(error));
      }
    };
    return h(
      "form",
      { class: "name-form", on: { submit, focusout: (event) => fieldOf(event).form?.requestSubmit() } },
      h("label", { for: "name" }, t("Your name")),
      h("input", {
        id: "name",
        name: "name",
        maxlength: 50,
        autocomplete: "nickname",
        value: client.session?.display_name ?? "",
      }),
    );
  }

  #list() {
    const rooms = this.#rooms;
    const { game, open } = this.#filter;
    return h(
      "section",
      { class: "rooms", key: "rooms", "aria-labelledby": "rooms-title" },
      h(
        "header",
        null,
        h("h2", { id: "rooms-title" }, t("Tables")),
        h("label", { for: "filter" }, t("Game")),
        h(
          "select",
          { id: "filter", value: game, on: { change: (event) => this.#change({ game: fieldOf(event).value }) } },
          h("option", { key: "", value: "" }, t("all")),
          this.#games.map((each) => h("option", { key: each.game, value: each.game }, each.title)),
        ),
        h(
          "label",
          { class: "check" },
          h("input", {
            type: "checkbox",
            checked: open,
            on: { change: ({ target }) => this.#change({ open: target instanceof HTMLInputElement && target.checked }) },
          }),
          t(" with a free seat"),
        ),
      ),
      rooms === null
        ? h("p", { class: "muted" }, t("Looking…"))
        : rooms.length
          ? h(
              "ul",
              { class: "room-list" },
              rooms.map((room) => this.#room(room)),
            )
          : h("p", { class: "muted" }, t("No table is open. Open one: friends come in by its code.")),
    );
  }

  /** @param {Listed} room */
  #room(room) {
    const game = this.#games.find((each) => each.game === room.game)?.title ?? room.game;
    const { small_blind, big_blind } = room.options;
    const href = `/room/${room.code}`;
    return h(
      "li",
      { key: room.id, class: `room-line is-${room.status}` },
      h(
        "a",
        { href },
        h("span", { class: "room-title" }, h("bdi", null, room.name)),
        h("span", { class: "room-game" }, big_blind ? `${game} · ${amount(small_blind)}/${amount(big_blind)}` : game),
        h(
          "span",
          { class: "room-seats", "aria-label": seatsText(room) },
          Array.from({ length: room.max_players }, (_, index) =>
            h("span", { key: index, class: index < room.players ? "pip taken" : "pip", "aria-hidden": "true" }),
          ),
          h("span", { "aria-hidden": "true" }, ` ${room.players}/${room.max_players}`),
        ),
        room.reserved && h("span", { class: "badge", "aria-hidden": "true" }, t("{0} reserved", room.reserved.length)),
        h("span", { class: `badge is-${room.status}` }, STATUS[room.status] ?? room.status),
        room.approval === "host" && h("span", { class: "badge" }, t("by approval")),
      ),
    );
  }

  // A table of one's own

  #make() {
    this.#making = { game: this.#games[0]?.game };
    this.#app.redraw();
  }

  /** @param {Making} making */
  #create(making) {
    making.game ??= this.#games[0]?.game; // They may have come after the question.
    const close = () => {
      this.#making = null;
      this.#app.redraw();
    };
    const chosen = this.#games.find((each) => each.game === making.game);
    const choose = (/** @type {Event} */ event) => {
      making.game = fieldOf(event).value;
      this.#app.redraw();
    };
    const submit = (/** @type {SubmitEvent} */ event) => {
      const form = submitted(event);
      if (!chosen) return; // The games have not come yet.
      const name = valueIn(form, "room-name").trim();
      const body = {
        game: chosen.game,
        approval: valueIn(form, "approval"),
        visibility: valueIn(form, "visibility"),
        options: filled(form, chosen.options, { prefix: "option-" }),
        ...(name && { name }),
      };
      // Pressed again it opens no second room like it.
      const asked = JSON.stringify(body);
      if (asked !== making.asked) Object.assign(making, { asked, id: `open.${crypto.randomUUID()}` });
      this.#go(() => this.#app.client.request("POST", "/api/rooms", body, making.id), true);
    };
    /** @type {(name: string, label: string, options: [value: string, text: string][]) => Child} */
    const choice = (name, label, options) =>
      h(
        "div",
        { class: "field" },
        h("label", { for: name }, label),
        h(
          "select",
          { id: name, name, value: options[0][0] },
          options.map(([value, text]) => h("option", { key: value, value }, text)),
        ),
      );
    return modal(
      t("Open a table"),
      close,
      h(
        "form",
        { class: "create", on: { submit } },
        h(
          "div",
          { class: "field" },
          h("label", { for: "game" }, t("Game")),
          h(
            "select",
            { id: "game", value: making.game, on: { change: choose } },
            this.#games.map((each) => h("option", { key: each.game, value: each.game }, each.title)),
          ),
        ),
        h(
          "div",
          { class: "field" },
          h("label", { for: "room-name" }, t("Name")),
          h("input", {
            id: "room-name",
            name: "room-name",
            maxlength: 50,
            placeholder: t("{0}'s table", this.#app.client.session?.display_name ?? t("My")),
          }),
        ),
        choice("approval", t("Coming in"), [
          ["auto", t("Anybody may sit down")],
          ["host", t("I approve everybody")],
        ]),
        choice("visibility", t("In the lobby"), [
          ["public", t("Everybody sees it")],
          ["private", t("Only with the code")],
        ]),
        h(
          // It stays open when the games come late or another one is chosen; only its fields are new then.
          "details",
          null,
          h("summary", null, t("Rules of the table")),
          h(
            "div",
            { class: "fields", key: `options ${making.game}` },
            chosen && fields(chosen.options, {}, { prefix: "option-" }),
          ),
        ),
        h(
          "div",
          { class: "buttons" },
          h("button", { class: "primary", disabled: this.#busy }, t("Open the table")),
          h("button", { type: "button", class: "quiet", on: { click: close } }, t("Not now")),
        ),
      ),
    );
  }
}
