"""Users taken out of the archive: files in which something of them is are written anew, under another name, and listed
before the old ones go, so that at no moment a row is missing. Broken off, it is done again, and no row is there twice
for longer than that. All of it blocks.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import msgspec
from msgspec.structs import replace

from tavola.actors.past.pseudonym import Pseudonym, log_text
from tavola.config.crash import Point
from tavola.storage.archive_store import ArchiveStore
from tavola.storage.archives import ArchiveWriter, Manifest, list_file, manifests, rows_of, unlist

AGAIN = "~"
"""Between the name of a file and how often it was written anew."""
LOG_TEXTS = ("command", "answer", "events", "patch", "outside", "private")
AT_ONCE = 500

_json = msgspec.json.Encoder().encode


class _Placed(msgspec.Struct):
    """Any row, as far as it is of a room."""

    room_id: str


_placed = msgspec.json.Decoder(_Placed).decode


def in_archive(store: ArchiveStore, people: Mapping[str, Pseudonym], reached: Callable[[Point], None]) -> int:
    """How many files are without `people` (by their ids) now. Each is read once. Raises `ArchiveUnavailable`."""
    listed, written = {manifest.name: manifest for manifest in manifests(store)}, 0
    for name, manifest in listed.items():
        if (again := _again(name)) not in listed:
            rooms = _rooms(store, manifest, people)
            if not rooms:
                continue
            _rewrite(store, manifest, again, rooms)
            reached("erasure.listed")
            written += 1
        unlist(store, name)
    return written


def _again(name: str) -> str:
    first, _, number = name.partition(AGAIN)
    return f"{first}{AGAIN}{int(number or 0) + 1}"


def _rooms(store: ArchiveStore, manifest: Manifest, people: Mapping[str, Pseudonym]) -> dict[str, list[Pseudonym]]:
    """The rooms of a file in which something of them is, with their names there."""
    ids = {user.encode() for user in people}
    names = defaultdict[str, defaultdict[str, set[str]]](lambda: defaultdict(set))
    for line in rows_of(store, manifest):
        # Texts of the log are JSON within JSON.
        there = ids.intersection(bytes(line.row).replace(b"\\", b"").split(b'"'))
        if not there:
            continue
        row = msgspec.json.decode(line.row)
        for user in map(bytes.decode, there):
            theirs = names[row["room_id"]][user]
            if line.table == "actions":
                theirs.update(people[user].names_in(_texts(row), row["user_id"]))
    return {
        room: [replace(people[user], names=frozenset(theirs - {""})) for user, theirs in by_user.items()]
        for room, by_user in names.items()
    }


def _rewrite(store: ArchiveStore, manifest: Manifest, name: str, rooms: dict[str, list[Pseudonym]]) -> None:
    writer = ArchiveWriter(store, name, manifest.kind, manifest.day, manifest.made_at)
    try:
        for line in rows_of(store, manifest):
            row = bytes(line.row)
            for who in rooms.get(_placed(row).room_id, ()):
                row = _without(who, line.table, row)
            writer.add(line.table, [row.decode()])
        list_file(store, writer.finish())
    finally:
        writer.close()


def _without(who: Pseudonym, table: str, text: bytes) -> bytes:
    row = msgspec.json.decode(text)
    match table:
        case "checkpoints":
            return _json({**row, "state": _json(who.in_checkpoint(msgspec.json.decode(row["state"]))).decode()})
        case "actions":
            told = who.in_log(_texts(row), row["user_id"], bytes.fromhex(row["entropy"][2:]))
            parts = msgspec.json.decode(log_text(told), type=list[msgspec.Raw])
            texts = [bytes(part).decode() for part in parts[3:]]
            without = ("" if text == "null" and number > 2 else text for number, text in enumerate(texts))
            user = who.alias if row["user_id"] == who.user else row["user_id"]
            row |= {"user_id": user, "user_name": told[0], **dict(zip(LOG_TEXTS, without, strict=False))}
            return _json(row)
        case _:
            return _json(who.told(row))


def _texts(row: dict[str, Any]) -> list[Any]:
    """The text of the log that a row of the view `actions` came from."""
    return [row["user_name"], row["game"], row["hand"], *_decoded(row[name] for name in LOG_TEXTS)]


def _decoded(texts: Iterator[str]) -> Iterator[Any]:
    for text in texts:
        yield msgspec.json.decode(text) if text else None
