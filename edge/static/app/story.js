/** Events in words: for the history, for screen readers. Events are those of docs/reference/protocol.md. */

import { amount } from "./cards.js";
import { loadedPage } from "./games.js";
import { t } from "./texts.js";

/** @import { Fact, Round, Update, View } from "./shapes.d.ts" */

/** Seats, now and before, and names: read from the past, and from the view for what the past does not tell. */
export class Names {
  /** @type {Map<number, string>} */
  #seats = new Map();
  /** @type {Map<string, string>} */
  #users = new Map();

  /** @param {View | null} view */
  constructor(view) {
    this.game = view?.room.game;
    for (const seat of Object.values(view?.seats ?? {})) {
      this.#seats.set(seat.seat_index, seat.display_name);
      this.#users.set(seat.user_id, seat.display_name);
    }
    for (const [id, { display_name }] of Object.entries(view?.watching ?? {})) this.#users.set(id, display_name);
    for (const asked of view?.pending_requests ?? []) this.#users.set(asked.user_id, asked.display_name);
  }

  /** @param {Fact} event */
  learn(event) {
    if (event.user_id && event.display_name) this.#users.set(event.user_id, event.display_name);
    if (event.kind === "player_seated") this.#seats.set(event.seat_index, event.display_name);
  }

  /** @param {number} index */
  seat(index) {
    return this.#seats.get(index) ?? t("Seat {0}", index + 1);
  }

  /** @param {string} id */
  user(id) {
    return this.#users.get(id) ?? t("Somebody");
  }

  /** @param {Fact} event */
  of(event) {
    return event.display_name ?? (event.user_id ? this.user(event.user_id) : this.seat(event.seat_index));
  }
}

/**
 * The moves of any game: what it is called, and what it is made with.
 * @param {Fact} event
 */
export function moveText(event) {
  const { kind, seat_index, move, automatic, ...rest } = event;
  const details = Object.entries(rest).map(([name, value]) => `${words(name)} ${shown(value)}`);
  return [`${words(move)}`, ...details].join(", ");
}

/**
 * An act of the host's that waits for the end of the hand.
 * @param {string} act
 * @param {{ user_id?: string, amount?: number, [name: string]: any }} about
 * @param {Names} names
 */
export function actText(act, about, names) {
  switch (act) {
    case "close_room":
      return t("close the table");
    case "update_settings":
      return t("change the settings");
    case "adjust_chips": {
      const chips = about.amount ?? 0;
      const who = names.user(about.user_id ?? "");
      return chips < 0 ? t("take {0} from {1}", amount(-chips), who) : t("give {0} {1}", who, amount(chips));
    }
    default:
      return words(act);
  }
}

export const words = (/** @type {unknown} */ name) => String(name).replaceAll("_", " ");

/**
 * A value in words.
 * @param {unknown} value
 */
export function shown(value) {
  if (value === null || value === undefined) return "–";
  if (typeof value === "boolean") return value ? t("yes") : t("no");
  if (typeof value === "string") return words(value);
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

/** As `words`, and begun like a sentence. */
export const label = (/** @type {unknown} */ name) => words(name).replace(/^./, (first) => first.toUpperCase());

/**
 * One event as sentences, by the game's page or as events usually are; none for what need not be told.
 * @param {Fact} event
 * @param {Names} names
 */
export const tell = (event, names) => loadedPage(names.game)?.tell?.(event, names) ?? told(event, names);

/**
 * @param {Fact} event
 * @param {Names} names
 * @returns {string[]}
 */
function told(event, names) {
  const who = names.of(event);
  switch (event.kind) {
    case "game_started":
      return [t("Game {0} begins.", event.number)];
    case "player_action":
      return [`${who} ${moveText(event)}${event.automatic ? t(" (automatic)") : ""}.`];
    case "game_complete": {
      const won = [event.winners ?? event.winner ?? []].flat();
      const winners = won.map((/** @type {number} */ seat) => names.seat(seat)).join(t(" and "));
      return [winners ? t("{0} wins.", winners) : t("Nobody wins.")];
    }
    case "lot_sold":
      return [
        t("Lot {0} goes to {1} for {2}.", event.lot, event.winner === null ? t("nobody") : names.seat(event.winner), event.price),
      ];
    case "player_join_requested":
      return [t("{0} asks to join.", who)];
    case "player_approved":
      return [t("{0} is admitted.", who)];
    case "player_seated":
      return [t("{0} sits down.", who)];
    case "player_leaving":
      return [t("{0} leaves after this hand.", who)];
    case "player_sat_out":
      return [event.reason === "idle" ? t("{0} has not moved for long and sits out.", who) : t("{0} sits out.", who)];
    case "player_sat_in":
      return [t("{0} is back in.", who)];
    case "player_away":
      return [t("{0} is away.", who)];
    case "player_disconnected":
      return [t("{0} has been away for long.", who)];
    case "player_reconnected":
      return [t("{0} is back.", who)];
    case "player_kicked":
      return [t("{0} was removed by the host.", who)];
    case "player_left":
      return [t("{0} leaves.", who)];
    case "reservation_ended":
      return [t("Seat {0} is not reserved any more.", event.seat_index + 1)];
    case "chips_added":
      return [t("{0} adds {1} chips.", who, amount(event.amount))];
    case "chips_adjusted":
      return [
        event.amount < 0
          ? t("The host takes {0} chips from {1}.", amount(-event.amount), who)
          : t("The host gives {1} {0} chips.", amount(event.amount), who),
      ];
    case "player_resigned":
      return [t("{0} resigns.", who)];
    case "offer_made":
      return [event.offer === "draw" ? t("{0} offers a draw.", who) : t("{0} asks to take a move back.", who)];
    case "offer_ended":
      return [event.offer === "draw" ? t("Draw: {0}.", event.reason) : t("Taking back: {0}.", event.reason)];
    case "room_paused":
      return [event.reason === "game_error" ? t("The game cannot go on, by a mistake in it.") : t("{0} pauses the game.", ruler(event))];
    case "announcement":
      return [`${event.service}: ${event.text}`];
    case "round_voided":
      return [
        event.reason === "empty"
          ? t("The round is called off, for nobody is here: all have what they had before it.")
          : t("The round is called off, by a mistake in the game: all have what they had before it."),
      ];
    case "rolled_back": {
      const why = event.reason ? ` (${event.reason})` : "";
      const off = event.voided ? t(" The hand that was played then is called off.") : "";
      return [t("{0} takes the table back to an earlier moment.{1}{2}", event.user_id ? ruler(event) : t("The operator"), why, off)];
    }
    case "forked":
      return [t("This table goes on from another's past; it stands still until the host resumes.")];
    case "room_resumed":
      return [t("The game goes on.")];
    case "room_closed":
      return [event.reason === "empty" ? t("Nobody was here for long: the table closes.") : t("{0} closes the table.", ruler(event))];
    case "act_deferred":
      return [t("The host will {0} after this hand.", actText(event.act, event, names))];
    case "act_withdrawn":
      return [t("The host does not {0} after all.", words(event.act))];
    case "act_dropped":
      return [t("It could not be done after the hand: {0}.", words(event.act))];
    case "settings_changed":
      return [t("The host changes the settings.")];
    case "host_changed":
      return event.user_id ? [t("{0} is host now.", who)] : [];
    default:
      return [];
  }
}

/**
 * The past in rounds, newest last.
 * @param {Update[]} history
 * @param {View | null} view
 */
export function rounds(history, view) {
  const names = new Names(view);
  /** @type {Round[]} */
  const all = [{ title: t("Before"), lines: [] }];
  for (const update of history) {
    for (const event of update.events ?? []) {
      names.learn(event);
      if (event.kind === "hand_started" || event.kind === "game_started") {
        all.push({ title: `${event.kind === "hand_started" ? t("Hand") : t("Game")} ${event.number}`, lines: [] });
        continue;
      }
      for (const text of tell(event, names)) all.at(-1)?.lines.push({ seq: update.seq, text, kind: event.kind });
    }
  }
  return all.filter((round, index) => index > 0 || round.lines.length);
}

/**
 * Whoever used the host's part: another server of the deployment's, by its name, or the host.
 * @param {Fact} event
 */
function ruler(event) {
  return event.user_id?.startsWith("service:") ? event.user_id.slice("service:".length) : t("The host");
}

/**
 * The chat, oldest first.
 * @param {{ seq: number, at: number, events: Fact[] }[]} history
 */
export function talk(history) {
  return history.flatMap((update) =>
    (update.events ?? [])
      .filter((event) => event.kind === "chat")
      .map((event) => ({
        seq: update.seq,
        at: update.at,
        user_id: event.user_id,
        name: event.display_name,
        text: event.text,
      })),
  );
}

/**
 * What went wrong, as a sentence.
 * @param {unknown} error
 */
export const whatOf = (error) => (error instanceof Error ? error.message : String(error));
