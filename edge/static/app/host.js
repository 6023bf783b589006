/** The host's part: who may come in, who must go, chips, pause, settings, passing it on. */

import { amount } from "./cards.js";
import { checkedIn, h, submitted, valueIn } from "./dom.js";
import { fields, filled } from "./form.js";
import { freeSeats } from "./seats.js";
import { actText, Names } from "./story.js";
import { t } from "./texts.js";

/** @import { Child, Game, Json, RoomPage, Seat } from "./shapes.d.ts" */

/** The settings of the room itself that can be changed, described as the games' options are described. */
const ROOM = {
  properties: {
    name: { type: "string", title: t("Name"), maxLength: 50 },
    approval: {
      enum: ["host", "auto"],
      title: t("Coming in"),
      description: t("host: you approve everybody. auto: nobody is asked."),
    },
    visibility: {
      enum: ["public", "private"],
      title: t("In the lobby"),
      description: t("private: only who has the code finds it."),
    },
    max_spectators: { type: "integer", title: t("Most spectators"), minimum: 0, maximum: 10000 },
    empty_minutes: {
      type: "integer",
      title: t("Closes when empty"),
      description: t("After so many minutes without anybody. 0: as usual here."),
      minimum: 0,
      maximum: 43200,
    },
  },
};

export class HostPanel {
  #page;
  /** @type {Game[] | null} */
  #known = null;

  /** @param {RoomPage} page */
  constructor(page) {
    this.#page = page;
  }

  /**
   * @param {string} type
   * @param {{ [name: string]: Json }} [fields]
   */
  #do(type, fields) {
    return this.#page.attempt(this.#page.room.command(type, fields));
  }

  /**
   * Whether the server says that it can be done now; what it does not say may be tried.
   * @param {"start" | "pause" | "resume" | "kick" | "transfer" | "adjust_chips" | "update_settings" | "close"} what
   */
  #can(what) {
    return this.#page.inside.host_controls?.[`can_${what}`] !== false;
  }

  /**
   * Whether an act that needs a pause between hands must wait for one.
   * @param {"adjust_chips" | "update_settings" | "close"} what
   */
  #waits(what) {
    return !this.#can(what) && this.#page.inside.room.status !== "closed";
  }

  /**
   * Does an act now, or after this hand.
   * @param {"adjust_chips" | "update_settings" | "close_room"} type
   * @param {{ [name: string]: Json }} fields
   */
  #act(type, fields) {
    return this.#do(type, { ...fields, after_hand: true });
  }

  draw() {
    return [this.#requests(), this.#deferred(), this.#running(), this.#players(), this.#others(), this.#closing()];
  }

  /** The acts that wait for the end of the hand, to be taken back. */
  #deferred() {
    const waiting = this.#page.inside.deferred ?? [];
    if (!waiting.length) return null;
    const names = new Names(this.#page.inside);
    return h(
      "section",
      { key: "deferred" },
      h("h2", null, t("After this hand")),
      h(
        "ul",
        { class: "people" },
        waiting.map((act) => {
          const text = actText(act.act, act, names);
          return h(
            "li",
            { key: act.id },
            h("span", null, text[0].toUpperCase() + text.slice(1)),
            h(
              "button",
              {
                class: "quiet small",
                "aria-label": t("Withdraw: {0}", text),
                on: { click: () => this.#do("withdraw", { act_id: act.id }) },
              },
              t("Withdraw"),
            ),
          );
        }),
      ),
    );
  }

  /** Everybody else whom the room knows, with their standing. */
  #others() {
    const view = this.#page.inside;
    const seated = new Set(Object.values(view.seats).map((seat) => seat.user_id));
    const others = Object.entries(view.members ?? {}).filter(
      ([user, member]) => user !== view.me.user_id && !seated.has(user) && member.standing !== "pending",
    );
    const button = (/** @type {string} */ text, /** @type {string} */ name, /** @type {() => unknown} */ work) =>
      h("button", { class: "quiet small", key: text, "aria-label": `${text}: ${name}`, on: { click: work } }, text);
    return h(
      "section",
      { key: "others" },
      h("h2", null, t("Others")),
      others.length
        ? h(
            "ul",
            { class: "people" },
            others.map(([user, member]) => {
              const who = { user_id: user, display_name: member.display_name };
              const inside = member.standing === "approved";
              return h(
                "li",
                { key: user },
                h("bdi", null, member.display_name),
                h("span", { class: "badge" }, standingText(member)),
                inside && button(t("Make host"), member.display_name, () => this.#pass(who)),
                inside && button(t("Remove"), member.display_name, () => this.#kick(who)),
              );
            }),
          )
        : h("p", { class: "muted" }, t("Nobody just now.")),
    );
  }

  #requests() {
    const asked = this.#page.inside.pending_requests ?? [];
    /** @type {(type: string, who: { user_id: string, display_name: string }, text: string) => Child} */
    const answer = (type, who, text) =>
      h(
        "button",
        {
          class: type === "approve" ? "primary small" : "quiet small",
          key: type,
          "aria-label": `${text} ${who.display_name}`,
          on: { click: () => this.#do(type, { user_id: who.user_id }) },
        },
        text,
      );
    return h(
      "section",
      { key: "requests" },
      h("h2", null, t("Asking to join")),
      asked.length
        ? h(
            "ul",
            { class: "people" },
            asked.map((who) =>
              h(
                "li",
                { key: who.user_id },
                h("bdi", null, who.display_name),
                answer("approve", who, t("Approve")),
                answer("reject", who, t("Reject")),
              ),
            ),
          )
        : h("p", { class: "muted" }, t("Nobody just now.")),
    );
  }

  #running() {
    const view = this.#page.inside;
    const paused = view.room.status === "paused";
    /** @type {(text: string, can: boolean, work: () => unknown) => Child} */
    const button = (text, can, work) =>
      h("button", { class: "quiet small", key: text, disabled: !can, on: { click: work } }, text);
    return h(
      "section",
      { key: "running" },
      h("h2", null, t("The game")),
      h(
        "div",
        { class: "buttons" },
        view.room.options.auto_start === false && button(t("Start"), this.#can("start"), () => this.#do("start")),
        paused
          ? button(t("Resume"), this.#can("resume"), () => this.#do("resume"))
          : button(t("Pause"), this.#can("pause"), () => this.#do("pause")),
        button(t("Settings"), view.room.status !== "closed", () => this.#settings()),
      ),
    );
  }

  #players() {
    const view = this.#page.inside;
    const others = Object.values(view.seats).filter((seat) => seat.user_id !== view.me.user_id);
    const chips = Object.values(view.seats).filter((seat) => seat.chips !== undefined);
    /** @type {(text: string, seat: Seat, can: boolean, work: () => unknown) => Child} */
    const button = (text, seat, can, work) =>
      h(
        "button",
        {
          class: "quiet small",
          key: text,
          disabled: !can,
          "aria-label": `${text}: ${seat.display_name}`,
          on: { click: work },
        },
        text,
      );
    const line = (/** @type {Seat} */ seat) =>
      h(
        "li",
        { key: seat.user_id },
        h("bdi", null, seat.display_name),
        seat.bot && h("span", { class: "badge bot", key: "bot" }, t("bot")),
        seat.chips !== undefined && h("span", { class: "muted" }, ` ${amount(seat.chips)} `),
        chips.includes(seat) && button(t("Chips"), seat, view.room.status !== "closed", () => this.#chips(seat)),
        others.includes(seat) && !seat.bot && button(t("Make host"), seat, this.#can("transfer"), () => this.#pass(seat)),
        others.includes(seat) &&
          button(t("Remove"), seat, this.#can("kick"), () =>
            seat.bot ? this.#do("kick", { user_id: seat.user_id }) : this.#kick(seat),
          ),
      );
    const free = freeSeats(view).filter((seat) => seat !== view.me.reserved_seat);
    return h(
      "section",
      { key: "players" },
      h("h2", null, t("Players")),
      h("ul", { class: "people" }, Object.values(view.seats).map(line)),
      h(
        "button",
        { class: "quiet small", key: "add-bot", disabled: !free.length, on: { click: () => this.#addBot(free) } },
        t("Add a bot"),
      ),
    );
  }

  #closing() {
    return h(
      "section",
      { key: "closing" },
      h(
        "button",
        {
          class: "danger small",
          disabled: this.#page.inside.room.status === "closed",
          on: { click: () => this.#close() },
        },
        this.#waits("close") ? t("Close the table after this hand") : t("Close the table"),
      ),
    );
  }

  // Questions

  /**
   * @param {string} title
   * @param {string} yes
   * @param {(form: HTMLFormElement) => unknown} work
   * @param {Child[]} body
   */
  #question(title, yes, work, ...body) {
    const ask = (/** @type {() => void} */ close) => {
      const submit = (/** @type {SubmitEvent} */ event) => {
        const form = submitted(event);
        close();
        work(form);
      };
      return h(
        "form",
        { on: { submit } },
        body,
        h(
          "div",
          { class: "buttons" },
          h("button", { class: "primary" }, yes),
          h("button", { type: "button", class: "quiet", on: { click: close } }, t("Not now")),
        ),
      );
    };
    this.#page.ask({ title, body: ask });
  }

  /** @param {number[]} free */
  async #addBot(free) {
    const found = await this.#games();
    const bots = found?.find((each) => each.game === this.#page.inside.room.game)?.bots ?? [];
    this.#question(
      t("Add a bot"),
      t("Add it"),
      (form) => this.#do("add_bot", { seat_index: Number(valueIn(form, "seat")), bot: valueIn(form, "bot") }),
      choice("bot", t("Bot"), bots.map((name) => [name, name])),
      choice("seat", t("Seat"), free.map((seat) => [String(seat), String(seat + 1)])),
    );
  }

  /** @param {{ user_id: string, display_name: string }} seat */
  #kick(seat) {
    this.#question(
      t("Remove a player"),
      t("Remove"),
      (form) => this.#do("kick", { user_id: seat.user_id, ban: checkedIn(form, "ban") }),
      h("p", null, h("bdi", null, seat.display_name), t(" loses the seat. A running hand is folded.")),
      h(
        "div",
        { class: "field check" },
        h("input", { type: "checkbox", id: "ban", name: "ban" }),
        h("label", { for: "ban" }, t("and may not come back")),
      ),
    );
  }

  /** @param {{ user_id: string, display_name: string }} seat */
  #pass(seat) {
    this.#question(
      t("Pass the host's part on"),
      t("Pass it on"),
      () => this.#do("transfer_host", { user_id: seat.user_id }),
      h("p", null, h("bdi", null, seat.display_name), t(" will be host, and you will not.")),
    );
  }

  #close() {
    this.#question(
      t("Close the table"),
      this.#waits("close") ? t("Close it after this hand") : t("Close it"),
      () => this.#act("close_room", {}),
      h("p", null, t("Everybody has to leave. It cannot be opened again.")),
    );
  }

  /** @param {Seat} seat */
  #chips(seat) {
    const read = (/** @type {HTMLFormElement} */ form) => {
      const reason = valueIn(form, "reason");
      return { user_id: seat.user_id, amount: Number(valueIn(form, "amount")), ...(reason ? { reason } : {}) };
    };
    this.#question(
      t("Give or take chips"),
      this.#waits("adjust_chips") ? t("Do it after this hand") : t("Do it"),
      (form) => this.#act("adjust_chips", read(form)),
      h("p", null, h("bdi", null, seat.display_name), t(" has {0}.", amount(seat.chips))),
      h(
        "div",
        { class: "field" },
        h("label", { for: "adjust" }, t("Chips, less than zero to take")),
        h("input", { id: "adjust", name: "amount", type: "number", step: 1, required: true, value: 100 }),
      ),
      h(
        "div",
        { class: "field" },
        h("label", { for: "reason" }, t("Reason")),
        h("input", { id: "reason", name: "reason", maxlength: 200 }),
      ),
    );
  }

  /**
   * The games there are; null, and a notice, where they are not to be had now.
   * @returns {Promise<Game[] | null>}
   */
  async #games() {
    try {
      return (this.#known ??= (await this.#page.client.request("GET", "/api/games")).games);
    } catch (error) {
      await this.#page.attempt(Promise.reject(error));
      return null;
    }
  }

  async #settings() {
    const view = this.#page.inside;
    const games = await this.#games();
    if (games === null) return;
    const schema = games.find((each) => each.game === view.room.game)?.options ?? {};
    const before = view.room;
    /** @type {(now: { [name: string]: Json }, was: { [name: string]: unknown }) => { [name: string]: Json }} */
    const changed = (now, was) =>
      Object.fromEntries(Object.entries(now).filter(([name, value]) => value !== was[name]));
    const work = (/** @type {HTMLFormElement} */ form) => {
      const options = changed(filled(form, schema, { prefix: "option-" }), before.options);
      const settings = changed(filled(form, ROOM, { prefix: "room-" }), before);
      if (Object.keys(options).length) settings.options = options;
      if (Object.keys(settings).length) this.#act("update_settings", { settings });
    };
    this.#question(
      t("Settings"),
      this.#waits("update_settings") ? t("Save after this hand") : t("Save"),
      work,
      h(
        "div",
        { class: "fields" },
        fields(ROOM, before, { prefix: "room-" }),
        fields(schema, before.options, { prefix: "option-" }),
      ),
    );
  }
}

/**
 * A field of a form with a few values to choose from.
 * @param {string} name
 * @param {string} title
 * @param {[string, string][]} options Each value, and its words.
 */
function choice(name, title, options) {
  return h(
    "div",
    { class: "field" },
    h("label", { for: name }, title),
    h(
      "select",
      { id: name, name },
      options.map(([value, text]) => h("option", { value, key: value }, text)),
    ),
  );
}

/**
 * A member's part, in a word or two.
 * @param {NonNullable<import("./shapes.d.ts").View["members"]>[string]} member
 */
function standingText({ standing, banned, watching, status }) {
  if (standing !== "approved") return banned ? "banned" : standing;
  const part = watching ? "watching" : "admitted";
  return status === "away" ? t("{0}, away", part) : part;
}
