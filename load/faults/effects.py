"""Whether a fault hurt: what the servers' own logs say happened after it, and what was lost by it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from tavola.load.evidence.evidence import Text
from tavola.load.faults.injector import Injected
from tavola.logbook import entries

SOON_S = 15.0
"""How long after a fault a room that it concerned may take to be loaded again."""
AFTER_S = 2.0
"""How long after a server, or an edge, was away somebody may say that they missed it."""
RESOLVED_S, EARLY_S, TOGETHER_S = 5.0, 0.5, 0.05
"""A lost commit: how long after it is resolved, what clocks may differ by, and in what time all rooms of it are."""
COUNTED = (
    "room.fenced",
    "room.loaded",
    "room.doubtful",
    "commit.unknown",
    "commit.failed",
    "commit.resolved",
    "gap.repaired",
    "redis.lost",
    "look.outdated",
)
"""Events that are counted for the report."""
AWAY = ("commit.unknown", "commit.failed", "room.load_waits", "look.unverified", "actor.beat_failed",
        "room.not_found_yet", "gap.not_repaired")  # fmt: skip
"""The log events of servers that are without their database."""


class LogEvent(msgspec.Struct, frozen=True):
    """One line of a server's log. `at` is in seconds since the epoch."""

    at: float
    name: str
    fields: dict[str, str]


def logs_of(data_dir: Path) -> list[Text]:
    """The logs that the processes of a stack wrote."""
    files = [
        *(data_dir / "logs").glob("*.log"),
        *((data_dir / "ray" / "data").resolve() / "r" / "s" / "logs").glob("worker-*"),
    ]
    return [Text(path.name, path.read_bytes()) for path in sorted(files) if path.is_file()]


def events(texts: Iterable[Text]) -> list[LogEvent]:
    """The events in logs, in the order in which they happened."""
    found = [
        LogEvent(entry.at, entry.event, {field: str(value) for field, value in entry.fields.items()})
        for text in texts
        for line in text.text.decode("utf-8", "replace").splitlines()
        if (entry := entries.read(line)) is not None
    ]
    return sorted(found, key=lambda event: event.at)


def counts(log: Iterable[LogEvent]) -> Counter[str]:
    """How often each thing happened that faults are there for; an unknown commit by how it was resolved."""
    found: Counter[str] = Counter()
    for event in log:
        if event.name == "commit.resolved":
            found["commit.resolved, it had happened" if event.fields["happened"] == "True" else
                  "commit.resolved, it had not"] += 1  # fmt: skip
        elif event.name in COUNTED:
            found[event.name] += 1
    return found


def judge(faults: Iterable[Injected], log: list[LogEvent]) -> None:
    """Sets `bit` of each fault that hurt. `log` has the clients' events too (`client.lost`, with the `url`)."""
    resolved = [event for event in log if event.name == "commit.resolved"]
    for fault in sorted(faults, key=lambda fault: fault.until):
        if fault.kind in ("commit-reply-lost", "commit-lost"):
            fault.bit = _commit(fault, resolved)
        else:
            fault.bit = _bit(fault, log)


def _bit(fault: Injected, log: list[LogEvent]) -> str:
    match fault.kind:
        case "actor-kill" | "actor-freeze":
            loaded = {
                event.fields["room"]
                for event in _between(log, fault.at, fault.until + SOON_S)
                if event.name == "room.loaded"
                and int(event.fields["epoch"]) > fault.rooms.get(event.fields["room"], 1 << 62)
            }
            return f"{len(loaded)} of its rooms were taken over" if loaded else ""
        case "redis-restart":
            lost = sum(event.name == "redis.lost" for event in _between(log, fault.at, fault.until + AFTER_S))
            return f"{lost} links to Redis were lost" if lost else ""
        case "postgres-restart" | "postgres-crash" | "postgres-promotion":
            told = sum(event.name in AWAY for event in _between(log, fault.at, fault.until + AFTER_S))
            return f"the database was missed {told} times" if told else ""
        case "edge-kill":
            lost = sum(
                event.name == "client.lost" and _port(event.fields["url"]) == _port(fault.url)
                for event in _between(log, fault.at, fault.at + AFTER_S)
            )
            return f"{lost} of its players lost their connections" if lost else ""
        case _:
            return fault.what if fault.hurt else ""


def _commit(fault: Injected, resolved: list[LogEvent]) -> str:
    """Takes what it finds out of `resolved`, so that it shows no other fault. The rooms of one commit are resolved
    together. The fault is over in the moment in which the commit is lost."""
    happened = "True" if fault.kind == "commit-reply-lost" else "False"
    mine = [
        event
        for event in _between(resolved, max(fault.at, fault.until - EARLY_S), fault.until + RESOLVED_S)
        if event.fields["happened"] == happened
    ]
    if not mine:
        return ""
    for event in mine:
        if event.at - mine[0].at <= TOGETHER_S:
            resolved.remove(event)
    return f"an unknown commit was found to have {'' if happened == 'True' else 'not '}happened"


def _between(log: list[LogEvent], since: float, until: float) -> list[LogEvent]:
    return [event for event in log if since - 0.05 <= event.at <= until]


def _port(url: str) -> int | None:
    """By which edges are told apart, all on one machine, whatever it is called."""
    return urlsplit(url).port


def did_nothing(faults: list[Injected], asked: Iterable[str]) -> list[str]:
    """Why a run's faults prove nothing: kinds that were `asked` for and never done, or never hurt."""
    done = {fault.kind for fault in faults}
    bitten = {fault.kind for fault in faults if fault.bit}
    return [
        f"no {kind} hurt anything" if kind in done else f"no {kind} was done" for kind in asked if kind not in bitten
    ]
