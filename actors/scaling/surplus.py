"""Which node the others could do without, and when it is needed again. Pure.

It is reckoned in places for room actors, as Ray is asked for them (`demand`): so what is asked for while a node is
emptied, and afterwards, is there without it, and none is emptied that Ray would start again at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from tavola.actors.scaling.demand import MORE

FULL = 0.9
"""So full the nodes that stay may become, in places. They are full at 1: then another node comes."""
SPARE_OVER = 1
"""So many spares more than it should have a node may keep."""
BEARERS = 2
"""On so many nodes there are spares (`node_keeper`)."""


class NodeRooms(NamedTuple):
    """A node that lives, and is not drained unless it says `why`. It carries `most` room actors and has `actors`, of
    which `working` have its `rooms`, and could have `free` more. Ray may end it, if it `may_end`."""

    address: str
    most: int
    actors: int
    working: int
    rooms: int
    free: int
    may_end: bool
    why: str | None = None


def unneeded(nodes: Sequence[NodeRooms], *, capacity: int, spares: int, least: int) -> NodeRooms | None:
    """The node with the fewest rooms of those that may end, if the others have room for them and for spares, and are
    `least` at least. `capacity`: rooms that an actor carries."""
    staying = [node for node in nodes if node.why is None]
    if len(staying) <= least:
        return None
    going = min((node for node in staying if node.may_end), key=lambda node: (node.rooms, node.address), default=None)
    if going is None:
        return None
    others = [node for node in staying if node is not going]
    kept = max(spares, min(BEARERS, len(others))) if spares else 0
    places = sum(node.working for node in others) + _actors_for(going.rooms, others, capacity)
    places += kept + SPARE_OVER * len(others) + MORE
    return going if places <= FULL * _places(others) else None


def needed_again(nodes: Sequence[NodeRooms], capacity: int) -> bool:
    """Whether the nodes that are not drained have too little room for all that there is, and one actor more."""
    staying = [node for node in nodes if node.why is None]
    rooms = sum(node.rooms for node in nodes if node.why is not None)
    return sum(node.actors for node in staying) + _actors_for(rooms, staying, capacity) + MORE > _places(staying)


def _places(nodes: Sequence[NodeRooms]) -> int:
    return sum(node.most for node in nodes)


def _actors_for(rooms: int, nodes: Sequence[NodeRooms], capacity: int) -> int:
    """Actors that these rooms need beside those of the nodes that have room."""
    return -(-max(0, rooms - sum(node.free for node in nodes)) // capacity)
