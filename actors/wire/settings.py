"""A room's settings, as they are asked for and stored."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Generic, TypeVar

import msgspec
from msgspec import UNSET, UnsetType

from tavola.actors.wire.commands import Id, SeatNumber, UserId
from tavola.actors.wire.view import Approval, Visibility
from tavola.games.base import SeatIndex

O = TypeVar("O")

EMPTY_MINUTES_MOST = 60 * 24 * 30


class CommonSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The settings of any room that its host may choose: asked for at its opening, changed by `update_settings`,
    shown in its summary.

    A new one is a field here, with its default for the rooms that are there; where it takes effect, whoever decides
    there reads it from `room.info`."""

    approval: Approval = "host"
    visibility: Visibility = "public"
    max_spectators: int = 100
    empty_minutes: int = 0
    """For how long nobody may be here before the room closes; 0 is as the deployment says."""

    def settings(self) -> dict[str, Any]:
        """These alone, of whatever has more."""
        return {name: getattr(self, name) for name in CommonSettings.__struct_fields__}

    def wrong(self) -> str | None:
        """The fault in them, if there is one."""
        if not 0 <= self.max_spectators <= 10_000:
            return "max_spectators is 0 to 10000."
        return None if 0 <= self.empty_minutes <= EMPTY_MINUTES_MOST else f"empty_minutes is 0 to {EMPTY_MINUTES_MOST}."


class RoomSettings(CommonSettings, Generic[O], frozen=True, kw_only=True):
    """The column `rooms.settings`. `options` is the game's own struct."""

    name: str
    options: O
    reserved: dict[UserId, SeatIndex] | UnsetType = UNSET
    """Which user alone may take which seat. Left out of what is stored while there is none: a release that knows
    nothing of it reads such rooms, and refuses to read others."""

    @property
    def reservations(self) -> Mapping[UserId, SeatIndex]:
        return self.reserved or {}


class RoomWish(CommonSettings, frozen=True):
    """The room that a client wants, as they say it. `reserved`: users, and the seats that they alone may take; for
    other servers."""

    game: str
    name: str | None = None
    options: dict[str, Any] = msgspec.field(default_factory=dict)
    reserved: dict[Id, SeatNumber] = msgspec.field(default_factory=dict)
