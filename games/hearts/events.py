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

HAND_DEALT = EventKind("hand_dealt")
CARDS_PASSED = EventKind("cards_passed")
TRICK_TAKEN = EventKind("trick_taken")
HAND_SCORED = EventKind("hand_scored")

EVENTS: EventTable = {
    HAND_DEALT: EventSpec(("number", "pass"), private=("cards",), shown="nowhere", section=4),
    PLAYER_ACTION: EventSpec(("seat_index", "move", "card?", "automatic?"), private=("cards",), section=4),
    CARDS_PASSED: EventSpec(("pass",), private=("received",), shown="nowhere", section=4),
    TRICK_TAKEN: EventSpec(("winner", "cards", "points"), shown="nowhere", section=4),
    HAND_SCORED: EventSpec(("number", "scores", "points", "shot_the_moon?"), shown="nowhere", section=4),
    GAME_COMPLETE: EventSpec(("winners", "points"), section=4),
    PLAYER_LEAVING: LEAVING,
}
