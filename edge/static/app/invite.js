/** Inviting: a room's address as a QR code, to be shown across a table, and as text, to be sent. */

import { h } from "./dom.js";
import { qr } from "./qr.js";
import { t } from "./texts.js";

/** @import { Child } from "./shapes.d.ts" */

/** Light squares that must be around a code. */
const QUIET = 4;

/**
 * The body of the dialog.
 * @param {string} address
 * @param {string} code
 * @param {(text: string) => void} say
 */
export function invitation(address, code, say) {
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(address);
      say(t("The address of this table is in your clipboard."));
    } catch {
      say(t("The address of this table: {0}", address));
    }
  };
  return h(
    "div",
    { class: "invitation" },
    picture(address),
    h("p", { class: "address" }, address),
    h("p", { class: "muted" }, t("In the lobby its code is enough: "), h("b", { class: "code-text" }, code)),
    h("button", { class: "primary", on: { click: copy } }, t("Copy the address")),
  );
}

/**
 * @param {string} address
 * @returns {Child}
 */
function picture(address) {
  const rows = qr(address);
  if (!rows) return null;
  const size = rows.length + 2 * QUIET;
  const dark = rows.flatMap((row, y) => row.map((is, x) => (is ? `M${x + QUIET} ${y + QUIET}h1v1h-1z` : ""))).join("");
  return h(
    "svg",
    { class: "qr", viewBox: `0 0 ${size} ${size}`, role: "img", "aria-label": t("QR code of the address") },
    h("path", { d: dark }),
  );
}
