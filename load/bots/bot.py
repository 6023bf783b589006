"""A bot at a table: it plays a random legal move when it is its turn, and knows no rules.

It is driven by the updates that it gets and has no task of its own: thousands of them share one process with the
clock that measures the server.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from random import Random
from typing import Generic, Protocol, TypeVar

import msgspec

from tavola.client.api import RequestRefused
from tavola.client.client import Client
from tavola.client.follower import NOTHING_SEEN, Fault
from tavola.client.frames import Ack, Hydrated, UpdateReceived
from tavola.client.room import Answer, JoinedRoom, Unanswered
from tavola.load.bots.arrivals import Arrivals
from tavola.load.bots.moves import choose
from tavola.load.checks.verdict import CheckRecorder

P = TypeVar("P")
E = TypeVar("E")
ROUND_ENDS = ("hand_complete", "game_complete")
_RAW_END = b'_complete"'
"""All of them end with this: one search in the text of events that are not decoded."""
NOT_OUR_FAULT = (1002, 1009, 4400, 4401, 4403, 4408, 4409, 4429)
"""Closes that a client which keeps to the protocol must never see."""
TRY_AGAIN_S = 0.5


class Surroundings(Protocol):
    """The part of a table that a bot needs."""

    arrivals: Arrivals
    idle: bool
    """Nobody acts any more."""
    buy_in: int | None
    rebuys: bool
    """The server knows `rebuy`; otherwise who is out of chips stands up and sits down again."""

    def due_in_s(self) -> float:
        """After how many seconds the next action is due; negative when it is overdue."""

    def slept(self) -> None:
        """A turn is left to run out: nothing is due before it is over."""

    def acted(self, seq: int, due_at: float) -> None: ...

    def refused(self, code: str) -> None: ...

    def lost(self, code: int, url: str) -> None: ...

    def came_back(self, seconds: float, whole: bool) -> None: ...

    def round_ended(self, seq: int) -> None: ...


class Bot(Generic[P, E]):
    """One player, or spectator, of one table."""

    def __init__(self, table: Surroundings, client: Client[P, E], chance: Random, witness: CheckRecorder) -> None:
        self.client = client
        self.room: JoinedRoom[P, E] | None = None
        self.seat: int | None = None
        self.index = 0
        """At its table. Number 0 counts the hands."""
        self._table = table
        self._chance = chance
        self.witness = witness
        self._taken_up = -1
        """The number of the last turn that we made up our mind about."""
        self._sleepy = False
        self._slept_through = -1
        """The number of the last turn that we let run out."""
        self._seated = asyncio.Event()
        self._asking = False
        self._standing_up = False
        self._not_before = 0
        """Nothing is asked again until this update, which shows what was granted, is here."""
        client.on_garbled = self._garbled
        client.on_lost = self._lost
        client.on_back = table.came_back

    async def enter(self, room_id: str, seats: Iterable[int]) -> None:
        """Follows the room and takes the first of `seats` that is free, or watches. Raises RequestRefused."""
        self.room = await self.client.join(room_id, self)
        if self.room.view.my_seat is None:
            if await self._take_one_of(seats):
                await self._seated.wait()
            else:
                await self.room.command("spectate")
        self.go_on()

    # Calls from the follower

    def updated(self, update: UpdateReceived[P, E]) -> None:
        self._table.arrivals.arrived(update.seq)
        if self.index == 0 and self._ends_round(update.events):
            self._table.round_ended(update.seq)
        self.go_on()

    def hydrated(self, frame: Hydrated[P], before: int) -> None:
        if before != NOTHING_SEEN:
            for seq in range(max(before + 1, frame.seq - 1000), frame.seq + 1):
                self._table.arrivals.arrived(seq)
        self.go_on()

    def faulted(self, fault: Fault) -> None:
        self.witness.violated("order", fault.seq, f"{fault.kind}: expected {fault.expected}")

    def _ends_round(self, events: E) -> bool:
        """Whether a hand, or a game, is over with these events."""
        return _RAW_END in bytes(events)  # type: ignore[call-overload]

    def _garbled(self, data: bytes, error: str) -> None:
        self.witness.violated("frames", self._seq, f"expected a frame of the protocol; {error}: {data[:120]!r}")

    def _lost(self, code: int, reason: str) -> None:
        self._table.lost(code, self.client.url)
        if code in NOT_OUR_FAULT:
            self.witness.violated("close", self._seq, f"expected no close with {code} {reason}".rstrip())

    @property
    def _seq(self) -> int:
        return self.room.seq if self.room is not None else 0

    # Playing

    async def _take_one_of(self, seats: Iterable[int]) -> bool:
        assert self.room is not None
        for seat in seats:
            try:
                self._not_before = (await self.room.command("take_seat", seat_index=seat)).seq
                return True
            except RequestRefused as refused:
                if refused.code != "seat_taken":
                    raise
        return False

    def go_on(self) -> None:
        """Does what is up to us now, if anything."""
        if self.room is None:
            return
        view = self.room.view
        if self.seat is None and view.my_seat is not None:
            self._seated.set()
        if self._table.idle:
            return
        if view.my_seat is None:
            if self.seat is not None:
                self._sit_down()
            return
        self.seat = view.my_seat
        if view.busted:
            self._refill()
        if view.turn_seat != view.my_seat or view.turn_number in (self._taken_up, self._slept_through):
            return
        assert view.turn_number is not None
        self._taken_up = view.turn_number
        if self._sleepy:
            self._sleepy, self._slept_through = False, view.turn_number
            self._table.slept()
            return
        delay = self._table.due_in_s()
        due_at = time.perf_counter() + delay
        if delay > 0:
            asyncio.get_running_loop().call_later(delay, self._act, view.turn_number, due_at)
        else:
            self._act(view.turn_number, due_at)

    def _act(self, turn: int, due_at: float) -> None:
        assert self.room is not None
        view = self.room.view
        if view.turn_number != turn or self._table.idle:
            return
        legal = view.legal
        if not legal:
            self.witness.violated("moves", self._seq, f"expected a legal move in our turn {turn}; there is none")
            return
        command = self.room.send("act", {**choose(self._chance, legal), "turn": turn}, self._acted)
        command.due_at = min(due_at, command.due_at)

    def _acted(self, answer: Answer, command: Unanswered) -> None:
        if isinstance(answer, Ack):
            self._table.acted(answer.seq, command.due_at)
            return
        self._table.refused(answer.code)
        view = self.room.view if self.room is not None else None
        if view is None or answer.code == "stale_turn":
            return
        sent = msgspec.json.decode(command.data)
        inexact = any(entry["move"] == sent["move"] and entry.get("exact") is False for entry in view.legal)
        if answer.code in ("illegal_move", "not_your_turn") and view.turn_number == sent["turn"] and not inexact:
            self.witness.violated("moves", self._seq, f"expected {sent} to be legal, as offered; {answer.message}")
        self._later()

    def take_a_break(self) -> None:
        """Stands up, and sits down again as soon as that is done."""
        if self.room is not None and self.seat is not None and not (self._asking or self._standing_up):
            self._asking = True
            self.room.send("leave_seat", {}, self._stood_up)

    def fall_asleep(self) -> None:
        """Lets the next turn run out, and is awake again after it."""
        self._sleepy = True

    def _refill(self) -> None:
        """Out of chips: buys in again, or, where the server does not know that, stands up and sits down again."""
        assert self.room is not None
        if self._asking or self._standing_up or self.room.seq < self._not_before:
            return
        self._asking = True
        if self._table.rebuys:
            self.room.send("rebuy", {"amount": self._table.buy_in}, self._bought_in)
        else:
            self.room.send("leave_seat", {}, self._stood_up)

    def _bought_in(self, answer: Answer, _: Unanswered) -> None:
        self._asking = False
        if isinstance(answer, Ack):
            self._not_before = answer.seq
        elif answer.code == "unknown_type":
            self._table.rebuys = False
            self.go_on()
        else:
            self._table.refused(answer.code)
            self._later()

    def _stood_up(self, answer: Answer, _: Unanswered) -> None:
        self._asking = False
        self._standing_up = True  # the seat may be ours until the hand ends
        self.go_on()

    def _sit_down(self) -> None:
        assert self.room is not None
        if not self._asking and self.room.seq >= self._not_before:
            self._asking, self._standing_up = True, False
            self.room.send("take_seat", {"seat_index": self.seat}, self._sat_down)

    def _sat_down(self, answer: Answer, _: Unanswered) -> None:
        self._asking = False
        if isinstance(answer, Ack):
            self._not_before = answer.seq
        else:
            self._table.refused(answer.code)
            self._later()

    def _later(self) -> None:
        asyncio.get_running_loop().call_later(TRY_AGAIN_S, self._again)

    def _again(self) -> None:
        self._taken_up = -1
        self.go_on()
