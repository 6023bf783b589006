"""The texts of refusals: every one that does not depend on what was asked, or on a setting."""

from __future__ import annotations

from tavola.games.base import Refusal

# Rooms and their servers

NO_ROOM = Refusal("room_not_found", "There is no such room.")
GAME_OVER = Refusal("game_over", "This room was closed, and is not kept any more.")
NO_VERSION = Refusal("room_not_found", "No such version of this room is kept.")
NO_REMOVAL = Refusal("room_not_found", "That room is not being removed, or it is not yours.")
NOT_KEPT = Refusal("room_not_found", "Updates before that seq are not kept, or the room has not got there.")
NO_GAMES = Refusal(
    "storage_unavailable", "This deployment is starting, and has not said yet which games it has.", retry_after_ms=1000
)
STORAGE_AWAY = Refusal("storage_unavailable", "The database is away; nothing was lost.", retry_after_ms=1000)
NO_CONNECTION = Refusal("overloaded", "The database takes no more connections just now.", retry_after_ms=2000)
NO_SERVER = Refusal("room_unavailable", "This room has no server just now; try again.", retry_after_ms=1000)
BROKEN = Refusal("room_unavailable", "This room could not go on; try again.", retry_after_ms=1000)
ASLEEP = Refusal("room_unavailable", "This room has no server, and is not given one for this.", retry_after_ms=1000)
"""The answer to what must not rouse a room, from one that has no actor."""
OVERLOADED = Refusal("overloaded", "This server has too much to do.", retry_after_ms=500)
CROWDED = Refusal("overloaded", "This table's server has too much to do.", retry_after_ms=500)
FULL = Refusal("overloaded", "As many tables as this deployment carries are being played at.", retry_after_ms=5000)
REPLAY_BUSY = Refusal("overloaded", "Another replay is under way.", retry_after_ms=300)
GAME_ERROR = Refusal("game_error", "The game has made a mistake, and nothing was changed.")

# Commands

ID_REUSED = Refusal("id_reused", "That id was given to another command.")
ROOM_CLOSED = Refusal("room_closed", "This room is closed.")
NOT_HOST = Refusal("not_host", "Only the host may do that.")
NOT_SEATED = Refusal("not_seated", "You are not seated at this table.")
SEAT_RESERVED = Refusal("seat_reserved", "That seat is reserved for somebody else.")
NO_RESERVATION = Refusal("invalid_message", "No seat is reserved for you: seat_index says which you take.")
NOT_APPROVED = Refusal("not_approved", "The host has not admitted you to this room.")
PAUSED = Refusal("room_paused", "The host has paused this room.")
NO_ROLLBACK = Refusal("forbidden", "Rooms of this game go back by the operator's hand alone.")
HAND_IN_PROGRESS = Refusal("hand_in_progress", "That can be done when the hand has ended.")
HOST_AWAY = Refusal(
    "host_away", "The host has gone, and nobody is there to let you in; ask again later.", retry_after_ms=60_000
)
FORGETS_NO_BAN = Refusal("room_full", "As many people as can be are banned from this room; remove without a ban.")
MANY_ACTS = Refusal("illegal_move", "As many acts as can be wait for the end of this hand; withdraw one first.")
NO_ACT = Refusal("illegal_move", "No act of that id waits for the end of a hand.")
NOT_OFFERED_HERE = Refusal("illegal_move", "That is not to be had in this game.")
NO_ROUND = Refusal("illegal_move", "You are in no round just now.")
NOBODY_ASKED = Refusal("illegal_move", "There is nobody to agree with.")
OFFER_WAITS = Refusal("offer_pending", "Another offer waits for an answer at this table.")
NO_CHIPS = Refusal("illegal_move", "This game has no chips.")
NO_OFFER = Refusal("no_offer", "There is no such offer, or not any more.")
NOBODY = Refusal("user_not_found", "There is nobody of that id here.")
BAD_NAME = Refusal("invalid_message", "A name needs at least one visible character, and no invisible ones.")
NO_WISH = Refusal("invalid_options", "These options cannot be read.")
BAD_ROOM_NAME = Refusal("invalid_options", BAD_NAME.message)
CODE_IS_SHORT = Refusal(
    "invalid_options", "This room's code is too short to hide behind; open another room, which is private."
)

# The sender

UNAUTHENTICATED = Refusal("unauthenticated", "Sign in first.")
WRONG_SECRET = Refusal("unauthenticated", "That is no operator's secret.")
NOT_YOUR_ROLE = Refusal("forbidden", "Your role does not allow that.")
SIGN_IN_OVER = Refusal("unauthenticated", "Your sign-in is over, or you are no operator any more: sign in again.")
NO_SECRET = Refusal("unauthenticated", "This is for operators: send your secret as a bearer token.")
NO_OPERATOR = Refusal("unauthenticated", "This is for other servers: send a service token as a bearer token.")
TOKEN_EXPIRED = Refusal("token_expired", "That token has expired; get a new one.")
TOKEN_INVALID = Refusal("token_invalid", "That token is not valid here.")
ISSUER_AWAY = Refusal(
    "storage_unavailable", "The keys of that token's issuer cannot be read; try again.", retry_after_ms=5000
)
NO_SEAT = Refusal("not_seated", "You have no seat at this table.")
OTHER_SITE = Refusal("forbidden", "Pages of that site may not do this.")
NOT_FOR_PEOPLE = Refusal("forbidden", "Only another server of this deployment may reserve seats.")
UNMARKED = Refusal("forbidden", "With a cookie, changes need the header X-Requested-With: tavola.")
ELSEWHERE = Refusal("forbidden", "The token that this socket came with is good for one room; sign in to go elsewhere.")
ANOTHER_USER = Refusal("forbidden", "This socket belongs to another user.")

# How often

TOO_MANY_REQUESTS = Refusal("rate_limited", "Too many requests.", retry_after_ms=1000)
TOO_MANY_MESSAGES = Refusal("rate_limited", "Too many messages.", retry_after_ms=1000)
TOO_MANY_GUESSES = Refusal("rate_limited", "Too many codes were wrong.", retry_after_ms=6000)
TOO_MUCH = Refusal("rate_limited", "You ask too much of this room at once.", retry_after_ms=1000)


def away(*, full: bool) -> Refusal:
    """The answer when Postgres cannot be asked; `full`: it has as many connections as it takes."""
    return NO_CONNECTION if full else STORAGE_AWAY
