/**
 * The tables of games: each is drawn by the module of its game's page, `/static/games/{kind}/page.js`, which registers
 * it here when it is loaded. A game without a page of its own has one all the same: it registers `draw` of generic.js.
 */

/** @import { Draw, More } from "./table.d.ts" */

/** @type {Map<string, More & { draw: Draw }>} */
const registered = new Map();

/**
 * From now on tables of the game `kind` are drawn by `draw`: it is called whenever something may have changed, and
 * makes `table.element` and `table.bar` show what `table` says.
 * @param {string} kind
 * @param {Draw} draw
 * @param {More} [more]
 */
export function register(kind, draw, more = {}) {
  registered.set(kind, { draw, ...more });
}

/**
 * Resolves when the stylesheet is there, so that nothing is drawn without it: a page awaits it before it registers.
 * @param {string | URL} address
 * @returns {Promise<void>}
 */
export function stylesheet(address) {
  const { href } = new URL(address, location.href);
  for (const link of document.querySelectorAll("link")) if (link.href === href) return Promise.resolve();
  const link = Object.assign(document.createElement("link"), { rel: "stylesheet", href });
  return new Promise((resolve, reject) => {
    link.onload = () => resolve();
    link.onerror = () => reject((link.remove(), new Error(`${href} cannot be loaded.`)));
    document.head.append(link);
  });
}

/**
 * The page of a game. Rejects when it cannot be loaded.
 * @param {string} kind
 */
export async function pageOf(kind) {
  if (!registered.has(kind)) await import(`/static/games/${kind}/page.js`);
  const page = registered.get(kind);
  if (!page) throw new Error(`The page of ${kind} registers another game.`);
  return page;
}

/**
 * The page of a game, if it has been loaded.
 * @param {string | undefined} kind
 */
export const loadedPage = (kind) => (kind === undefined ? undefined : registered.get(kind));
