"""The messages on the wire as types: what stands in frames and views when their JSON is decoded.

Made by clients/generate.py of `/api/frames.json`: `make types` writes it.
"""

from __future__ import annotations

from typing import Any, Literal, NotRequired, TypeAlias, TypedDict

RefusalCode: TypeAlias = Literal[
    "invalid_message", "unknown_type", "unknown_game", "invalid_options", "unauthenticated", "token_expired",
    "token_invalid", "forbidden", "not_host", "not_approved", "not_seated", "banned", "muted", "room_not_found",
    "user_not_found", "seat_taken", "seat_reserved", "already_seated", "room_full", "stale_turn", "not_your_turn",
    "illegal_move", "hand_in_progress", "room_paused", "room_closed", "already_requested", "offer_pending",
    "no_offer", "host_away", "id_reused", "too_many_rooms", "game_over", "message_too_large", "corrupted_state",
    "rate_limited", "game_error", "storage_unavailable", "room_unavailable", "overloaded", "not_found",
    "unavailable"
]
Role: TypeAlias = Literal[
    "approved", "guest", "player", "spectator"
]
Status: TypeAlias = Literal[
    "active", "away", "disconnected", "sitting_out"
]
RoomEventKind: TypeAlias = Literal[
    "player_join_requested", "player_approved", "player_rejected", "player_seated", "seat_freed",
    "spectator_joined", "spectator_left", "player_left", "player_kicked", "host_changed", "player_sat_out",
    "player_sat_in", "player_away", "player_reconnected", "player_disconnected", "chips_added", "chips_adjusted",
    "player_resigned", "offer_made", "offer_answered", "offer_ended", "room_paused", "room_resumed", "room_closed",
    "settings_changed", "turn_started", "round_voided", "act_deferred", "act_withdrawn", "act_dropped",
    "rolled_back", "forked", "chat", "reservation_ended", "announcement"
]

class Authenticate(TypedDict):
    """Says who the client is, by one of three tokens, or, by none, that the handshake's cookie says it."""

    type: Literal["authenticate"]
    token: NotRequired[str | None]
    rejoin_token: NotRequired[str | None]
    seat_token: NotRequired[str | None]
    after: NotRequired[dict[str, int]]
    epochs: NotRequired[dict[str, int]]


class JoinRoom(TypedDict):
    type: Literal["join_room"]
    room: str
    after: NotRequired[int | None]
    epoch: NotRequired[int | None]
    code: NotRequired[str | None]


class LeaveRoom(TypedDict):
    type: Literal["leave_room"]
    room: str


class Resync(TypedDict):
    type: Literal["resync"]
    room: str
    after: int
    epoch: NotRequired[int | None]


class Heartbeat(TypedDict):
    type: Literal["heartbeat"]


class RequestJoin(TypedDict):
    type: Literal["request_join"]
    id: str
    room: str
    display_name: str
    traceparent: NotRequired[str]


class Approve(TypedDict):
    type: Literal["approve"]
    id: str
    room: str
    user_id: str
    traceparent: NotRequired[str]


class Reject(TypedDict):
    type: Literal["reject"]
    id: str
    room: str
    user_id: str
    traceparent: NotRequired[str]


class TakeSeat(TypedDict):
    """Without `seat_index`, the seat that is reserved for the sender."""

    type: Literal["take_seat"]
    id: str
    room: str
    seat_index: NotRequired[int | None]
    display_name: NotRequired[str | None]
    buy_in: NotRequired[int | None]
    traceparent: NotRequired[str]


class LeaveSeat(TypedDict):
    type: Literal["leave_seat"]
    id: str
    room: str
    traceparent: NotRequired[str]


class Spectate(TypedDict):
    type: Literal["spectate"]
    id: str
    room: str
    display_name: NotRequired[str | None]
    traceparent: NotRequired[str]


class StopSpectating(TypedDict):
    type: Literal["stop_spectating"]
    id: str
    room: str
    traceparent: NotRequired[str]


class Act(TypedDict):
    """A move of the game. On the wire `arguments` stand beside `move`; here they are gathered. It has members of
    the game's besides."""

    type: Literal["act"]
    id: str
    room: str
    move: str
    turn: NotRequired[int | None]
    traceparent: NotRequired[str]


class SitOut(TypedDict):
    type: Literal["sit_out"]
    id: str
    room: str
    traceparent: NotRequired[str]


class SitIn(TypedDict):
    type: Literal["sit_in"]
    id: str
    room: str
    traceparent: NotRequired[str]


class Rebuy(TypedDict):
    type: Literal["rebuy"]
    id: str
    room: str
    amount: int
    traceparent: NotRequired[str]


class Resign(TypedDict):
    """In games that have it (`games.offers`), as all of these."""

    type: Literal["resign"]
    id: str
    room: str
    traceparent: NotRequired[str]


class OfferDraw(TypedDict):
    type: Literal["offer_draw"]
    id: str
    room: str
    traceparent: NotRequired[str]


class AnswerDraw(TypedDict):
    """`offer`: the id of the command that made it; without it, the one that waits."""

    type: Literal["answer_draw"]
    id: str
    room: str
    accept: bool
    offer: NotRequired[str | None]
    traceparent: NotRequired[str]


class RequestUndo(TypedDict):
    """The sender's last move is to be taken back, with all that came after it."""

    type: Literal["request_undo"]
    id: str
    room: str
    traceparent: NotRequired[str]


class AnswerUndo(TypedDict):
    type: Literal["answer_undo"]
    id: str
    room: str
    accept: bool
    offer: NotRequired[str | None]
    traceparent: NotRequired[str]


class WithdrawOffer(TypedDict):
    """The sender's own, of either kind."""

    type: Literal["withdraw_offer"]
    id: str
    room: str
    offer: NotRequired[str | None]
    traceparent: NotRequired[str]


class Chat(TypedDict):
    type: Literal["chat"]
    id: str
    room: str
    text: str
    traceparent: NotRequired[str]


class Announce(TypedDict):
    """Another server tells a room something. `data` is for its own clients, bounded by the size of a frame;
    `fleeting`: whoever is there hears it, and it is neither numbered nor kept."""

    type: Literal["announce"]
    id: str
    room: str
    text: str
    data: NotRequired[dict[str, Any] | None]
    fleeting: NotRequired[bool]
    traceparent: NotRequired[str]


class Start(TypedDict):
    type: Literal["start"]
    id: str
    room: str
    traceparent: NotRequired[str]


class Pause(TypedDict):
    type: Literal["pause"]
    id: str
    room: str
    traceparent: NotRequired[str]


class Resume(TypedDict):
    type: Literal["resume"]
    id: str
    room: str
    traceparent: NotRequired[str]


class Kick(TypedDict):
    type: Literal["kick"]
    id: str
    room: str
    user_id: str
    ban: NotRequired[bool]
    traceparent: NotRequired[str]


class AddBot(TypedDict):
    """A bot takes the seat. `bot`: one of the game's, the first of them if none is named."""

    type: Literal["add_bot"]
    id: str
    room: str
    seat_index: int
    bot: NotRequired[str | None]
    buy_in: NotRequired[int | None]
    traceparent: NotRequired[str]


class AdjustChips(TypedDict):
    """`amount` is added to what the user has; below zero it is taken away."""

    type: Literal["adjust_chips"]
    id: str
    room: str
    user_id: str
    amount: int
    reason: NotRequired[str | None]
    after_hand: NotRequired[bool]
    traceparent: NotRequired[str]


class UpdateSettings(TypedDict):
    """`settings`: `name`, any of `actors.room.state.Settings`, and, under `options`, the game's own."""

    type: Literal["update_settings"]
    id: str
    room: str
    settings: dict[str, Any]
    after_hand: NotRequired[bool]
    traceparent: NotRequired[str]


class TransferHost(TypedDict):
    type: Literal["transfer_host"]
    id: str
    room: str
    user_id: str
    traceparent: NotRequired[str]


class Leave(TypedDict):
    type: Literal["leave"]
    id: str
    room: str
    traceparent: NotRequired[str]


class CloseRoom(TypedDict):
    type: Literal["close_room"]
    id: str
    room: str
    after_hand: NotRequired[bool]
    traceparent: NotRequired[str]


class Withdraw(TypedDict):
    """An act that waits for the end of the hand, by its command's id, is not to happen."""

    type: Literal["withdraw"]
    id: str
    room: str
    act_id: str
    traceparent: NotRequired[str]


class AuthenticatedFrame(TypedDict):
    """The user that the server takes the client for. The fields below `server_time` are there when a room's token
    said them."""

    type: Literal["authenticated"]
    user_id: str
    display_name: str
    expires_at: int
    server_time: int
    room: NotRequired[str]
    role: NotRequired[Role]
    is_host: NotRequired[bool]
    seat_index: NotRequired[int]
    rejoin_token: NotRequired[str]
    seat_token: NotRequired[str]


class HydratedFrame(TypedDict):
    """The whole view, as of `seq`, which was committed at `epoch`. Unless it is `stale` it is the truth, also where
    it is older than what was sent before."""

    type: Literal["hydrated"]
    room: str
    seq: int
    epoch: int
    at: int
    view: View
    stale: NotRequired[bool]


class View(TypedDict):
    """All that a viewer may see of a room as of `seq`, which was committed at `epoch`."""

    room: RoomInfo
    me: Me
    game: NotRequired[GameView]
    seats: NotRequired[dict[str, Seat]]
    spectators: NotRequired[int]
    turn: NotRequired[Turn]
    turns: NotRequired[list[Turn]]
    offer: NotRequired[OfferPart]
    deferred: NotRequired[list[DeferredAct]]
    reservations: NotRequired[dict[str, ReservationPart]]
    pending_requests: NotRequired[list[PendingRequest]]
    watching: NotRequired[dict[str, WatchingPart]]
    members: NotRequired[dict[str, MemberPart]]
    host_controls: NotRequired[HostControls]
    seq: int
    epoch: int
    at: int
    stale: NotRequired[bool]
    recent: list[RecentUpdate]


class RoomInfo(TypedDict):
    """The part of the room that anybody may know."""

    id: str
    code: str
    name: str
    game: str
    status: Literal["closed", "open", "paused", "playing"]
    host_id: str
    approval: Literal["auto", "host"]
    visibility: Literal["private", "public"]
    options: dict[str, Any]
    players: int
    max_players: int
    max_spectators: int
    empty_minutes: int
    reserved: NotRequired[list[int]]


class Me(TypedDict):
    """The viewer, and what the game shows to them alone. It has members of the game's besides."""

    user_id: str
    role: Role
    is_host: bool
    legal: list[Legal]
    seat_index: NotRequired[int]
    display_name: NotRequired[str]
    request: NotRequired[Literal["kicked", "pending", "rejected"]]
    reserved_seat: NotRequired[int]
    offers: NotRequired[list[Literal["draw", "resign", "undo"]]]


class Legal(TypedDict):
    """And each of the move's arguments, with its range (`min`, `max`) or its `choices`, or the value that it has
    here, a text, a number or a boolean: several entries of one move say which go together. Where `exact` is false,
    and no argument, some of what is offered may be refused; else all of it is legal, and no other move is. It has
    members of the game's besides."""

    move: str


class GameView(TypedDict):
    """And what the game shows everybody at the table. It has members of the game's besides."""

    id: str
    number: int


class Seat(TypedDict):
    """A taken seat, and what the game shows everybody of it. `bot`: no person has it. It has members of the game's
    besides."""

    seat_index: int
    user_id: str
    display_name: str
    status: Status
    bot: NotRequired[Literal[True]]


class Turn(TypedDict):
    """After `deadline_ms` the timebank runs; after both the game decides. Turns that begin together have one
    number. Where players have time of their own for a whole round there is no timebank, `clock` says by which rule,
    and `clocks` by seat what each had left when their turn began, in ms: only that of `seat_index` runs, to
    `deadline_ms`, and those of the seats in `turns`, each to its own."""

    number: int
    seat_index: int
    deadline_ms: int
    timebank_ms: int
    clock: NotRequired[ClockPart]
    clocks: NotRequired[dict[str, int]]


class ClockPart(TypedDict):
    """The rule of clocks that players have of their own (`games.base.OwnTime`), with its times. `fischer`:
    `base_ms`, and `increment_ms` more after each of one's turns; `bronstein`: after each as much as it took is
    given back, at most `delay_ms`; `byo_yomi`: `main_ms`, then `periods` of `period_ms`, of which one that is not
    used up is whole again; `hourglass`: the time of one's turn is gained by the others; `correspondence`: `move_ms`
    for each turn."""

    kind: Literal["bronstein", "byo_yomi", "correspondence", "fischer", "hourglass"]
    base_ms: NotRequired[int]
    increment_ms: NotRequired[int]
    delay_ms: NotRequired[int]
    main_ms: NotRequired[int]
    periods: NotRequired[int]
    period_ms: NotRequired[int]
    move_ms: NotRequired[int]


class OfferPart(TypedDict):
    """An offer among players that waits for an answer, by the id of the command that made it; `accepted`: the seats
    that have agreed."""

    offer: Literal["draw", "undo"]
    id: str
    seat_index: int
    accepted: list[int]


class DeferredAct(TypedDict):
    """An act of the host's that waits for the end of the hand, and who asked for it: a command's name, its id and
    its own fields."""

    id: str
    act: Literal["adjust_chips", "close_room", "update_settings"]
    by: str
    user_id: NotRequired[str]
    amount: NotRequired[int]
    reason: NotRequired[str]
    settings: NotRequired[dict[str, Any]]


class ReservationPart(TypedDict):
    """The user for whom a seat is kept, by the name that they have here, if they have one."""

    user_id: str
    display_name: NotRequired[str]


class PendingRequest(TypedDict):
    user_id: str
    display_name: str
    requested_at: int


class WatchingPart(TypedDict):
    """A spectator."""

    display_name: str
    status: Literal["active", "away"]


class MemberPart(TypedDict):
    """Somebody whom the room knows. `status` is of those who are admitted, and holds while they do not sit."""

    display_name: str
    standing: Literal["approved", "kicked", "pending", "rejected"]
    since: int
    watching: NotRequired[bool]
    status: NotRequired[Literal["active", "away"]]
    banned: NotRequired[bool]


class HostControls(TypedDict):
    """The commands that the host could send now."""

    can_start: bool
    can_pause: bool
    can_resume: bool
    can_kick: bool
    can_transfer: bool
    can_adjust_chips: bool
    can_update_settings: bool
    can_close: bool


class RecentUpdate(TypedDict):
    """An update as this viewer saw it."""

    seq: int
    epoch: int
    at: int
    events: list[Event]


class Update(TypedDict):
    """`patch` is a JSON merge patch (RFC 7396) of this viewer's view."""

    type: Literal["update"]
    room: str
    seq: int
    epoch: int
    at: int
    events: list[Event]
    patch: NotRequired[dict[str, Any]]
    rejoin_token: NotRequired[str]


class UpdatesFrame(TypedDict):
    """The missed updates, in order."""

    type: Literal["updates"]
    room: str
    updates: list[Update]


class Ack(TypedDict):
    """The command `id` is durable at `seq`. The values that it gives its sender stand beside."""

    type: Literal["ack"]
    id: str
    room: str
    seq: int
    status: NotRequired[Literal["approved", "pending"]]
    seat_index: NotRequired[int]
    seat_token: NotRequired[str]
    rejoin_token: NotRequired[str]
    unchanged: NotRequired[bool]


class ErrorFrame(TypedDict):
    """A refusal. With `id` it is a command's."""

    type: Literal["error"]
    code: RefusalCode
    message: str
    id: NotRequired[str]
    room: NotRequired[str]
    details: NotRequired[dict[str, Any]]
    retry_after_ms: NotRequired[int]


class HeartbeatAckFrame(TypedDict):
    """`seat_tokens`: fresh ones by room, where the client's are old."""

    type: Literal["heartbeat_ack"]
    server_time: int
    seat_tokens: NotRequired[dict[str, str]]


class PresenceFrame(TypedDict):
    type: Literal["presence"]
    room: str
    user_id: str
    status: Literal["active", "away", "disconnected"]


class AnnouncementFrame(TypedDict):
    """Another server's words to all who follow the room, now and never again."""

    type: Literal["announcement"]
    room: str
    service: str
    text: str
    data: NotRequired[dict[str, Any]]


class LeftFrame(TypedDict):
    type: Literal["left"]
    room: str


class ClosingFrame(TypedDict):
    type: Literal["closing"]
    reason: str
    reconnect_after_ms: int


class PlayerJoinRequestedEvent(TypedDict):
    kind: Literal["player_join_requested"]
    user_id: str
    display_name: str


class PlayerApprovedEvent(TypedDict):
    kind: Literal["player_approved"]
    user_id: str
    display_name: str


class PlayerRejectedEvent(TypedDict):
    kind: Literal["player_rejected"]
    user_id: str
    display_name: str


class PlayerSeatedEvent(TypedDict):
    kind: Literal["player_seated"]
    seat_index: int
    user_id: str
    display_name: str


class SeatFreedEvent(TypedDict):
    kind: Literal["seat_freed"]
    seat_index: int
    user_id: str
    chips: NotRequired[int]


class SpectatorJoinedEvent(TypedDict):
    kind: Literal["spectator_joined"]
    user_id: str
    display_name: str


class SpectatorLeftEvent(TypedDict):
    kind: Literal["spectator_left"]
    user_id: str


class PlayerLeftEvent(TypedDict):
    kind: Literal["player_left"]
    user_id: str


class PlayerKickedEvent(TypedDict):
    kind: Literal["player_kicked"]
    user_id: str
    ban: bool


class HostChangedEvent(TypedDict):
    kind: Literal["host_changed"]
    user_id: str | None


class PlayerSatOutEvent(TypedDict):
    kind: Literal["player_sat_out"]
    seat_index: int
    user_id: str
    reason: NotRequired[str]


class PlayerSatInEvent(TypedDict):
    kind: Literal["player_sat_in"]
    seat_index: int
    user_id: str


class PlayerAwayEvent(TypedDict):
    kind: Literal["player_away"]
    seat_index: int
    user_id: str


class PlayerReconnectedEvent(TypedDict):
    kind: Literal["player_reconnected"]
    seat_index: int
    user_id: str


class PlayerDisconnectedEvent(TypedDict):
    kind: Literal["player_disconnected"]
    seat_index: int
    user_id: str


class ChipsAddedEvent(TypedDict):
    kind: Literal["chips_added"]
    seat_index: int
    user_id: str
    amount: int
    chips: int


class ChipsAdjustedEvent(TypedDict):
    kind: Literal["chips_adjusted"]
    seat_index: int
    user_id: str
    amount: int
    chips: int
    reason: NotRequired[str]


class PlayerResignedEvent(TypedDict):
    kind: Literal["player_resigned"]
    seat_index: int
    user_id: str


class OfferMadeEvent(TypedDict):
    kind: Literal["offer_made"]
    offer: str
    id: str
    seat_index: int
    user_id: str


class OfferAnsweredEvent(TypedDict):
    kind: Literal["offer_answered"]
    offer: str
    id: str
    seat_index: int
    by: str
    accept: bool


class OfferEndedEvent(TypedDict):
    kind: Literal["offer_ended"]
    offer: str
    id: str
    seat_index: int
    reason: str


class RoomPausedEvent(TypedDict):
    kind: Literal["room_paused"]
    user_id: NotRequired[str]
    reason: NotRequired[str]


class RoomResumedEvent(TypedDict):
    kind: Literal["room_resumed"]
    user_id: str


class RoomClosedEvent(TypedDict):
    kind: Literal["room_closed"]
    user_id: NotRequired[str]
    reason: NotRequired[str]


class SettingsChangedEvent(TypedDict):
    kind: Literal["settings_changed"]
    settings: dict[str, Any]


class TurnStartedEvent(TypedDict):
    kind: Literal["turn_started"]
    number: int
    seat_index: int
    deadline_ms: int
    timebank_ms: int


class RoundVoidedEvent(TypedDict):
    kind: Literal["round_voided"]
    number: int
    reason: str


class ActDeferredEvent(TypedDict):
    kind: Literal["act_deferred"]
    id: str
    act: str
    by: str
    user_id: NotRequired[str]
    amount: NotRequired[int]
    reason: NotRequired[str]
    settings: NotRequired[dict[str, Any]]


class ActWithdrawnEvent(TypedDict):
    kind: Literal["act_withdrawn"]
    id: str
    act: str
    user_id: str


class ActDroppedEvent(TypedDict):
    kind: Literal["act_dropped"]
    id: str
    act: str
    code: str


class RolledBackEvent(TypedDict):
    kind: Literal["rolled_back"]
    to: int
    user_id: NotRequired[str]
    reason: NotRequired[str]
    voided: NotRequired[int]


class ForkedEvent(TypedDict):
    kind: Literal["forked"]
    room_id: str
    to: int
    voided: NotRequired[int]


class ChatEvent(TypedDict):
    kind: Literal["chat"]
    user_id: str
    display_name: str
    text: str


class ReservationEndedEvent(TypedDict):
    kind: Literal["reservation_ended"]
    seat_index: int
    user_id: str


class AnnouncementEvent(TypedDict):
    kind: Literal["announcement"]
    service: str
    text: str
    data: NotRequired[Any]


class GameEvent(TypedDict):
    """An event of the room's game, with fields of its own. It has members of the game's besides."""

    kind: str

RoomEvent: TypeAlias = (
    PlayerJoinRequestedEvent | PlayerApprovedEvent | PlayerRejectedEvent | PlayerSeatedEvent | SeatFreedEvent |
    SpectatorJoinedEvent | SpectatorLeftEvent | PlayerLeftEvent | PlayerKickedEvent | HostChangedEvent |
    PlayerSatOutEvent | PlayerSatInEvent | PlayerAwayEvent | PlayerReconnectedEvent | PlayerDisconnectedEvent |
    ChipsAddedEvent | ChipsAdjustedEvent | PlayerResignedEvent | OfferMadeEvent | OfferAnsweredEvent |
    OfferEndedEvent | RoomPausedEvent | RoomResumedEvent | RoomClosedEvent | SettingsChangedEvent |
    TurnStartedEvent | RoundVoidedEvent | ActDeferredEvent | ActWithdrawnEvent | ActDroppedEvent |
    RolledBackEvent | ForkedEvent | ChatEvent | ReservationEndedEvent | AnnouncementEvent
)
Event: TypeAlias = (
    RoomEvent | GameEvent
)
ClientFrame: TypeAlias = (
    Authenticate | JoinRoom | LeaveRoom | Resync | Heartbeat | RequestJoin | Approve | Reject | TakeSeat |
    LeaveSeat | Spectate | StopSpectating | Act | SitOut | SitIn | Rebuy | Resign | OfferDraw | AnswerDraw |
    RequestUndo | AnswerUndo | WithdrawOffer | Chat | Announce | Start | Pause | Resume | Kick | AddBot |
    AdjustChips | UpdateSettings | TransferHost | Leave | CloseRoom | Withdraw
)
ServerFrame: TypeAlias = (
    AuthenticatedFrame | HydratedFrame | Update | UpdatesFrame | Ack | ErrorFrame | HeartbeatAckFrame |
    PresenceFrame | AnnouncementFrame | LeftFrame | ClosingFrame
)
