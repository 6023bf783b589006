/** The side of the table: what is said, what happened, who is here, and the host's controls. */

import { fieldIn, h, submitted } from "./dom.js";
import { actText, Names, rounds, talk, whatOf } from "./story.js";
import { t } from "./texts.js";

/** @import { Child, RoomPage, Seat, Status, Update } from "./shapes.d.ts" */
/** @import { HostPanel } from "./host.js" */

/** @typedef {"chat" | "hands" | "people" | "host"} Tab */

/** Updates of the past that are fetched at once. */
const EARLIER = 200;

export class Side {
  /** On a small screen: whether it is over the table. */
  open = false;

  #page;
  /**
   * Loaded for hosts alone.
   * @type {HostPanel | undefined}
   */
  #host;
  #loading = false;
  /** @type {Tab} */
  #tab = "chat";
  #read = 0;
  #earlier = { busy: false, done: false };

  /** @param {RoomPage} page */
  constructor(page) {
    this.#page = page;
  }

  toggle() {
    this.open = !this.open;
    this.#page.redraw();
  }

  /** Whether there is something that has not been looked at. */
  get news() {
    return this.#unread || Boolean(this.#page.inside.pending_requests?.length);
  }

  get #unread() {
    const said = talk(this.#page.room.history);
    return (said.at(-1)?.seq ?? 0) > this.#read && !(this.open && this.#tab === "chat");
  }

  draw() {
    const { me, pending_requests = [] } = this.#page.inside;
    /** @type {[name: Tab, text: string][]} */
    const tabs = [
      ["chat", t("Chat")],
      ["hands", t("History")],
      ["people", t("People")],
    ];
    if (me.is_host) {
      tabs.push(["host", pending_requests.length ? t("Host ({0})", pending_requests.length) : t("Host")]);
      this.#loadHost();
    }
    if (!tabs.some(([name]) => name === this.#tab)) this.#tab = "chat";
    /** @type {{ [name in Tab]: () => Child }} */
    const panels = {
      chat: () => this.#chat(),
      hands: () => this.#hands(),
      people: () => this.#people(),
      host: () => this.#host?.draw(),
    };
    const choose = (/** @type {Tab} */ name) => {
      this.#tab = name;
      this.#page.redraw();
    };
    const step = (/** @type {KeyboardEvent} */ event) => {
      const by = event.key === "ArrowRight" ? 1 : event.key === "ArrowLeft" ? -1 : 0;
      if (!by) return;
      const next = (tabs.findIndex(([name]) => name === this.#tab) + by + tabs.length) % tabs.length;
      choose(tabs[next][0]);
      queueMicrotask(() => document.getElementById(`tab-${this.#tab}`)?.focus());
    };
    const tab = (/** @type {[name: Tab, text: string]} */ [name, text]) =>
      h(
        "button",
        {
          class: "tab",
          id: `tab-${name}`,
          key: name,
          role: "tab",
          "aria-selected": String(name === this.#tab),
          "aria-controls": "panel",
          tabindex: name === this.#tab ? 0 : -1,
          on: { click: () => choose(name), keydown: step },
        },
        text,
      );
    return h(
      "aside",
      { class: `side${this.open ? " open" : ""}`, key: "side", id: "side", "aria-label": t("Beside the table") },
      h(
        "div",
        { class: "tabs", role: "tablist" },
        tabs.map(tab),
        h(
          "button",
          { class: "close-side", key: "close", "aria-label": t("Close"), on: { click: () => this.toggle() } },
          "×",
        ),
      ),
      this.#deferred(),
      h(
        "div",
        {
          class: `panel panel-${this.#tab}`,
          key: this.#tab,
          id: "panel",
          role: "tabpanel",
          tabindex: 0,
          "aria-labelledby": `tab-${this.#tab}`,
        },
        panels[this.#tab](),
      ),
    );
  }

  /** Before its tab is opened, so that there is no waiting then. */
  async #loadHost() {
    if (this.#host || this.#loading) return;
    this.#loading = true;
    try {
      const { HostPanel } = await import("./host.js");
      this.#host = new HostPanel(this.#page);
    } catch {
      this.#loading = false; // Asked for again by the next drawing.
    }
    this.#page.redraw();
  }

  /** The host's acts that wait for the end of the hand: everybody sees them, on every tab. */
  #deferred() {
    const { deferred = [] } = this.#page.inside;
    if (!deferred.length) return null;
    const names = new Names(this.#page.inside);
    const texts = deferred.map((act) => actText(act.act, act, names));
    return h("p", { class: "after-hand", key: "after-hand" }, t("After this hand the host will {0}.", texts.join(", ")));
  }

  #chat() {
    const said = talk(this.#page.room.history);
    this.#read = Math.max(this.#read, said.at(-1)?.seq ?? 0);
    const send = async (/** @type {SubmitEvent} */ event) => {
      const box = fieldIn(submitted(event), "text");
      const text = box?.value.trim();
      if (!box || !text) return;
      box.value = "";
      if (!(await this.#page.attempt(this.#page.room.chat(text)))) box.value ||= text;
    };
    return [
      h(
        "ul",
        {
          class: "talk",
          key: "talk",
          "aria-live": "polite",
          "aria-label": t("Chat"),
          vars: { "--count": said.length },
          mounted: keepAtEnd,
        },
        said.map((each) =>
          h(
            "li",
            { key: each.seq, class: each.user_id === this.#page.inside.me.user_id ? "own-words" : "" },
            h("bdi", { class: "speaker" }, each.name),
            " ",
            h("bdi", null, each.text),
          ),
        ),
      ),
      h(
        "form",
        { class: "say", key: "say", on: { submit: send } },
        h("input", {
          name: "text",
          maxlength: 500,
          placeholder: t("Say something"),
          "aria-label": t("Message"),
          autocomplete: "off",
        }),
        h("button", null, t("Send")),
      ),
    ];
  }

  #hands() {
    const told = rounds(this.#page.room.history, this.#page.inside);
    const first = this.#page.room.history[0]?.seq ?? 1;
    const more = first > 1 && !this.#earlier.done;
    return [
      more &&
        h(
          "button",
          {
            class: "quiet",
            key: "earlier",
            disabled: this.#earlier.busy,
            on: { click: () => this.#earlierHands(first) },
          },
          t("Earlier"),
        ),
      h(
        "div",
        { class: "story", key: "story" },
        told.reverse().map((round, index) =>
          h(
            "details",
            { key: round.title, open: index === 0 },
            h("summary", null, round.title),
            h(
              "ol",
              null,
              round.lines.map((line, at) =>
                h("li", { key: `${line.seq}.${at}`, class: `told-${line.kind}` }, line.text),
              ),
            ),
          ),
        ),
      ),
    ];
  }

  /** @param {number} first */
  async #earlierHands(first) {
    this.#earlier.busy = true;
    this.#page.redraw();
    try {
      const after = Math.max(0, first - 1 - EARLIER);
      /** @type {{ updates: Update[] }} */
      const { updates } = await this.#page.client.request(
        "GET",
        `/api/rooms/${this.#page.room.id}/events?after=${after}&limit=${first - 1 - after}`,
      );
      const known = updates.filter((update) => update.seq < first);
      this.#earlier.done = !known.length;
      this.#page.room.history = [...known, ...this.#page.room.history];
    } catch (error) {
      this.#page.notice(whatOf(error));
    }
    this.#earlier.busy = false;
    this.#page.redraw();
  }

  #people() {
    const view = this.#page.inside;
    const seated = Object.values(view.seats);
    const line = (/** @type {Seat} */ seat) =>
      h(
        "li",
        { key: seat.user_id },
        h("bdi", null, seat.display_name),
        " ",
        seat.user_id === view.room.host_id && h("span", { class: "badge" }, t("host")),
        " ",
        statusText(seat, this.#page.room.presence),
      );
    return [
      h("h2", { key: "h" }, t("{0} playing", seated.length)),
      h("ul", { class: "people", key: "l" }, seated.map(line)),
      h("p", { class: "muted", key: "w" }, t("{0} watching", view.spectators)),
      h(
        "ul",
        { class: "people", key: "s" },
        Object.entries(view.watching).map(([user, { display_name, status }]) =>
          h(
            "li",
            { key: user },
            h("bdi", null, display_name),
            " ",
            user === view.room.host_id && h("span", { class: "badge" }, t("host")),
            " ",
            status === "away" && h("span", { class: "badge status-away" }, t("away")),
          ),
        ),
      ),
    ];
  }
}

/**
 * @param {Seat} seat
 * @param {Map<string, Status>} presence
 */
function statusText(seat, presence) {
  const status = seat.status === "active" ? (presence.get(seat.user_id) ?? "active") : seat.status;
  return status === "active" ? null : h("span", { class: `badge status-${status}` }, status.replaceAll("_", " "));
}

/**
 * Follows what is added at the end, unless somebody is reading further up.
 * @param {HTMLElement} element
 */
function keepAtEnd(element) {
  const toEnd = () => (element.scrollTop = element.scrollHeight);
  toEnd();
  new MutationObserver((changes) => {
    const added = /** @type {HTMLElement[]} */ (changes.flatMap((change) => [...change.addedNodes]));
    const grown = added.reduce((sum, node) => sum + (node.offsetHeight ?? 0), 0);
    if (element.scrollHeight - element.scrollTop - element.clientHeight - grown < 40) toEnd();
  }).observe(element, { childList: true });
}
