"""Moves of one's own that are shown before the server has answered: laid on the view for as long as they are on their
way, by a function that knows what a move changes. No socket; the view itself stays what the server gave."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from .follower import Audience, Fault
from .frames import Ack, Hydrated, Json, UpdateReceived
from .view import FullView

Events = list[Json]
Foresee = Callable[[Json, Json, int], Json | None]
"""Gives the merge patch (RFC 7396) that a move makes of the view, or None where that is not sure: by the view, the move
with its arguments (`move` is its name), and the time at which it was made (ms since the epoch). It changes nothing, and
gives the same for the same. Where it raises, the loop's exception handler is told, and the move is not shown ahead."""


class MoveAhead(msgspec.Struct, eq=False):
    """A move whose update is not there yet. `seq`, once it was accepted: the number of that update."""

    move: Json
    turn: int | None
    at: int
    seq: int | None = None


class MovesAhead:
    """Stands before the audience of a room, which it tells what it is told. `shown` is `view` while nothing is ahead,
    else a copy with the moves in it; `tell` is called when it is another one."""

    def __init__(
        self, view: FullView, audience: Audience[Json, Events], foresee: Foresee, tell: Callable[[FullView], None]
    ) -> None:
        self.shown = view
        self._view = view
        self._audience = audience
        self._foresee = foresee
        self._tell = tell
        self._moves: list[MoveAhead] = []

    # One's own moves

    def make(self, move: Json, turn: int | None) -> MoveAhead:
        """Before it is sent."""
        made = MoveAhead(move, turn, time.time_ns() // 1_000_000)
        self._moves.append(made)
        self._lay()
        if self.shown is not self._view:
            self._tell(self.shown)
        return made

    def answered(self, made: MoveAhead, ack: Ack | None, seq: int) -> None:
        """Accepted, it is shown until the room is at its number; `seq` is where it is. Refused (None) it is taken back,
        and what was made on top of it."""
        if made not in self._moves:
            return
        if ack is not None and ack.seq > seq:
            made.seq = ack.seq
            return
        at = self._moves.index(made)
        del self._moves[at : at + 1 if ack is not None else None]
        before = self.shown
        self._lay()
        if before is not self._view:
            self._tell(self.shown)

    # Told by the follower

    def updated(self, update: UpdateReceived[Json, Events]) -> None:
        self._overtaken(update.seq, update.events)
        self._audience.updated(update)
        self._tell(self.shown)

    def hydrated(self, frame: Hydrated[Json], before: int) -> None:
        if frame.seq < before:  # The server's database went back: what was accepted never was.
            self._moves = [made for made in self._moves if made.seq is None]
        recent: list[Json] = frame.view.get("recent") or []
        self._overtaken(frame.seq, (event for each in recent if each["seq"] > before for event in each["events"]))
        self._audience.hydrated(frame, before)
        self._tell(self.shown)

    def faulted(self, fault: Fault) -> None:
        self._audience.faulted(fault)

    def _overtaken(self, seq: int, events: Iterable[Json]) -> None:
        """The room is at `seq` after these events: what it has is shown ahead no more. The game's event tells a move
        from the next one like it in the same turn."""
        for event in events:
            mine = event["kind"] == "player_action" and event.get("seat_index") == self._view.my_seat
            if mine and self._moves and self._moves[0].move["move"] == event.get("move"):
                del self._moves[0]
        self._moves = [made for made in self._moves if made.seq is None or made.seq > seq]
        self._lay()

    def _lay(self) -> None:
        """Lays the moves on the view, one after the other, as far as each goes on from it. Those of turns that are over
        are gone."""
        own = _own_turn(self._view)
        self._moves = [made for made in self._moves if own is not None and made.turn is not None and made.turn >= own]
        self.shown = self._view
        for made in self._moves:
            if (patch := self._patch(made)) is None:
                break
            if self.shown is self._view:
                self.shown = self._view.copy()
            self.shown.merge(patch)

    def _patch(self, made: MoveAhead) -> Json | None:
        if _own_turn(self.shown) != made.turn or not _is_offered(self.shown.legal, made.move):
            return None
        try:
            return self._foresee(self.shown.data, made.move, made.at)
        except Exception as error:
            told = {"message": f"what {made.move['move']} changes could not be foreseen", "exception": error}
            asyncio.get_running_loop().call_exception_handler(told)
            return None


def _own_turn(view: FullView) -> int | None:
    return view.turn_number if view.my_seat is not None and view.turn_seat == view.my_seat else None


def _is_offered(legal: list[Json], move: Json) -> bool:
    return any(
        all(_fits(offer, move.get(name)) for name, offer in entry.items() if name != "exact" or type(offer) is not bool)
        for entry in legal
    )


def _fits(offer: Any, value: Any) -> bool:
    match offer:
        case {"choices": choices}:
            return value in choices
        case {"min": least, "max": most}:
            return type(value) in (int, float) and least <= value <= most
        case _:
            return bool(offer == value)
