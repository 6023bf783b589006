"""The evidence of a run, as values: a checker is given nothing else. Times are seconds since the epoch, all by the
clock of one machine."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

import msgspec

Kind = Literal["open", "lost", "in", "out", "held", "fetched", "rest"]
"""A connection came up; it was lost (`data` is the close code); a frame arrived; one was sent, or held back for want of
a connection; a full view was fetched; a command was sent by REST (`data` is a frame as a socket would have had it)."""


class Note(msgspec.Struct, frozen=True, array_like=True):
    """One thing that a client saw or did."""

    at: float
    kind: Kind
    data: bytes = b""


class Diary(msgspec.Struct):
    """One client, as it lived through the run. `slow` ones stop reading at times. `secrets` are its user's alone."""

    user: str
    name: str
    slow: bool = False
    secrets: list[str] = []
    notes: list[Note] = []


class Message(msgspec.Struct, frozen=True, array_like=True):
    """A message that was heard on a room's channel."""

    at: float
    data: bytes


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """A row of the log, texts as they are stored. `committed_at` is None where the database does not keep it; it is
    never later than the moment from which others could see the row."""

    seq: int
    epoch: int
    user: str
    command_id: str
    command: str
    answer: str
    events: str
    patch: str
    outside: str
    private: str
    entropy: bytes
    at: int
    committed_at: float | None = None


class StoredState(msgspec.Struct, frozen=True):
    epoch: int
    seq: int
    state: str


class Replay(msgspec.Struct, frozen=True):
    """The outcome of replaying a room's log: how many updates, and what was wrong, if anything."""

    replayed: int
    problem: str | None = None


class RecordedRoom(msgspec.Struct):
    """`log` is by `seq`; `seats` are the rows of the seats' own table, (index, user); `opener` is its first host."""

    id: str
    game: str
    diaries: list[Diary] = []
    heard: list[Message] = []
    log: list[Row] = []
    state: StoredState | None = None
    seats: list[tuple[int, str]] = []
    replay: Replay | None = None
    opener: str = ""
    archived: int = 0
    """The updates of the log that are in the archive alone."""


class Text(msgspec.Struct, frozen=True):
    """Something that was written down beside the game: a server's log."""

    name: str
    text: bytes


def decoded(data: bytes) -> dict[str, object]:
    """A frame's JSON object; an empty one when it is none."""
    try:
        value = msgspec.json.decode(data)
    except msgspec.DecodeError:
        return {}
    return value if isinstance(value, dict) else {}


def users(room: RecordedRoom) -> Iterable[str]:
    return dict.fromkeys(diary.user for diary in room.diaries)
