"""The events of a game of chess, beside those of any game."""

from __future__ import annotations

from tavola.games.events import GAME_COMPLETE, GAME_STARTED, PLAYER_ACTION, EventSpec, EventTable

EVENTS: EventTable = {
    GAME_STARTED: EventSpec(("number", "white", "fen"), section=4),
    PLAYER_ACTION: EventSpec(
        ("seat_index", "move", "from?", "to?", "promotion?", "san?", "automatic?"), section=4
    ),
    GAME_COMPLETE: EventSpec(("winner", "reason", "white", "pgn"), section=4),
}  # fmt: skip
