"""The systems that are compared, in the order in which they are measured: so that a ratio is between neighbours in
one run, with ours once more at the end, to show how far the machine has drifted meanwhile."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Literal

import msgspec

from tavola.load.bench.base.figure import Group


class System(msgspec.Struct, frozen=True, kw_only=True):
    """`key` names it on the command line; `name` in the table."""

    key: str
    name: str
    group: Group
    runs: Literal["ours", "echo", "layout", "node", "python"]
    """Where its server is."""
    speaks: str
    """The module of node/client that plays on it."""
    postgres: bool = False
    redis: bool = False
    gathers: bool = False
    """One statement commits all actions that wait."""
    checkout: Path | None = None
    """Of another Tavola of ours; None is this one."""


ECHO = System(key="echo", name="bare echo (uvicorn)", group="floor", runs="echo", speaks="echo")
LAYOUT = System(
    key="layout",
    name="bare layout (edge, actor, Postgres, Redis)",
    group="floor",
    runs="layout",
    speaks="echo",
    postgres=True,
    redis=True,
)
OURS = System(key="ours", name="Tavola", group="ours", runs="ours", speaks="tavola", postgres=True, redis=True)
AGAIN = msgspec.structs.replace(OURS, key="again", name="Tavola, again")


def another(checkout: Path) -> System:
    """The Tavola of another working copy."""
    return msgspec.structs.replace(OURS, key="against", name=f"Tavola in {checkout}", checkout=checkout)


PEERS = (
    System(key="colyseus", name="Colyseus", group="memory", runs="node", speaks="colyseus"),
    System(key="socketio", name="Socket.IO", group="memory", runs="node", speaks="socketio"),
    System(key="python-socketio", name="python-socketio", group="memory", runs="python", speaks="socketio"),
    System(key="colyseus-pg", name="Colyseus + pg", group="durable", runs="node", speaks="colyseus", postgres=True),
    System(
        key="colyseus-gathered",
        name="Colyseus + pg, gathered",
        group="durable",
        runs="node",
        speaks="colyseus",
        postgres=True,
        gathers=True,
    ),
    System(
        key="ws-gathered",
        name="bare ws + pg, gathered",
        group="durable",
        runs="node",
        speaks="ws",
        postgres=True,
        gathers=True,
    ),
    System(key="socketio-pg", name="Socket.IO + pg", group="durable", runs="node", speaks="socketio", postgres=True),
    System(
        key="socketio-pg-redis",
        name="Socket.IO + pg + Redis adapter",
        group="durable",
        runs="node",
        speaks="socketio",
        postgres=True,
        redis=True,
    ),
    System(
        key="python-socketio-pg-redis",
        name="python-socketio + pg + Redis",
        group="durable",
        runs="python",
        speaks="socketio",
        postgres=True,
        redis=True,
    ),
)
PLAYED = (ECHO, LAYOUT, OURS, *PEERS, AGAIN)
KEYS = ("echo", "postgres", "ray", *(system.key for system in PLAYED[1:]))


def chosen(only: str) -> frozenset[str]:
    """The keys among `a,b,c`; all of them when it is empty. Raises ValueError."""
    keys = frozenset(filter(None, (key.strip() for key in only.split(",")))) or frozenset(KEYS)
    if unknown := keys - set(KEYS):
        raise ValueError(f"there is no {', '.join(sorted(unknown))}; there are {', '.join(KEYS)}")
    return keys


def in_pairs(keys: Collection[str], checkout: Path | None) -> list[System]:
    """The systems among `keys` that can be played on. The first is what the others are compared with: the other Tavola
    if there is one, else ours. Raises ValueError."""
    played = [system for system in PLAYED if system.key in keys and not (system is AGAIN and keys == set(KEYS))]
    played.sort(key=lambda system: system.group != "ours")
    found = [another(checkout), *played] if checkout else played
    if len(found) < 2:
        raise ValueError("pairs are of two systems at least")
    return found
