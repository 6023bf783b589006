"""Writing down what the clients of one room see and do, as it happens; and reading it again.

It goes to a file in large pieces, each entry with its length before it, so that a long run needs little memory and a
run that is cut short loses little.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Literal

import msgspec

from tavola.load.evidence.evidence import Diary, Kind, Message, Note, RecordedRoom

FLUSH_BYTES = 1 << 18
SUFFIX = ".notes"


class _Who(msgspec.Struct, array_like=True):
    number: int
    user: str
    name: str
    slow: bool
    secrets: list[str]


class _Entry(msgspec.Struct, array_like=True):
    """`number` 0 is the channel, heard by the tap."""

    number: int
    at: float
    kind: Kind | Literal["who", "heard"]
    data: bytes


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(_Entry).decode


class Recorder:
    """One room's file. `close` when nobody writes any more."""

    def __init__(self, folder: Path, room: str, game: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.path = folder / f"{room}.{game}{SUFFIX}"
        self._waiting: list[bytes] = []
        self._size = 0
        self._clients = 0

    def client(self, user: str, name: str, secrets: list[str], *, slow: bool = False) -> ClientRecorder:
        """A pen for one more client."""
        self._clients += 1
        who = _Who(self._clients, user, name, slow, secrets)
        self.write(self._clients, "who", _encode(who))
        return ClientRecorder(self, self._clients)

    def heard(self, message: bytes) -> None:
        self.write(0, "heard", message)

    def write(self, number: int, kind: Kind | Literal["who", "heard"], data: bytes) -> None:
        entry = _encode(_Entry(number, time.time(), kind, data))
        self._waiting.append(len(entry).to_bytes(4, "big") + entry)
        self._size += len(entry)
        if self._size > FLUSH_BYTES:
            self.close()

    def close(self) -> None:
        """On return everything is in the file; more may be written."""
        with self.path.open("ab") as file:
            file.writelines(self._waiting)
        self._waiting.clear()
        self._size = 0


class ClientRecorder:
    """The recorder that one client writes with."""

    def __init__(self, recorder: Recorder, number: int) -> None:
        self._recorder = recorder
        self._number = number

    def write(self, kind: Kind, data: bytes = b"") -> None:
        self._recorder.write(self._number, kind, data)


def read(path: Path) -> RecordedRoom:
    """The record of a room. An entry that a killed run left unfinished at the end is left out."""
    name, _, game = path.name.removesuffix(SUFFIX).rpartition(".")
    room = RecordedRoom(name, game)
    diaries: dict[int, Diary] = {}
    data = path.read_bytes()
    at = 0
    while at + 4 <= len(data):
        end = at + 4 + int.from_bytes(data[at : at + 4], "big")
        if end > len(data):
            break
        entry = _decode(data[at + 4 : end])
        at = end
        if entry.kind == "heard":
            room.heard.append(Message(entry.at, entry.data))
        elif entry.kind == "who":
            who = msgspec.msgpack.decode(entry.data, type=_Who)
            diaries[who.number] = Diary(who.user, who.name, who.slow, who.secrets, [])
        else:
            diaries[entry.number].notes.append(Note(entry.at, entry.kind, entry.data))
    room.diaries = list(diaries.values())
    return room
