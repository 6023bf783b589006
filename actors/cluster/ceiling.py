"""How many room actors a node carries. Postgres counts those that live."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from tavola.actors.cluster.directory import ClusterUnavailable
from tavola.config.code_mark import CODE
from tavola.storage.postgres import Database

SHARE = 0.5
"""Of a node's memory, what room actors may take; the rest is for edges, for Ray, and for what they take beyond that."""
ACTOR_BYTES = 50_000_000
"""The memory that an actor is reckoned to take: 30 MB of its own where it is forked, 80 where it is not."""
LEAST = 4
"""However small a node is, it carries so many."""
SUSPECTS = 4
"""Of a node's actors that did not answer, so many are taken for dead, and replaced, before that is certain."""


class Full(ClusterUnavailable):
    """No node carries another room actor."""


class Node(NamedTuple):
    """A node of the cluster; `memory` in bytes. `declared`: the room actors that it says it carries; 0: it does not
    say. `head`: Ray's head is there, which it never ends."""

    id: str
    address: str
    memory: int
    declared: int = 0
    head: bool = False


def ceilings(nodes: Iterable[Node], setting: int) -> dict[str, int]:
    """Address → how many actors there may be. `setting` counts, unless it is 0, but no node carries more than it
    declares. Nodes on one machine share its address, and what they may have together is there."""
    found: dict[str, int] = {}
    for node in nodes:
        most = setting or node.declared or max(LEAST, int(node.memory * SHARE / ACTOR_BYTES))
        if node.declared:
            most = min(most, node.declared)
        found[node.address] = found.get(node.address, 0) + most
    return found


async def register(
    database: Database, name: str, node: str, pid: int, address: str, capacity: int, most: int | None, code: str = CODE
) -> None:
    """Put an actor on the list, from which it is given rooms. Raises `Full` if there are `most` on its node, however
    many others are just being started there."""
    here = {"name": name, "node": node, "pid": pid, "address": address, "capacity": capacity, "code": code}
    limit = {"most": most, "suspects": SUSPECTS}
    if not await database.together(("node_lock", {"node": node}), ("register_actor", {**here, **limit})):
        raise Full(f"there are {most} room actors on {node}")
