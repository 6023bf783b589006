/** The browser's application: one client, one page at a time, one banner. */

import { Tavola } from "./tavola.js";
import { runClocks } from "./clock.js";
import { byId, h, render } from "./dom.js";
import { keep, kept } from "./kept.js";
import { whatOf } from "./story.js";
import { t } from "./texts.js";

/** @import { Connection, Page, Wish } from "./shapes.d.ts" */

const NOTICE_MS = 6000;
/** A loss shorter than this is not worth a word. */
const PATIENCE_MS = 400;
const NAME = "tavola.name";
/** @type {{ [reason: string]: string }} */
const CLOSED = {
  signed_out: t("You are signed out. Reload the page to come back."),
  refused: t("The server has closed this connection."),
  too_many: t("You have too many windows of this table open. Close some, and reload this one."),
  protocol: t("This page and the server do not understand each other. Reload the page."),
};

export class App {
  client = new Tavola();

  /** @type {Page | null} */
  #page = null;
  /** Counts ways from page to page: a later one is the one that counts. */
  #way = 0;
  #drawing = false;
  /** Whether a session stands behind this, and not the tokens of one room alone. */
  #signed = false;
  /** @type {{ text: string } | null} */
  #notice = null;
  #spoken = "";
  #fault = "";
  #renaming = Promise.resolve();
  /** @type {number | null} */
  #lost_at = null;
  #root = byId("app");

  async start() {
    runClocks(() => this.client.now());
    this.client.on("connection", (connection) => this.#connection(connection));
    this.client.on("refused", (refused) => this.notice(refused.message));
    addEventListener("popstate", () => this.#route({}));
    document.addEventListener("click", (event) => this.#clicked(event));
    document.addEventListener("keydown", (event) => this.#key(event));
    this.redraw();
    await this.#signIn();
    await this.#route({});
  }

  /** The cookie says who the user is; without one they are a guest, under the name that they last gave themselves. */
  async #signIn() {
    for (let wait = 500; ; wait = Math.min(5000, wait * 2)) {
      try {
        // With the session gone, the room's tokens may say who this is; a new guest would be somebody else.
        this.#signed = !this.#remembered() || (await this.client.resume()) !== null;
        if (this.#signed) await this.client.signIn(kept(NAME));
        return;
      } catch (error) {
        this.notice(whatOf(error));
        await new Promise((resolve) => setTimeout(resolve, wait));
      }
    }
  }

  /** Whether this address's room gave tokens on an earlier visit: they say who this is when the session is lost. */
  #remembered() {
    return this.client.remembers(location.pathname.match(/^\/room\/([^/]+)$/)?.[1]);
  }

  /**
   * The page that comes next waits for it.
   * @param {string} name
   */
  rename(name) {
    this.#renaming = this.client.signIn(name).then(() => keep(NAME, name));
    return this.#renaming;
  }

  // Pages

  /**
   * @param {string} path
   * @param {Wish} options
   */
  go(path, options = {}) {
    history.pushState(null, "", path);
    return this.#route(options);
  }

  /** @param {Wish} options */
  async #route(options) {
    const way = ++this.#way;
    const named = location.pathname.match(/^\/room\/([^/]+)$/)?.[1];
    /** @type {Page} */
    let page;
    try {
      page = named
        ? new (await import("./room.js")).RoomPage(this, decodeURIComponent(named), options)
        : location.pathname === "/mine"
          ? new (await import("./mine.js")).MinePage(this)
          : new (await import("./lobby.js")).LobbyPage(this);
    } catch (error) {
      if (way === this.#way) this.notice(whatOf(error));
      return;
    }
    if (way !== this.#way) return;
    this.#page?.exit();
    this.#page = page;
    this.#notice = null;
    this.redraw();
    scrollTo(0, 0);
    await this.#renaming.catch(() => {}); // The caller that asked for it is told.
    if (page !== this.#page) return;
    try {
      await page.enter();
    } catch (error) {
      if (page === this.#page) page.failed(error);
    }
    this.redraw();
  }

  /**
   * Links within the application change the page without loading it anew; without a session they do, to get one.
   * @param {MouseEvent} event
   */
  #clicked(event) {
    const path = closest(event, "a[href^='/']")?.getAttribute("href");
    const elsewhere = event.button || event.ctrlKey || event.metaKey || event.shiftKey;
    if (!path || elsewhere || !this.#signed) return;
    event.preventDefault();
    this.go(path);
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    const typing = closest(event, "input:not([type=range]), textarea, select, dialog");
    if (!typing) this.#page?.key(event);
  }

  // Messages

  /**
   * Something to be read for a while.
   * @param {string} text
   */
  notice(text) {
    const mine = (this.#notice = { text });
    this.redraw();
    setTimeout(() => {
      if (this.#notice !== mine) return;
      this.#notice = null;
      this.redraw();
    }, NOTICE_MS);
  }

  /**
   * Something that is wrong, once: it is not said again while it stays so.
   * @param {string} text
   */
  fault(text) {
    if (text === this.#fault) return;
    this.#fault = text;
    this.notice(text);
  }

  /**
   * Something for screen readers.
   * @param {string} text
   */
  announce(text) {
    if (!text) return;
    this.#spoken = text;
    this.redraw();
  }

  /** @param {Connection} connection */
  #connection({ state }) {
    if (state === "open") this.#lost_at = null;
    else if (this.#lost_at === null) {
      this.#lost_at = Date.now();
      setTimeout(() => this.redraw(), PATIENCE_MS + 10);
    }
    this.redraw();
  }

  #banner() {
    const { state, reason, attempt } = this.client.connection;
    if (state === "closed") return { class: "bad", text: CLOSED[reason ?? ""] ?? CLOSED.refused };
    if (this.#lost_at !== null && Date.now() - this.#lost_at > PATIENCE_MS) {
      const offline = navigator.onLine === false ? t("You are offline.") : t("The connection was lost.");
      return { class: "warn", text: attempt > 0 ? t("{0} Reconnecting…", offline) : t("Connecting…") };
    }
    if (this.#page?.banner) return { class: "warn", text: this.#page.banner };
    return this.#notice && { class: "note", text: this.#notice.text };
  }

  // Drawing

  redraw() {
    if (this.#drawing) return;
    this.#drawing = true;
    queueMicrotask(() => {
      this.#drawing = false;
      this.#draw();
    });
  }

  #draw() {
    const page = this.#page;
    document.title = page ? t("{0} · Tavola", page.title) : t("Tavola");
    const banner = this.#banner();
    render(
      this.#root,
      h("a", { class: "skip", href: "#main", key: "skip" }, t("To the content")),
      page?.own_head
        ? null
        : h("header", { class: "masthead", key: "masthead" }, h("a", { href: "/", class: "brand" }, t("Tavola"))),
      h(
        "div",
        { class: `banner ${banner?.class ?? "none"}`, key: "banner", role: "status", "aria-live": "polite" },
        banner?.text,
      ),
      h("div", { class: "sr", key: "spoken", "aria-live": "polite", id: "spoken" }, this.#spoken),
      page?.draw() ?? h("main", { class: "page door", id: "main" }, h("p", null, t("Tavola is opening…"))),
    );
    page?.drawn();
  }
}

/**
 * What an event happened in, if it is something of that kind.
 * @param {Event} event
 * @param {string} kind A selector.
 */
const closest = ({ target }, kind) => (target instanceof Element ? target.closest(kind) : null);

new App().start();
