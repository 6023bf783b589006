"""The verdict over what was recorded: every promise that was not kept. A pure function of its arguments."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping

import msgspec

from tavola.load.evidence.evidence import RecordedRoom, Text
from tavola.load.proof import once, order, secrecy, table, visible
from tavola.load.proof.findings import Finding
from tavola.load.proof.ledger import Ledger

SHOWN_OF_EACH = 20
"""Findings of one promise in one room that are kept; a single mistake may show in every frame."""


class Looked(msgspec.Struct):
    """How much evidence there was: a verdict over nothing is none."""

    rooms: int = 0
    clients: int = 0
    frames: int = 0
    messages: int = 0
    updates: int = 0
    commands: int = 0
    commit_times: int = 0
    replayed: int = 0
    automatic: int = 0
    archived: int = 0
    days: int = 0
    log_bytes: int = 0

    @property
    def times_judged(self) -> bool:
        """Whether the database kept the times of commits, without which half of P1 cannot be judged."""
        return self.commit_times > 0

    def add(self, other: Looked) -> None:
        for name in self.__struct_fields__:
            setattr(self, name, getattr(self, name) + getattr(other, name))


def check_room(room: RecordedRoom) -> list[Finding]:
    """Everything that is wrong with one room."""
    ledger = Ledger(room.log, room.opener)
    found: list[Finding] = []
    kept: Counter[str] = Counter()
    for judge in (visible.judge, once.judge, order.judge, table.judge, secrecy.judge):
        for finding in _readable(judge, room, ledger):
            kept[finding.promise] += 1
            if kept[finding.promise] <= SHOWN_OF_EACH:
                found.append(finding)
    return found


def _readable(
    judge: Callable[[RecordedRoom, Ledger], Iterator[Finding]], room: RecordedRoom, ledger: Ledger
) -> Iterator[Finding]:
    """The findings of a judge; a log in which they cannot find their way is a finding too."""
    try:
        yield from judge(room, ledger)
    except (LookupError, TypeError, ValueError, AttributeError, msgspec.MsgspecError) as error:
        where = judge.__module__.rpartition(".")[2]
        yield Finding("P6", room.id, ledger.last, f"log and frames make no sense to `{where}` ({type(error).__name__})")


def check_texts(texts: list[Text], tokens: dict[str, str], known: Mapping[bytes, secrecy.Mark]) -> list[Finding]:
    """Whether a secret stands in something that was written down beside the game. `tokens` are by name, what is `known`
    of the rooms as `secrecy.marks` gives it."""
    return list(secrecy.judge_texts(texts, tokens, known))


def looked_at(room: RecordedRoom) -> Looked:
    return Looked(
        rooms=1,
        clients=len(room.diaries),
        frames=sum(note.kind == "in" for diary in room.diaries for note in diary.notes),
        messages=len(room.heard),
        updates=len(room.log),
        commands=len(once.commands(room)),
        commit_times=sum(row.committed_at is not None for row in room.log),
        replayed=room.replay.replayed if room.replay is not None else 0,
        archived=room.archived,
        automatic=sum(not row.user and '"automatic":true' in row.events for row in room.log),
    )
