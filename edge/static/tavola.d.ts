/** Types of tavola.js, the client of a Tavola server. The wire is docs/protocol.md; examples are in docs/client.md. */

export type Json = null | boolean | number | string | Json[] | { [name: string]: Json };

/** Every refusal's code: docs/protocol.md section 5, and `unavailable` for an answer that is not Tavola's. */
export type RefusalCode =
  | "invalid_message" | "unknown_type" | "unknown_game" | "invalid_options"
  | "unauthenticated" | "token_expired" | "token_invalid"
  | "forbidden" | "not_host" | "not_approved" | "not_seated" | "banned"
  | "room_not_found" | "user_not_found"
  | "seat_taken" | "already_seated" | "room_full" | "stale_turn" | "not_your_turn" | "illegal_move"
  | "hand_in_progress" | "room_paused" | "room_closed" | "already_requested"
  | "game_over" | "message_too_large" | "corrupted_state" | "rate_limited"
  | "game_error" | "storage_unavailable" | "room_unavailable" | "overloaded"
  | "unavailable";

/** The root of everything that this module throws. */
export class TavolaError extends Error {}

/** The server said no; nothing happened. */
export class Refused extends TavolaError {
  code: RefusalCode;
  details?: { [name: string]: Json };
  retry_after_ms?: number;
  id?: string;
  room?: string;
}

/** No answer came: whether it had an effect is not known. Sent again with the same `id`, it takes effect once. */
export class Unanswered extends TavolaError {
  id: string;
}

/** A REST request did not reach the server. */
export class Unreachable extends TavolaError {}

export type Role = "guest" | "approved" | "spectator" | "player";
export type Status = "active" | "away" | "disconnected" | "sitting_out";

/** A fact that was committed. Its other fields depend on `kind`. */
export interface Event {
  kind: string;
  [name: string]: any;
}

export interface Update {
  room: string;
  seq: number;
  /** Which history `seq` is a number of: the same number under another epoch is another update. */
  epoch: number;
  /** The server's time, in milliseconds since the epoch. */
  at: number;
  events: Event[];
  patch?: { [name: string]: any };
}

/** What may be done now: a move, and for each of its arguments the range or the choices. */
export interface Legal {
  move: string;
  [argument: string]: string | { min: number; max: number } | { choices: Json[] };
}

export interface Seat {
  seat_index: number;
  user_id: string;
  display_name: string;
  status: Status;
  [name: string]: any;
}

/** What this user may see of a room: docs/protocol.md section 4. What is null on the server is absent. */
export interface View {
  seq: number;
  epoch: number;
  at: number;
  stale?: boolean;
  room: {
    id: string;
    code: string;
    name: string;
    game: string;
    status: "open" | "playing" | "paused" | "closed";
    host_id?: string;
    approval: "auto" | "host";
    visibility: "public" | "private";
    options: { [name: string]: any };
    players: number;
    max_players: number;
    max_spectators: number;
  };
  me: {
    user_id: string;
    role: Role;
    is_host: boolean;
    seat_index?: number;
    display_name?: string;
    request?: "pending" | "rejected";
    legal: Legal[];
    [name: string]: any;
  };
  /** From here on: for players and spectators only. */
  game?: { id: string; number: number; [name: string]: any };
  seats?: { [index: string]: Seat };
  spectators?: number;
  turn?: { number: number; seat_index: number; deadline_ms: number; timebank_ms: number };
  recent: { seq: number; epoch: number; at: number; events: Event[] }[];
  /** For the host only. */
  pending_requests?: { user_id: string; display_name: string; requested_at: number }[];
  host_controls?: { [name: string]: boolean };
}

export interface Ack {
  type: "ack";
  id: string;
  room: string;
  seq: number;
  [name: string]: any;
}

export interface Connection {
  state: "idle" | "connecting" | "open" | "waiting" | "closed";
  /** Attempts that failed since it was last open. */
  attempt: number;
  /** While waiting: when the next attempt is made, by this machine's clock, and the close code that led here. */
  retry_at?: number;
  code?: number;
  /** When closed: `signed_out`, `refused`, `too_many`, `protocol`, or what `close` was called with. */
  reason?: string;
}

export interface Session {
  user_id: string;
  display_name: string;
  expires_at?: string;
}

/** Milliseconds; see the source for what each is. */
export interface Times {
  heartbeat_ms: number;
  silence_ms: number;
  probe_ms: number;
  connect_ms: number;
  backoff_ms: number;
  backoff_limit_ms: number;
  flood_ms: number;
  gap_ms: number;
  renew_ms: number;
  command_ms: number;
}

export const TIMES: Readonly<Times>;

export interface Options {
  /** The server's address; by default the page's own. */
  url?: string;
  /** An identity token, where there is no session cookie. */
  token?: string;
  /** Whether the session cookie may say who this is; by default in a page, and not elsewhere. */
  cookie?: boolean;
  /** Where tokens are kept between visits; by default `localStorage`, where there is one. */
  storage?: Pick<Storage, "getItem" | "setItem"> | null;
  WebSocket?: new (url: string, protocols: string[]) => any;
  fetch?: typeof fetch;
  random?: () => number;
  times?: Partial<Times>;
}

/** The JSON merge patch of RFC 7396. */
export function merge(target: any, patch: any): any;

declare class Emitter<Events extends { [name: string]: any[] }> {
  /** Calls `listener` at each event; gives back what ends that. */
  on<Name extends keyof Events>(name: Name, listener: (...detail: Events[Name]) => void): () => void;
}

interface RoomEvents {
  [name: string]: any[];
  /** The view is another one; with the events that made it so (none for a full view). */
  view: [View, Event[]];
  /** An update was applied. Each number comes once, in order. */
  update: [Update, View];
  presence: [{ user_id: string; status: Exclude<Status, "sitting_out"> }];
  /** The room cannot answer just now (the refusal's code, or `stale`), or can again (null). */
  trouble: [string | null];
  /** A command was refused, or the room cannot be followed. */
  refused: [Refused];
}

export class Room extends Emitter<RoomEvents> {
  private constructor();
  readonly id: string;
  readonly view: View | null;
  readonly seq: number;
  readonly epoch: number | undefined;
  history: Update[];
  readonly presence: Map<string, Status>;
  readonly trouble: string | null;
  readonly ready: Promise<View>;
  /** Sends a command until it is answered. Throws `Refused` or `Unanswered`. */
  command(type: string, fields?: { [name: string]: Json }, id?: string): Promise<Ack>;
  /** Makes a move in the turn that the view shows, or in `turn`. */
  act(move: string, args?: { [name: string]: Json }, turn?: number): Promise<Ack>;
  chat(text: string): Promise<Ack>;
  /** Stops following; seat and membership stay. */
  unfollow(): void;
}

interface ClientEvents {
  [name: string]: any[];
  connection: [Connection];
  /** The server refused something that belongs to no command and no room. */
  refused: [Refused];
}

export class Tavola extends Emitter<ClientEvents> {
  constructor(options?: Options);
  readonly session: Session | null;
  readonly connection: Connection;
  readonly rooms: Map<string, Room>;
  readonly times: Times;
  readonly url: string;
  /** The session there is, or null. */
  resume(): Promise<Session | null>;
  /** The same user again, or a new guest; under that name, if one is given. */
  signIn(display_name?: string | null): Promise<Session>;
  /** Ends the session everywhere. */
  signOut(): Promise<void>;
  connect(): void;
  close(reason?: string): void;
  /** Makes sure at once that the connection is alive. */
  probe(): void;
  /** The server's time in milliseconds. */
  now(): number;
  /** One REST request; throws `Refused` or `Unreachable`. */
  request(method: string, path: string, body?: Json, id?: string): Promise<any>;
  /** The room of that id, followed from now on. */
  room(id: string, options?: { code?: string }): Room;
  remembers(named: string | undefined): boolean;
}
