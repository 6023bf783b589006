/**
 * What an operator does: a choice, what it needs to be told, the sentence that says what it will do, and the deed. The
 * list of what was done, and of the orders that stand.
 */

import { h, modal, submitted, valueIn } from "./dom.js";
import { button, table, time } from "./parts.js";

/** @import { Child } from "./shapes.d.ts" */
/** @import { ActAnswer, ActAsked, ActList, Operator, OrderList, PlacedRoom } from "./operator.d.ts" */
/**
 * @typedef {{ title: string, asked: ActAsked, fields: Field[], does: string, confirm: string, error: string,
 *   busy: boolean }} Choice
 */
/** @typedef {"text" | "reason" | "minutes"} Field */

const LABELS = { text: "Words to say", reason: "Why (it is told to them)", minutes: "For how many minutes (empty: for good)" };
/** @type {Field[]} */
const LASTING = ["reason", "minutes"];

export class ActPanel {
  /** @type {Operator} */
  operator = { name: "", roles: [] };
  /** @type {Choice | null} */
  #choice = null;
  #done = "";
  #post;
  #changed;

  /**
   * @param {(asked: ActAsked) => Promise<ActAnswer>} post
   * @param {() => void} changed called when the panel is to be drawn again, or something was done
   */
  constructor(post, changed) {
    this.#post = post;
    this.#changed = changed;
  }

  /** @param {string} role */
  may(role) {
    return this.operator.roles.includes(role);
  }

  /**
   * A button that begins an act.
   * @param {string} text
   * @param {ActAsked} asked
   * @param {Field[]} fields
   * @param {string} role
   * @returns {Child}
   */
  button(text, asked, fields = [], role = "act") {
    return this.may(role) && button(text, false, () => this.#begin(text, asked, fields));
  }

  /** @param {PlacedRoom} room */
  onRoom({ id: room, status }) {
    if (!this.may("act")) return null;
    const open = status !== "closed";
    return h(
      "section",
      { key: "acts", "aria-labelledby": "acts-title" },
      h("h2", { id: "acts-title" }, "Act"),
      h(
        "div",
        { class: "bar" },
        open && (status === "paused" ? this.button("Let it go on", { act: "resume", room }) : this.button("Pause", { act: "pause", room })),
        open && this.button("Announce", { act: "announce", room }, ["text"]),
        this.button("Move to another actor", { act: "move", room }),
        this.button("Take out of memory", { act: "evict", room }),
        open && this.button("Close", { act: "close", room }),
        this.button("Remove", { act: "remove", room }, [], "all"),
      ),
    );
  }

  /**
   * @param {string} user_id
   * @param {string | null} room in which they have a part
   */
  onPerson(user_id, room = null) {
    return h(
      "div",
      { class: "bar" },
      room !== null && this.button("Put out", { act: "kick", room, user_id }),
      room !== null && this.button("Put out for good", { act: "kick", room, user_id, ban: true }),
      this.button("Mute", { act: "mute", user_id }, LASTING),
      this.button("Ban", { act: "ban", user_id }, LASTING),
    );
  }

  /**
   * @param {ActList} list
   * @param {OrderList} standing
   */
  lists({ acts }, { orders }) {
    const told = (/** @type {ActAsked} */ { act: _, ...more }) =>
      Object.entries(more)
        .map(([name, value]) => `${name}=${value}`)
        .join(" ");
    return h(
      "section",
      { key: "done", "aria-labelledby": "done-title" },
      h(
        "div",
        { class: "top" },
        h("h2", { id: "done-title" }, "Operators"),
        h("span", { class: "muted" }, `You are ${this.operator.name}.`),
        this.button("Announce to all", { act: "announce_all" }, ["text"], "all"),
      ),
      table(
        "Kept out or not heard",
        ["Order", "Of", "Until", "Why", "By", ""],
        orders.map(({ kind, subject, until, reason, operator }) => ({
          key: `${kind} ${subject}`,
          cells: [
            kind.replace("_", " "),
            subject,
            until ? new Date(until).toLocaleString() : "for good",
            { wide: reason },
            operator,
            this.button("Lift", kind === "mute" ? { act: "unmute", user_id: subject } : kind === "ban_user" ? { act: "unban", user_id: subject } : { act: "unban", address: subject }),
          ],
        })),
      ),
      table(
        "Acts",
        ["#Number", "At", "Operator", "Act", "Told", "Outcome"],
        acts.map((each) => ({
          key: each.number,
          cells: [each.number, time(each.at), each.operator, each.act, { wide: told(each.told) }, each.outcome ?? "not known"],
        })),
      ),
    );
  }

  /** The question that stands over the page, or the deed that was done. */
  over() {
    const choice = this.#choice;
    const close = () => this.#close();
    return [
      h("p", { key: "acted", class: this.#done ? "banner" : "none", role: "status" }, this.#done),
      choice &&
        modal(
          choice.title,
          close,
          h(
            "form",
            { on: { submit: (/** @type {SubmitEvent} */ event) => (choice.confirm ? this.#confirm(event) : this.#told(event)) } },
            choice.confirm
              ? h("p", { id: "does" }, choice.does)
              : choice.fields.map((field) =>
                  h(
                    "div",
                    { class: "field", key: field },
                    h("label", { for: field }, LABELS[field]),
                    h("input", {
                      id: field,
                      name: field,
                      type: field === "minutes" ? "number" : "text",
                      min: 1,
                      maxlength: field === "reason" ? 200 : 500,
                      required: field === "text",
                    }),
                  ),
                ),
            h("p", { class: "error", role: "alert" }, choice.error),
            h(
              "div",
              { class: "bar" },
              h("button", { class: "primary", disabled: choice.busy }, choice.confirm ? "Do it" : "On"),
              h("button", { type: "button", on: { click: close } }, "No"),
            ),
          ),
        ),
    ];
  }

  /**
   * @param {string} title
   * @param {ActAsked} asked
   * @param {Field[]} fields
   */
  #begin(title, asked, fields) {
    this.#choice = { title, asked, fields, does: "", confirm: "", error: "", busy: false };
    this.#done = "";
    if (fields.length) this.#changed();
    else this.#plan(asked);
  }

  /** @param {SubmitEvent} event */
  #told(event) {
    const form = submitted(event);
    if (!this.#choice) return;
    const given = Object.fromEntries(
      this.#choice.fields
        .map((field) => [field, valueIn(form, field).trim()])
        .filter(([, value]) => value)
        .map(([field, value]) => [field, field === "minutes" ? Number(value) : value]),
    );
    this.#plan({ ...this.#choice.asked, ...given });
  }

  /** @param {ActAsked} asked */
  async #plan(asked) {
    const answer = await this.#asked(asked);
    if (answer && this.#choice) Object.assign(this.#choice, { asked, does: answer.does, confirm: answer.confirm });
    this.#changed();
  }

  /** @param {SubmitEvent} event */
  async #confirm(event) {
    event.preventDefault();
    if (!this.#choice) return;
    const { asked, confirm } = this.#choice;
    const answer = await this.#asked({ ...asked, confirm });
    if (answer) {
      this.#choice = null;
      this.#done = `${answer.does} Done.`;
    }
    this.#changed();
  }

  /**
   * @param {ActAsked} asked
   * @returns {Promise<ActAnswer | null>}
   */
  async #asked(asked) {
    const choice = this.#choice;
    if (!choice || choice.busy) return null;
    choice.busy = true;
    choice.error = "";
    this.#changed();
    try {
      const answer = await this.#post(asked);
      return this.#choice === choice ? answer : null;
    } catch (error) {
      choice.error = error instanceof Error ? error.message : String(error);
      return null;
    } finally {
      choice.busy = false;
    }
  }

  #close() {
    this.#choice = null;
    this.#changed();
  }
}
