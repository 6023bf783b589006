/** The browser's memory for the page between visits. Where it has none, as in a frame, it lasts as long as the page. */

/** @type {{ [name: string]: string }} */
const here = {};

/** @param {string} name */
export function kept(name) {
  try {
    return localStorage.getItem(name);
  } catch {
    return here[name] ?? null;
  }
}

/**
 * @param {string} name
 * @param {string} value
 */
export function keep(name, value) {
  here[name] = value;
  try {
    localStorage.setItem(name, value);
  } catch {
    // Full or forbidden: it lasts as long as the page.
  }
}
