"""P4 and P7: numbers without a gap, each once and in order, and views that agree; and nobody suffers for the slow."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from itertools import pairwise
from typing import Any, ClassVar

import msgspec

from tavola.client.follower import Fault, Follower
from tavola.client.frames import Hydrated, Json, UpdateReceived, Updates, decode_full
from tavola.client.merge import difference, merge
from tavola.load.checks.verdict import APART
from tavola.load.evidence.evidence import Diary, RecordedRoom, decoded, users
from tavola.load.proof.findings import Finding
from tavola.load.proof.ledger import Ledger

TOO_SLOW = b"4503"


def judge(room: RecordedRoom, ledger: Ledger) -> Iterator[Finding]:
    for seq in range(1, ledger.last + 1):
        if seq not in ledger.entries:
            yield Finding("P4", room.id, seq, "the log has a hole")
    for row, following in pairwise(sorted(room.log, key=lambda row: row.seq)):
        if row.seq == following.seq:
            yield Finding("P4", room.id, row.seq, "the log has an update twice")
    for diary in room.diaries:
        yield from _in_order(room, diary)
        if not diary.slow and any(note.kind == "lost" and note.data == TOO_SLOW for note in diary.notes):
            yield Finding("P7", room.id, 0, f"{diary.name}, who read all the time, was closed as too slow")
    for user in users(room):
        yield from _views(room, ledger, user)


class _NoView:
    """A view that nobody looks at."""

    turn_number = turn_seat = my_seat = my_chips = None
    legal: ClassVar[list[Json]] = []
    busted = False

    def replace(self, view: Any) -> None: ...

    def merge(self, patch: Any) -> None: ...


class _Complaints:
    """An audience that keeps what was wrong."""

    def __init__(self) -> None:
        self.faults: list[Fault] = []
        self.last = 0

    def updated(self, update: UpdateReceived[Json, list[Json]]) -> None:
        self.last = update.seq

    def hydrated(self, frame: Hydrated[Json], before: int) -> None:
        self.last = frame.seq

    def faulted(self, fault: Fault) -> None:
        self.faults.append(fault)


def _in_order(room: RecordedRoom, diary: Diary) -> Iterator[Finding]:
    """A client's frames, taken in as a client does."""
    complaints = _Complaints()
    follower: Follower[Json, list[Json]] = Follower(_NoView(), complaints)
    fetched = 0
    for note in diary.notes:
        if note.kind == "fetched":
            fetched = max(fetched, int(str(decoded(note.data).get("seq", 0))))
        elif note.kind == "out":
            asked = decoded(note.data)
            if asked.get("type") in ("join_room", "resync"):
                if asked.get("after") is None:
                    follower.forget()
                follower.asking()
        elif note.kind == "in":
            try:
                frame = decode_full(note.data)
            except msgspec.DecodeError:
                yield Finding("P8", room.id, complaints.last, f"{diary.name} was sent what is no frame of the protocol")
                continue
            if isinstance(frame, UpdateReceived):
                follower.update(frame)
            elif isinstance(frame, Updates):
                follower.updates(frame)
            elif isinstance(frame, Hydrated):
                follower.hydrated(frame)
        for fault in complaints.faults:
            yield Finding("P4", room.id, fault.seq, f"{diary.name} saw a {fault.kind}: expected {fault.expected}")
        complaints.faults.clear()
    if complaints.last < fetched:
        yield Finding(
            "P4", room.id, complaints.last + 1, f"{diary.name} was never told what came after {complaints.last}"
        )


def _views(room: RecordedRoom, ledger: Ledger, user: str) -> Iterator[Finding]:
    """All full views that a user was given, against the first of them with everything since merged into it."""
    fresh = sorted(_full_views(room, user), key=lambda view: int(view["seq"]))
    if not fresh:
        return
    held = copy.deepcopy(fresh[0])
    at: int = held["seq"]
    for view in fresh[1:]:
        while at < view["seq"]:
            at += 1
            if at not in ledger.entries:
                return  # the hole was found already, and what comes after it cannot be told
            merge(held, ledger.shown(user, at)[1])
        found = difference(held, view, APART)
        if found is not None:
            yield Finding("P4", room.id, at, f"a merged view and a full one differ at {_place(found)}")
            held = copy.deepcopy(view)


def _full_views(room: RecordedRoom, user: str) -> Iterator[Json]:
    for diary in room.diaries:
        if diary.user != user:
            continue
        for note in diary.notes:
            if note.kind == "fetched":
                yield decoded(note.data)
            elif note.kind == "in" and note.data.startswith(b'{"type":"hydrated"'):
                frame = decoded(note.data)
                view = frame.get("view")
                if isinstance(view, dict):
                    yield {**view, "seq": frame["seq"]}


def _place(found: str) -> str:
    """Where two views differ, without what they hold there: it may be cards."""
    return found.partition(":")[0]
