"""The events of a hand of Hearts. Cards that are passed are told to whom they concern alone."""

from __future__ import annotations

from tavola.games.events import (
    GAME_COMPLETE,
    LEAVING,
    PLAYER_ACTION,
    PLAYER_LEAVING,
    EventKind,
    EventSpec,
    EventTable,
)

HAND_STARTED = EventKind("hand_started")
CARDS_PASSED = EventKind("cards_passed")
TRICK_TAKEN = EventKind("trick_taken")
HAND_COMPLETE = EventKind("hand_complete")

EVENTS: EventTable = {
    HAND_STARTED: EventSpec(("number", "pass"), private=("cards",), section=4),
    PLAYER_ACTION: EventSpec(("seat_index", "move", "card?", "automatic?"), private=("cards",), section=4),
    CARDS_PASSED: EventSpec(("pass",), private=("received",), section=4),
    TRICK_TAKEN: EventSpec(("winner", "cards", "points"), section=4),
    HAND_COMPLETE: EventSpec(("number", "scores", "points", "shot_the_moon?"), section=4),
    GAME_COMPLETE: EventSpec(("winners", "points"), section=4),
    PLAYER_LEAVING: LEAVING,
}
