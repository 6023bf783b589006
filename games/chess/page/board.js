/** The board: a piece is clicked and then its square, or both are chosen by keys. */

import { h } from "/static/dom.js";
import { PIECES, SIGNS, pieces } from "./fen.js";
import { t } from "/static/texts.js";

/** @import { Legal } from "/static/shapes.d.ts" */
/** @import { Table } from "/static/table.d.ts" */

const FILES = "abcdefgh";
/** @type {{ [side: string]: string }} */
const SIDES = { white: t("white"), black: t("black") };
/** @type {{ [key: string]: [right: number, up: number] }} */
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };

export class Board {
  #table;
  #standing = new Map();
  #white = true;
  /** The square whose piece was chosen, and of a pawn that is promoted the one it goes to. */
  #from = "";
  #to = "";
  #fen = "";
  /** The square that Tab comes to. */
  #at = "e2";

  /** @param {Table} table */
  constructor(table) {
    this.#table = table;
  }

  get #moves() {
    return this.#table.legal.filter(({ move }) => move === "go");
  }

  /**
   * The moves from the chosen square to this one: more than one are promotions.
   * @param {string} to
   */
  #there(to) {
    return this.#moves.filter((each) => each.from === this.#from && each.to === to);
  }

  /** @param {boolean} white Whether White is below. */
  draw(white) {
    const { fen, last, check } = this.#table.view.game;
    if (fen !== this.#fen) this.#from = this.#to = "";
    this.#fen = fen;
    this.#white = white;
    this.#standing = pieces(fen);
    const checked = check ? (fen.split(" ")[1] === "w" ? "K" : "k") : "";
    const places = Array.from({ length: 64 }, (_, index) => index);
    return h(
      "div",
      { class: "squares", key: "board", role: "group", "aria-label": t("Board"), on: { keydown: (event) => this.#step(event) } },
      (white ? places : places.reverse()).map((index) => {
        const name = `${FILES[index % 8]}${8 - Math.floor(index / 8)}`;
        return this.#square(name, index, last, checked);
      }),
    );
  }

  /**
   * @param {string} name
   * @param {number} index
   * @param {string[]} last
   * @param {string} checked
   */
  #square(name, index, last, checked) {
    const piece = this.#standing.get(name);
    const target = this.#from !== "" && this.#there(name).length > 0;
    const mine = this.#moves.some((each) => each.from === name);
    const side = piece && (piece === piece.toUpperCase() ? "white" : "black");
    const state = [
      (index + Math.floor(index / 8)) % 2 ? "dark" : "light",
      last.includes(name) && "last",
      this.#from === name && "chosen",
      target && "target",
      piece === checked && "checked",
      (target || mine) && "may",
    ];
    const words = [name, piece && `${SIDES[side ?? ""]} ${PIECES[piece.toLowerCase()]}`, target && t("can be reached")];
    return h(
      "button",
      {
        class: `square ${state.filter(Boolean).join(" ")}`,
        key: name,
        "data-square": name,
        "aria-label": words.filter(Boolean).join(", "),
        "aria-pressed": this.#from === name ? "true" : undefined,
        "aria-disabled": target || mine ? undefined : "true",
        tabindex: name === this.#at ? 0 : -1,
        on: { click: () => this.#click(name), focus: () => (this.#at = name) },
      },
      piece && h("span", { class: `piece of-${side}`, "aria-hidden": "true" }, SIGNS[piece.toLowerCase()]),
    );
  }

  /** @param {string} name */
  #click(name) {
    const there = this.#from ? this.#there(name) : [];
    this.#at = name;
    if (there.length === 1) this.#make(there[0]);
    else if (there.length) this.#to = name;
    else {
      this.#to = "";
      this.#from = this.#from !== name && this.#moves.some((each) => each.from === name) ? name : "";
    }
    this.#table.redraw();
  }

  /** @param {Legal} legal */
  #make({ move, ...args }) {
    this.#from = this.#to = "";
    this.#table.move(move, /** @type {{ [name: string]: string }} */ (args));
  }

  /** Below the board: what a pawn becomes, a draw that may be claimed. */
  bar() {
    const { legal, view } = this.#table;
    if (!legal.length) return null;
    const button = (/** @type {string} */ text, /** @type {() => void} */ click) =>
      h("button", { class: "move", key: text, on: { click } }, text);
    const promotions = this.#to ? this.#there(this.#to) : [];
    if (promotions.length)
      return h(
        "div",
        { class: "actions", key: "promotion", role: "group", "aria-label": t("Promote to") },
        promotions.map((each) => {
          const name = PIECES[String(each.promotion)];
          return button(`${SIGNS[String(each.promotion)]} ${name}`, () => this.#make(each));
        }),
        button(t("Not so"), () => this.#click("")),
      );
    return h(
      "div",
      { class: "actions chess-moves", key: "moves", role: "group", "aria-label": t("Your move") },
      h("p", { key: "turn" }, t("It is your turn, with {0}.", view.game.fen.split(" ")[1] === "w" ? t("White") : t("Black"))),
      legal.some(({ move }) => move === "claim_draw") && button(t("Claim a draw"), () => this.#table.move("claim_draw")),
    );
  }

  /**
   * Escape lets go of a piece.
   * @param {KeyboardEvent} event
   */
  key(event) {
    if (event.key !== "Escape" || !this.#from) return;
    this.#from = this.#to = "";
    this.#table.redraw();
  }

  /**
   * Arrows go from square to square, as they are seen.
   * @param {KeyboardEvent} event
   */
  #step(event) {
    const way = ARROWS[event.key];
    if (!way) return;
    const turned = this.#white ? 1 : -1;
    const file = FILES.indexOf(this.#at[0]) + way[0] * turned;
    const rank = Number(this.#at[1]) + way[1] * turned;
    event.preventDefault();
    if (file < 0 || file > 7 || rank < 1 || rank > 8) return;
    this.#at = `${FILES[file]}${rank}`;
    const square = this.#table.element.querySelector(`[data-square=${this.#at}]`);
    if (square instanceof HTMLElement) square.focus();
    this.#table.redraw();
  }
}
