"""When a connection that says nothing is asked whether it lives, and when it is given up. Pure; times are in seconds by
any steady clock."""

from __future__ import annotations

from enum import Enum


class Due(Enum):
    ASK = "ask"
    """Send a heartbeat."""
    CUT = "cut"
    """Nobody is there any more."""
    WAIT = "wait"


ASK_S, PATIENCE_S = 15.0, 5.0
"""So long a silent connection is left alone, and so long it may be silent once it was asked."""
WAITING_ASK_S, WAITING_PATIENCE_S = 2.5, 2.0
"""The same while we wait for something: an answer, or whoever's turn it is."""


class ConnectionPulse:
    """Of one connection, begun at `now`."""

    def __init__(self, now: float) -> None:
        self._heard_at = now
        self._asked_at: float | None = None
        self.looks_at = now
        """When `look` is due next, unless something is waited for from now on."""

    def heard(self, now: float) -> None:
        """Anything came."""
        self._heard_at = now
        self._asked_at = None

    def look(self, now: float, *, waits: bool) -> Due:
        """Gives what is due. `waits`: whether something is waited for."""
        ask_s, patience_s = (WAITING_ASK_S, WAITING_PATIENCE_S) if waits else (ASK_S, PATIENCE_S)
        if self._asked_at is not None:
            self.looks_at = self._asked_at + patience_s
            return Due.CUT if now >= self.looks_at else Due.WAIT
        self.looks_at = self._heard_at + ask_s
        if now < self.looks_at:
            return Due.WAIT
        self._asked_at = now
        self.looks_at = now + patience_s
        return Due.ASK

    def late(self, now: float) -> bool:
        """Whether the next look is later than it may be while something is waited for."""
        return self.looks_at > now + WAITING_ASK_S
