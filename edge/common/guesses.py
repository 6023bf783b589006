"""Codes of rooms that were wrong: after too many one has to wait, so that nobody finds a private room by trying."""

from __future__ import annotations

import time
from collections.abc import Callable

from tavola.actors.wire.messages import Refusal
from tavola.edge.common.limits import Rates

RATE, BURST = 10 / 60, 20.0
"""Wrong codes a second, and at once, from one user and from one address."""
TOO_MANY_GUESSES = Refusal("rate_limited", "Too many codes were wrong.", None, 6000)


class Guesses:
    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._wrong = Rates(RATE, BURST)

    def allowed(self, *who: str) -> bool:
        """Whether all of these, users and addresses, may try a code."""
        now = self._clock()
        return all(self._wrong.would(each, now) for each in who)

    def wrong(self, *who: str) -> None:
        """They gave a code that was not right."""
        now = self._clock()
        for each in who:
            self._wrong.take(each, now)
