/** Events in words: for the history, for screen readers. Events are those of docs/reference/protocol.md. */

import { amount } from "./cards.js";
import { loadedPage } from "./games.js";

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
    return this.#seats.get(index) ?? `Seat ${index + 1}`;
  }

  /** @param {string} id */
  user(id) {
    return this.#users.get(id) ?? "Somebody";
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
      return "close the table";
    case "update_settings":
      return "change the settings";
    case "adjust_chips": {
      const chips = about.amount ?? 0;
      const who = names.user(about.user_id ?? "");
      return chips < 0 ? `take ${amount(-chips)} from ${who}` : `give ${who} ${amount(chips)}`;
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
  if (typeof value === "boolean") return value ? "yes" : "no";
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
      return [`Game ${event.number} begins.`];
    case "player_action":
      return [`${who} ${moveText(event)}${event.automatic ? " (automatic)" : ""}.`];
    case "game_complete": {
      const won = [event.winners ?? event.winner ?? []].flat();
      return [`${won.map((/** @type {number} */ seat) => names.seat(seat)).join(" and ") || "Nobody"} wins.`];
    }
    case "lot_sold":
      return [`Lot ${event.lot} goes to ${event.winner === null ? "nobody" : names.seat(event.winner)} for ${event.price}.`];
    case "player_join_requested":
      return [`${who} asks to join.`];
    case "player_approved":
      return [`${who} is admitted.`];
    case "player_seated":
      return [`${who} sits down.`];
    case "player_leaving":
      return [`${who} leaves after this hand.`];
    case "player_sat_out":
      return [event.reason === "idle" ? `${who} has not moved for long and sits out.` : `${who} sits out.`];
    case "player_sat_in":
      return [`${who} is back in.`];
    case "player_away":
      return [`${who} is away.`];
    case "player_disconnected":
      return [`${who} has been away for long.`];
    case "player_reconnected":
      return [`${who} is back.`];
    case "player_kicked":
      return [`${who} was removed by the host.`];
    case "player_left":
      return [`${who} leaves.`];
    case "reservation_ended":
      return [`Seat ${event.seat_index + 1} is not reserved any more.`];
    case "chips_added":
      return [`${who} adds ${amount(event.amount)} chips.`];
    case "chips_adjusted":
      return [`The host ${event.amount < 0 ? "takes" : "gives"} ${who} ${amount(Math.abs(event.amount))} chips.`];
    case "player_resigned":
      return [`${who} resigns.`];
    case "offer_made":
      return [event.offer === "draw" ? `${who} offers a draw.` : `${who} asks to take a move back.`];
    case "offer_ended":
      return [event.offer === "draw" ? `Draw: ${event.reason}.` : `Taking back: ${event.reason}.`];
    case "room_paused":
      return [event.reason === "game_error" ? "The game cannot go on, by a mistake in it." : `${ruler(event)} pauses the game.`];
    case "announcement":
      return [`${event.service}: ${event.text}`];
    case "round_voided":
      return [
        event.reason === "empty"
          ? "The round is called off, for nobody is here: all have what they had before it."
          : "The round is called off, by a mistake in the game: all have what they had before it.",
      ];
    case "rolled_back": {
      const why = event.reason ? ` (${event.reason})` : "";
      const off = event.voided ? " The hand that was played then is called off." : "";
      return [`${event.user_id ? ruler(event) : "The operator"} takes the table back to an earlier moment.${why}${off}`];
    }
    case "forked":
      return ["This table goes on from another's past; it stands still until the host resumes."];
    case "room_resumed":
      return ["The game goes on."];
    case "room_closed":
      return [event.reason === "empty" ? "Nobody was here for long: the table closes." : `${ruler(event)} closes the table.`];
    case "act_deferred":
      return [`The host will ${actText(event.act, event, names)} after this hand.`];
    case "act_withdrawn":
      return [`The host does not ${words(event.act)} after all.`];
    case "act_dropped":
      return [`It could not be done after the hand: ${words(event.act)}.`];
    case "settings_changed":
      return ["The host changes the settings."];
    case "host_changed":
      return event.user_id ? [`${who} is host now.`] : [];
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
  const all = [{ title: "Before", lines: [] }];
  for (const update of history) {
    for (const event of update.events ?? []) {
      names.learn(event);
      if (event.kind === "hand_started" || event.kind === "game_started") {
        all.push({ title: `${event.kind === "hand_started" ? "Hand" : "Game"} ${event.number}`, lines: [] });
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
  return event.user_id?.startsWith("service:") ? event.user_id.slice("service:".length) : "The host";
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
