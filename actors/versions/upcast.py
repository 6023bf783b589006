"""The way from the versions at which something was stored to this code's. Pure: JSON to JSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, TypeVar

from tavola.actors.versions.schema import SCHEMA, UPCASTERS, RoomUpcaster
from tavola.games.base import Game, Json, Upcaster

U = TypeVar("U", RoomUpcaster, Upcaster)


class Versions(NamedTuple):
    """The versions at which something was stored: the room's (`SCHEMA`), and the game's (`Game.version`)."""

    room: int = 1
    game: int = 1

    def packed(self) -> int:
        """As `actions.versions` has them."""
        return packed(self.room, self.game)

    @staticmethod
    def of(packed: int) -> Versions:
        return Versions(packed >> 8, packed & 255)


def packed(room: int, game: int) -> int:
    return room << 8 | game


class OtherVersion(Exception):
    """Something was stored at versions that are not this code's: later ones, or ones that there never were."""

    def __init__(self, stored: Versions, here: Versions) -> None:
        self.stored, self.here = stored, here
        parts = zip(("room", "game"), stored, here, strict=True)
        told = (f"version {one} of the {name}, and this is {other}" for name, one, other in parts if one != other)
        super().__init__("; ".join(told))

    @property
    def newer(self) -> bool:
        """Whether another release of this code may read it."""
        return min(self.stored) >= 1 and (self.stored.room > self.here.room or self.stored.game > self.here.game)


class Upcast:
    """The way from the versions `stored` to those of this code, for rooms of `game`. Raises `OtherVersion`."""

    def __init__(
        self,
        stored: Versions,
        game: Game[Any, Any],
        schema: int = SCHEMA,
        upcasters: Mapping[int, RoomUpcaster] = UPCASTERS,
    ) -> None:
        here = Versions(schema, game.version)
        if not (1 <= stored.room <= here.room and 1 <= stored.game <= here.game):
            raise OtherVersion(stored, here)
        self.needed = stored != here
        self._room = _steps(upcasters, stored.room, here.room)
        self._game = _steps(game.upcasters, stored.game, here.game)
        self._here = here

    def table(self, raw: Json) -> Json:
        """Of a table's JSON, with the game's state in it."""
        for room in self._room:
            raw = room.table(raw)
        for game in self._game:
            raw = {**raw, "game": game.state(raw["game"])}
        return {**raw, "v": self._here.room, "gv": self._here.game}

    def settings(self, raw: Json) -> Json:
        """Of a room's settings, with the game's options in them."""
        for room in self._room:
            raw = room.settings(raw)
        for game in self._game:
            raw = {**raw, "options": game.options(raw["options"])}
        return {name: value for name, value in raw.items() if name != "versions"}

    def member(self, raw: Json) -> Json:
        """Of a member in a checkpoint."""
        for room in self._room:
            raw = room.member(raw)
        return raw

    def command(self, raw: Json) -> Json:
        """Of a logged command, with the game's move or options in it."""
        for room in self._room:
            raw = room.command(raw)
        for game in self._game:
            if raw["type"] == "act":
                raw = {**raw, **game.move({"move": raw["move"], "arguments": raw.get("arguments", {})})}
            elif raw["type"] == "update_settings" and "options" in raw["settings"]:
                raw = {**raw, "settings": {**raw["settings"], "options": game.options(raw["settings"]["options"])}}
        return raw


def _steps(upcasters: Mapping[int, U], stored: int, here: int) -> list[U]:
    return [upcasters[version] for version in range(stored, here)]
