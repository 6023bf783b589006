"""How long a fault was felt, by those who played: from what was recorded of them."""

from __future__ import annotations

import bisect
from collections.abc import Iterable

import msgspec

from tavola.load.evidence.evidence import RecordedRoom
from tavola.load.proof.once import SentCommand


class Pulse(msgspec.Struct):
    """One room's acknowledged moves, as (acknowledged at, sent at), in the order of the first; and its connections that
    came back, as (lost at, current again at)."""

    room: str
    moves: list[tuple[float, float]] = []
    back: list[tuple[float, float]] = []


def pulse(room: RecordedRoom, commands: Iterable[SentCommand]) -> Pulse:
    moves = sorted(
        (command.acked_at, command.at)
        for command in commands
        if command.acked_at is not None and command.frame.get("type") == "act"
    )
    back: list[tuple[float, float]] = []
    for diary in room.diaries:
        lost: float | None = None
        for note in diary.notes:
            if note.kind == "lost":
                lost = note.at
            elif (
                lost is not None and note.kind == "in" and note.data.startswith((b'{"type":"updates', b'{"type":"hyd'))
            ):
                back.append((lost, note.at))
                lost = None
    return Pulse(room.id, moves, sorted(back))


def felt_for_s(beat: Pulse, at: float) -> float | None:
    """How long the first move that was acknowledged after `at` had been waited for since then. None: there was none."""
    index = bisect.bisect_right(beat.moves, (at, float("inf")))
    if index == len(beat.moves):
        return None
    acked, sent = beat.moves[index]
    return acked - max(at, sent)


def back_after_s(beat: Pulse, at: float, until: float) -> list[float]:
    """How long those were away who lost their connection between two moments."""
    return [current - lost for lost, current in beat.back if at <= lost <= until]
