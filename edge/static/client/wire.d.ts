/**
 * The messages on the wire, as docs/reference/protocol.md says. Made by clients/generate.py of `/api/frames.json`;
 * `make types` writes it, and puts it at the head of tavola.d.ts.
 */

export type Json = null | boolean | number | string | Json[] | { [name: string]: Json };

/**
 * Every refusal's code: docs/reference/protocol.md section 5, `not_found` for a path that there is not, and
 * `unavailable` for an answer that is not Tavola's.
 */
export type RefusalCode =
  | "invalid_message" | "unknown_type" | "unknown_game" | "invalid_options" | "unauthenticated" | "token_expired"
  | "token_invalid" | "forbidden" | "not_host" | "not_approved" | "not_seated" | "banned" | "muted"
  | "room_not_found" | "user_not_found" | "seat_taken" | "seat_reserved" | "already_seated" | "room_full"
  | "stale_turn" | "not_your_turn" | "illegal_move" | "hand_in_progress" | "room_paused" | "room_closed"
  | "already_requested" | "offer_pending" | "no_offer" | "host_away" | "id_reused" | "too_many_rooms"
  | "game_over" | "message_too_large" | "corrupted_state" | "rate_limited" | "game_error" | "storage_unavailable"
  | "room_unavailable" | "overloaded" | "not_found" | "unavailable";

export type Role =
  | "approved" | "guest" | "player" | "spectator";

export type Status =
  | "active" | "away" | "disconnected" | "sitting_out";

/** The events that a room tells by itself. Each game adds kinds of its own. */
export type RoomEventKind =
  | "player_join_requested" | "player_approved" | "player_rejected" | "player_seated" | "seat_freed"
  | "spectator_joined" | "spectator_left" | "player_left" | "player_kicked" | "host_changed" | "player_sat_out"
  | "player_sat_in" | "player_away" | "player_reconnected" | "player_disconnected" | "chips_added"
  | "chips_adjusted" | "player_resigned" | "offer_made" | "offer_answered" | "offer_ended" | "room_paused"
  | "room_resumed" | "room_closed" | "settings_changed" | "turn_started" | "round_voided" | "act_deferred"
  | "act_withdrawn" | "act_dropped" | "rolled_back" | "forked" | "chat" | "reservation_ended" | "announcement";

/** Says who the client is, by one of three tokens, or, by none, that the handshake's cookie says it. */
export type Authenticate = {
  type: "authenticate";
  token?: string | null;
  rejoin_token?: string | null;
  seat_token?: string | null;
  after?: { [name: string]: number };
  epochs?: { [name: string]: number };
};

export type JoinRoom = {
  type: "join_room";
  room: string;
  after?: number | null;
  epoch?: number | null;
  code?: string | null;
};

export type LeaveRoom = {
  type: "leave_room";
  room: string;
};

export type Resync = {
  type: "resync";
  room: string;
  after: number;
  epoch?: number | null;
};

export type Heartbeat = {
  type: "heartbeat";
};

export type RequestJoin = {
  type: "request_join";
  id: string;
  room: string;
  display_name: string;
  traceparent?: string;
};

export type Approve = {
  type: "approve";
  id: string;
  room: string;
  user_id: string;
  traceparent?: string;
};

export type Reject = {
  type: "reject";
  id: string;
  room: string;
  user_id: string;
  traceparent?: string;
};

/** Without `seat_index`, the seat that is reserved for the sender. */
export type TakeSeat = {
  type: "take_seat";
  id: string;
  room: string;
  seat_index?: number | null;
  display_name?: string | null;
  buy_in?: number | null;
  traceparent?: string;
};

export type LeaveSeat = {
  type: "leave_seat";
  id: string;
  room: string;
  traceparent?: string;
};

export type Spectate = {
  type: "spectate";
  id: string;
  room: string;
  display_name?: string | null;
  traceparent?: string;
};

export type StopSpectating = {
  type: "stop_spectating";
  id: string;
  room: string;
  traceparent?: string;
};

/** A move of the game. On the wire `arguments` stand beside `move`; here they are gathered. */
export type Act = {
  type: "act";
  id: string;
  room: string;
  move: string;
  turn?: number | null;
  traceparent?: string;
  [name: string]: any;
};

export type SitOut = {
  type: "sit_out";
  id: string;
  room: string;
  traceparent?: string;
};

export type SitIn = {
  type: "sit_in";
  id: string;
  room: string;
  traceparent?: string;
};

export type Rebuy = {
  type: "rebuy";
  id: string;
  room: string;
  amount: number;
  traceparent?: string;
};

/** In games that have it (`games.offers`), as all of these. */
export type Resign = {
  type: "resign";
  id: string;
  room: string;
  traceparent?: string;
};

export type OfferDraw = {
  type: "offer_draw";
  id: string;
  room: string;
  traceparent?: string;
};

/** `offer`: the id of the command that made it; without it, the one that waits. */
export type AnswerDraw = {
  type: "answer_draw";
  id: string;
  room: string;
  accept: boolean;
  offer?: string | null;
  traceparent?: string;
};

/** The sender's last move is to be taken back, with all that came after it. */
export type RequestUndo = {
  type: "request_undo";
  id: string;
  room: string;
  traceparent?: string;
};

export type AnswerUndo = {
  type: "answer_undo";
  id: string;
  room: string;
  accept: boolean;
  offer?: string | null;
  traceparent?: string;
};

/** The sender's own, of either kind. */
export type WithdrawOffer = {
  type: "withdraw_offer";
  id: string;
  room: string;
  offer?: string | null;
  traceparent?: string;
};

export type Chat = {
  type: "chat";
  id: string;
  room: string;
  text: string;
  traceparent?: string;
};

/**
 * Another server tells a room something. `data` is for its own clients, bounded by the size of a frame; `fleeting`:
 * whoever is there hears it, and it is neither numbered nor kept.
 */
export type Announce = {
  type: "announce";
  id: string;
  room: string;
  text: string;
  data?: { [name: string]: any } | null;
  fleeting?: boolean;
  traceparent?: string;
};

export type Start = {
  type: "start";
  id: string;
  room: string;
  traceparent?: string;
};

export type Pause = {
  type: "pause";
  id: string;
  room: string;
  traceparent?: string;
};

export type Resume = {
  type: "resume";
  id: string;
  room: string;
  traceparent?: string;
};

export type Kick = {
  type: "kick";
  id: string;
  room: string;
  user_id: string;
  ban?: boolean;
  traceparent?: string;
};

/** A bot takes the seat. `bot`: one of the game's, the first of them if none is named. */
export type AddBot = {
  type: "add_bot";
  id: string;
  room: string;
  seat_index: number;
  bot?: string | null;
  buy_in?: number | null;
  traceparent?: string;
};

/** `amount` is added to what the user has; below zero it is taken away. */
export type AdjustChips = {
  type: "adjust_chips";
  id: string;
  room: string;
  user_id: string;
  amount: number;
  reason?: string | null;
  after_hand?: boolean;
  traceparent?: string;
};

/** `settings`: `name`, any of `actors.room.state.Settings`, and, under `options`, the game's own. */
export type UpdateSettings = {
  type: "update_settings";
  id: string;
  room: string;
  settings: { [name: string]: any };
  after_hand?: boolean;
  traceparent?: string;
};

export type TransferHost = {
  type: "transfer_host";
  id: string;
  room: string;
  user_id: string;
  traceparent?: string;
};

export type Leave = {
  type: "leave";
  id: string;
  room: string;
  traceparent?: string;
};

export type CloseRoom = {
  type: "close_room";
  id: string;
  room: string;
  after_hand?: boolean;
  traceparent?: string;
};

/** An act that waits for the end of the hand, by its command's id, is not to happen. */
export type Withdraw = {
  type: "withdraw";
  id: string;
  room: string;
  act_id: string;
  traceparent?: string;
};

/**
 * The user that the server takes the client for. The fields below `server_time` are there when a room's token said
 * them.
 */
export type AuthenticatedFrame = {
  type: "authenticated";
  user_id: string;
  display_name: string;
  expires_at: number;
  server_time: number;
  room?: string;
  role?: Role;
  is_host?: boolean;
  seat_index?: number;
  rejoin_token?: string;
  seat_token?: string;
};

/**
 * The whole view, as of `seq`, which was committed at `epoch`. Unless it is `stale` it is the truth, also where it is
 * older than what was sent before.
 */
export type HydratedFrame = {
  type: "hydrated";
  room: string;
  seq: number;
  epoch: number;
  at: number;
  view: View;
  stale?: boolean;
};

/** All that a viewer may see of a room as of `seq`, which was committed at `epoch`. */
export type View = {
  room: RoomInfo;
  me: Me;
  game?: GameView;
  seats?: { [name: string]: Seat };
  spectators?: number;
  turn?: Turn;
  turns?: Turn[];
  offer?: OfferPart;
  deferred?: DeferredAct[];
  reservations?: { [name: string]: ReservationPart };
  pending_requests?: PendingRequest[];
  watching?: { [name: string]: WatchingPart };
  members?: { [name: string]: MemberPart };
  host_controls?: HostControls;
  seq: number;
  epoch: number;
  at: number;
  stale?: boolean;
  recent: RecentUpdate[];
};

/** The part of the room that anybody may know. */
export type RoomInfo = {
  id: string;
  code: string;
  name: string;
  game: string;
  status: "closed" | "open" | "paused" | "playing";
  host_id: string;
  approval: "auto" | "host";
  visibility: "private" | "public";
  options: { [name: string]: any };
  players: number;
  max_players: number;
  max_spectators: number;
  empty_minutes: number;
  reserved?: number[];
};

/** The viewer, and what the game shows to them alone. */
export type Me = {
  user_id: string;
  role: Role;
  is_host: boolean;
  legal: Legal[];
  seat_index?: number;
  display_name?: string;
  request?: "kicked" | "pending" | "rejected";
  reserved_seat?: number;
  offers?: ("draw" | "resign" | "undo")[];
  [name: string]: any;
};

/**
 * And each of the move's arguments, with its range (`min`, `max`) or its `choices`, or the value that it has here, a
 * text, a number or a boolean: several entries of one move say which go together. Where `exact` is false, and no
 * argument, some of what is offered may be refused; else all of it is legal, and no other move is.
 */
export type Legal = {
  move: string;
  [argument: string]: { min: number; max: number } | { choices: Json[] } | number | boolean | string;
};

/** And what the game shows everybody at the table. */
export type GameView = {
  id: string;
  number: number;
  [name: string]: any;
};

/** A taken seat, and what the game shows everybody of it. `bot`: no person has it. */
export type Seat = {
  seat_index: number;
  user_id: string;
  display_name: string;
  status: Status;
  bot?: true;
  [name: string]: any;
};

/**
 * After `deadline_ms` the timebank runs; after both the game decides. Turns that begin together have one number. Where
 * players have time of their own for a whole round there is no timebank, `clock` says by which rule, and `clocks` by
 * seat what each had left when their turn began, in ms: only that of `seat_index` runs, to `deadline_ms`, and those of
 * the seats in `turns`, each to its own.
 */
export type Turn = {
  number: number;
  seat_index: number;
  deadline_ms: number;
  timebank_ms: number;
  clock?: ClockPart;
  clocks?: { [name: string]: number };
};

/**
 * The rule of clocks that players have of their own (`games.base.OwnTime`), with its times. `fischer`: `base_ms`, and
 * `increment_ms` more after each of one's turns; `bronstein`: after each as much as it took is given back, at most
 * `delay_ms`; `byo_yomi`: `main_ms`, then `periods` of `period_ms`, of which one that is not used up is whole again;
 * `hourglass`: the time of one's turn is gained by the others; `correspondence`: `move_ms` for each turn.
 */
export type ClockPart = {
  kind: "bronstein" | "byo_yomi" | "correspondence" | "fischer" | "hourglass";
  base_ms?: number;
  increment_ms?: number;
  delay_ms?: number;
  main_ms?: number;
  periods?: number;
  period_ms?: number;
  move_ms?: number;
};

/**
 * An offer among players that waits for an answer, by the id of the command that made it; `accepted`: the seats that
 * have agreed.
 */
export type OfferPart = {
  offer: "draw" | "undo";
  id: string;
  seat_index: number;
  accepted: number[];
};

/**
 * An act of the host's that waits for the end of the hand, and who asked for it: a command's name, its id and its own
 * fields.
 */
export type DeferredAct = {
  id: string;
  act: "adjust_chips" | "close_room" | "update_settings";
  by: string;
  user_id?: string;
  amount?: number;
  reason?: string;
  settings?: { [name: string]: any };
};

/** The user for whom a seat is kept, by the name that they have here, if they have one. */
export type ReservationPart = {
  user_id: string;
  display_name?: string;
};

export type PendingRequest = {
  user_id: string;
  display_name: string;
  requested_at: number;
};

/** A spectator. */
export type WatchingPart = {
  display_name: string;
  status: "active" | "away";
};

/** Somebody whom the room knows. `status` is of those who are admitted, and holds while they do not sit. */
export type MemberPart = {
  display_name: string;
  standing: "approved" | "kicked" | "pending" | "rejected";
  since: number;
  watching?: boolean;
  status?: "active" | "away";
  banned?: boolean;
};

/** The commands that the host could send now. */
export type HostControls = {
  can_start: boolean;
  can_pause: boolean;
  can_resume: boolean;
  can_kick: boolean;
  can_transfer: boolean;
  can_adjust_chips: boolean;
  can_update_settings: boolean;
  can_close: boolean;
};

/** An update as this viewer saw it. */
export type RecentUpdate = {
  seq: number;
  epoch: number;
  at: number;
  events: Event[];
};

/** `patch` is a JSON merge patch (RFC 7396) of this viewer's view. */
export type Update = {
  type: "update";
  room: string;
  seq: number;
  epoch: number;
  at: number;
  events: Event[];
  patch?: { [name: string]: any };
  rejoin_token?: string;
};

/** The missed updates, in order. */
export type UpdatesFrame = {
  type: "updates";
  room: string;
  updates: Update[];
};

/** The command `id` is durable at `seq`. The values that it gives its sender stand beside. */
export type Ack = {
  type: "ack";
  id: string;
  room: string;
  seq: number;
  status?: "approved" | "pending";
  seat_index?: number;
  seat_token?: string;
  rejoin_token?: string;
  unchanged?: boolean;
};

/** A refusal. With `id` it is a command's. */
export type ErrorFrame = {
  type: "error";
  code: RefusalCode;
  message: string;
  id?: string;
  room?: string;
  details?: { [name: string]: any };
  retry_after_ms?: number;
};

/** `seat_tokens`: fresh ones by room, where the client's are old. */
export type HeartbeatAckFrame = {
  type: "heartbeat_ack";
  server_time: number;
  seat_tokens?: { [name: string]: string };
};

export type PresenceFrame = {
  type: "presence";
  room: string;
  user_id: string;
  status: "active" | "away" | "disconnected";
};

/** Another server's words to all who follow the room, now and never again. */
export type AnnouncementFrame = {
  type: "announcement";
  room: string;
  service: string;
  text: string;
  data?: { [name: string]: any };
};

export type LeftFrame = {
  type: "left";
  room: string;
};

export type ClosingFrame = {
  type: "closing";
  reason: string;
  reconnect_after_ms: number;
};

export type PlayerJoinRequestedEvent = {
  kind: "player_join_requested";
  user_id: string;
  display_name: string;
};

export type PlayerApprovedEvent = {
  kind: "player_approved";
  user_id: string;
  display_name: string;
};

export type PlayerRejectedEvent = {
  kind: "player_rejected";
  user_id: string;
  display_name: string;
};

export type PlayerSeatedEvent = {
  kind: "player_seated";
  seat_index: number;
  user_id: string;
  display_name: string;
};

export type SeatFreedEvent = {
  kind: "seat_freed";
  seat_index: number;
  user_id: string;
  chips?: number;
};

export type SpectatorJoinedEvent = {
  kind: "spectator_joined";
  user_id: string;
  display_name: string;
};

export type SpectatorLeftEvent = {
  kind: "spectator_left";
  user_id: string;
};

export type PlayerLeftEvent = {
  kind: "player_left";
  user_id: string;
};

export type PlayerKickedEvent = {
  kind: "player_kicked";
  user_id: string;
  ban: boolean;
};

export type HostChangedEvent = {
  kind: "host_changed";
  user_id: string | null;
};

export type PlayerSatOutEvent = {
  kind: "player_sat_out";
  seat_index: number;
  user_id: string;
  reason?: string;
};

export type PlayerSatInEvent = {
  kind: "player_sat_in";
  seat_index: number;
  user_id: string;
};

export type PlayerAwayEvent = {
  kind: "player_away";
  seat_index: number;
  user_id: string;
};

export type PlayerReconnectedEvent = {
  kind: "player_reconnected";
  seat_index: number;
  user_id: string;
};

export type PlayerDisconnectedEvent = {
  kind: "player_disconnected";
  seat_index: number;
  user_id: string;
};

export type ChipsAddedEvent = {
  kind: "chips_added";
  seat_index: number;
  user_id: string;
  amount: number;
  chips: number;
};

export type ChipsAdjustedEvent = {
  kind: "chips_adjusted";
  seat_index: number;
  user_id: string;
  amount: number;
  chips: number;
  reason?: string;
};

export type PlayerResignedEvent = {
  kind: "player_resigned";
  seat_index: number;
  user_id: string;
};

export type OfferMadeEvent = {
  kind: "offer_made";
  offer: string;
  id: string;
  seat_index: number;
  user_id: string;
};

export type OfferAnsweredEvent = {
  kind: "offer_answered";
  offer: string;
  id: string;
  seat_index: number;
  by: string;
  accept: boolean;
};

export type OfferEndedEvent = {
  kind: "offer_ended";
  offer: string;
  id: string;
  seat_index: number;
  reason: string;
};

export type RoomPausedEvent = {
  kind: "room_paused";
  user_id?: string;
  reason?: string;
};

export type RoomResumedEvent = {
  kind: "room_resumed";
  user_id: string;
};

export type RoomClosedEvent = {
  kind: "room_closed";
  user_id?: string;
  reason?: string;
};

export type SettingsChangedEvent = {
  kind: "settings_changed";
  settings: { [name: string]: any };
};

export type TurnStartedEvent = {
  kind: "turn_started";
  number: number;
  seat_index: number;
  deadline_ms: number;
  timebank_ms: number;
};

export type RoundVoidedEvent = {
  kind: "round_voided";
  number: number;
  reason: string;
};

export type ActDeferredEvent = {
  kind: "act_deferred";
  id: string;
  act: string;
  by: string;
  user_id?: string;
  amount?: number;
  reason?: string;
  settings?: { [name: string]: any };
};

export type ActWithdrawnEvent = {
  kind: "act_withdrawn";
  id: string;
  act: string;
  user_id: string;
};

export type ActDroppedEvent = {
  kind: "act_dropped";
  id: string;
  act: string;
  code: string;
};

export type RolledBackEvent = {
  kind: "rolled_back";
  to: number;
  user_id?: string;
  reason?: string;
  voided?: number;
};

export type ForkedEvent = {
  kind: "forked";
  room_id: string;
  to: number;
  voided?: number;
};

export type ChatEvent = {
  kind: "chat";
  user_id: string;
  display_name: string;
  text: string;
};

export type ReservationEndedEvent = {
  kind: "reservation_ended";
  seat_index: number;
  user_id: string;
};

export type AnnouncementEvent = {
  kind: "announcement";
  service: string;
  text: string;
  data?: Json;
};

export type RoomEvent =
  | PlayerJoinRequestedEvent | PlayerApprovedEvent | PlayerRejectedEvent | PlayerSeatedEvent | SeatFreedEvent
  | SpectatorJoinedEvent | SpectatorLeftEvent | PlayerLeftEvent | PlayerKickedEvent | HostChangedEvent
  | PlayerSatOutEvent | PlayerSatInEvent | PlayerAwayEvent | PlayerReconnectedEvent | PlayerDisconnectedEvent
  | ChipsAddedEvent | ChipsAdjustedEvent | PlayerResignedEvent | OfferMadeEvent | OfferAnsweredEvent
  | OfferEndedEvent | RoomPausedEvent | RoomResumedEvent | RoomClosedEvent | SettingsChangedEvent
  | TurnStartedEvent | RoundVoidedEvent | ActDeferredEvent | ActWithdrawnEvent | ActDroppedEvent | RolledBackEvent
  | ForkedEvent | ChatEvent | ReservationEndedEvent | AnnouncementEvent;

/** An event of the room's game, with fields of its own. */
export type GameEvent = {
  kind: string;
  [name: string]: any;
};

export type Event = RoomEvent | GameEvent;

export type ClientFrame =
  | Authenticate | JoinRoom | LeaveRoom | Resync | Heartbeat | RequestJoin | Approve | Reject | TakeSeat
  | LeaveSeat | Spectate | StopSpectating | Act | SitOut | SitIn | Rebuy | Resign | OfferDraw | AnswerDraw
  | RequestUndo | AnswerUndo | WithdrawOffer | Chat | Announce | Start | Pause | Resume | Kick | AddBot
  | AdjustChips | UpdateSettings | TransferHost | Leave | CloseRoom | Withdraw;

export type ServerFrame =
  | AuthenticatedFrame | HydratedFrame | Update | UpdatesFrame | Ack | ErrorFrame | HeartbeatAckFrame
  | PresenceFrame | AnnouncementFrame | LeftFrame | ClosingFrame;
