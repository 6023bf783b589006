/** Giving up, and what players agree on: a draw, and to take a move back. For games that have it, beside any table. */

import { h } from "./dom.js";
import { t } from "./texts.js";

/** @import { Child, RoomPage, View } from "./shapes.d.ts" */
/** @typedef {NonNullable<View["offer"]>} Offer */

export class Offers {
  #page;
  /** Whether they were asked if they really give up. */
  #sure = false;
  /** The last of these buttons that was pressed is gone: that which stands in for it has the focus. */
  #pressed = false;

  /** @param {RoomPage} page */
  constructor(page) {
    this.#page = page;
  }

  draw() {
    const { me, offer } = this.#page.inside;
    if (!me.offers) this.#sure = this.#pressed = false;
    const keydown = (/** @type {KeyboardEvent} */ event) => {
      if (this.#sure && event.key === "Escape") this.#ask(false);
    };
    return h(
      "div",
      { class: "offers", key: "offers", tabindex: -1 },
      h("p", { class: "standing", key: "standing", role: "status" }, offer && this.#said(offer)),
      h(
        "div",
        { class: "offer-buttons", key: "buttons", role: "group", "aria-label": t("Offers"), on: { keydown } },
        offer && this.#answers(offer),
        me.offers && this.#own(me.offers, offer),
      ),
    );
  }

  /** @param {number} seat */
  #name(seat) {
    return this.#page.inside.seats[seat]?.display_name ?? t("a player");
  }

  /**
   * The offer in words, with those who have agreed.
   * @param {Offer} offer
   */
  #said({ offer, seat_index, accepted }) {
    const who = this.#name(seat_index);
    return [
      offer === "draw" ? t("{0} offers a draw.", who) : t("{0} asks to take a move back.", who),
      accepted.length > 0 && t("Agreed: {0}.", accepted.map((seat) => this.#name(seat)).join(", ")),
    ]
      .filter(Boolean)
      .join(" ");
  }

  /**
   * @param {Offer} made
   * @returns {Child}
   */
  #answers({ offer, id, seat_index, accepted }) {
    const { me } = this.#page.inside;
    const { seat_index: seat } = me;
    if (seat === seat_index)
      return this.#button(t("Withdraw"), () => this.#send("withdraw_offer", { offer: id }), { takesOver: true });
    if (!me.offers || seat === undefined || accepted.includes(seat)) return null;
    const answer = (/** @type {boolean} */ accept) => this.#answer(`answer_${offer}`, { accept, offer: id });
    return [
      this.#button(t("Accept"), () => answer(true), { class: "primary" }),
      this.#button(t("Decline"), () => answer(false), { class: "" }),
    ];
  }

  /**
   * @param {readonly string[]} kinds
   * @param {Offer | undefined} offer
   */
  #own(kinds, offer) {
    // The harmless one has the focus: a key that is held down gives nothing up.
    if (this.#sure)
      return [
        this.#button(t("Resign the game"), () => (this.#ask(false), this.#send("resign")), { class: "danger" }),
        this.#button(t("Play on"), () => this.#ask(false), { takesOver: true }),
      ];
    return [
      kinds.includes("resign") && this.#button(t("Resign"), () => this.#ask(true), { takesOver: true }),
      !offer && kinds.includes("draw") && this.#button(t("Offer draw"), () => this.#offer("offer_draw")),
      !offer && kinds.includes("undo") && this.#button(t("Take back"), () => this.#offer("request_undo")),
    ];
  }

  /**
   * Asks whether they really give up, or no longer.
   * @param {boolean} sure
   */
  #ask(sure) {
    this.#sure = sure;
    this.#pressed = true;
    this.#page.redraw();
  }

  /** @param {string} command */
  async #offer(command) {
    this.#pressed = true;
    if (!(await this.#send(command))) this.#pressed = false;
  }

  /**
   * The buttons go with the offer: the next of these has the focus then, or their place, unless it is elsewhere.
   * @param {string} command
   * @param {{ [name: string]: string | boolean }} args
   */
  async #answer(command, args) {
    const place = document.activeElement?.closest(".offers");
    if (!(await this.#send(command, args)) || !(place instanceof HTMLElement)) return;
    await new Promise(requestAnimationFrame); // It is drawn without them.
    const { activeElement } = document;
    if (activeElement !== document.body && !place.contains(activeElement)) return;
    (place.querySelector("button") ?? place).focus();
  }

  /**
   * @param {string} command
   * @param {{ [name: string]: string | boolean }} [args]
   */
  #send(command, args) {
    return this.#page.attempt(this.#page.room.command(command, args));
  }

  /**
   * @param {string} text
   * @param {() => unknown} click
   * @param {{ class?: string, takesOver?: boolean }} more
   */
  #button(text, click, { class: look = "quiet", takesOver = false } = {}) {
    const mounted = (/** @type {HTMLElement} */ element) => {
      if (takesOver && this.#pressed) element.focus();
      if (takesOver) this.#pressed = false;
    };
    return h("button", { class: look, key: text, mounted, on: { click } }, text);
  }
}
