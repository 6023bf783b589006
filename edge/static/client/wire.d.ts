/** The messages on the wire, as docs/reference/protocol.md says: `make types` puts it at the head of tavola.d.ts. */

export type Json = null | boolean | number | string | Json[] | { [name: string]: Json };

/**
 * Every refusal's code: docs/reference/protocol.md section 5, `not_found` for a path that there is not, and
 * `unavailable` for an answer that is not Tavola's.
 */
export type RefusalCode =
  | "invalid_message" | "unknown_type" | "unknown_game" | "invalid_options"
  | "unauthenticated" | "token_expired" | "token_invalid"
  | "forbidden" | "not_host" | "not_approved" | "not_seated" | "banned"
  | "room_not_found" | "user_not_found"
  | "seat_taken" | "already_seated" | "room_full" | "stale_turn" | "not_your_turn" | "illegal_move"
  | "hand_in_progress" | "room_paused" | "room_closed" | "already_requested"
  | "id_reused" | "too_many_rooms" | "game_over"
  | "message_too_large" | "corrupted_state" | "rate_limited"
  | "game_error" | "storage_unavailable" | "room_unavailable" | "overloaded"
  | "not_found" | "unavailable";

export type Role = "guest" | "approved" | "spectator" | "player";
export type Status = "active" | "away" | "disconnected" | "sitting_out";

/** The frames that a room sends by itself. Each game adds kinds of its own. */
export type RoomEventKind =
  | "player_join_requested" | "player_approved" | "player_rejected" | "player_seated" | "seat_freed"
  | "spectator_joined" | "spectator_left" | "player_left" | "player_kicked" | "host_changed"
  | "player_sat_out" | "player_sat_in" | "player_away" | "player_reconnected" | "player_disconnected"
  | "chips_added" | "chips_adjusted" | "room_paused" | "room_resumed" | "room_closed" | "settings_changed"
  | "turn_started" | "round_voided" | "rolled_back" | "forked" | "chat" | "announcement";

/** A fact that was committed. Its other fields depend on `kind`. */
export interface Event {
  kind: RoomEventKind | (string & {});
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

/** A move that is legal now: its name, and for each of its arguments the range or the choices. */
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

/** This user's view of a room: docs/reference/protocol.md section 4. A field that is null on the server is absent. */
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
    host_id: string;
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
    request?: "pending" | "rejected" | "kicked";
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
  host_controls?: {
    can_start: boolean;
    can_pause: boolean;
    can_resume: boolean;
    can_kick: boolean;
    can_transfer: boolean;
    can_adjust_chips: boolean;
    can_update_settings: boolean;
    can_close: boolean;
  };
}

export interface Ack {
  type: "ack";
  id: string;
  room: string;
  seq: number;
  [name: string]: any;
}
