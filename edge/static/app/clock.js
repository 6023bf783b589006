/** Clocks that run: whatever has `data-deadline` in the page shows what is left, several times a second. */

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
 * @param {HTMLElement} element
 * @param {number} now
 */
function show(element, now) {
  const { deadline, bank, total } = element.dataset;
  const { seconds, share, banked } = reading(
    { deadline: Number(deadline), bank: Number(bank), total: Number(total) },
    now,
  );
  element.style.setProperty("--left", share.toFixed(3));
  element.classList.toggle("banked", banked && Number(bank) > 0);
  element.classList.toggle("urgent", seconds <= 5);
  const text = element.querySelector(".clock-text");
  if (text && text.textContent !== `${seconds}`) text.textContent = `${seconds}`;
}
