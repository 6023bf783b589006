/** Clocks that run: whatever has `data-deadline` in the page shows what is left, several times a second. */

import { t } from "./texts.js";

/** @import { TurnClock } from "./shapes.d.ts" */

const STEP_MS = 200;

/**
 * Runs for as long as the page is open. `now` is the server's time.
 * @param {() => number} now
 */
export function runClocks(now) {
  setInterval(() => {
    for (const element of document.querySelectorAll("[data-deadline]")) {
      if (element instanceof HTMLElement) show(element, now());
    }
  }, STEP_MS);
}

/**
 * How a turn's clock stands: the turn's own time first, then the timebank.
 * @param {{ deadline: number, bank: number, total: number }} clock
 * @param {number} now
 */
export function reading({ deadline, bank, total }, now) {
  const left = deadline - now;
  if (left > 0) return { seconds: Math.ceil(left / 1000), share: Math.min(1, left / total), banked: false };
  const reserve = Math.max(0, bank + left);
  return { seconds: Math.ceil(reserve / 1000), share: bank ? reserve / bank : 0, banked: true };
}

/**
 * How much time a player has of their own, in words; of byo-yomi, which `clock` may be, what is left of the main time,
 * or of the period that runs, and how many periods.
 * @param {number} left in ms
 * @param {TurnClock} clock
 */
export function remaining(left, { periods = 0, period_ms = 0 }) {
  const rest = left - periods * period_ms;
  if (rest > 0 || !period_ms) return inWords(rest) + (periods ? ` + ${periods} × ${inWords(period_ms)}` : "");
  return `${inWords(left % period_ms || (left && period_ms))} (${Math.ceil(left / period_ms)})`;
}

/** @param {number} left in ms, of which a second that has begun counts */
function inWords(left) {
  const seconds = Math.max(0, Math.ceil(left / 1000));
  const [days, hours, minutes] = [86_400, 3_600, 60].map((unit) => Math.floor(seconds / unit));
  if (days) return t("{0} d {1} h", days, hours % 24);
  const two = (/** @type {number} */ value) => String(value % 60).padStart(2, "0");
  return `${hours ? `${hours}:${two(minutes)}` : minutes}:${two(seconds)}`;
}

/**
 * @param {HTMLElement} element
 * @param {number} now
 */
function show(element, now) {
  const { deadline, bank, total, own } = element.dataset;
  const { seconds, share, banked } = reading(
    { deadline: Number(deadline), bank: Number(bank), total: Number(total) },
    now,
  );
  element.style.setProperty("--left", share.toFixed(3));
  element.classList.toggle("banked", banked && Number(bank) > 0);
  element.classList.toggle("urgent", seconds <= 5);
  const text = element.querySelector(".clock-text");
  const told = own ? remaining(Number(deadline) - now, JSON.parse(own)) : `${seconds}`;
  if (text && text.textContent !== told) text.textContent = told;
}
