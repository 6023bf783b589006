"""The room's own version, as its tables' JSON and its commands have it, and the ways from those before. Pure.

A field that is added with a default needs no new version, unless views have it: a replay compares what was shown. One
that is renamed, removed or means something else does:
raise `SCHEMA`, and say in `UPCASTERS` how what the version before wrote becomes what this one reads.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec

from tavola.games.base import Json, same

SCHEMA = 2
"""The version of all that the room itself stores as JSON: tables, settings, members and commands."""


class RoomUpcaster(msgspec.Struct, frozen=True):
    """From what one version of the room stored to what the next one stores, each part as its JSON; what is left out is
    the same in both. A game's own part of it (`game`, `options`, the move) is its game's to bring up to date."""

    table: Callable[[Json], Json] = same
    """Of `game_states.state`, and of a checkpoint's `table`."""
    settings: Callable[[Json], Json] = same
    """Of `rooms.settings`, and of a checkpoint's `info`."""
    member: Callable[[Json], Json] = same
    """Of one member in a checkpoint."""
    command: Callable[[Json], Json] = same
    """Of `actions.command`."""


UPCASTERS: Mapping[int, RoomUpcaster] = {
    1: RoomUpcaster(),  # views show who is watching, to the host all members, and to a host who does not sit the table
}
"""Version v → the way from v to v + 1, for each version before this one."""
