"""Which rooms go where, so that nodes have as much to do as each other, and no actor more than it gets done. Pure.

Between nodes it is the rooms that count, by how many actors each carries. Within a node actors are left as they are,
spares too, unless one is crowded. It begins where the difference is great and ends where it is small, and a move never
turns a difference round: so no room goes to and fro.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import NamedTuple

BEGINS, BEGINS_AT = 0.25, 4
"""A difference is great if it is more than this share of the rooms of the one that has more, and than so many rooms."""
ENDS, ENDS_AT = 0.1, 2
"""It is small when it is no more than both of these."""


class ActorLoad(NamedTuple):
    """An actor that may be given rooms; `most` is how many actors its node carries."""

    name: str
    node: str
    most: int
    rooms: int
    capacity: int
    crowded: bool = False


class RoomShift(NamedTuple):
    """One room is to go from an actor to another."""

    away_from: str
    to: str


def shifts(loads: Iterable[ActorLoad], most: int, *, under_way: bool) -> list[RoomShift]:
    """At most `most`, in their order; `under_way` says that it has begun. None: all is even."""
    actors = list(loads)
    found = list[RoomShift]()
    while len(found) < most and (shift := _between_nodes(actors, under_way=under_way or bool(found))) is not None:
        found.append(shift)
        actors = [_after(each, shift) for each in actors]
    relieved = set[str]()
    while len(found) < most and (shift := _from_crowded(actors, relieved)) is not None:
        found.append(shift)
        relieved.add(shift.away_from)
        actors = [_after(each, shift) for each in actors]
    return found


def _after(actor: ActorLoad, shift: RoomShift) -> ActorLoad:
    return actor._replace(rooms=actor.rooms + (actor.name == shift.to) - (actor.name == shift.away_from))


def _between_nodes(actors: Sequence[ActorLoad], *, under_way: bool) -> RoomShift | None:
    nodes = defaultdict[str, list[ActorLoad]](list)
    for actor in actors:
        nodes[actor.node].append(actor)
    if len(nodes) < 2:
        return None
    rooms = {node: sum(each.rooms for each in there) for node, there in nodes.items()}
    a_room = sum(rooms.values()) / max(1, sum(there[0].most for there in nodes.values()))
    over = {node: rooms[node] - a_room * there[0].most for node, there in nodes.items()}
    fullest, emptiest = max(over, key=lambda node: (over[node], node)), min(over, key=lambda node: (over[node], node))
    share, least = (ENDS, ENDS_AT) if under_way else (BEGINS, BEGINS_AT)
    if over[fullest] - over[emptiest] <= max(least, share * rooms[fullest]):
        return None
    giver = max(nodes[fullest], key=lambda each: (each.rooms, each.name))
    taker = _taker(nodes[emptiest])
    return None if taker is None or not giver.rooms else RoomShift(giver.name, taker.name)


def _taker(actors: Iterable[ActorLoad]) -> ActorLoad | None:
    """The emptiest of those at work; a spare where none of these has room."""
    roomy = [each for each in actors if each.rooms < each.capacity and not each.crowded]
    return min(roomy, key=lambda each: (each.rooms == 0, each.rooms, each.name), default=None)


def _from_crowded(actors: Sequence[ActorLoad], relieved: set[str]) -> RoomShift | None:
    """One room at a time, and then it is seen how it gets on."""
    for giver in actors:
        if giver.crowded and giver.rooms > 1 and giver.name not in relieved:
            taker = _taker(each for each in actors if each.name != giver.name)
            if taker is not None and taker.rooms < giver.rooms:
                return RoomShift(giver.name, taker.name)
    return None
