/** The lobby: who you are, a seat at once, the public rooms as they are now, a room of your own, a room by its code. */

import { amount } from "./cards.js";
import { h } from "./dom.js";
import { fields, filled } from "./form.js";
import { modal } from "./room.js";

const LOOK_MS = 2500;
const STATUS = { open: "waiting", playing: "playing", paused: "paused", closed: "closed" };

export class LobbyPage {
  title = "Lobby";
  banner = null;

  #app;
  #rooms = null;
  #games = [];
  #filter = { game: "", open: false };
  #timer;
  #making = null;
  #busy = false;

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
    this.#timer = null;
  }

  key() {}

  async #look() {
    clearTimeout(this.#timer);
    if (!document.hidden || !this.#rooms) {
      const { game, open } = this.#filter;
      const query = new URLSearchParams({ ...(game && { game }), ...(open && { open: "true" }) });
      try {
        this.#rooms = (await this.#app.client.request("GET", `/api/rooms?${query}`)).rooms;
        this.banner = null;
      } catch (error) {
        this.banner = `${error.message} The list is as it was.`;
      }
      this.#app.redraw();
    }
    if (this.#timer !== null) this.#timer = setTimeout(() => this.#look(), LOOK_MS);
  }

  #change(filter) {
    Object.assign(this.#filter, filter);
    this.#look();
  }

  /** Goes to the room that `work` gives, under the name in its field. */
  async #go(work, sit) {
    if (this.#busy) return;
    this.#busy = true;
    this.#app.redraw();
    try {
      await this.#save();
      const room = await work();
      this.#app.go(`/room/${room.code}`, { sit });
    } catch (error) {
      this.#app.notice(error.message);
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
      this.#making && this.#create(),
    );
  }

  #welcome() {
    const { client } = this.#app;
    const match = (game) =>
      this.#go(() => client.request("POST", "/api/matchmake", { game }, `match.${crypto.randomUUID()}`), true);
    const byCode = (event) => {
      event.preventDefault();
      const code = event.target.elements.namedItem("code").value.replace(/[\s-]/g, "").toUpperCase();
      if (code) this.#go(() => client.request("GET", `/api/rooms/${encodeURIComponent(code)}`));
    };
    return h(
      "section",
      { class: "welcome", key: "welcome", "aria-label": "Play" },
      h("h1", null, "Take a seat"),
      this.#name(),
      h(
        "div",
        { class: "quick" },
        this.#games.map(({ game, title }) =>
          h(
            "button",
            { class: "primary big", key: game, disabled: this.#busy, on: { click: () => match(game) } },
            `Play ${title}`,
          ),
        ),
        h("button", { class: "quiet big", key: "make", on: { click: () => this.#make() } }, "Open a table"),
      ),
      h(
        "form",
        { class: "by-code", on: { submit: byCode } },
        h("label", { for: "code" }, "Have a code?"),
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
        h("button", { class: "quiet" }, "Go"),
      ),
    );
  }

  /** Saves the name in its field. Throws what is refused. */
  async #save() {
    const name = document.getElementById("name")?.value.trim();
    if (name && name !== this.#app.client.session?.display_name) await this.#app.rename(name);
  }

  #name() {
    const { client } = this.#app;
    const submit = async (event) => {
      event.preventDefault();
      const { session } = client;
      try {
        await this.#save();
        if (client.session !== session) this.#app.notice(`You are ${client.session.display_name} now.`);
      } catch (error) {
        this.#app.notice(error.message);
      }
    };
    return h(
      "form",
      {
        class: "name-form",
        on: { submit, focusout: (event) => event.target.name === "name" && event.currentTarget.requestSubmit() },
      },
      h("label", { for: "name" }, "Your name"),
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
        h("h2", { id: "rooms-title" }, "Tables"),
        h("label", { for: "filter" }, "Game"),
        h(
          "select",
          { id: "filter", value: game, on: { change: (event) => this.#change({ game: event.target.value }) } },
          h("option", { key: "", value: "" }, "all"),
          this.#games.map((each) => h("option", { key: each.game, value: each.game }, each.title)),
        ),
        h(
          "label",
          { class: "check" },
          h("input", {
            type: "checkbox",
            checked: open,
            on: { change: (event) => this.#change({ open: event.target.checked }) },
          }),
          " with a free seat",
        ),
      ),
      rooms === null
        ? h("p", { class: "muted" }, "Looking…")
        : rooms.length
          ? h(
              "ul",
              { class: "room-list" },
              rooms.map((room) => this.#room(room)),
            )
          : h("p", { class: "muted" }, "No table is open. Open one: friends come in by its code."),
    );
  }

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
          { class: "room-seats", "aria-label": `${room.players} of ${room.max_players} seats taken` },
          Array.from({ length: room.max_players }, (_, index) =>
            h("span", { key: index, class: index < room.players ? "pip taken" : "pip", "aria-hidden": "true" }),
          ),
          h("span", { "aria-hidden": "true" }, ` ${room.players}/${room.max_players}`),
        ),
        h("span", { class: `badge is-${room.status}` }, STATUS[room.status] ?? room.status),
        room.approval === "host" && h("span", { class: "badge" }, "by approval"),
      ),
    );
  }

  // A table of one's own

  #make() {
    this.#making = { game: this.#games[0]?.game };
    this.#app.redraw();
  }

  #create() {
    const making = this.#making;
    making.game ??= this.#games[0]?.game; // They may have come after the question.
    const close = () => {
      this.#making = null;
      this.#app.redraw();
    };
    const chosen = this.#games.find((each) => each.game === making.game);
    const choose = (event) => {
      making.game = event.target.value;
      this.#app.redraw();
    };
    const submit = (event) => {
      event.preventDefault();
      const form = event.target;
      const value = (name) => form.elements.namedItem(name).value;
      const body = {
        game: making.game,
        approval: value("approval"),
        visibility: value("visibility"),
        options: filled(form, chosen.options, { prefix: "option-" }),
      };
      if (value("room-name").trim()) body.name = value("room-name").trim();
      // Pressed again it opens no second room like it.
      const asked = JSON.stringify(body);
      if (asked !== making.asked) Object.assign(making, { asked, id: `open.${crypto.randomUUID()}` });
      this.#go(() => this.#app.client.request("POST", "/api/rooms", body, making.id), true);
    };
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
      "Open a table",
      close,
      h(
        "form",
        { class: "create", on: { submit } },
        h(
          "div",
          { class: "field" },
          h("label", { for: "game" }, "Game"),
          h(
            "select",
            { id: "game", value: making.game, on: { change: choose } },
            this.#games.map((each) => h("option", { key: each.game, value: each.game }, each.title)),
          ),
        ),
        h(
          "div",
          { class: "field" },
          h("label", { for: "room-name" }, "Name"),
          h("input", {
            id: "room-name",
            name: "room-name",
            maxlength: 50,
            placeholder: `${this.#app.client.session?.display_name ?? "My"}'s table`,
          }),
        ),
        choice("approval", "Coming in", [
          ["auto", "Anybody may sit down"],
          ["host", "I approve everybody"],
        ]),
        choice("visibility", "In the lobby", [
          ["public", "Everybody sees it"],
          ["private", "Only with the code"],
        ]),
        h(
          "details",
          { key: `options ${making.game}` },
          h("summary", null, "Rules of the table"),
          h("div", { class: "fields" }, chosen && fields(chosen.options, {}, { prefix: "option-" })),
        ),
        h(
          "div",
          { class: "buttons" },
          h("button", { class: "primary", disabled: this.#busy }, "Open the table"),
          h("button", { type: "button", class: "quiet", on: { click: close } }, "Not now"),
        ),
      ),
    );
  }
}
