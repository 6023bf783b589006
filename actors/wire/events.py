"""The kinds of events that a room tells by itself. The events of its game are in the game's own `EVENTS`.

Adding one: a name and its row here, a row in docs/reference/protocol.md, words in edge/static/app/story.js, and
the name in edge/static/client/wire.d.ts; tests/unit/docs compares the four.
"""

from __future__ import annotations

from tavola.games.events import EventKind, EventSpec, EventTable

PLAYER_JOIN_REQUESTED = EventKind("player_join_requested")
PLAYER_APPROVED = EventKind("player_approved")
PLAYER_REJECTED = EventKind("player_rejected")
PLAYER_SEATED = EventKind("player_seated")
SEAT_FREED = EventKind("seat_freed")
SPECTATOR_JOINED = EventKind("spectator_joined")
SPECTATOR_LEFT = EventKind("spectator_left")
PLAYER_LEFT = EventKind("player_left")
PLAYER_KICKED = EventKind("player_kicked")
HOST_CHANGED = EventKind("host_changed")
PLAYER_SAT_OUT = EventKind("player_sat_out")
PLAYER_SAT_IN = EventKind("player_sat_in")
PLAYER_AWAY = EventKind("player_away")
PLAYER_RECONNECTED = EventKind("player_reconnected")
PLAYER_DISCONNECTED = EventKind("player_disconnected")
CHIPS_ADDED = EventKind("chips_added")
CHIPS_ADJUSTED = EventKind("chips_adjusted")
PLAYER_RESIGNED = EventKind("player_resigned")
OFFER_MADE = EventKind("offer_made")
OFFER_ANSWERED = EventKind("offer_answered")
OFFER_ENDED = EventKind("offer_ended")
ROOM_PAUSED = EventKind("room_paused")
ROOM_RESUMED = EventKind("room_resumed")
ROOM_CLOSED = EventKind("room_closed")
SETTINGS_CHANGED = EventKind("settings_changed")
TURN_STARTED = EventKind("turn_started")
ROUND_VOIDED = EventKind("round_voided")
ROLLED_BACK = EventKind("rolled_back")
FORKED = EventKind("forked")
CHAT = EventKind("chat")
ACT_DEFERRED = EventKind("act_deferred")
ACT_WITHDRAWN = EventKind("act_withdrawn")
ACT_DROPPED = EventKind("act_dropped")
ANNOUNCEMENT = EventKind("announcement")
RESERVATION_ENDED = EventKind("reservation_ended")

_REQUEST = ("user_id", "display_name")
_PLAYER = ("seat_index", "user_id")
_OFFER = ("offer", "id", "seat_index")

EVENTS: EventTable = {
    PLAYER_JOIN_REQUESTED: EventSpec(_REQUEST, "concerned"),
    PLAYER_APPROVED: EventSpec(_REQUEST, "concerned"),
    PLAYER_REJECTED: EventSpec(_REQUEST, "concerned", "nowhere"),
    PLAYER_SEATED: EventSpec((*_PLAYER, "display_name")),
    SEAT_FREED: EventSpec((*_PLAYER, "chips?"), shown="nowhere"),
    SPECTATOR_JOINED: EventSpec(_REQUEST, shown="nowhere"),
    SPECTATOR_LEFT: EventSpec(("user_id",), shown="nowhere"),
    PLAYER_LEFT: EventSpec(("user_id",), "inside or concerned"),
    PLAYER_KICKED: EventSpec(("user_id", "ban"), "inside or concerned"),
    HOST_CHANGED: EventSpec(("user_id",)),
    PLAYER_SAT_OUT: EventSpec((*_PLAYER, "reason?")),
    PLAYER_SAT_IN: EventSpec(_PLAYER),
    PLAYER_AWAY: EventSpec(_PLAYER),
    PLAYER_RECONNECTED: EventSpec(_PLAYER),
    PLAYER_DISCONNECTED: EventSpec(_PLAYER),
    CHIPS_ADDED: EventSpec((*_PLAYER, "amount", "chips")),
    CHIPS_ADJUSTED: EventSpec((*_PLAYER, "amount", "chips", "reason?")),
    PLAYER_RESIGNED: EventSpec(_PLAYER),
    OFFER_MADE: EventSpec((*_OFFER, "user_id")),
    OFFER_ANSWERED: EventSpec((*_OFFER, "by", "accept"), shown="nowhere"),
    OFFER_ENDED: EventSpec((*_OFFER, "reason")),
    ROOM_PAUSED: EventSpec(("user_id?", "reason?")),
    ROOM_RESUMED: EventSpec(("user_id",)),
    ROOM_CLOSED: EventSpec(("user_id?", "reason?")),
    SETTINGS_CHANGED: EventSpec(("settings",)),
    TURN_STARTED: EventSpec(("number", "seat_index", "deadline_ms", "timebank_ms"), shown="nowhere"),
    ROUND_VOIDED: EventSpec(("number", "reason")),
    ACT_DEFERRED: EventSpec(("id", "act", "by", "user_id?", "amount?", "reason?", "settings?")),
    ACT_WITHDRAWN: EventSpec(("id", "act", "user_id")),
    ACT_DROPPED: EventSpec(("id", "act", "code")),
    ROLLED_BACK: EventSpec(("to", "user_id?", "reason?", "voided?")),
    FORKED: EventSpec(("room_id", "to", "voided?")),
    CHAT: EventSpec(("user_id", "display_name", "text"), shown="chat"),
    RESERVATION_ENDED: EventSpec(_PLAYER),
    ANNOUNCEMENT: EventSpec(("service", "text", "data?")),
}
