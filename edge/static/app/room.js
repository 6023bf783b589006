/**
 * A room's page: coming in, the table, what is said, what happened, who may do what. It follows the view and decides
 * nothing.
 */

import { Refused } from "./tavola.js";
import { AtTable } from "./at_table.js";
import { TurnCall } from "./call.js";
import { amount } from "./cards.js";
import { fieldOf, h, modal } from "./dom.js";
import { loadedPage, pageOf, stylesheet } from "./games.js";
import { freeSeats, seatsText, turnOf } from "./seats.js";
import { Side } from "./side.js";
import { Names, tell, whatOf } from "./story.js";
import { t } from "./texts.js";

/** @import { App, BuyIn, Child, Fact, InsideView, Question, Room, Seat, View, Wish } from "./shapes.d.ts" */

/**
 * What has become of asking to be let in.
 * @type {{ [request: string]: string }}
 */
const ANSWERS = {
  pending: t("The host has been asked. You will be let in as soon as they say yes."),
  rejected: t("The host has said no."),
};

await stylesheet("/static/table.css");

export class RoomPage {
  #app;
  #named;
  #table = new AtTable(this);
  #side = new Side(this);
  #call = new TurnCall();
  /**
   * There once there is something to offer.
   * @type {import("./offers.js").Offers | undefined}
   */
  #offers;
  /**
   * The last turn of one's own: what was said ahead is asked for once in it.
   * @type {number | undefined}
   */
  #turn;
  #stays = (/** @type {BeforeUnloadEvent} */ event) => {
    if (this.view?.me.role === "player" && !this.gone) event.preventDefault();
  };
  #asked = false;
  #let_watch = false;
  #sitAnywhere;
  /** @type {Question | null} */
  #dialog = null;
  /** @type {(() => void)[]} */
  #ends = [];
  /**
   * Null until the address is found to be one of a room.
   * @type {Room | null}
   */
  #room = null;

  /**
   * Why there is no table to be seen: a sentence, or null.
   * @type {string | null}
   */
  gone = null;
  own_head = true;

  /**
   * `named` is the room's code or id. With `sit`, the first free seat is taken as soon as that is possible.
   * @param {App} app
   * @param {string} named
   * @param {Wish} wish
   */
  constructor(app, named, { sit = false } = {}) {
    this.#app = app;
    this.#named = named;
    this.#sitAnywhere = sit;
  }

  get title() {
    const name = this.view?.room.name ?? t("Room");
    return this.#mine ? t("● Your turn · {0}", name) : name;
  }

  /** Whether it is one's own turn, as is shown. */
  get #mine() {
    const shown = this.#room?.shown;
    return shown?.me.seat_index !== undefined && turnOf(shown, shown.me.seat_index) !== undefined;
  }

  get view() {
    return this.#room?.view ?? null;
  }

  /** The room, once it is entered. */
  get room() {
    if (!this.#room) throw new Error("No room was entered.");
    return this.#room;
  }

  /** The view of somebody inside, as it is drawn: with what a move of theirs will change. Nobody else sees the table. */
  get inside() {
    const shown = this.#room?.shown ?? null;
    if (!isInside(shown)) throw new Error("Nothing of the table is known outside.");
    return shown;
  }

  get client() {
    return this.#app.client;
  }

  get maySit() {
    const { me, room } = this.inside;
    return ["approved", "spectator"].includes(me.role) && room.status !== "closed";
  }

  redraw() {
    this.#app.redraw();
  }

  async enter() {
    const { id, code, game } = this.#named.startsWith("r_")
      ? { id: this.#named }
      : await this.client.request("GET", `/api/rooms/${encodeURIComponent(this.#named)}`);
    if (game) pageOf(game).catch(() => {}); // On its way already; it is waited for below.
    const room = this.client.room(id, { code });
    this.#room = room;
    addEventListener("beforeunload", this.#stays);
    this.client.connect();
    this.#ends = [
      room.on("view", (view, events) => this.#viewed(view, events)),
      room.on("shown", () => this.redraw()),
      room.on("presence", () => this.redraw()),
      room.on("trouble", () => this.redraw()),
      room.on("announcement", ({ service, text }) => this.#app.notice(`${service}: ${text}`)),
    ];
    const first = await room.ready;
    room.foresee = /** @type {Room["foresee"]} */ ((await pageOf(first.room.game)).foresee ?? null);
    this.#viewed(room.view ?? first, []);
  }

  /** @param {unknown} error */
  failed(error) {
    this.gone = whyNot(error);
  }

  /** Leaves the page. A watcher stops watching; a player keeps their seat. */
  exit() {
    removeEventListener("beforeunload", this.#stays);
    for (const end of this.#ends) end();
    this.#table.leave();
    if (this.view?.me.role === "spectator") this.#room?.command("stop_spectating").catch(() => {});
    this.#room?.unfollow();
  }

  /**
   * Awaits a command; what is refused is said. Gives whether it was done.
   * @param {Promise<unknown>} work
   */
  async attempt(work) {
    try {
      await work;
      return true;
    } catch (error) {
      this.#app.notice(whatOf(error));
      return false;
    }
  }

  /**
   * @param {View} view
   * @param {Fact[]} events
   */
  #viewed(view, events) {
    const { me, room } = view;
    const names = new Names(view);
    for (const event of events) {
      if (event.kind === "player_kicked" && event.user_id === me.user_id)
        this.gone = t("The host has removed you from this table.");
      names.learn(event);
      // An offer is read out where it stands.
      const elsewhere = event.kind === "chat" || (event.kind === "offer_made" && this.#offers);
      if (!elsewhere) this.#app.announce(tell(event, names).join(" "));
    }
    // Whether they saw it happen or come by its address later.
    if (room.status === "closed") this.gone ??= t("The host has closed this table.");
    if (me.legal.length && events.some((event) => event.kind === "turn_started"))
      this.#app.announce(t("It is your turn."));
    const turn = turnOf(view, me.seat_index);
    if (turn && this.#page) this.#myTurn(turn.number);
    this.#comeIn(view);
    if (me.offers || view.offer) this.#bringOffers();
    this.redraw();
  }

  async #bringOffers() {
    if (this.#offers) return;
    try {
      const { Offers } = await import("./offers.js");
      this.#offers ??= new Offers(this);
      this.redraw();
    } catch (error) {
      this.#app.notice(whatOf(error));
    }
  }

  /** The page of the game, when it is there. */
  get #page() {
    return loadedPage(this.view?.room.game);
  }

  /** @param {number} number */
  #myTurn(number) {
    const said = number === this.#turn ? undefined : this.#page?.ahead?.(this.#table);
    this.#turn = number;
    if (said) this.attempt(this.room.act(said.move, said.args));
    else this.#call.call(number);
  }

  /**
   * As far in as one may go unasked: admitted where nobody is asked, watching, seated when that was wished.
   * @param {View} view
   */
  #comeIn(view) {
    const { me, room } = view;
    if (this.gone || room.status === "closed") return;
    const invited = room.approval === "auto" || me.reserved_seat !== undefined;
    if (me.role === "guest" && !me.request && !this.#asked && invited) this.askToJoin();
    if (me.role !== "approved") this.#let_watch = false;
    else if (!this.#let_watch) {
      this.#let_watch = true;
      this.attempt(this.room.command("spectate", { display_name: this.client.session?.display_name }));
    }
    if (me.role === "spectator" && this.#sitAnywhere) {
      this.#sitAnywhere = false;
      const free = me.reserved_seat ?? freeSeats(view)[0];
      if (free !== undefined) this.#sit(free);
    }
  }

  askToJoin() {
    this.#asked = true;
    this.attempt(this.room.command("request_join", { display_name: this.client.session?.display_name }));
  }

  /**
   * Sits down: at once, or, where chips are brought, after asking how many.
   * @param {number} index
   */
  askToSit(index) {
    const { options } = this.inside.room;
    if (options.min_buy_in === undefined) return this.#sit(index);
    this.#dialog = { kind: "sit", index, buy_in: usualBuyIn(/** @type {BuyIn} */ (options)) };
    this.redraw();
    return undefined;
  }

  /**
   * @param {number} seat_index
   * @param {number} [buy_in]
   */
  #sit(seat_index, buy_in) {
    const display_name = this.client.session?.display_name;
    return this.attempt(this.room.command("take_seat", { seat_index, display_name, ...(buy_in ? { buy_in } : {}) }));
  }

  /**
   * Something to be read for a while.
   * @param {string} text
   */
  notice(text) {
    this.#app.notice(text);
  }

  /** @param {Question | null} dialog */
  ask(dialog) {
    this.#dialog = dialog;
    this.redraw();
  }

  /** @param {KeyboardEvent} event */
  key(event) {
    if (this.#room?.shown?.me.legal?.length && !this.#dialog && !this.gone) this.#page?.key?.(this.#table, event);
  }

  // Drawing

  /** The banner's text for this room, if it needs one. */
  get banner() {
    if (!this.#room) return null;
    if (this.#room.trouble === "stale")
      return t("The server cannot save just now: you see how things stood, and play goes on when it can.");
    if (this.#room.trouble) return t("The server is slow to answer. Anything you did is sent again until it is done.");
    if (this.view?.room.status === "paused") return t("The host has paused the game. Clocks stand still.");
    return null;
  }

  draw() {
    if (this.gone) return notice(this.gone, h("a", { href: "/", class: "primary" }, t("To the lobby")));
    if (!this.view || !this.#page)
      return h(
        "main",
        { class: "page", id: "main", "aria-busy": "true" },
        h("p", { class: "loading" }, t("Entering the room…")),
      );
    if (!isInside(this.view)) return this.#door(this.view);
    return h(
      "main",
      { class: "page room", id: "main" },
      this.#head(),
      h("div", { class: "stage", key: "stage" }, this.#place(), this.#foot()),
      this.#side.draw(),
      this.#drawDialog(),
    );
  }

  /** Where the game's page draws. */
  #place() {
    const mounted = (/** @type {HTMLElement} */ element) => this.#table.placed(element);
    return h("div", { class: "game", key: "game", foreign: true, mounted });
  }

  /** After each drawing: the game's page draws its part. */
  drawn() {
    if (!this.#page || !this.#table.ready || this.gone) return;
    try {
      this.#page.draw(this.#table);
    } catch (error) {
      console.error(error);
      this.#app.fault(t("The table cannot be drawn, by a mistake in the game's page: {0}", whatOf(error)));
    }
  }

  /**
   * Before the table: asking to be let in.
   * @param {View} view
   */
  #door({ me, room }) {
    const ask = h(
      "button",
      { class: "primary", on: { click: () => this.askToJoin() } },
      me.request === "rejected" ? t("Ask again") : t("Ask to join"),
    );
    const invited = room.approval === "auto" || me.reserved_seat !== undefined;
    const waits = me.request === "pending" || invited || me.role === "approved";
    const says =
      (me.request && ANSWERS[me.request]) ?? (waits ? t("Coming in…") : t("The host decides who may play here."));
    return h(
      "main",
      { class: "page door", id: "main" },
      h("h1", null, room.name),
      h("p", { class: "muted" }, `${seatsText(room)}.`),
      h("p", { role: "status" }, says),
      !waits && ask,
      h("p", null, h("a", { href: "/" }, t("Back to the lobby"))),
    );
  }

  #head() {
    const { room, me, spectators } = this.inside;
    const { options } = room;
    return h(
      "header",
      { class: "room-head", key: "head" },
      h(
        "a",
        { class: "back-link", href: "/", "aria-label": t("Back to the lobby") },
        "‹ ",
        h("span", { class: "back-text" }, t("Lobby")),
      ),
      h(
        "div",
        { class: "room-name" },
        h("h1", null, h("bdi", null, room.name)),
        h(
          "p",
          { class: "muted" },
          [
            options.big_blind && `${amount(options.small_blind)}/${amount(options.big_blind)}`,
            room.visibility === "private" && t("private"),
            t("{0} watching", spectators),
          ]
            .filter(Boolean)
            .join(" · "),
        ),
      ),
      h(
        "button",
        { class: "code", on: { click: () => this.#invite() } },
        t("Invite "),
        h("span", { class: "muted" }, room.code),
      ),
      h(
        "button",
        {
          class: "panel-toggle",
          "aria-expanded": String(this.#side.open),
          "aria-controls": "side",
          on: { click: () => this.#side.toggle() },
        },
        t("Chat & more"),
        this.#side.news && h("span", { class: "dot" }, h("span", { class: "sr" }, t("something new"))),
      ),
      me.is_host && h("span", { class: "badge host-badge" }, t("host")),
    );
  }

  async #invite() {
    const { code } = this.inside.room;
    try {
      const { invitation } = await import("./invite.js");
      const say = (/** @type {string} */ text) => this.#app.notice(text);
      this.ask({
        title: t("Invite"),
        body: (close) => [
          invitation(`${location.origin}/room/${code}`, code, say),
          h("div", { class: "buttons" }, h("button", { class: "quiet", on: { click: close } }, t("Close"))),
        ],
      });
    } catch (error) {
      this.#app.notice(whatOf(error));
    }
  }

  /** Below the table: the legal moves, or what is being waited for; and one's own seat. */
  #foot() {
    const mounted = (/** @type {HTMLElement} */ element) => this.#table.barred(element);
    return h(
      "footer",
      { class: `foot${this.inside.me.role === "player" ? " playing" : ""}`, key: "foot" },
      h("div", { class: "bar", key: "bar", foreign: true, mounted }),
      h("p", { class: "waits", key: "waits" }, this.#page?.waiting?.(this.#table) ?? this.#waitsFor()),
      this.#offers?.draw(),
      this.#own(),
    );
  }

  /** One's own, if one has one. */
  get #seat() {
    const { me, seats } = this.inside;
    return me.seat_index === undefined ? undefined : seats[me.seat_index];
  }

  #waitsFor() {
    const { me, turn, turns = turn && [turn], room, seats, host_controls } = this.inside;
    const free = freeSeats(this.inside).length > 0;
    if (me.role !== "player" && me.reserved_seat !== undefined)
      return t("You are watching. Seat {0} is reserved for you.", me.reserved_seat + 1);
    if (me.role !== "player")
      return free ? t("You are watching. Choose a free seat to play.") : t("You are watching. No seat is free.");
    if (turns)
      return this.#mine
        ? t("It is your turn.")
        : t("Waiting for {0}…", turns.map((each) => seats[each.seat_index]?.display_name ?? t("a player")).join(", "));
    if (this.#seat?.chips === 0) return t("You have no chips left.");
    if (Object.keys(seats).length < 2) return t("Waiting for another player. Invite a friend.");
    if (host_controls?.can_start && room.options.auto_start === false && room.status === "open")
      return t("Everybody is waiting for you to start.");
    return t("The game begins in a moment.");
  }

  #own() {
    const view = this.inside;
    const seat = this.#seat;
    if (this.maySit && freeSeats(view).length) {
      const sit = () => this.askToSit(view.me.reserved_seat ?? freeSeats(view)[0]);
      return h("button", { class: "primary sit-anywhere", key: "own", on: { click: sit } }, t("Sit down"));
    }
    if (view.me.role !== "player" || !seat) return null;
    const options = /** @type {BuyIn} */ (view.room.options);
    const out = seat.status === "sitting_out" || seat.sitting_out;
    const button = (/** @type {string} */ text, /** @type {() => unknown} */ work) =>
      h("button", { class: "quiet", key: text, on: { click: work } }, text);
    const chips = seat.chips !== undefined && options.max_buy_in !== undefined;
    return h(
      "div",
      { class: "own", key: "own" },
      chips &&
        (out
          ? button(t("I'm back"), () => this.attempt(this.room.command("sit_in")))
          : button(t("Sit out"), () => this.attempt(this.room.command("sit_out")))),
      chips && seat.chips < options.max_buy_in && button(t("Add chips"), () => this.#askRebuy(seat, options)),
      button(t("Leave seat"), () => this.attempt(this.room.command("leave_seat"))),
      h(
        "button",
        {
          class: "quiet",
          key: "sound",
          "aria-pressed": String(!this.#call.quiet),
          on: { click: () => (this.#call.toggle(), this.redraw()) },
        },
        this.#call.quiet ? t("Sound: off") : t("Sound: on"),
      ),
    );
  }

  /**
   * @param {Seat} seat
   * @param {BuyIn} options
   */
  #askRebuy(seat, options) {
    const max = options.max_buy_in - seat.chips;
    const min = Math.max(1, options.min_buy_in - seat.chips);
    this.ask({ kind: "rebuy", min, max, buy_in: Math.min(max, Math.max(min, usualBuyIn(options) - seat.chips)) });
  }

  /** @param {number} chips */
  async #addChips(chips) {
    if (await this.attempt(this.room.command("rebuy", { amount: chips }))) {
      this.#app.notice(t("{0} chips were added to your stack.", amount(chips)));
    }
  }

  // Dialogs

  #drawDialog() {
    const dialog = this.#dialog;
    if (!dialog) return null;
    const close = () => this.ask(null);
    if (dialog.kind !== "sit" && dialog.kind !== "rebuy") return modal(dialog.title, close, dialog.body(close));
    const { options } = this.inside.room;
    const sits = dialog.kind === "sit";
    const [min, max] = sits ? [options.min_buy_in, options.max_buy_in] : [dialog.min, dialog.max];
    const choose = (/** @type {Event} */ event) => {
      dialog.buy_in = Number(fieldOf(event).value);
      this.redraw();
    };
    const submit = (/** @type {SubmitEvent} */ event) => {
      event.preventDefault();
      close();
      if (sits) this.#sit(dialog.index, dialog.buy_in);
      else this.#addChips(dialog.buy_in);
    };
    return modal(
      sits ? t("Seat {0}", dialog.index + 1) : t("Add chips"),
      close,
      h(
        "form",
        { on: { submit } },
        !sits && h("p", { class: "muted" }, t("Chips are added between hands, while none is played.")),
        h("label", { for: "buy-in" }, sits ? t("Chips to bring") : t("Chips to add")),
        h("input", {
          type: "range",
          min,
          max,
          step: 1,
          value: dialog.buy_in,
          "aria-label": t("Chips"),
          on: { input: choose },
        }),
        h("input", {
          id: "buy-in",
          type: "number",
          min,
          max,
          step: 1,
          required: true,
          value: dialog.buy_in,
          on: { change: choose },
        }),
        h(
          "div",
          { class: "buttons" },
          h("button", { class: "primary" }, sits ? t("Sit down") : t("Add")),
          h("button", { type: "button", class: "quiet", on: { click: close } }, t("Not now")),
        ),
      ),
    );
  }
}

/** @returns {view is InsideView} */
const isInside = (/** @type {View | null} */ view) => view?.seats !== undefined;

/**
 * @param {string} text
 * @param {Child[]} more
 */
function notice(text, ...more) {
  return h("main", { class: "page door", id: "main" }, h("p", { role: "alert" }, text), more);
}

/**
 * Why a room could not be entered, as a sentence.
 * @param {unknown} error
 */
function whyNot(error) {
  if (error instanceof Refused && error.code === "room_not_found") return t("There is no such room.");
  return whatOf(error);
}

/** @param {BuyIn} options */
function usualBuyIn({ default_buy_in, min_buy_in, max_buy_in, big_blind }) {
  return default_buy_in ?? Math.max(min_buy_in, Math.min(max_buy_in, 100 * big_blind));
}
