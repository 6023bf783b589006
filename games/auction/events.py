"""The events of an auction. A bid is told to its bidder alone; to everybody, that it was made."""

from __future__ import annotations

from tavola.games.events import GAME_COMPLETE, GAME_STARTED, PLAYER_ACTION, EventKind, EventSpec, EventTable

LOT_SOLD = EventKind("lot_sold")

EVENTS: EventTable = {
    GAME_STARTED: EventSpec(("number", "lots", "seats"), private=("values",), section=4),
    PLAYER_ACTION: EventSpec(("seat_index", "move", "automatic?"), private=("amount",), section=4),
    LOT_SOLD: EventSpec(("lot", "bids", "winner", "price"), section=4),
    GAME_COMPLETE: EventSpec(("number", "winners", "scores"), section=4),
}
