"""The promises that must hold, and those that did not. Each breach names the room, the update, the bot, and what was
expected."""

from __future__ import annotations

from collections import Counter

import msgspec

from tavola.actors.wire.view import ServedView, ViewSkeleton
from tavola.client.frames import Json
from tavola.client.merge import difference

KEPT = 200
"""Breaches that are kept in full; all are counted."""

_SERVING = tuple(name for name in ServedView.__struct_fields__ if name not in ViewSkeleton.__struct_fields__)
APART = (*_SERVING, "me.rejoin_token", "me.seat_token", "seats.*.status")
"""Two views at the same number may differ in these: the clock of their making, fresh tokens, and presence, which is
not numbered."""


class Violation(msgspec.Struct, frozen=True):
    """`check` is the promise: `order`, `views`, `skeleton`, `chips`, `cards`, `answers`, `actions`, `moves`, `frames`,
    `close`."""

    check: str
    room: str
    seq: int
    bot: str
    message: str


class Verdict:
    """How often each thing was checked (`made`), how often it failed (`failed`), and the first failures."""

    def __init__(self) -> None:
        self.made: Counter[str] = Counter()
        self.failed: Counter[str] = Counter()
        self.violations: list[Violation] = []

    def violated(self, check: str, room: str, seq: int, bot: str, message: str) -> None:
        self.failed[check] += 1
        if len(self.violations) < KEPT:
            self.violations.append(Violation(check, room, seq, bot, message))


class CheckRecorder(msgspec.Struct, frozen=True):
    """One bot, as the checks know it."""

    verdict: Verdict
    room: str
    bot: str

    def checked(self, check: str) -> None:
        self.verdict.made[check] += 1

    def violated(self, check: str, seq: int, message: str) -> None:
        self.verdict.violated(check, self.room, seq, self.bot, message)


class Actions:
    """An acknowledged action is shown in the update that its ack names."""

    def __init__(self, witness: CheckRecorder) -> None:
        self._witness = witness
        self._shown: dict[int, bool] = {}
        self._promised: set[int] = set()
        self._unseen_to = 0
        """Updates up to this one may have come as part of a whole view."""

    def updated(self, seq: int, events: list[Json], seat: int | None) -> None:
        shown = False
        for event in events:
            if event.get("seat_index") == seat and event["kind"] != "turn_started" and not event.get("automatic"):
                shown = True
        if seq in self._promised:
            self._promised.discard(seq)
            self._judge(seq, shown)
        elif shown:
            self._shown[seq] = True
            if len(self._shown) > 64:
                del self._shown[next(iter(self._shown))]

    def acked(self, seq: int, at: int) -> None:
        """An action of ours was acknowledged as update `seq`, when `at` was the last one that we had seen."""
        if seq > at:
            self._promised.add(seq)
        elif seq > self._unseen_to:
            self._judge(seq, self._shown.pop(seq, False))

    def jumped(self, seq: int) -> None:
        """The view was replaced by that at `seq`: updates in between were not seen."""
        self._promised.clear()
        self._shown.clear()  # Behind the view nobody asks; beyond it, it was of a history that is gone.
        self._unseen_to = seq

    def _judge(self, seq: int, shown: bool) -> None:
        self._witness.checked("actions")
        if not shown:
            self._witness.violated("actions", seq, "expected our acknowledged action in this update; it is not there")


def compare(witness: CheckRecorder, seq: int, held: Json, fresh: Json) -> None:
    """The view that was merged must be the one that is served at the same number."""
    witness.checked("views")
    found = difference(held, fresh, APART)
    if found is not None:
        witness.violated("views", seq, f"expected the merged view to equal a fresh one; {found}")
