"""The kinds of events: what a table of them is made of, and those that any game may tell.

Each game has a table of its own, `EVENTS`; the room's is in `actors.wire.events`. Code names kinds by the constants.
"""

from __future__ import annotations

from typing import Literal, NewType

import msgspec

EventKind = NewType("EventKind", str)
"""`kind` on the wire and in the log."""

ToldTo = Literal["inside", "concerned", "inside or concerned"]
"""Those who learn of it: `inside` is players and spectators, `concerned` the host and the user whom it is about; of
`inside or concerned`, the first when that user was admitted, the second when not."""
ShownIn = Literal["history", "chat", "nowhere"]
"""Where our own pages put it into words. An event that they show `nowhere` shows in the view."""


class EventSpec(msgspec.Struct, frozen=True):
    """The fields that are told with an event. A field whose name ends in `?` may be absent; `private` are fields that
    only the player whom they are of gets, on top. docs/reference/protocol.md tells of it in the section of that
    number."""

    fields: tuple[str, ...]
    told: ToldTo = "inside"
    shown: ShownIn = "history"
    private: tuple[str, ...] = ()
    section: Literal[2, 4] = 2

    def admits(self, told: set[str]) -> bool:
        """Whether an event may have these fields."""
        needed = {name for name in self.fields if not name.endswith("?")}
        return needed <= told <= {name.removesuffix("?") for name in self.fields}


EventTable = dict[EventKind, EventSpec]

GAME_STARTED = EventKind("game_started")
PLAYER_ACTION = EventKind("player_action")
"""A move. Its arguments are the game's own, so each game's table says which."""
GAME_COMPLETE = EventKind("game_complete")
PLAYER_LEAVING = EventKind("player_leaving")
LEAVING = EventSpec(("seat_index",))
"""`PLAYER_LEAVING`: the player in that seat leaves when the round has ended."""
