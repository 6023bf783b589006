/** A table for any game: what everybody sees, and a form made from `legal`. Tic-tac-toe has a board of its own. */

import { h, submitted, valueIn } from "./dom.js";
import { place, emptySeat, statusBadge, turnClock } from "./seats.js";
import { words } from "./story.js";

/** @import { Child, Choices, Legal, Range, RoomPage, Seat, View } from "./shapes.d.ts" */

const TOLD_ELSEWHERE = new Set(["seat_index", "user_id", "display_name", "status"]);
const MARKS = ["X", "O"];

/** @param {RoomPage} page */
export function genericTable(page) {
  const view = page.inside;
  const { id, number, ...game } = view.game;
  const board = view.room.game === "tictactoe" ? grid(page) : tree(game);
  const count = view.room.max_players;
  return h(
    "section",
    { class: "table generic", "aria-label": "Table" },
    h(
      "ol",
      { class: "seats row", "aria-label": "Seats" },
      Array.from({ length: count }, (_, index) =>
        view.seats[index] ? player(view.seats[index], page) : emptySeat(index, place(index, count, 0), page),
      ),
    ),
    h("div", { class: "public" }, board),
    mine(view),
  );
}

/**
 * @param {Seat} seat
 * @param {RoomPage} page
 */
function player(seat, page) {
  const view = page.inside;
  const acts = view.turn?.seat_index === seat.seat_index;
  const isMe = view.me.seat_index === seat.seat_index;
  const facts = Object.entries(seat).filter(([name]) => !TOLD_ELSEWHERE.has(name));
  return h(
    "li",
    {
      class: `seat ${acts ? "acts" : ""} ${isMe ? "me" : ""} status-${seat.status}`,
      key: `seat${seat.seat_index}`,
      "data-seat": seat.seat_index,
    },
    h(
      "div",
      { class: "pod" },
      h("span", { class: "name" }, isMe && h("span", { class: "sr" }, "You: "), h("bdi", null, seat.display_name)),
      h("span", { class: "stack" }, facts.map(([name, value]) => `${words(name)} ${shown(value)}`).join(" · ")),
      acts && turnClock(view),
    ),
    h("div", { class: "badges" }, statusBadge(seat)),
  );
}

const shown = (/** @type {unknown} */ value) => (typeof value === "object" ? JSON.stringify(value) : String(value));

/**
 * Anything that JSON can say, as lists within lists.
 * @param {unknown} value
 * @returns {Child}
 */
function tree(value) {
  if (Array.isArray(value))
    return h(
      "ol",
      { class: "list" },
      value.map((each, index) => h("li", { key: index }, tree(each))),
    );
  if (typeof value === "object" && value !== null) {
    return h(
      "dl",
      { class: "facts" },
      Object.entries(value).map(([name, each]) =>
        h("div", { key: name }, h("dt", null, words(name)), h("dd", null, tree(each))),
      ),
    );
  }
  return h("span", null, value === null ? "–" : String(value));
}

/**
 * The part of the view that only this player sees.
 * @param {View} view
 */
function mine(view) {
  const { user_id, role, is_host, seat_index, display_name, legal, request, rejoin_token, ...more } = view.me;
  const { reserved_seat, ...own } = more;
  return Object.keys(own).length ? h("div", { class: "private" }, h("h2", null, "Yours alone"), tree(own)) : null;
}

/** @param {RoomPage} page */
function grid(page) {
  const { inside: view, room } = page;
  const { board, line } = view.game;
  const cells = view.me.legal.find((each) => each.move === "mark")?.cell;
  const free = new Set(typeof cells === "object" && "choices" in cells ? cells.choices : []);
  return h(
    "div",
    { class: "grid", role: "group", "aria-label": "Board" },
    board.map((/** @type {number | null} */ mark, /** @type {number} */ cell) => {
      const text = mark === null ? "" : MARKS[mark];
      const label = `Cell ${cell + 1}, ${text || "free"}`;
      return h(
        "button",
        {
          class: `cell mark-${text}${line.includes(cell) ? " line" : ""}`,
          key: cell,
          disabled: !free.has(cell),
          "aria-label": label,
          on: { click: () => page.attempt(room.act("mark", { cell })) },
        },
        text,
      );
    }),
  );
}

/** The legal moves of any game as small forms: a choice is a select, a range a number. */
export class GenericActions {
  #page;

  /** @param {RoomPage} page */
  constructor(page) {
    this.#page = page;
  }

  draw() {
    const { legal } = this.#page.inside.me;
    if (!legal.length || this.#page.inside.room.game === "tictactoe") return null;
    return h(
      "div",
      { class: "actions generic-moves", role: "group", "aria-label": "Your move", key: "actions" },
      legal.map((each, index) => this.#form(each, index)),
    );
  }

  /**
   * @param {Legal} legal
   * @param {number} index
   */
  #form({ move, ...rest }, index) {
    const args = /** @type {{ [name: string]: Range | Choices }} */ (rest);
    const names = Object.keys(args);
    const submit = (/** @type {SubmitEvent} */ event) => {
      const form = submitted(event);
      const chosen = Object.fromEntries(names.map((name) => [name, JSON.parse(valueIn(form, name))]));
      this.#page.attempt(this.#page.room.act(move, chosen));
    };
    return h(
      "form",
      { class: "generic-move", key: `${this.#page.inside.turn?.number}.${move}.${index}`, on: { submit } },
      names.map((name) => h("label", { key: name }, words(name), " ", argument(name, args[name]))),
      h("button", { class: "move", key: "go" }, words(move)),
    );
  }

  key() {}
}

/**
 * @param {string} name
 * @param {Range | Choices} allowed
 */
function argument(name, allowed) {
  if ("choices" in allowed) {
    return h(
      "select",
      { name, value: JSON.stringify(allowed.choices[0]) },
      allowed.choices.map((each) =>
        h("option", { key: JSON.stringify(each), value: JSON.stringify(each) }, shown(each)),
      ),
    );
  }
  return h("input", {
    name,
    type: "number",
    min: allowed.min,
    max: allowed.max,
    step: 1,
    required: true,
    value: allowed.min,
  });
}
