"""The reasons why something that is stored cannot be read, and the answers for it."""

from __future__ import annotations

from tavola.games.base import Refusal


class Corrupted(Exception):
    """The stored form of a room cannot be read. Nothing was changed. `found` says what was wrong, without contents."""

    code = "corrupted_state"

    def __init__(self, room: str, seq: int, found: str) -> None:
        super().__init__(f"room {room} at {seq}: {found}")
        self.room, self.seq, self.found = room, seq, found

    @property
    def wait_s(self) -> float:
        """For how long nobody need try again."""
        return 60.0 if self._again_ms is None else self._again_ms / 1000

    def refusal(self) -> Refusal:
        """The answer to whoever asks for the room."""
        details = {"room": self.room, "version": self.seq, "found": self.found}
        return Refusal(self.code, self._said, details, self._again_ms)

    _said = "This room's stored state cannot be read."
    _again_ms: int | None = None


class Newer(Corrupted):
    """It was written by a later release, or by one that calls its fields otherwise: it is left alone until this code
    catches up."""

    code = "room_unavailable"
    _said = "This room was last played with another release than this server's."
    _again_ms = 5000


class ChangedByHand(Corrupted):
    """It can be read, and is not what the room's owner wrote: it was changed by hand."""
