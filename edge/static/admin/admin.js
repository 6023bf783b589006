/**
 * The operator's page: rooms, actors, edges, who is connected, a room's past through anybody's eyes; and acts.
 * The secret is kept for as long as the tab lives, and goes out in a header and nowhere else.
 */

import { ActPanel } from "./acts.js";
import { drawPersistence } from "./charts.js";
import { byId, fieldOf, h, render, submitted, valueIn } from "./dom.js";
import { button, bytes, figures, number, table, time } from "./parts.js";

/** @import { Child } from "./shapes.d.ts" */
/** @import { ActList, OrderList } from "./operator.d.ts" */
/** @import { EdgeHere, Edges, ErrorReply, Growth, Logged, LogPage, Participant } from "./operator.d.ts" */
/** @import { Persistence, PlacedRoom, PlacedRooms, Rewound, RoomActors, RoomRecord, Told } from "./operator.d.ts" */

const SECRET = "tavola.admin";
const LOOK_MS = 2000;
const LOG_PAGE = 50;
const TRIES = 5;

const pause = (/** @type {number} */ ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** The server said no: `code` is one of protocol.md section 5. */
class Refused extends Error {
  /** @param {ErrorReply["error"]} error */
  constructor({ code, message }) {
    super(message);
    this.code = code;
  }
}

class AdminPage {
  #root = byId("app");
  #acts = new ActPanel(
    (asked) => this.#ask("/acts", { method: "POST", body: JSON.stringify(asked) }),
    () => {
      this.#draw();
      this.#look();
    },
  );
  #secret = sessionStorage.getItem(SECRET) ?? "";
  /** Where one may sign in, if one may. */
  #issuer = document.querySelector('meta[name="issuer"]')?.getAttribute("content") ?? "";
  /** One has signed in there: a cookie says so, which no script sees. */
  #signedIn = false;
  #error = "";
  #trouble = "";
  #named = "";
  /**
   * @type {{ rooms: PlacedRooms, actors: RoomActors, edges: Edges, acts: ActList, orders: OrderList, growth: Growth,
   *   persistence: Persistence } | null}
   */
  #shown = null;
  /** @type {RoomRecord | null} */
  #record = null;
  /** @type {Logged[]} */
  #log = [];
  /**
   * After which seq the log is shown; null: its end.
   * @type {number | null}
   */
  #after = null;
  /** @type {Rewound | null} */
  #then = null;
  #thenError = "";
  /**
   * An edge's counters as they were last time, by edge: rates are differences.
   * @type {Map<string, { now: number, answers: number, seconds: number }>}
   */
  #before = new Map();
  /** @type {{ answers: number, second: number | null, ms: number | null }} */
  #rates = { answers: 0, second: null, ms: null };
  #looking = false;
  /** Something else is to be looked at: at once. */
  #again = false;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;

  start() {
    addEventListener("hashchange", () => this.#moved());
    document.addEventListener("visibilitychange", () => this.#look());
    this.#moved();
    if (this.#issuer && !this.#secret) this.#comesBack();
  }

  get #known() {
    return this.#secret !== "" || this.#signedIn;
  }

  async #comesBack() {
    try {
      this.#acts.operator = await this.#get("/me");
      this.#signedIn = this.#secret === "";
      this.#moved();
    } catch (error) {
      if (!(error instanceof Refused)) this.#failed(error);
      else if (!["unauthenticated", "forbidden"].includes(error.code)) this.#error = error.message;
      this.#draw();
    }
  }

  // Where one is: #room, #room/seq, #room/seq/user

  get #place() {
    const [room, seq, user] = location.hash.slice(1).split("/").map(decodeURIComponent);
    return { room: room || null, seq: seq ? Number(seq) : null, user: user || null };
  }

  /** @param {{ room: string, seq: number, user: string | null }} place */
  #go({ room, seq, user }) {
    location.hash = [room, seq ?? "", user ?? ""].map(encodeURIComponent).join("/").replace(/\/+$/, "");
  }

  #moved() {
    const { room } = this.#place;
    if (room !== this.#record?.room.id) {
      this.#record = this.#after = null;
      this.#log = [];
    }
    this.#then = null;
    this.#thenError = "";
    this.#look();
    this.#rewind();
  }

  // Asking

  /**
   * @param {string} path
   * @param {{ [name: string]: string | number | null }} query
   * @returns {Promise<any>}
   */
  async #get(path, query = {}) {
    const given = Object.entries(query).filter(([, value]) => value !== null && value !== "");
    return this.#ask(`${path}?${new URLSearchParams(given.map(([name, value]) => [name, String(value)]))}`);
  }

  /**
   * @param {string} path
   * @param {RequestInit} more
   * @returns {Promise<any>}
   */
  async #ask(path, more = {}) {
    // A header's characters are bytes.
    const bytes = String.fromCharCode(...new TextEncoder().encode(this.#secret));
    for (let left = TRIES; ; left -= 1) {
      const reply = await fetch(`/api/admin${path}`, {
        ...more,
        headers: this.#secret ? { Authorization: `Bearer ${bytes}` } : { "X-Requested-With": "tavola" },
        credentials: this.#secret ? "omit" : "same-origin",
        cache: "no-store",
      });
      if (reply.ok) return reply.json();
      const { error } = /** @type {ErrorReply} */ (await reply.json());
      if (error.code !== "overloaded" || left === 1) throw new Refused(error);
      await pause(error.retry_after_ms ?? LOOK_MS);
    }
  }

  /** Everything that is on the page and changes by itself; again and again while somebody looks. */
  async #look() {
    clearTimeout(this.#timer);
    if (!this.#known || document.hidden) return this.#draw();
    if (this.#looking) {
      this.#again = true;
      return undefined;
    }
    this.#looking = true;
    this.#again = false;
    try {
      const { room } = this.#place;
      await (room ? this.#lookAt(room) : this.#lookAround());
      this.#trouble = "";
    } catch (error) {
      this.#failed(error);
    }
    this.#looking = false;
    this.#draw();
    this.#timer = setTimeout(() => this.#look(), this.#again ? 0 : LOOK_MS);
    return undefined;
  }

  async #lookAround() {
    const [operator, acts, orders, rooms, actors, edges, growth, persistence] = await Promise.all([
      this.#get("/me"),
      this.#get("/acts", { limit: 20 }),
      this.#get("/orders"),
      this.#get("/rooms", { named: this.#named }),
      this.#get("/actors"),
      this.#get("/edges"),
      this.#get("/growth"),
      this.#get("/persistence"),
    ]);
    this.#acts.operator = operator;
    this.#shown = { acts, orders, rooms, actors, edges, growth, persistence };
    this.#count(edges.here);
  }

  /** @param {string} room */
  async #lookAt(room) {
    this.#acts.operator = await this.#get("/me");
    /** @type {RoomRecord} */
    const record = await this.#get(`/rooms/${encodeURIComponent(room)}`);
    const after = this.#after ?? Math.max(0, record.room.seq - LOG_PAGE);
    /** @type {LogPage} */
    const { log } = await this.#get(`/rooms/${encodeURIComponent(room)}/log`, { after, limit: LOG_PAGE });
    if (room !== this.#place.room) return;
    this.#record = record;
    if (!this.#pointsAtLog()) this.#log = log.reverse();
  }

  /** Rows must not move away from under a pointer that is about to choose one. */
  #pointsAtLog() {
    return this.#log.length > 0 && this.#root.querySelector("[aria-labelledby=log-title] tbody:hover") !== null;
  }

  /** The room as the chosen one saw it then. */
  async #rewind() {
    const { room, seq, user } = this.#place;
    if (!this.#known || room === null || seq === null) return;
    const mine = location.hash;
    try {
      /** @type {Rewound} */
      const then = await this.#get(`/rooms/${encodeURIComponent(room)}/view`, { seq, user });
      if (mine === location.hash) this.#then = then;
    } catch (error) {
      if (mine === location.hash) this.#thenError = error instanceof Error ? error.message : String(error);
      if (!(error instanceof Refused)) this.#failed(error);
    }
    this.#draw();
  }

  /** @param {unknown} error */
  #failed(error) {
    if (!(error instanceof Refused)) this.#trouble = "The server does not answer. The page shows how things were.";
    else if (error.code === "unauthenticated") this.#leave(error.message);
    else this.#trouble = `${error.message} The page shows how things were.`;
  }

  /** @param {SubmitEvent} event */
  #enter(event) {
    this.#secret = valueIn(submitted(event), "secret").trim();
    sessionStorage.setItem(SECRET, this.#secret);
    this.#error = "";
    this.#moved();
  }

  async #signOut() {
    try {
      await this.#ask("/session", { method: "DELETE" });
      this.#leave();
    } catch (error) {
      this.#failed(error);
      this.#draw();
    }
  }

  #leave(error = "") {
    sessionStorage.removeItem(SECRET);
    this.#secret = "";
    this.#signedIn = false;
    this.#error = error;
    this.#shown = this.#record = this.#then = null;
    this.#trouble = "";
    this.#draw();
  }

  /** @param {EdgeHere} here */
  #count(here) {
    const now = performance.now();
    const before = this.#before.get(here.edge);
    const answers = here.commands.reduce((sum, each) => sum + each.count, 0);
    this.#before.set(here.edge, { now, answers, seconds: here.seconds });
    const since = before && now > before.now && answers >= before.answers ? before : null;
    const fresh = since ? answers - since.answers : 0;
    this.#rates = {
      answers,
      second: since && (fresh * 1000) / (now - since.now),
      ms: since && fresh ? ((here.seconds - since.seconds) * 1000) / fresh : null,
    };
  }

  // Drawing

  #draw() {
    const { room } = this.#place;
    render(
      this.#root,
      h("a", { class: "skip", href: "#main", key: "skip", on: { click: skip } }, "To the content"),
      h("header", { class: "masthead", key: "masthead" }, h("a", { href: "/", class: "brand" }, "Tavola")),
      h(
        "div",
        { class: `banner ${this.#trouble ? "warn" : "none"}`, key: "banner", role: "status", "aria-live": "polite" },
        this.#trouble,
      ),
      h(
        "main",
        { class: "page operator", id: "main", key: "main", tabindex: -1 },
        this.#acts.over(),
        !this.#known ? this.#door() : room ? this.#drawRoom() : this.#overview(),
      ),
    );
  }

  #door() {
    return h(
      "form",
      { class: "secret", key: "door", on: { submit: (event) => this.#enter(event) } },
      h("h1", null, "Operator"),
      this.#issuer &&
        h("p", { key: "issuer" }, h("a", { class: "primary", href: "/admin/sign-in" }, `Sign in with ${this.#issuer}`)),
      h(
        "div",
        { class: "field" },
        h("label", { for: "secret" }, "Your secret as an operator"),
        h("input", {
          id: "secret",
          name: "secret",
          type: "password",
          autocomplete: "current-password",
          required: true,
          "aria-describedby": "secret-hint",
        }),
        h("span", { class: "hint", id: "secret-hint" }, "That of `tavola operator add`, an identity token, or TAVOLA_ADMIN_SECRET. Kept until this tab closes."),
      ),
      h("p", { class: "error", role: "alert" }, this.#error),
      h("button", { class: "primary" }, "Look"),
    );
  }

  /** @param {Child[]} title */
  #top(...title) {
    return h(
      "div",
      { class: "top", key: "top" },
      h("h1", null, title),
      this.#signedIn
        ? h("button", { class: "quiet small", on: { click: () => this.#signOut() } }, "Sign out")
        : h("button", { class: "quiet small", on: { click: () => this.#leave() } }, "Forget the secret"),
    );
  }

  #overview() {
    if (!this.#shown) return h("p", { key: "wait", "aria-busy": "true" }, "Looking…");
    const { acts, orders, rooms, actors, edges, growth, persistence } = this.#shown;
    return [
      this.#top("Operator"),
      this.#drawEdge(edges),
      this.#drawRooms(rooms),
      drawActors(actors, this.#acts),
      drawPeople(edges, this.#acts),
      this.#acts.lists(acts, orders),
      drawPersistence(persistence),
      drawGrowth(growth),
    ];
  }

  /** @param {Edges} edges */
  #drawEdge({ here, online }) {
    const { second, ms, answers } = this.#rates;
    const named = {
      "Answers a second": second === null ? "…" : number.format(second),
      "Time to an answer": ms === null ? "…" : `${number.format(ms)} ms`,
      "Answers in all": number.format(answers),
      Sockets: number.format(here.sockets),
      "Rooms followed": number.format(here.rooms_followed),
      "Users online": number.format(online),
    };
    return h(
      "section",
      { key: "edge", "aria-labelledby": "edge-title" },
      h("h2", { id: "edge-title" }, `This edge (${here.edge})`),
      figures(named),
      table(
        "Commands answered by this edge",
        ["Command", "Outcome", "#How often"],
        [...here.commands]
          .sort((one, other) => other.count - one.count)
          .map(({ command, outcome, count }) => ({
            key: `${command}.${outcome}`,
            cells: [command, outcome, number.format(count)],
          })),
      ),
    );
  }

  /** @param {PlacedRooms} listed */
  #drawRooms({ rooms, total }) {
    const search = (/** @type {Event} */ event) => {
      this.#named = fieldOf(event).value.trim();
      this.#look();
    };
    return h(
      "section",
      { key: "rooms", "aria-labelledby": "rooms-title" },
      h(
        "div",
        { class: "top" },
        h("h2", { id: "rooms-title" }, `Rooms (${rooms.length < total ? `the newest ${rooms.length} of ` : ""}${total})`),
        h("label", { for: "named" }, "Id, code or name"),
        h("input", { id: "named", type: "search", on: { change: search } }),
      ),
      table(
        "Rooms",
        ["Room", "Code", "Game", "Status", "#Seq", "#Members", "Actor", "Node", "#Pid", "#Epoch", "Last change"],
        rooms.map((room) => ({
          key: room.id,
          cells: [
            h("a", { href: `#${room.id}` }, h("bdi", null, room.name)),
            room.code,
            room.game,
            h("span", { class: `badge is-${room.status}` }, room.status),
            room.seq,
            room.members,
            room.actor ?? "–",
            room.node ?? "–",
            room.pid ?? "–",
            room.epoch,
            time(room.updated_at),
          ],
        })),
      ),
    );
  }

  #drawRoom() {
    const back = h("a", { href: "#", key: "back" }, "All rooms");
    if (!this.#record) return [this.#top("Room"), back, h("p", { key: "wait" }, this.#trouble ? "" : "Looking…")];
    const { room, participants } = this.#record;
    const where = room.actor ? `actor ${room.actor} (process ${room.pid} on ${room.node})` : "no actor's memory";
    return [
      this.#top(h("bdi", null, room.name)),
      back,
      h(
        "section",
        { key: "record", "aria-labelledby": "record-title" },
        h("h2", { id: "record-title" }, `${room.game}, ${room.status}`),
        h("p", null, `${room.id}, code ${room.code}. At ${room.seq}, epoch ${room.epoch}, in ${where}.`),
        table(
          "Members",
          ["Name", "User", "Part", "Seat", ...(this.#acts.may("act") ? ["Act"] : [])],
          participants.map((each) => ({
            key: each.user_id,
            cells: [
              h("bdi", null, each.display_name),
              each.user_id,
              part(each),
              each.seat_index ?? "–",
              ...(this.#acts.may("act") ? [this.#acts.onPerson(each.user_id, room.id)] : []),
            ],
          })),
        ),
      ),
      this.#acts.onRoom(room),
      this.#drawThen(room, participants),
      this.#drawLog(room),
    ];
  }

  /** @param {PlacedRoom} room */
  #drawLog(room) {
    const first = this.#log.at(-1)?.seq ?? 1;
    const last = this.#log[0]?.seq ?? 0;
    const turn = (/** @type {number | null} */ after) => {
      this.#after = after;
      this.#look();
    };
    const { seq } = this.#place;
    return h(
      "section",
      { key: "log", "aria-labelledby": "log-title" },
      h(
        "div",
        { class: "top" },
        h("h2", { id: "log-title" }, "The log, as those at the table were told"),
        button("Older", first <= 1, () => turn(Math.max(0, first - 1 - LOG_PAGE))),
        button("Newer", last >= room.seq, () => turn(last + LOG_PAGE >= room.seq ? null : last)),
      ),
      h("p", { class: "hint" }, "New lines come on top by themselves, but not while you point at the lines."),
      table(
        "Log",
        ["#Seq", "At", "User", "Command", "Told", "View"],
        this.#log.map((line) => ({
          key: line.seq,
          chosen: line.seq === seq,
          cells: [
            line.seq,
            time(line.at),
            h("bdi", null, line.display_name || "–"),
            line.command,
            { wide: line.events.map(told).join("; ") },
            h(
              "button",
              {
                class: "small quiet",
                "aria-label": `View at ${line.seq}`,
                on: { click: () => this.#go({ room: room.id, seq: line.seq, user: this.#place.user }) },
              },
              "View",
            ),
          ],
        })),
      ),
    );
  }

  /**
   * The room at a seq, through somebody's eyes.
   * @param {PlacedRoom} room
   * @param {Participant[]} participants
   */
  #drawThen(room, participants) {
    const { seq, user } = this.#place;
    const at = seq ?? room.seq;
    // Where one is when something is chosen, which may be further than what is drawn.
    const here = () => this.#place.seq ?? room.seq;
    const go = (/** @type {{ seq?: number, user?: string | null }} */ changed) =>
      this.#go({ room: room.id, seq: here(), user: this.#place.user, ...changed });
    const people = this.#then?.participants ?? participants;
    const chosen = people.find((each) => each.user_id === user) ?? participants.find((each) => each.user_id === user);
    const who = user === null ? "any spectator" : chosen?.display_name || user;
    const stranger = user !== null && !people.some((each) => each.user_id === user);
    const inRange = (/** @type {Event} */ event) =>
      Math.max(0, Math.min(room.seq, Math.trunc(Number(fieldOf(event).value)) || 0));
    return h(
      "section",
      { key: "then", "aria-labelledby": "then-title" },
      h("h2", { id: "then-title" }, seq === null ? "As it was" : `As ${who} saw it after update ${seq}`),
      h(
        "p",
        { class: "hint" },
        "An operator may look through anybody's eyes: what is here, that viewer's own cards among it, was shown to that viewer.",
        " The deck and the entropy, which nobody was shown, are not shown here either.",
      ),
      h(
        "div",
        { class: "bar" },
        h("label", { for: "viewer" }, "Viewer"),
        h(
          "select",
          { id: "viewer", value: user ?? "", on: { change: (event) => go({ user: fieldOf(event).value || null }) } },
          h("option", { key: "", value: "" }, "Any spectator"),
          people.map((each) =>
            h("option", { key: each.user_id, value: each.user_id }, `${each.display_name} (${part(each)})`),
          ),
          stranger && h("option", { key: user, value: user }, `${who} (no part then)`),
        ),
        h("label", { for: "seq" }, "Seq"),
        h("input", {
          id: "seq",
          type: "number",
          min: 0,
          max: room.seq,
          value: at,
          on: { change: (event) => go({ seq: inRange(event) }) },
        }),
        button("Back", at <= 0, () => go({ seq: Math.max(0, here() - 1) })),
        button("On", at >= room.seq, () => go({ seq: Math.min(room.seq, here() + 1) })),
        seq === null && button("Show", false, () => go({})),
      ),
      h("p", { class: "error", role: "alert" }, this.#thenError),
      this.#then &&
        h(
          "div",
          { class: "scroll", tabindex: 0, role: "region", "aria-label": `The view of ${who}` },
          h("pre", { id: "view" }, JSON.stringify(this.#then.view, null, 2)),
        ),
    );
  }
}

/**
 * The page's own addresses are in the hash: this one is none.
 * @param {Event} event
 */
function skip(event) {
  event.preventDefault();
  byId("main").focus();
}

/** @param {Growth} growth */
function drawGrowth({ measured_at, database, tables, free, full_in_days }) {
  const size = (/** @type {number | null} */ value) => (value === null ? "not known" : bytes.format(value));
  const days = full_in_days === null ? "not as it grows now" : `${number.format(full_in_days)} days`;
  const named = {
    Database: size(database?.bytes ?? null),
    "More a day": size(database?.a_day ?? null),
    "Free on its disk": size(free),
    "Full in": free === null ? "not known" : days,
  };
  return h(
    "section",
    { key: "growth", "aria-labelledby": "growth-title" },
    h("h2", { id: "growth-title" }, measured_at ? `Storage (at ${time(measured_at)})` : "Storage (not measured yet)"),
    figures(named),
    table(
      "Tables",
      ["Table", "#Bytes", "#More a day"],
      tables.map((each) => ({ key: each.name, cells: [each.name, size(each.bytes), size(each.a_day)] })),
    ),
  );
}

/**
 * @param {RoomActors} known
 * @param {ActPanel} acts
 */
function drawActors({ actors, total }, acts) {
  return h(
    "section",
    { key: "actors", "aria-labelledby": "actors-title" },
    h("h2", { id: "actors-title" }, `Room actors (${total})`),
    table(
      "Room actors",
      ["Actor", "State", "#Rooms", "#Room for", "Node", "#Pid", "Address", "Since", ...(acts.may("all") ? ["Act"] : [])],
      actors.map((actor) => ({
        key: actor.name,
        cells: [
          actor.name,
          actor.draining
            ? "draining"
            : actor.silent
            ? h("span", { class: "bad" }, "silent")
            : actor.suspect
              ? h("span", { class: "bad" }, "suspect")
              : actor.rooms
                ? "at work"
                : "spare",
          actor.rooms,
          actor.capacity,
          actor.node,
          actor.pid,
          actor.address,
          time(actor.started_at),
          ...(acts.may("all") ? [acts.button("Drain", { act: "drain_actor", actor: actor.name }, [], "all")] : []),
        ],
      })),
    ),
  );
}

/**
 * @param {Edges} known
 * @param {ActPanel} acts
 */
function drawPeople({ redis, edges, people, online }, acts) {
  return h(
    "section",
    { key: "people", "aria-labelledby": "people-title" },
    h("h2", { id: "people-title" }, `Edges (${edges.length}) and who is connected (${online})`),
    h(
      "p",
      { class: redis ? "hint" : "error" },
      redis
        ? "Of other edges than this one, as they wrote it last: up to half a minute ago."
        : "Redis is away: only this edge is known.",
    ),
    table(
      "Edges",
      ["Edge", "Last beat", ...(acts.may("all") ? ["Act"] : [])],
      edges.map(({ edge, beat_at }) => ({
        key: edge,
        cells: [
          edge,
          time(beat_at),
          ...(acts.may("all") ? [acts.button("Drain", { act: "drain_edge", edge }, [], "all")] : []),
        ],
      })),
    ),
    table(
      "Connected players",
      ["Name", "User", "#Sockets", "Edges", "Seen", ...(acts.may("act") ? ["Act"] : [])],
      people.map((each) => ({
        key: each.user_id,
        cells: [
          h("bdi", null, each.display_name || "–"),
          each.user_id,
          Object.values(each.sockets).reduce((sum, count) => sum + count, 0),
          Object.keys(each.sockets).join(", ") || "–",
          time(each.seen_at),
          ...(acts.may("act") ? [acts.onPerson(each.user_id)] : []),
        ],
      })),
    ),
  );
}

const part = (/** @type {Participant} */ { is_host, role, standing }) => {
  const is = role === "guest" ? standing : role;
  return is_host ? `host, ${is}` : is;
};

const told = (/** @type {Told} */ { kind, ...rest }) =>
  [kind, ...Object.entries(rest).map(([name, value]) => `${name}=${JSON.stringify(value)}`)].join(" ");

new AdminPage().start();
