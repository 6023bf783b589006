"""One viewer's view of a room (protocol.md section 4), kept by merging patches: whole, or what it takes to play."""

from __future__ import annotations

from copy import deepcopy
from typing import Any, Protocol, TypeVar, cast

from msgspec import UNSET

from .frames import Json, LeanPatch, LeanSeat, LeanTurn
from .merge import merge
from .wire import View as WireView

P_contra = TypeVar("P_contra", contravariant=True)


class View(Protocol[P_contra]):
    """A view that a follower keeps current. The properties are what a bot that knows no rules needs."""

    def replace(self, view: P_contra) -> None:
        """Takes a whole view."""

    def merge(self, patch: P_contra) -> None:
        """Takes a merge patch (RFC 7396) to the view that is held."""

    @property
    def turn_number(self) -> int | None:
        """The number to send with `act`; None while nobody has a turn. Where several seats are to act at once it is
        that of our own turn, or of the first if we have none."""

    @property
    def turn_seat(self) -> int | None:
        """The seat whose turn that is."""

    @property
    def my_seat(self) -> int | None:
        """Our seat, counted from 0; None without one."""

    @property
    def legal(self) -> list[Json]:
        """Our legal moves, each with the ranges or choices of its arguments (`Game.legal`)."""

    @property
    def my_chips(self) -> int | None:
        """None without a seat, and in a game without chips."""

    @property
    def busted(self) -> bool:
        """Our seat has no chips and no part in a running hand. Never so in a game without chips."""


class FullView:
    """The whole view. `data` is changed in place: copy what you want to keep."""

    __slots__ = ("busted", "data", "my_seat", "turn_number", "turn_seat")

    def __init__(self) -> None:
        self.data: Json = {}
        self.turn_number: int | None = None
        self.turn_seat: int | None = None
        self.my_seat: int | None = None
        self.busted = False

    def replace(self, view: Json) -> None:
        self.data = view
        self._look()

    def copy(self) -> FullView:
        """As it is now; it changes no more."""
        other = FullView()
        other.replace(deepcopy(self.data))
        return other

    @property
    def typed(self) -> WireView:
        """`data`, for a type checker."""
        return cast(WireView, self.data)

    def merge(self, patch: Json) -> None:
        merge(self.data, patch)
        if "turn" in patch or "turns" in patch or "seats" in patch or "me" in patch:
            self._look()

    def _look(self) -> None:
        me: Json = self.data.get("me") or {}
        turn: Json = self.data.get("turn") or {}
        for each in self.data.get("turns") or ():
            if each["seat_index"] == me.get("seat_index"):
                turn = each
        self.turn_number, self.turn_seat, self.my_seat = (
            turn.get("number"),
            turn.get("seat_index"),
            me.get("seat_index"),
        )
        seat = self._mine()
        self.busted = seat is not None and seat.get("chips") == 0 and not (turn and seat.get("in_hand"))

    def _mine(self) -> Json | None:
        seats: Json | None = self.data.get("seats")
        return seats.get(str(self.my_seat)) if seats and self.my_seat is not None else None

    @property
    def legal(self) -> list[Json]:
        me = self.data.get("me")
        return (me.get("legal") or []) if me else []

    @property
    def my_chips(self) -> int | None:
        seat = self._mine()
        return seat.get("chips") if seat else None

    def member(self, *path: str) -> Any:
        """The value at a path of member names, None where there is none."""
        value: Any = self.data
        for name in path:
            if type(value) is not dict:
                return None
            value = value.get(name)
        return value


class LeanView:
    """Turn, own seat with its chips, own legal moves; the rest is never made an object of."""

    __slots__ = ("_first", "_key", "_seats", "_turns", "legal", "my_seat", "turn_number", "turn_seat")

    def __init__(self) -> None:
        self.turn_number: int | None = None
        self.turn_seat: int | None = None
        self._first: tuple[int | None, int | None] = None, None
        self._turns: list[LeanTurn] = []
        self.my_seat: int | None = None
        self.legal: list[Json] = []
        self._key = ""
        self._seats: dict[str, LeanSeat] = {}

    def replace(self, view: LeanPatch) -> None:
        self.turn_number = self.turn_seat = self.my_seat = None
        self._first, self._turns = (None, None), []
        self.legal, self._key, self._seats = [], "", {}
        self.merge(view)

    def merge(self, patch: LeanPatch) -> None:
        turn, me, seats = patch.turn, patch.me, patch.seats
        if turn is None:
            self._first = None, None
        elif turn is not UNSET:
            number, seat_index = self._first
            number = number if turn.number is UNSET else turn.number
            self._first = number, seat_index if turn.seat_index is UNSET else turn.seat_index
        if patch.turns is not UNSET:
            self._turns = patch.turns or []
        if me is None:
            self.my_seat, self.legal, self._key = None, [], ""
        elif me is not UNSET:
            if me.seat_index is not UNSET:
                self.my_seat, self._key = me.seat_index, str(me.seat_index)
            if me.legal is not UNSET:
                self.legal = me.legal or []
        self.turn_number, self.turn_seat = self._first
        for each in self._turns:
            if each.seat_index == self.my_seat and each.number is not UNSET:
                self.turn_number, self.turn_seat = each.number, self.my_seat
        if seats is None:
            self._seats = {}
        elif seats is not UNSET:
            for index, seat in seats.items():
                held = self._seats.get(index)
                if seat is None:
                    self._seats.pop(index, None)
                elif held is None:
                    self._seats[index] = seat
                else:
                    if seat.chips is not UNSET:
                        held.chips = seat.chips
                    if seat.in_hand is not UNSET:
                        held.in_hand = seat.in_hand

    @property
    def my_chips(self) -> int | None:
        seat = self._seats.get(self._key)
        return seat.chips or 0 if seat is not None and seat.chips is not UNSET else None

    @property
    def busted(self) -> bool:
        seat = self._seats.get(self._key)
        return seat is not None and seat.chips == 0 and not (seat.in_hand is True and self.turn_number is not None)
