"""The events of a hand of hold'em, beside those of any game."""

from __future__ import annotations

from tavola.games.events import LEAVING, PLAYER_ACTION, PLAYER_LEAVING, EventKind, EventSpec, EventTable

HAND_STARTED = EventKind("hand_started")
BLINDS_POSTED = EventKind("blinds_posted")
HOLE_CARDS_DEALT = EventKind("hole_cards_dealt")
STREET_ADVANCED = EventKind("street_advanced")
CARDS_SHOWN = EventKind("cards_shown")
POT_DISTRIBUTED = EventKind("pot_distributed")
HAND_COMPLETE = EventKind("hand_complete")

EVENTS: EventTable = {
    HAND_STARTED: EventSpec(("number", "button", "small_blind", "big_blind", "seats", "commitment"), section=4),
    BLINDS_POSTED: EventSpec(("posts",), section=4),
    HOLE_CARDS_DEALT: EventSpec(("seats",), private=("hole_cards",), section=4),
    PLAYER_ACTION: EventSpec(("seat_index", "move", "amount", "chips", "pot", "automatic?"), section=4),
    STREET_ADVANCED: EventSpec(("phase", "board"), section=4),
    CARDS_SHOWN: EventSpec(("seat_index", "hole_cards"), section=4),
    POT_DISTRIBUTED: EventSpec(("pots", "returned?"), section=4),
    HAND_COMPLETE: EventSpec(("number", "board", "winners"), shown="nowhere", section=4),
    PLAYER_LEAVING: LEAVING,
}
