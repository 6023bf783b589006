"""A promise that was not kept, where, and how it shows."""

from __future__ import annotations

import msgspec

PROMISES = {
    "P1": "Durable before visible",
    "P2": "One writer",
    "P3": "Exactly once",
    "P4": "Gapless",
    "P5": "Secrets stay secret",
    "P6": "A crash costs a pause, not a seat",
    "P7": "Bounded",
    "P8": "Always an answer",
}


class Finding(msgspec.Struct, frozen=True):
    """`seq` is the update at which it shows, 0 when it is none in particular. `what` never quotes a secret."""

    promise: str
    room: str
    seq: int
    what: str

    def __str__(self) -> str:
        return f"{self.promise} {self.room} at {self.seq}: {self.what}"
