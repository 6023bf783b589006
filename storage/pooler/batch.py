"""Batches of several actors made one. Pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Protocol, TypeVar

from tavola.storage.pooler.wire import Write
from tavola.storage.rows import LogRow, Records, StateRow

MOST = 500
"""Rows of the log in one statement at most, unless one actor's own are more."""


class HasWrite(Protocol):
    @property
    def write(self) -> Write: ...


T = TypeVar("T", bound=HasWrite)


def next_batch(waiting: deque[T]) -> list[T]:
    """Take what goes into the next statement. Two actors may believe that they have the same room, and a statement
    cannot tell their rows apart: the later one's waits for the next, and what it has to say of other rooms with it."""
    batch: list[T] = []
    rooms: set[str] = set()
    kept: list[T] = []
    size = 0
    while waiting and size < MOST:
        one = waiting.popleft()
        its = {state.room_id for state in one.write.states}
        if rooms & its or (batch and size + len(one.write.log) > MOST):
            kept.append(one)
        else:
            batch.append(one)
            size += len(one.write.log)
        rooms |= its
    waiting.extendleft(reversed(kept))
    return batch


def merged(writes: Sequence[Write]) -> tuple[list[StateRow], list[LogRow], Records]:
    """All of them as one."""
    if len(writes) == 1:
        return writes[0].states, writes[0].log, writes[0].records
    records = Records()
    for write in writes:
        for ours, theirs in zip(records.lists(), write.records.lists(), strict=True):
            ours.extend(theirs)
    return (
        [state for write in writes for state in write.states],
        [row for write in writes for row in write.log],
        records,
    )
