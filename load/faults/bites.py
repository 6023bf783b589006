"""Whether a fault hurt: what the servers' own logs say happened after it, and what was lost by it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

import msgspec

from load.faults.injector import Injected
from load.proof.evidence import Text

SOON_S = 15.0
"""How long after a fault its consequences are looked for."""
_LINE = re.compile(r"^(\d{4}-\d\d-\d\dT[\d:.]+Z) \[(\w+)\s*\] (\S+)\s*(.*)$", re.MULTILINE)
_FIELD = re.compile(r"(\w+)=('[^']*'|\S+)")
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
"""What servers say that are without their database."""


class Event(msgspec.Struct, frozen=True):
    """One line of a server's log. `at` is in seconds since the epoch."""

    at: float
    name: str
    fields: dict[str, str]


def logs_of(data_dir: Path) -> list[Text]:
    """What the processes of a stack wrote down."""
    files = [
        *(data_dir / "logs").glob("*.log"),
        *((data_dir / "ray" / "data").resolve() / "s" / "logs").glob("worker-*"),
    ]
    return [Text(path.name, path.read_bytes()) for path in sorted(files) if path.is_file()]


def events(texts: Iterable[Text]) -> list[Event]:
    """The events in logs, in the order in which they happened."""
    found = [
        Event(
            datetime.fromisoformat(at).timestamp(),
            name,
            {field: value.strip("'") for field, value in _FIELD.findall(fields)},
        )
        for text in texts
        for at, _, name, fields in _LINE.findall(text.text.decode("utf-8", "replace"))
    ]
    return sorted(found, key=lambda event: event.at)


def counts(log: Iterable[Event]) -> Counter[str]:
    """How often each thing happened that faults are there for; an unknown commit by how it was resolved."""
    found: Counter[str] = Counter()
    for event in log:
        if event.name == "commit.resolved":
            found["commit.resolved, it had happened" if event.fields["happened"] == "True" else
                  "commit.resolved, it had not"] += 1  # fmt: skip
        elif event.name in COUNTED:
            found[event.name] += 1
    return found


def judge(faults: Iterable[Injected], log: list[Event]) -> None:
    """Sets `bit` of each fault that hurt. `log` has the clients' events too (`client.lost`)."""
    for fault in faults:
        after = [event for event in log if fault.at - 0.05 <= event.at <= fault.until + SOON_S]
        fault.bit = _bit(fault, after)


def _bit(fault: Injected, after: list[Event]) -> str:
    match fault.kind:
        case "actor-kill" | "actor-freeze":
            loaded = {
                event.fields["room"]
                for event in after
                if event.name == "room.loaded"
                and int(event.fields["epoch"]) > fault.rooms.get(event.fields["room"], 1 << 62)
            }
            return f"{len(loaded)} of its rooms were taken over" if loaded else ""
        case "commit-reply-lost" | "commit-lost":
            wanted = "True" if fault.kind == "commit-reply-lost" else "False"
            resolved = any(e.name == "commit.resolved" and e.fields["happened"] == wanted for e in after)
            return (
                f"an unknown commit was found to have {'' if wanted == 'True' else 'not '}happened" if resolved else ""
            )
        case "redis-restart":
            lost = sum(event.name == "redis.lost" for event in after)
            return f"{lost} links to Redis were lost" if lost else ""
        case "postgres-restart" | "postgres-crash":
            told = sum(event.name in AWAY for event in after)
            return f"the database was missed {told} times" if told else ""
        case "edge-kill":
            return "its players came back" if any(e.name == "client.lost" for e in after) else ""
        case _:
            return fault.what if fault.hurt else ""


def did_nothing(faults: list[Injected], asked: Iterable[str]) -> list[str]:
    """Why a run's faults prove nothing: kinds that were `asked` for and never done, or never hurt."""
    done = {fault.kind for fault in faults}
    bitten = {fault.kind for fault in faults if fault.bit}
    return [
        f"no {kind} hurt anything" if kind in done else f"no {kind} was done" for kind in asked if kind not in bitten
    ]
