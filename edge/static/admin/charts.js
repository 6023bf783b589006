/** The cost of persistence, by game: charts of the last five minutes, and sums. */

import { h } from "./dom.js";
import { bytes, number, table } from "./parts.js";

/** @import { GamePersistence, Paces, Persistence } from "./operator.d.ts" */

/** @typedef {(value: number) => string} Told */
/** @typedef {{ name: string, values: (number | null)[] }} Line */

/** The server keeps so many points at most: a chart is as wide, and the last of them is now. */
const POINTS = 60;
const HEIGHT = 100;
const STEPS = [1, 2, 5, 10];

/** @type {Told} */
const ms = (value) => `${number.format(value)} ms`;
/** @type {Told} */
const rowsPerSecond = (value) => `${number.format(value)}/s`;
/** @type {Told} */
const bytesPerSecond = (value) => `${bytes.format(value)}/s`;

/** @param {Persistence} known */
export function drawPersistence({ games }) {
  const busy = games.filter(({ lately }) => happened(lately));
  return h(
    "section",
    { key: "persistence", "aria-labelledby": "persistence-title" },
    h("h2", { id: "persistence-title" }, "Persistence"),
    h(
      "p",
      { class: "hint", key: "hint" },
      busy.length
        ? "Of all room actors. Each point is of the ten seconds before it; the last is of some seconds ago."
        : "Nothing was committed or loaded in the last five minutes.",
    ),
    busy.map(drawGame),
    table(
      "Persistence by game",
      ["Game", "#Rows", "#Bytes", "#Commits", "#Commit p50", "#Commit p99", "#Loads", "#Load p50", "#Load p99", "#Replays", "#Repairs"],
      games.map(({ game, rows, bytes: size, commits, loads, replays, repairs }) => ({
        key: game,
        cells: [
          game,
          number.format(rows),
          bytes.format(size),
          number.format(commits.count),
          told(commits.p50_ms, ms),
          told(commits.p99_ms, ms),
          number.format(loads.count),
          told(loads.p50_ms, ms),
          told(loads.p99_ms, ms),
          number.format(replays),
          number.format(repairs),
        ],
      })),
    ),
  );
}

const happened = (/** @type {Paces} */ { rows_a_second, load_p50_ms }) =>
  rows_a_second.some((rows) => rows > 0) || load_p50_ms.some((load) => load !== null);

const told = (/** @type {number | null | undefined} */ value, /** @type {Told} */ tell) =>
  value === null || value === undefined ? "–" : tell(value);

/** @param {GamePersistence} of */
function drawGame({ game, lately }) {
  return h(
    "div",
    { class: "charts", key: `charts ${game}`, role: "group", "aria-label": `${game}, the last five minutes` },
    h("h3", { key: "game" }, game),
    chart("Commit time", ms, [
      { name: "p50", values: lately.commit_p50_ms },
      { name: "p99", values: lately.commit_p99_ms },
    ]),
    chart("Rows", rowsPerSecond, [{ name: "", values: lately.rows_a_second }]),
    chart("Bytes", bytesPerSecond, [{ name: "", values: lately.bytes_a_second }]),
    chart("Load time", ms, [
      { name: "p50", values: lately.load_p50_ms },
      { name: "p99", values: lately.load_p99_ms },
    ]),
  );
}

/**
 * Lines over the last minutes, the newest point at the right, with a scale that begins at 0.
 * @param {string} title
 * @param {Told} tell
 * @param {Line[]} lines
 */
function chart(title, tell, lines) {
  const top = roundUp(Math.max(0, ...lines.flatMap(({ values }) => values.map((value) => value ?? 0))));
  const now = lines.map(({ name, values }) => ({ name, text: told(values.at(-1), tell) }));
  const said = now.map(({ name, text }) => `${name} ${text}`.trim()).join(", ");
  return h(
    "figure",
    { class: "chart", key: title },
    h(
      "figcaption",
      null,
      h("span", { class: "muted" }, title),
      now.map(({ name, text }) => h("span", { key: name, class: `now ${name}` }, `${name} ${text}`.trim())),
    ),
    h(
      "svg",
      {
        viewBox: `0 0 ${POINTS - 1} ${HEIGHT}`,
        preserveAspectRatio: "none",
        role: "img",
        "aria-label": `${title}: now ${said}; the scale ends at ${tell(top)}`,
      },
      lines.map(({ name, values }) => h("path", { key: name, class: name, d: pathOf(values, top) })),
    ),
    h("p", { class: "scale muted" }, h("span", null, "5 min ago"), h("span", null, `0 to ${tell(top)}`), h("span", null, "now")),
  );
}

/**
 * A line through the values; where there is none it is broken, and a value between two gaps is a dot.
 * @param {(number | null)[]} values
 * @param {number} top
 */
function pathOf(values, top) {
  let path = "";
  let drawing = false;
  values.forEach((value, index) => {
    if (value !== null) {
      const place = `${POINTS - values.length + index} ${(HEIGHT * (1 - value / top)).toFixed(1)}`;
      path += drawing ? `L${place}` : `M${place}h.4`;
    }
    drawing = value !== null;
  });
  return path;
}

/** @param {number} value */
function roundUp(value) {
  if (value <= 0) return 1;
  const size = 10 ** Math.floor(Math.log10(value));
  return size * (STEPS.find((step) => step * size >= value) ?? 10);
}
