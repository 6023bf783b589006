"""Following one room: a plain synchronous object that is fed frames and keeps the view current. No socket, no clock.

A socket that follows a room is promised each number once, in order, or a fresh full view (protocol.md section 2). The
follower keeps the view right even when that promise is broken, and reports each breach as a `Fault`. A full view that
is older than what was seen is taken: the server's database went back, and what was seen since is gone. It is a fault
all the same, for those who judge a server; unless the view is `stale`, and so no more than old, and the server was not
told of what was seen.
"""

from __future__ import annotations

from typing import Generic, Protocol, TypeVar

import msgspec
from msgspec import UNSET

from .frames import Hydrated, UpdateReceived, Updates
from .view import View

P = TypeVar("P")
E = TypeVar("E")
NOTHING_SEEN = -1
MAX_EARLY = 512
"""Updates kept aside while a catch-up is awaited; those beyond are dropped and asked for again afterwards."""


class Fault(msgspec.Struct, frozen=True):
    """A broken promise: `duplicate` (a number twice), `hole` (a number left out) or `went_back` (older than before)."""

    kind: str
    seq: int
    expected: str


class Audience(Protocol[P, E]):
    """The audience that is told what the follower took in. Called after the view has changed."""

    def updated(self, update: UpdateReceived[P, E]) -> None: ...

    def hydrated(self, frame: Hydrated[P], before: int) -> None:
        """The view was replaced; `before` is the last number seen until then, `NOTHING_SEEN` the first time."""

    def faulted(self, fault: Fault) -> None: ...


class Follower(Generic[P, E]):
    """`seq` is the last number taken in, `epoch` what came with it; `view` is the view at that number."""

    def __init__(self, view: View[P], audience: Audience[P, E]) -> None:
        self.view = view
        self.audience = audience
        self.seq = NOTHING_SEEN
        self.epoch: int | None = None
        self._asked: int | None = None
        self._forgot = False
        self._early: dict[int, UpdateReceived[P, E]] = {}

    @property
    def catching_up(self) -> bool:
        """Whether `join_room` or `resync` was sent and not answered yet."""
        return self._asked is not None

    def asking(self) -> int | None:
        """Call when sending `join_room` or `resync`; gives its `after`, None for "everything"."""
        self._asked = self.seq
        self._early.clear()
        return None if self.seq == NOTHING_SEEN or self._forgot else self.seq

    def forget(self) -> None:
        """The next asking is for a whole view, whatever was seen."""
        self._forgot = True

    def update(self, update: UpdateReceived[P, E]) -> bool:
        """Takes in a live update. True: there is a hole, send `resync`."""
        if update.seq == self.seq + 1:
            self._take(update)
            return False
        if self._asked is not None:
            if len(self._early) < MAX_EARLY:
                self._early[update.seq] = update
            return False
        if update.seq <= self.seq:
            self.audience.faulted(Fault("duplicate", update.seq, f"{self.seq + 1} next"))
            return False
        self.audience.faulted(Fault("hole", update.seq, f"{self.seq + 1} next"))
        return True

    def updates(self, frame: Updates[P, E]) -> bool:
        """Takes in the answer to `join_room` or `resync`. True: it has a hole itself, ask again."""
        self._asked = None
        for update in frame.updates:
            if update.seq == self.seq + 1:
                self._take(update)
            elif update.seq > self.seq:
                self.audience.faulted(Fault("hole", update.seq, f"{self.seq + 1} next in `updates`"))
                return True
        return self._take_early()

    def hydrated(self, frame: Hydrated[P]) -> bool:
        """Takes in a full view. True: there is a hole behind it, ask again."""
        asked, self._asked = self._asked, None
        forgot, self._forgot = self._forgot, False
        if frame.seq < self.seq:
            if frame.stale and not forgot and (asked is None or frame.seq >= asked):
                return self._take_early()  # what was shown meanwhile is newer
            self._early.clear()
            if not (frame.stale and forgot):
                self.audience.faulted(Fault("went_back", frame.seq, f"a view at {self.seq} or later"))
        before, self.seq, self.epoch = self.seq, frame.seq, frame.epoch
        self.view.replace(frame.view)
        self.audience.hydrated(frame, before)
        return self._take_early()

    def _take(self, update: UpdateReceived[P, E]) -> None:
        self.seq, self.epoch = update.seq, update.epoch
        if update.patch is not UNSET:
            self.view.merge(update.patch)
        self.audience.updated(update)

    def _take_early(self) -> bool:
        early, self._early = self._early, {}
        for seq in sorted(early):
            if seq == self.seq + 1:
                self._take(early[seq])
            elif seq > self.seq:
                return True
        return False
