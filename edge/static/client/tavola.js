/**
 * tavola.js: the client of a Tavola server, one ES module without dependencies.
 *
 * It signs in, connects, follows rooms, keeps each room's view current by merging patches, asks for numbers that are
 * missing, sends commands again until they are answered, and comes back after every loss. The wire is
 * docs/reference/protocol.md, this client is docs/howto/client.md, its types are tavola.d.ts, made of this by
 * `make types`.
 *
 *     const client = new Tavola();
 *     await client.signIn("Ann");
 *     client.connect();
 *     const room = client.room("r_0123456789abcdef");
 *     room.on("shown", draw);
 */

/** @import { Ack, Event, Json, RefusalCode, Status, Turn, Update, View } from "./wire.d.ts" */

/**
 * @typedef {object} Session
 * @property {string} user_id
 * @property {string} display_name
 * @property {string} [expires_at]
 */
/**
 * @typedef {object} Connection
 * @property {"idle" | "connecting" | "open" | "waiting" | "closed"} state
 * @property {number} attempt Attempts that failed since it was last open.
 * @property {number} [retry_at] While waiting: when the next attempt is made, by this machine's clock.
 * @property {number} [code] While waiting: the close code that led here.
 * @property {string} [reason] When closed: `signed_out`, `refused`, `too_many`, `protocol`, or what `close` was given.
 */
/** @typedef {{ [Name in keyof typeof TIMES]: number }} Times Milliseconds. */
/**
 * @typedef {object} Options
 * @property {string} [url] The server's address; by default the page's own.
 * @property {string} [token] An identity token, where there is no session cookie.
 * @property {boolean} [cookie] Whether the session cookie may say who this is; by default in a page, and not elsewhere.
 *   A page of another origin than the server's keeps the identity token too, for it may have no cookie.
 * @property {Pick<Storage, "getItem" | "setItem"> | null} [storage] Where tokens are kept between visits; by default
 *   `localStorage`, where there is one.
 * @property {new (url: string, protocols: string[]) => any} [WebSocket]
 * @property {typeof fetch} [fetch]
 * @property {() => number} [random]
 * @property {Partial<Times>} [times]
 */
/**
 * @typedef {object} RoomEvents
 * @property {[View, Event[]]} view The view is another one; with the events that made it so (none for a full view).
 * @property {[View]} shown What is to be drawn is another one: `room.shown`.
 * @property {[Update, View]} update An update was applied. Each number comes once, in order.
 * @property {[{ user_id: string, status: Exclude<Status, "sitting_out"> }]} presence
 * @property {[{ service: string, text: string, data?: { [name: string]: any } }]} announcement Another server of the
 *   deployment's says something, now and never again; what is kept comes as an event of that kind in an update.
 * @property {[string | null]} trouble The room cannot answer just now (the refusal's code, or `stale`), or can again.
 * @property {[Refused]} refused A command was refused, or the room cannot be followed.
 */
/**
 * @typedef {object} ClientEvents
 * @property {[Connection]} connection
 * @property {[Refused]} refused The server refused something that belongs to no command and no room.
 */
/**
 * @typedef {object} Refusal
 * @property {RefusalCode} code
 * @property {string} [message]
 * @property {{ [name: string]: Json }} [details]
 * @property {number} [retry_after_ms]
 * @property {string} [id]
 * @property {string} [room]
 */
/** @typedef {{ rejoin_token?: string, seat_token?: string }} Tokens */
/** @typedef {Tokens & { user_id?: string, code?: string, seq?: number, kept_at: number }} Kept */
/**
 * @typedef {object} Returned
 * @property {true} success
 * @property {View} game_state
 * @property {string} reconnected_at
 * @property {Update[]} missed_events
 * @property {false} more
 * @property {null} next
 */
/** @typedef {{ [name: string]: any }} Frame */
/** @typedef {{ move: string, [argument: string]: Json | undefined }} Move */
/**
 * The merge patch that a move of one's own makes of one's view, by the server's time `at` at which it was made: the
 * same for the same; undefined where that is not sure.
 * @typedef {(view: View, move: Move, at: number) => { [name: string]: any } | undefined} Foresee
 */
/** @typedef {{ move: Move, turn: number | undefined, at: number, seq?: number }} Foreseen */
/** @typedef {ReturnType<typeof setTimeout>} Timer */
/**
 * @typedef {object} Pending
 * @property {Frame} frame
 * @property {number} until
 * @property {Timer} [again]
 * @property {Timer} [late]
 * @property {(ack: any) => void} done
 * @property {(error: TavolaError) => void} fail
 */

const SUBPROTOCOL = "tavola.v1";
const FRAME_LIMIT = 32 * 1024;
/** Commands that may wait for their answers; more are refused here with `overloaded`. */
const PENDING_LIMIT = 64;
/** Updates that may wait for a missing one; more are let go and asked for again. */
const AHEAD_LIMIT = 256;
/** Updates that `room.history` keeps. */
const HISTORY_LIMIT = 500;
/** Updates that the server gives at once by REST. */
const PAGE = 200;
/** Rooms whose tokens are kept; the oldest goes. */
const KEPT_LIMIT = 20;
const KEPT = "tavola.rooms";
/** The identity token of a page of another origin, before the server's address. */
const KEPT_TOKEN = "tavola.token ";

export const TIMES = Object.freeze({
  /** Silence after which the connection is asked whether it lives. */
  heartbeat_ms: 15_000,
  /** Silence after a heartbeat that means that the connection is dead. */
  silence_ms: 5_000,
  /** Both, while we wait for something: an answer, or whoever's turn it is. */
  waiting_ms: 2_500,
  waiting_silence_ms: 2_000,
  /** The same, when there is a reason to ask: the page is seen again, the network came back. */
  probe_ms: 4_000,
  /** From the first byte to `authenticated`. */
  connect_ms: 10_000,
  backoff_ms: 250,
  backoff_limit_ms: 10_000,
  /** After a close for flooding. */
  flood_ms: 5_000,
  /** Before a missing number is asked for again. */
  gap_ms: 3_000,
  /** The life that a token has left when a new one is asked for. */
  renew_ms: 600_000,
  /** How long a command is tried. */
  command_ms: 30_000,
});

/** The root of everything that this module throws. */
export class TavolaError extends Error {
  /** @param {string} message */
  constructor(message) {
    super(message);
    this.name = this.constructor.name;
  }
}

/** The server said no: `code` is one of protocol.md section 5. The command had no effect. */
export class Refused extends TavolaError {
  /** @param {Refusal} error */
  constructor({ code, message, details, retry_after_ms, id, room }) {
    super(message ?? code);
    this.code = code;
    this.details = details;
    this.retry_after_ms = retry_after_ms;
    this.id = id;
    this.room = room;
  }
}

/**
 * No answer came in time, or the client was closed: whether it had an effect is not known. The same `id` may be sent
 * again.
 */
export class Unanswered extends TavolaError {
  /**
   * @param {string} id
   * @param {string} [reason]
   */
  constructor(id, reason) {
    super(reason ?? "No answer came in time.");
    this.id = id;
  }
}

/** A request did not reach the server. */
export class Unreachable extends TavolaError {}

/**
 * The JSON merge patch of RFC 7396. `target` stays as it is; what did not change is shared with it.
 * @param {any} target
 * @param {any} patch
 * @returns {any}
 */
export function merge(target, patch) {
  if (!isObject(patch)) return patch;
  /** @type {Frame} */
  const merged = isObject(target) ? { ...target } : {};
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete merged[key];
    else merged[key] = merge(merged[key], value);
  }
  return merged;
}

/** @returns {value is Frame} */
const isObject = (/** @type {unknown} */ value) => typeof value === "object" && value !== null && !Array.isArray(value);

/** @returns {Turn | undefined} */
const turnIn = (/** @type {Partial<View>} */ { me, turn, turns }) =>
  turns?.find((each) => each.seat_index === me?.seat_index) ?? turn;

/** The number of one's own turn, if one is to act. */
const ownTurn = (/** @type {View} */ view) => {
  const turn = turnIn(view);
  return turn && view.me?.seat_index === turn.seat_index ? turn.number : undefined;
};

const isOffered = (/** @type {Frame[] | undefined} */ legal = [], /** @type {Frame} */ move) =>
  legal.some((entry) =>
    Object.entries(entry).every(([name, offer]) => {
      const value = move[name];
      if (name === "exact") return true;
      if (!isObject(offer)) return isSame(offer, value);
      return offer.choices?.some((/** @type {Json} */ each) => isSame(each, value)) ?? (offer.min <= value && value <= offer.max);
    }),
  );

const isSame = (/** @type {unknown} */ a, /** @type {unknown} */ b) => JSON.stringify(a) === JSON.stringify(b);

/**
 * Events, and with what each calls its listeners. A listener that throws harms nobody else.
 * @template {{ [Name in keyof Events]: any[] }} Events
 */
class Emitter {
  /** @type {Map<keyof Events, Set<(...detail: any[]) => void>>} */
  #listeners = new Map();

  /**
   * Calls `listener` at each event; gives back what ends that.
   * @template {keyof Events} Name
   * @param {Name} name
   * @param {(...detail: Events[Name]) => void} listener
   * @returns {() => void}
   */
  on(name, listener) {
    const listeners = this.#listeners.get(name) ?? new Set();
    this.#listeners.set(name, listeners.add(listener));
    return () => void listeners.delete(listener);
  }

  /**
   * @internal
   * @template {keyof Events} Name
   * @param {Name} name
   * @param {Events[Name]} detail
   */
  emit(name, ...detail) {
    for (const listener of [...(this.#listeners.get(name) ?? [])]) {
      try {
        listener(...detail);
      } catch (error) {
        rethrown(error);
      }
    }
  }
}

const rethrown = (/** @type {unknown} */ error) =>
  queueMicrotask(() => {
    throw error;
  });

/** The storage for each room between visits: its tokens, whose they are, and the last number seen. */
class Keep {
  #storage;

  /** @param {Options["storage"]} storage */
  constructor(storage) {
    this.#storage = storage;
  }

  /** @returns {{ [room: string]: Kept }} */
  all() {
    try {
      const kept = JSON.parse(this.#storage?.getItem(KEPT) ?? "{}");
      return isObject(kept) ? kept : {};
    } catch {
      return {}; // The entry is not ours, or may not be read: it is as if nothing had been kept.
    }
  }

  /**
   * @param {string} room
   * @returns {Kept | undefined}
   */
  get(room) {
    return this.all()[room];
  }

  /**
   * @param {string} room
   * @param {Partial<Kept>} fields
   */
  set(room, fields) {
    if (!this.#storage) return;
    const kept = this.all();
    kept[room] = { ...kept[room], ...fields, kept_at: Date.now() };
    const newest = Object.entries(kept).sort(([, a], [, b]) => b.kept_at - a.kept_at);
    this.#write(Object.fromEntries(newest.slice(0, KEPT_LIMIT)));
  }

  /** @param {string} room */
  forget(room) {
    const { [room]: _, ...others } = this.all();
    this.#write(others);
  }

  /**
   * The identity token for the server at that address.
   * @param {string} url
   * @returns {string | undefined}
   */
  token(url) {
    try {
      return this.#storage?.getItem(KEPT_TOKEN + url) || undefined;
    } catch {
      return undefined; // It may not be read.
    }
  }

  /**
   * @param {string} url
   * @param {string} [token]
   */
  hold(url, token = "") {
    this.#put(KEPT_TOKEN + url, token);
  }

  /** @param {{ [room: string]: Kept }} kept */
  #write(kept) {
    this.#put(KEPT, JSON.stringify(kept));
  }

  /**
   * @param {string} key
   * @param {string} value
   */
  #put(key, value) {
    try {
      this.#storage?.setItem(key, value);
    } catch {
      // A full or forbidden storage costs the way back after losing the session, nothing now.
    }
  }
}

/**
 * One room that this client follows: `client.room` gives it. `view` is what the server would give now, as far
 * as is known; `shown` is that with one's own moves on it that are on their way, where `foresee` knows them.
 * @extends {Emitter<RoomEvents>}
 */
export class Room extends Emitter {
  /** @type {View | null} */
  view = null;
  /** @type {View | null} */
  shown = null;
  /** @type {Foresee | null} */
  foresee = null;
  seq = 0;
  /**
   * The name of the history that `seq` is a number of, as it came with it.
   * @type {number | undefined}
   */
  epoch = undefined;
  /**
   * Every update known of the past, oldest first.
   * @type {Update[]}
   */
  history = [];
  /**
   * User → `active`, `away` or `disconnected`, as far as was told.
   * @type {Map<string, Status>}
   */
  presence = new Map();
  /**
   * The code of what keeps the room from answering just now, or null.
   * @type {string | null}
   */
  trouble = null;

  #client;
  /**
   * Moves whose updates are not there yet, in order.
   * @type {Foreseen[]}
   */
  #foreseen = [];
  /** @type {Map<number, Update>} */
  #ahead = new Map();
  /** @type {Timer | undefined} */
  #asking;
  /** @type {{ resolve(view: View): void, reject(refused: Refused): void } | undefined} */
  #settle;

  /**
   * @internal
   * @param {Tavola} client
   * @param {string} id
   * @param {string} [code]
   */
  constructor(client, id, code) {
    super();
    this.#client = client;
    this.id = id;
    this.code = code;
    /**
     * Fulfilled with the first view; rejected when the room cannot be followed.
     * @type {Promise<View>}
     */
    this.ready = new Promise((resolve, reject) => (this.#settle = { resolve, reject }));
    this.ready.catch(() => {}); // Those who wait for it are told; nobody need wait.
  }

  /**
   * Sends a command until it is answered. Gives its `ack`; throws `Refused` or `Unanswered`.
   * @param {string} type
   * @param {{ [name: string]: Json | undefined }} [fields]
   * @param {string} [id]
   * @returns {Promise<Ack>}
   */
  command(type, fields = {}, id = undefined) {
    return this.#client._command(this, type, fields, id);
  }

  /**
   * The turn that runs: where several are to act at once one's own, or the first if one has none.
   * @returns {Turn | undefined}
   */
  get turn() {
    return turnIn(this.view ?? {});
  }

  /**
   * Makes a move, in the turn that is shown (or `turn`): it can never land in a later one. `shown` has it at once, if
   * `foresee` knows it, until its update is there or it is refused.
   * @param {string} move
   * @param {{ [name: string]: Json | undefined }} [args]
   * @param {number} [turn]
   */
  act(move, args = {}, turn = turnIn(this.shown ?? {})?.number) {
    const made = { move: { ...args, move }, turn, at: this.#client.now() };
    this.#foreseen.push(made);
    this.#show();
    const fields = { ...args, move, ...(turn === undefined ? {} : { turn }) };
    return this.#client._command(this, "act", fields, undefined, (ack) => this.#answered(made, ack));
  }

  /** @param {string} text */
  chat(text) {
    return this.command("chat", { text });
  }

  /** Stops following. Seat and membership stay. */
  unfollow() {
    clearTimeout(this.#asking);
    this.#client._unfollow(this);
  }

  // Calls from the client. Not for others.

  /**
   * @internal
   * @param {Frame} frame
   */
  _hydrated({ seq, epoch, at, view, stale }) {
    if (this.view && seq < this.seq && stale) return; // Only older than what was merged meanwhile.
    /** @type {Update[]} */
    const recent = view.recent ?? [];
    if (this.view && !this.#goesOn({ seq, epoch }, recent)) {
      // The server's database went back: what was shown beyond that never was, and its numbers are given again.
      this.history = [];
      this.#ahead.clear();
      this.#foreseen = this.#foreseen.filter((made) => made.seq === undefined);
    }
    const missed = recent.filter((update) => update.seq > this.seq).flatMap((update) => update.events ?? []);
    this.seq = seq;
    this.epoch = epoch;
    const whole = (this.view = { ...view, seq, at });
    const known = new Map(this.history.map((update) => [update.seq, update]));
    for (const update of recent) known.set(update.seq, update);
    this.history = [...known.values()].sort((a, b) => a.seq - b.seq).slice(-HISTORY_LIMIT);
    this.#show(missed);
    this._token(view.me);
    this._troubled(stale ? "stale" : null);
    this.#settle?.resolve(whole);
    this.emit("view", whole, []);
    this.#drain();
  }

  /**
   * @internal
   * @param {Update} update
   */
  _updated(update) {
    if (!this.view || update.seq <= this.seq) return;
    if (update.seq > this.seq + 1) {
      if (this.#ahead.size < AHEAD_LIMIT) this.#ahead.set(update.seq, update);
      this.#ask();
      return;
    }
    this.#apply(update);
    this.#drain();
  }

  /**
   * @internal
   * @param {Frame} frame
   */
  _announced({ service, text, data }) {
    this.emit("announcement", data === undefined ? { service, text } : { service, text, data });
  }

  /**
   * @internal
   * @param {Frame} frame
   */
  _present({ user_id, status }) {
    this.presence.set(user_id, status);
    this.emit("presence", { user_id, status });
  }

  /**
   * @internal
   * @param {Tokens & { [name: string]: any } | undefined} fields
   */
  _token(fields) {
    const { rejoin_token, seat_token } = fields ?? {};
    if (rejoin_token || seat_token) {
      this.#client._keep(this, { ...(rejoin_token && { rejoin_token }), ...(seat_token && { seat_token }) });
    }
  }

  /**
   * @internal
   * @param {string | null} code
   */
  _troubled(code) {
    if (code === this.trouble) return;
    this.trouble = code;
    this.emit("trouble", code);
  }

  /**
   * The server will not let it be followed.
   * @internal
   * @param {Refused} refused
   */
  _refused(refused) {
    this.#settle?.reject(refused);
    this.emit("refused", refused);
  }

  /**
   * Whether a full view is of the history that was shown, as far as can be told.
   * @param {{ seq: number, epoch: number }} view
   * @param {Update[]} recent
   */
  #goesOn(view, recent) {
    const there = [view, ...recent].find((update) => update.seq === this.seq);
    return view.seq >= this.seq && (there === undefined || there.epoch === this.epoch);
  }

  /**
   * The facts that the server needs to send no more than is missing.
   * @internal
   * @returns {{ after?: number, epoch?: number }}
   */
  get _seen() {
    if (!this.view) return {};
    return { after: this.seq, ...(this.epoch === undefined ? {} : { epoch: this.epoch }) };
  }

  /** @param {Update} update */
  #apply(update) {
    const { seq, epoch, at, events = [], patch } = update;
    const recent = [...(this.view?.recent ?? []), { seq, epoch, at, events }].slice(-20);
    this.seq = seq;
    this.epoch = epoch;
    /** @type {View} */
    const view = { ...merge(this.view, patch ?? {}), seq, epoch, at, stale: false, recent };
    this.view = view;
    this.history = [...this.history, update].slice(-HISTORY_LIMIT);
    this.#show(events);
    this._token(update);
    this._token(patch?.me);
    this._troubled(null);
    this.emit("update", update, view);
    this.emit("view", view, events);
  }

  // Moves that are shown ahead

  /**
   * Accepted (`ack`), a move is shown until its update is there; else it is taken back, with what is on top of it.
   * @param {Foreseen} made
   * @param {Ack | null} ack
   */
  #answered(made, ack) {
    const at = this.#foreseen.indexOf(made);
    if (at < 0) return;
    made.seq = ack?.seq;
    if (!ack) this.#foreseen.splice(at);
    this.#show();
  }

  /**
   * Lays the moves on the view, as far as each goes on from it. Those are gone that it has, or whose turn is over; the
   * game's events tell a move from the next like it in the same turn.
   * @param {Frame[]} [events]
   */
  #show(events = []) {
    const { view, shown } = this;
    for (const { kind, seat_index, move } of events) {
      const mine = kind === "player_action" && seat_index === view?.me.seat_index;
      if (mine && move === this.#foreseen[0]?.move.move) this.#foreseen.shift();
    }
    const now = (view && ownTurn(view)) ?? Infinity;
    this.#foreseen = this.#foreseen.filter(({ seq = Infinity, turn = -1 }) => seq > this.seq && turn >= now);
    this.shown = view;
    for (const made of this.#foreseen) {
      const next = this.shown && this.#foreseenIn(this.shown, made);
      if (!next) break;
      this.shown = next;
    }
    if (this.shown && this.shown !== shown) this.emit("shown", this.shown);
  }

  /**
   * @param {View} view
   * @param {Foreseen} made
   */
  #foreseenIn(view, { move, turn, at }) {
    if (!this.foresee || ownTurn(view) !== turn || !isOffered(view.me.legal, move)) return undefined;
    try {
      const patch = this.foresee(view, move, at);
      return patch && /** @type {View} */ (merge(view, patch));
    } catch (error) {
      return void rethrown(error);
    }
  }

  /** Applies what had to wait, as far as it now fits. */
  #drain() {
    for (const [seq, update] of [...this.#ahead].sort(([a], [b]) => a - b)) {
      if (seq > this.seq + 1) break;
      this.#ahead.delete(seq);
      if (seq === this.seq + 1) this.#apply(update);
    }
    if (!this.#ahead.size) {
      clearTimeout(this.#asking);
      this.#asking = undefined;
    }
  }

  #ask() {
    if (this.#asking !== undefined) return;
    this.#client._send({ type: "resync", room: this.id, ...this._seen });
    this.#asking = setTimeout(() => {
      this.#asking = undefined;
      if (this.#ahead.size) this.#ask();
    }, this.#client.times.gap_ms);
  }
}

/**
 * The connection of one user to a Tavola server, over whatever happens to it.
 * @extends {Emitter<ClientEvents>}
 */
export class Tavola extends Emitter {
  /**
   * The user's session; null while it is not known.
   * @type {Session | null}
   */
  session = null;
  /**
   * `state` is `idle`, `connecting`, `open`, `waiting` (until `retry_at`) or `closed` (for `reason`; it will not come
   * back).
   * @type {Connection}
   */
  connection = { state: "idle", attempt: 0 };
  /**
   * Rooms that are followed, by id.
   * @type {Map<string, Room>}
   */
  rooms = new Map();

  #options;
  #token;
  /** Whether the token is kept between visits. */
  #abroad;
  #keep;
  /** @type {WebSocket | null} */
  #socket = null;
  /** @type {Map<string, Pending>} */
  #pending = new Map();
  #credential = 0;
  #attempt = 0;
  /** @type {Frame | null} */
  #closing = null;
  /** @type {{ [name in "retry" | "beat" | "dead"]: Timer | undefined }} */
  #timers = { retry: undefined, beat: undefined, dead: undefined };
  /** @type {{ round: number, offset: number } | null} */
  #clock = null;
  #asked_at = 0;
  /** When anything came last, and whether the connection was asked since whether it lives. */
  #heard_at = 0;
  #asking = false;
  #count = 0;

  /** @param {Options} [options] */
  constructor(options = {}) {
    super();
    /** @type {Location | undefined} */
    const page = globalThis.location;
    this.#options = {
      url: page?.origin,
      cookie: page !== undefined,
      WebSocket: globalThis.WebSocket,
      fetch: (/** @type {Parameters<typeof fetch>} */ ...request) => globalThis.fetch(...request),
      random: Math.random,
      storage: storageOf(globalThis),
      ...options,
    };
    /** @type {Times} */
    this.times = { ...TIMES, ...options.times };
    this.url = String(this.#options.url ?? "").replace(/\/+$/, "");
    this.#abroad = this.#options.cookie === true && page !== undefined && originOf(this.url) !== page.origin;
    this.#keep = new Keep(this.#options.storage);
    this.#token = options.token ?? (this.#abroad ? this.#keep.token(this.url) : undefined);
    globalThis.addEventListener?.("online", () => this.probe());
    globalThis.addEventListener?.("offline", () => this.probe());
    globalThis.document?.addEventListener("visibilitychange", () => document.hidden || this.probe());
  }

  /** The server's time in milliseconds, as near as is known. */
  now() {
    return Date.now() + (this.#clock?.offset ?? 0);
  }

  // Identity

  /**
   * The session that this browser has already, or null.
   * @returns {Promise<Session | null>}
   */
  async resume() {
    try {
      return await this.#identify("GET");
    } catch (error) {
      if (error instanceof Refused && error.code.match(/^(unauthenticated|token_)/)) return null;
      throw error;
    }
  }

  /**
   * Signs in: the same user again if there is one, with another name if one is given; else a new guest.
   * @param {string | null} [display_name]
   */
  async signIn(display_name) {
    return this.#identify("POST", display_name ? { display_name } : {});
  }

  /** Ends the session, everywhere. */
  async signOut() {
    await this.request("DELETE", "/api/session");
    this.#hold(undefined);
    this.session = null;
    for (const room of Object.keys(this.#keep.all())) this.#keep.forget(room);
    this.close("signed_out");
  }

  /** @param {Session & { token?: string }} known */
  #known({ token, ...session }) {
    // A page of the server's own needs no token: scripts cannot read the cookie.
    if (token && (this.#abroad || !this.#options.cookie)) this.#hold(token);
    this.session = session;
    return session;
  }

  /**
   * @param {string} method
   * @param {Json} [body]
   * @returns {Promise<Session>}
   */
  async #identify(method, body) {
    try {
      return this.#known(await this.request(method, "/api/session", body));
    } catch (error) {
      const over = this.#abroad && this.#token && error instanceof Refused && error.code.startsWith("token_");
      if (!over) throw error;
      this.#hold(undefined); // The cookie may have lasted longer.
      return this.#identify(method, body);
    }
  }

  /** @param {string | undefined} token */
  #hold(token) {
    this.#token = token;
    if (this.#abroad) this.#keep.hold(this.url, token);
  }

  /**
   * One REST request. Gives the answer's JSON; throws `Refused` or `Unreachable`. `id` makes it safe to repeat.
   * @param {string} method
   * @param {string} path
   * @param {Json} [body]
   * @param {string} [id]
   * @returns {Promise<any>}
   */
  async request(method, path, body = undefined, id = undefined) {
    /** @type {{ [name: string]: string }} */
    const headers = { Accept: "application/json", "X-Requested-With": "tavola" };
    if (body !== undefined) headers["Content-Type"] = "application/json";
    if (this.#token) headers.Authorization = `Bearer ${this.#token}`;
    if (id) headers["Idempotency-Key"] = id;
    let response, text;
    try {
      response = await this.#options.fetch(this.url + path, {
        method,
        headers,
        body: body === undefined ? undefined : JSON.stringify(body),
        credentials: this.#options.cookie ? "include" : "omit",
      });
      text = await response.text();
    } catch {
      throw new Unreachable("The server cannot be reached.");
    }
    const answer = parsed(text);
    if (response.ok) return answer ?? {};
    throw new Refused(answer?.error ?? { code: "unavailable", message: `The server answered ${response.status}.` });
  }

  /**
   * Every update of the room with that id after the number `after`, as this user saw it, the oldest first: page after
   * page, to the number `until` or to the last that there is. Throws as `request`.
   * @param {string} id
   * @param {number} after
   * @param {number} [until]
   * @returns {AsyncGenerator<Update, void>}
   */
  async *missed(id, after, until = Infinity) {
    for (let at = after; at !== null && at < until;) {
      const page = await this.request("GET", `/api/rooms/${id}/events?after=${at}&limit=${PAGE}`);
      for (const update of page.updates) {
        if (update.seq > until) return;
        yield update;
      }
      at = page.next;
    }
  }

  /**
   * Takes this user's seat up again, by a connection token or a rejoin token of theirs. `missed_events` are all
   * updates after `after` and up to `game_state`, however many. Throws as `request`; a connection token is used up by
   * then.
   * @param {string} id
   * @param {string} token
   * @param {number} [after]
   * @returns {Promise<Returned>}
   */
  async reconnect(id, token, after = undefined) {
    const asked = { player_id: this.session?.user_id ?? "", reconnect_token: token };
    const body = after === undefined ? asked : { ...asked, after };
    const back = await this.request("POST", `/api/game/${id}/reconnect`, body);
    if (!back.more) return back;
    for await (const update of this.missed(id, back.next, back.game_state.seq)) back.missed_events.push(update);
    return { ...back, more: false, next: null };
  }

  // Connecting

  /** Connects, and stays connected until `close`. */
  connect() {
    if (this.#socket || this.connection.state === "waiting") return;
    this.#credential = this.#attempt = 0;
    this.#open();
  }

  /** Disconnects for good. Commands without an answer throw `Unanswered`. */
  close(reason = "closed") {
    this.#abandon();
    this.#say({ state: "closed", attempt: 0, reason });
    for (const command of [...this.#pending.values()]) {
      command.fail(new Unanswered(command.frame.id, "The connection was closed."));
    }
  }

  /** Asks at once whether the connection is alive, or for a new one: for when there is a reason to doubt. */
  probe() {
    if (this.connection.state === "waiting") this.#open();
    else if (this.connection.state === "open") this.#beat(this.times.probe_ms);
  }

  #open() {
    this.#abandon();
    this.#say({ state: "connecting", attempt: this.#attempt });
    const { WebSocket } = this.#options;
    const socket = new WebSocket(`${this.url.replace(/^http/, "ws")}/ws`, [SUBPROTOCOL]);
    this.#socket = socket;
    this.#closing = null;
    const mine = (/** @type {(event: any) => void} */ handle) => (/** @type {any} */ event) => this.#socket === socket && handle(event);
    socket.onopen = mine(() => this.#authenticate());
    socket.onmessage = mine(({ data }) => this.#frame(data));
    socket.onclose = mine(({ code }) => this.#closed(code));
    socket.onerror = () => {}; // `close` follows, and says more.
    this.#timers.dead = setTimeout(() => this.#closed(1006), this.times.connect_ms);
  }

  /** Lets go of the socket and all that was to happen to it. */
  #abandon() {
    const socket = this.#socket;
    this.#socket = null;
    for (const timer of Object.values(this.#timers)) clearTimeout(timer);
    for (const command of this.#pending.values()) clearTimeout(command.again);
    if (socket && socket.readyState < 2) socket.close(1000);
  }

  /** Credentials that may say who we are, best first: a token we were given, the cookie, what the rooms gave us. */
  #credentials() {
    /** @type {{ token?: string, seat_token?: string, rejoin_token?: string }[]} */
    const ways = [];
    if (this.#token) ways.push({ token: this.#token });
    if (this.#options.cookie) ways.push({});
    for (const room of this.rooms.keys()) {
      const { seat_token, rejoin_token } = this.#keep.get(room) ?? {};
      if (seat_token) ways.push({ seat_token });
      if (rejoin_token) ways.push({ rejoin_token });
    }
    return ways;
  }

  #authenticate() {
    /** @type {{ [room: string]: number | undefined }} */
    const after = {};
    /** @type {{ [room: string]: number | undefined }} */
    const epochs = {};
    for (const [id, { _seen }] of this.rooms) {
      if ("after" in _seen) after[id] = _seen.after;
      if ("epoch" in _seen) epochs[id] = _seen.epoch;
    }
    this.#asked_at = Date.now();
    this._send({ type: "authenticate", ...(this.#credentials()[this.#credential] ?? {}), after, epochs });
  }

  /** @param {Frame} frame */
  #authenticated(frame) {
    clearTimeout(this.#timers.dead);
    this.#attempt = this.#credential = 0;
    this.#told_time(frame.server_time);
    this.session = { ...this.session, user_id: frame.user_id, display_name: frame.display_name };
    this.#say({ state: "open", attempt: 0 });
    const named = this.rooms.get(frame.room);
    named?._token(frame);
    for (const room of this.rooms.values()) if (room !== named) this.#join(room);
    for (const command of this.#pending.values()) this._send(command.frame);
    this.#arm();
  }

  /** Whether an answer is owed to us, or it is somebody's turn. */
  get #waits() {
    return this.#pending.size > 0 || [...this.rooms.values()].some(({ view }) => Boolean(view?.turn));
  }

  /** The connection is asked when it has said nothing for as long as it may; unless it was asked already. */
  #arm() {
    clearTimeout(this.#timers.beat);
    if (this.#asking) return;
    const { waiting_ms, waiting_silence_ms, heartbeat_ms, silence_ms } = this.times;
    const [quiet, patience] = this.#waits ? [waiting_ms, waiting_silence_ms] : [heartbeat_ms, silence_ms];
    const left = Math.max(0, this.#heard_at + quiet - Date.now());
    this.#timers.beat = setTimeout(() => this.#beat(patience), left);
  }

  /** @param {Room} room */
  #join(room) {
    const { id, code } = room;
    this._send({ type: "join_room", room: id, ...room._seen, ...(code && { code }) });
  }

  /** @param {number} patience */
  #beat(patience) {
    if (this.#token && Date.parse(this.session?.expires_at ?? "") - this.now() < this.times.renew_ms) {
      this.signIn().catch(() => {}); // The token still holds; the next beat tries again.
    }
    clearTimeout(this.#timers.beat);
    clearTimeout(this.#timers.dead);
    this.#asked_at = Date.now();
    this.#asking = true;
    this._send({ type: "heartbeat" });
    this.#timers.dead = setTimeout(() => this.#closed(1006), patience);
  }

  /** @param {number} server_time */
  #told_time(server_time) {
    const round = Date.now() - this.#asked_at;
    if (this.#clock && round > this.#clock.round * 2 + 20) return; // A slow answer says less than what is known.
    this.#clock = { round, offset: server_time + round / 2 - Date.now() };
  }

  /** @param {number} code */
  #closed(code) {
    const { reconnect_after_ms } = this.#closing ?? {};
    this.#abandon();
    if (code === 4401) {
      if (++this.#credential < this.#credentials().length) return this.#open();
      return this.close("signed_out");
    }
    /** @type {{ [code: number]: string }} */
    const reasons = { 4400: "protocol", 4403: "refused", 4409: "too_many" };
    if (reasons[code]) return this.close(reasons[code]);
    this.#wait(code, this.#delay(code, reconnect_after_ms));
  }

  /**
   * How long to wait before the next attempt: what the server asked for, else longer with each failure; never all at
   * once.
   * @param {number} code
   * @param {number} [asked_ms]
   */
  #delay(code, asked_ms) {
    const { backoff_ms, backoff_limit_ms, flood_ms } = this.times;
    const chance = this.#options.random();
    if (asked_ms !== undefined) return asked_ms + chance * 100;
    if (code === 4429) return flood_ms * (1 + chance);
    if (this.#attempt === 0) return chance * backoff_ms;
    return Math.min(backoff_limit_ms, backoff_ms * 2 ** this.#attempt) * (0.5 + chance / 2);
  }

  /**
   * @param {number} code
   * @param {number} delay
   */
  #wait(code, delay) {
    this.#attempt += 1;
    this.#timers.retry = setTimeout(() => this.#open(), delay);
    this.#say({ state: "waiting", attempt: this.#attempt, code, retry_at: Date.now() + delay });
  }

  /** @param {Connection} connection */
  #say(connection) {
    this.connection = connection;
    this.emit("connection", connection);
  }

  // Frames

  /** @param {string} data */
  #frame(data) {
    const frame = parsed(data);
    if (!frame) return;
    this.#heard_at = Date.now();
    this.#asking = false;
    if (this.connection.state === "open") clearTimeout(this.#timers.dead); // Any frame is a sign of life.
    this.#take(frame);
    if (this.connection.state === "open") this.#arm();
  }

  /** @param {any} frame */
  #take(frame) {
    const room = this.rooms.get(frame.room);
    switch (frame.type) {
      case "authenticated":
        return this.#authenticated(frame);
      case "hydrated":
        return room?._hydrated(frame);
      case "update":
        return room?._updated(/** @type {any} */ (frame));
      case "updates":
        for (const update of frame.updates) room?._updated(update);
        return undefined;
      case "ack":
        room?._token(frame);
        return this.#pending.get(frame.id)?.done(frame);
      case "error":
        return this.#refused(frame, room);
      case "presence":
        return room?._present(frame);
      case "announcement":
        return room?._announced(frame);
      case "heartbeat_ack":
        this.#told_time(frame.server_time);
        for (const [id, seat_token] of Object.entries(frame.seat_tokens ?? {})) {
          this.rooms.get(id)?._token({ seat_token });
        }
        return undefined;
      case "closing":
        this.#closing = frame;
        return undefined;
      default:
        return undefined; // `left`, and what later versions may say.
    }
  }

  /**
   * @param {any} frame
   * @param {Room | undefined} room
   */
  #refused(frame, room) {
    const refused = new Refused(frame);
    const command = this.#pending.get(frame.id);
    if (command) {
      const again = mayPass(refused) && Date.now() + refused.retry_after_ms < command.until;
      if (!again) return command.fail(refused);
      room?._troubled(refused.code);
      command.again = setTimeout(
        () => this._send(command.frame),
        refused.retry_after_ms * (1 + this.#options.random()),
      );
      return undefined;
    }
    if (room && frame.id === undefined) {
      if (mayPass(refused)) {
        room._troubled(refused.code);
        setTimeout(() => this.rooms.get(room.id) === room && this.#join(room), refused.retry_after_ms);
        return undefined;
      }
      this.rooms.delete(room.id);
      return room._refused(refused);
    }
    if (this.connection.state === "open") this.emit("refused", refused);
    return undefined;
  }

  // Rooms and commands

  /**
   * The room of that id, followed from now on. The same object for the same id.
   * @param {string} id
   * @param {{ code?: string }} [options]
   * @returns {Room}
   */
  room(id, { code } = {}) {
    let room = this.rooms.get(id);
    if (!room) {
      room = new Room(this, id, code);
      this.rooms.set(id, room);
      if (this.connection.state === "open") this.#join(room);
    }
    return room;
  }

  /**
   * Whether tokens are kept for the room of that id or code from an earlier visit.
   * @param {string | undefined} named
   */
  remembers(named) {
    const kept = this.#keep.all();
    return named !== undefined && (named in kept || Object.values(kept).some(({ code }) => code === named));
  }

  /**
   * @internal
   * @param {Room} room
   */
  _unfollow(room) {
    if (this.rooms.get(room.id) !== room) return;
    this.rooms.delete(room.id);
    this._send({ type: "leave_room", room: room.id });
  }

  /**
   * @internal
   * @param {Room} room
   * @param {Tokens} tokens
   */
  _keep(room, tokens) {
    this.#keep.set(room.id, { user_id: this.session?.user_id, code: room.view?.room.code, seq: room.seq, ...tokens });
  }

  /**
   * @internal
   * @param {Frame} frame
   */
  _send(frame) {
    if (this.#socket?.readyState === 1) this.#socket.send(JSON.stringify(frame));
  }

  /**
   * @internal
   * @param {Room} room
   * @param {string} type
   * @param {{ [name: string]: Json | undefined }} fields
   * @param {string} [id]
   * @param {(ack: Ack | null) => void} [answered] Called once, with null when it was not accepted.
   * @returns {Promise<Ack>}
   */
  _command(room, type, fields, id = this.#id(), answered = () => {}) {
    const frame = { ...fields, type, id, room: room.id };
    const limit = this.times.command_ms;
    return new Promise((resolve, refuse) => {
      const reject = (/** @type {TavolaError} */ error) => (answered(null), refuse(error));
      const no = (/** @type {RefusalCode} */ code, /** @type {string} */ message) => reject(new Refused({ code, message, id, room: room.id }));
      if (this.connection.state === "closed") return reject(new Unanswered(id, "The connection is closed."));
      if (this.#pending.size >= PENDING_LIMIT) return no("overloaded", "Too many commands wait for an answer.");
      if (new TextEncoder().encode(JSON.stringify(frame)).length > FRAME_LIMIT) {
        return no("message_too_large", "A message has at most 32 KiB.");
      }
      const settled = (/** @type {(value: any) => void} */ settle) => (/** @type {any} */ value) => {
        this.#pending.delete(id);
        clearTimeout(command.again);
        clearTimeout(command.late);
        settle(value);
      };
      /** @type {Pending} */
      const command = {
        frame,
        until: Date.now() + limit,
        again: undefined,
        done: settled((ack) => {
          room._troubled(null);
          if (type === "leave") this.#keep.forget(room.id);
          answered(ack);
          resolve(ack);
        }),
        fail: settled((error) => {
          reject(error);
          if (error instanceof Refused) room.emit("refused", error);
        }),
      };
      command.late = setTimeout(() => command.fail(new Unanswered(id)), limit);
      this.#pending.set(id, command);
      if (this.connection.state !== "open") return undefined;
      this._send(frame);
      this.#arm();
      return undefined;
    });
  }

  #id() {
    const chance = crypto.getRandomValues(new Uint32Array(3));
    return `c${++this.#count}.${[...chance].map((part) => part.toString(36)).join("")}`;
  }
}

/**
 * Refusals that say "not now" rather than "no".
 * @returns {refused is Refused & { retry_after_ms: number }}
 */
const mayPass = (/** @type {Refused} */ refused) => refused.retry_after_ms !== undefined;

/**
 * @param {string} text
 * @returns {Frame | null}
 */
function parsed(text) {
  try {
    const value = JSON.parse(text);
    return isObject(value) ? value : null;
  } catch {
    return null;
  }
}

/**
 * The origin of an address; without one, there is none.
 * @param {string} url
 */
function originOf(url) {
  return URL.canParse(url) ? new URL(url).origin : undefined;
}

/**
 * `localStorage`, where there is one that may be used.
 * @param {typeof globalThis} scope
 */
function storageOf(scope) {
  try {
    return scope.localStorage ?? null;
  } catch {
    return null;
  }
}
