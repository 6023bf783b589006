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
export type Session = {
    user_id: string;
    display_name: string;
    expires_at?: string;
};
export type Connection = {
    state: "idle" | "connecting" | "open" | "waiting" | "closed";
    /**
     * Attempts that failed since it was last open.
     */
    attempt: number;
    /**
     * While waiting: when the next attempt is made, by this machine's clock.
     */
    retry_at?: number;
    /**
     * While waiting: the close code that led here.
     */
    code?: number;
    /**
     * When closed: `signed_out`, `refused`, `too_many`, `protocol`, or what `close` was given.
     */
    reason?: string;
};
export type Times = {
    [Name in keyof typeof TIMES]: number;
};
export type Options = {
    /**
     * The server's address; by default the page's own.
     */
    url?: string;
    /**
     * An identity token, where there is no session cookie.
     */
    token?: string;
    /**
     * Whether the session cookie may say who this is; by default in a page, and not elsewhere.
     * A page of another origin than the server's keeps the identity token too, for it may have no cookie.
     */
    cookie?: boolean;
    /**
     * Where tokens are kept between visits; by default
     * `localStorage`, where there is one.
     */
    storage?: Pick<Storage, "getItem" | "setItem"> | null;
    WebSocket?: new (url: string, protocols: string[]) => any;
    fetch?: typeof fetch;
    random?: () => number;
    times?: Partial<Times>;
};
export type RoomEvents = {
    /**
     * The view is another one; with the events that made it so (none for a full view).
     */
    view: [View, Event[]];
    /**
     * What is to be drawn is another one: `room.shown`.
     */
    shown: [View];
    /**
     * An update was applied. Each number comes once, in order.
     */
    update: [Update, View];
    presence: [{
        user_id: string;
        status: Exclude<Status, "sitting_out">;
    }];
    /**
     * Another server of the
     * deployment's says something, now and never again; what is kept comes as an event of that kind in an update.
     */
    announcement: [{
        service: string;
        text: string;
        data?: {
            [name: string]: any;
        };
    }];
    /**
     * The room cannot answer just now (the refusal's code, or `stale`), or can again.
     */
    trouble: [string | null];
    /**
     * A command was refused, or the room cannot be followed.
     */
    refused: [Refused];
};
export type ClientEvents = {
    connection: [Connection];
    /**
     * The server refused something that belongs to no command and no room.
     */
    refused: [Refused];
};
export type Refusal = {
    code: RefusalCode;
    message?: string;
    details?: {
        [name: string]: Json;
    };
    retry_after_ms?: number;
    id?: string;
    room?: string;
};
export type Tokens = {
    rejoin_token?: string;
    seat_token?: string;
};
export type Kept = Tokens & {
    user_id?: string;
    code?: string;
    seq?: number;
    kept_at: number;
};
export type Returned = {
    success: true;
    game_state: View;
    reconnected_at: string;
    missed_events: Update[];
    more: false;
    next: null;
};
export type Frame = {
    [name: string]: any;
};
export type Move = {
    move: string;
    [argument: string]: Json | undefined;
};
export type Foresee = (view: View, move: Move, at: number) => {
    [name: string]: any;
} | undefined;
export type Foreseen = {
    move: Move;
    turn: number | undefined;
    at: number;
    seq?: number;
};
export type Timer = ReturnType<typeof setTimeout>;
export type Pending = {
    frame: Frame;
    until: number;
    again?: Timer;
    late?: Timer;
    done: (ack: any) => void;
    fail: (error: TavolaError) => void;
};
export declare const TIMES: Readonly<{
    /** Silence after which the connection is asked whether it lives. */
    heartbeat_ms: 15000;
    /** Silence after a heartbeat that means that the connection is dead. */
    silence_ms: 5000;
    /** Both, while we wait for something: an answer, or whoever's turn it is. */
    waiting_ms: 2500;
    waiting_silence_ms: 2000;
    /** The same, when there is a reason to ask: the page is seen again, the network came back. */
    probe_ms: 4000;
    /** From the first byte to `authenticated`. */
    connect_ms: 10000;
    backoff_ms: 250;
    backoff_limit_ms: 10000;
    /** After a close for flooding. */
    flood_ms: 5000;
    /** Before a missing number is asked for again. */
    gap_ms: 3000;
    /** The life that a token has left when a new one is asked for. */
    renew_ms: 600000;
    /** How long a command is tried. */
    command_ms: 30000;
}>;
/** The root of everything that this module throws. */
export declare class TavolaError extends Error {
    /** @param {string} message */
    constructor(message: string);
}
/** The server said no: `code` is one of protocol.md section 5. The command had no effect. */
export declare class Refused extends TavolaError {
    code: RefusalCode;
    details: {
        [name: string]: Json;
    } | undefined;
    retry_after_ms: number | undefined;
    id: string | undefined;
    room: string | undefined;
    /** @param {Refusal} error */
    constructor({ code, message, details, retry_after_ms, id, room }: Refusal);
}
/**
 * No answer came in time, or the client was closed: whether it had an effect is not known. The same `id` may be sent
 * again.
 */
export declare class Unanswered extends TavolaError {
    id: string;
    /**
     * @param {string} id
     * @param {string} [reason]
     */
    constructor(id: string, reason?: string);
}
/** A request did not reach the server. */
export declare class Unreachable extends TavolaError {
}
/**
 * The JSON merge patch of RFC 7396. `target` stays as it is; what did not change is shared with it.
 * @param {any} target
 * @param {any} patch
 * @returns {any}
 */
export declare function merge(target: any, patch: any): any;
/**
 * Events, and with what each calls its listeners. A listener that throws harms nobody else.
 * @template {{ [Name in keyof Events]: any[] }} Events
 */
declare class Emitter<Events extends {
    [Name in keyof Events]: any[];
}> {
    #private;
    /**
     * Calls `listener` at each event; gives back what ends that.
     * @template {keyof Events} Name
     * @param {Name} name
     * @param {(...detail: Events[Name]) => void} listener
     * @returns {() => void}
     */
    on<Name extends keyof Events>(name: Name, listener: (...detail: Events[Name]) => void): () => void;
}
/**
 * One room that this client follows: `client.room` gives it. `view` is what the server would give now, as far
 * as is known; `shown` is that with one's own moves on it that are on their way, where `foresee` knows them.
 * @extends {Emitter<RoomEvents>}
 */
export declare class Room extends Emitter<RoomEvents> {
    #private;
    id: string;
    code: string | undefined;
    /**
     * Fulfilled with the first view; rejected when the room cannot be followed.
     * @type {Promise<View>}
     */
    ready: Promise<View>;
    /** @type {View | null} */
    view: View | null;
    /** @type {View | null} */
    shown: View | null;
    /** @type {Foresee | null} */
    foresee: Foresee | null;
    seq: number;
    /**
     * The name of the history that `seq` is a number of, as it came with it.
     * @type {number | undefined}
     */
    epoch: number | undefined;
    /**
     * Every update known of the past, oldest first.
     * @type {Update[]}
     */
    history: Update[];
    /**
     * User → `active`, `away` or `disconnected`, as far as was told.
     * @type {Map<string, Status>}
     */
    presence: Map<string, Status>;
    /**
     * The code of what keeps the room from answering just now, or null.
     * @type {string | null}
     */
    trouble: string | null;
    /**
     * Sends a command until it is answered. Gives its `ack`; throws `Refused` or `Unanswered`.
     * @param {string} type
     * @param {{ [name: string]: Json | undefined }} [fields]
     * @param {string} [id]
     * @returns {Promise<Ack>}
     */
    command(type: string, fields?: {
        [name: string]: Json | undefined;
    }, id?: string): Promise<Ack>;
    /**
     * The turn that runs: where several are to act at once one's own, or the first if one has none.
     * @returns {Turn | undefined}
     */
    get turn(): Turn | undefined;
    /**
     * Makes a move, in the turn that is shown (or `turn`): it can never land in a later one. `shown` has it at once, if
     * `foresee` knows it, until its update is there or it is refused.
     * @param {string} move
     * @param {{ [name: string]: Json | undefined }} [args]
     * @param {number} [turn]
     */
    act(move: string, args?: {
        [name: string]: Json | undefined;
    }, turn?: number): Promise<Ack>;
    /** @param {string} text */
    chat(text: string): Promise<Ack>;
    /** Stops following. Seat and membership stay. */
    unfollow(): void;
}
/**
 * The connection of one user to a Tavola server, over whatever happens to it.
 * @extends {Emitter<ClientEvents>}
 */
export declare class Tavola extends Emitter<ClientEvents> {
    #private;
    /** @type {Times} */
    times: Times;
    url: string;
    /**
     * The user's session; null while it is not known.
     * @type {Session | null}
     */
    session: Session | null;
    /**
     * `state` is `idle`, `connecting`, `open`, `waiting` (until `retry_at`) or `closed` (for `reason`; it will not come
     * back).
     * @type {Connection}
     */
    connection: Connection;
    /**
     * Rooms that are followed, by id.
     * @type {Map<string, Room>}
     */
    rooms: Map<string, Room>;
    /** @param {Options} [options] */
    constructor(options?: Options);
    /** The server's time in milliseconds, as near as is known. */
    now(): number;
    /**
     * The session that this browser has already, or null.
     * @returns {Promise<Session | null>}
     */
    resume(): Promise<Session | null>;
    /**
     * Signs in: the same user again if there is one, with another name if one is given; else a new guest.
     * @param {string | null} [display_name]
     */
    signIn(display_name?: string | null): Promise<Session>;
    /** Ends the session, everywhere. */
    signOut(): Promise<void>;
    /**
     * One REST request. Gives the answer's JSON; throws `Refused` or `Unreachable`. `id` makes it safe to repeat.
     * @param {string} method
     * @param {string} path
     * @param {Json} [body]
     * @param {string} [id]
     * @returns {Promise<any>}
     */
    request(method: string, path: string, body?: Json, id?: string): Promise<any>;
    /**
     * Every update of the room with that id after the number `after`, as this user saw it, the oldest first: page after
     * page, to the number `until` or to the last that there is. Throws as `request`.
     * @param {string} id
     * @param {number} after
     * @param {number} [until]
     * @returns {AsyncGenerator<Update, void>}
     */
    missed(id: string, after: number, until?: number): AsyncGenerator<Update, void>;
    /**
     * Takes this user's seat up again, by a connection token or a rejoin token of theirs. `missed_events` are all
     * updates after `after` and up to `game_state`, however many. Throws as `request`; a connection token is used up by
     * then.
     * @param {string} id
     * @param {string} token
     * @param {number} [after]
     * @returns {Promise<Returned>}
     */
    reconnect(id: string, token: string, after?: number): Promise<Returned>;
    /** Connects, and stays connected until `close`. */
    connect(): void;
    /** Disconnects for good. Commands without an answer throw `Unanswered`. */
    close(reason?: string): void;
    /** Asks at once whether the connection is alive, or for a new one: for when there is a reason to doubt. */
    probe(): void;
    /**
     * The room of that id, followed from now on. The same object for the same id.
     * @param {string} id
     * @param {{ code?: string }} [options]
     * @returns {Room}
     */
    room(id: string, { code }?: {
        code?: string;
    }): Room;
    /**
     * Whether tokens are kept for the room of that id or code from an earlier visit.
     * @param {string | undefined} named
     */
    remembers(named: string | undefined): boolean;
}
export {};
