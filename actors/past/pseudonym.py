"""A user taken out of what is stored of a room, a pseudonym in their place: states, checkpoints, the log; and what was
said, whoever said it. Pure.

Nothing else changes, and equal things stay equal: the replay of a log without them comes to the states without them.
Grants are made of the user's id (`actors.wire.grants`), so theirs change with it; the tokens of the old ones are gone.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

import msgspec

from tavola.actors.log.logged import text_of
from tavola.actors.wire.commands import UserId
from tavola.actors.wire.grants import grant
from tavola.actors.wire.names import clean
from tavola.games.base import Entropy
from tavola.storage.packing import unpack
from tavola.storage.rows import Row

CHAT = b'"chat"'
REMOVED = "[removed]"
"""Stands for what they said."""
IDS = frozenset(("user_id", "host_id", "host", "by"))
PEOPLE = frozenset(("members", "watching", "reserved"))
"""Members of a view, and of a room's settings, in which people are by their ids."""
COMMAND, EVENTS = 3, 5
"""Where these are in a text of the log."""


class Pseudonym(msgspec.Struct, frozen=True):
    """`user` becomes `alias`. `names` are theirs in the room, and nobody else's there: what bears one of them without
    saying whose it is, is theirs."""

    user: UserId
    alias: UserId
    salt: bytes
    names: frozenset[str] = frozenset()

    def name(self, name: str) -> str:
        """The name for one of theirs: another for each, so that somebody who was renamed still is."""
        return f"Gone {hashlib.sha256(self.salt + clean(name).encode()).hexdigest()[:6]}"

    # Parts of what is stored, as decoded JSON

    def in_table(self, table: dict[str, Any]) -> dict[str, Any]:
        """The column `game_states.state`."""
        seats = {index: [self._id(seat[0]), *seat[1:]] for index, seat in table.get("seats", {}).items()}
        return {**table, **({"seats": seats} if seats else {})}

    def in_checkpoint(self, checkpoint: dict[str, Any]) -> dict[str, Any]:
        members = {
            self._id(user): [self.name(member[0]), *member[1:]] if user == self.user else member
            for user, member in checkpoint["members"].items()
        }
        table = self.in_table(checkpoint["table"])
        return {**checkpoint, "info": self.told(checkpoint["info"]), "members": members, "table": table}

    def in_log(self, texts: list[Any], by: str, entropy: bytes) -> list[Any]:
        """The text of a row of the log: of a command sent by the user `by`, with that entropy."""
        mine = by == self.user
        grants = [grant(user, "approved", None, Entropy(entropy)).id for user in (self.user, self.alias)]
        user_name, game, hand, command, answer, events, patch, outside, private, *more = texts
        return [
            self.name(user_name) if mine else user_name,
            game,
            hand,
            self._command(command, mine),
            _exchanged(answer, *grants),
            self.told(events),
            self.told(patch),
            self.told(outside),
            private and {self._id(user): self._private(user, part, grants) for user, part in private.items()},
            *more,
        ]

    def names_in(self, texts: list[Any], by: str) -> Iterator[str]:
        """Names of theirs, as a text of the log tells them."""
        if by == self.user:
            yield texts[0]
            if isinstance(name := texts[3].get("display_name"), str):
                yield clean(name)
        yield from self._named(texts[5:])

    def told(self, value: Any, key: str = "", *, mine: bool = False) -> Any:
        """Anything that was told: views, patches of them, events, settings. `mine`: it is about them."""
        if isinstance(value, list):
            return [self.told(each, key) for each in value]
        if not isinstance(value, dict):
            return value
        mine = mine or self.user in (value.get("user_id"), value.get("by"))
        return {
            self._id(name) if key in PEOPLE else name: self._member(name, each, mine, value, key)
            for name, each in value.items()
        }

    def _member(self, name: str, value: Any, mine: bool, whole: dict[str, Any], key: str) -> Any:
        if name in IDS and value == self.user:
            return self.alias
        if name == "display_name" and isinstance(value, str):
            return self.name(value) if mine or value in self.names else value
        if name == "text" and mine and whole.get("kind") == "chat":
            return REMOVED
        if name == "name" and isinstance(value, str):
            for each in sorted(self.names, key=len, reverse=True):
                value = value.replace(each, self.name(each))
            return value
        return self.told(value, name, mine=(key in PEOPLE and name == self.user) or (mine and name == "me"))

    def _private(self, user: str, part: list[Any], grants: list[str]) -> list[Any]:
        events, patch, *more = part
        mine = user == self.user
        return [self.told(events), self.told(patch, mine=mine), *_exchanged(more, *grants)]

    def _command(self, command: dict[str, Any], mine: bool) -> dict[str, Any]:
        command = self.told(command, mine=mine)
        if mine and command.get("type") == "chat":
            command["text"] = REMOVED
        return command

    def _id(self, user: Any) -> Any:
        return self.alias if user == self.user else user

    def _named(self, value: Any, key: str = "") -> Iterator[str]:
        if isinstance(value, list):
            for each in value:
                yield from self._named(each, key)
        elif isinstance(value, dict):
            if value.get("user_id") == self.user and isinstance(name := value.get("display_name"), str):
                yield name
            for name, each in value.items():
                if name == self.user and isinstance(each, dict) and isinstance(each.get("display_name"), str):
                    yield each["display_name"]
                yield from self._named(each, name)


def _exchanged(value: Any, old: str, new: str) -> Any:
    if isinstance(value, dict):
        return {name: _exchanged(each, old, new) for name, each in value.items()}
    if isinstance(value, list):
        return [_exchanged(each, old, new) for each in value]
    return new if value == old else value


def texts_of(room: str, row: Row) -> list[Any]:
    """The text in a row of `history`, as decoded JSON. Raises `NotUnpacked`."""
    text = unpack(row["body"], room, row["user_id"], row["command_id"], row["at"])
    return msgspec.json.decode(text, type=list[Any])


def unsaid(room: str, row: Row) -> list[Any] | None:
    """The text of a row of `history` without what was said there; None: nothing was."""
    text = unpack(row["body"], room, row["user_id"], row["command_id"], row["at"])
    if CHAT not in text:  # as the codec writes it: spares most rows the decoding
        return None
    texts = msgspec.json.decode(text, type=list[Any])
    if texts[COMMAND].get("type") != "chat" or texts[COMMAND]["text"] == REMOVED:
        return None
    texts[COMMAND]["text"] = REMOVED
    for event in texts[EVENTS]:
        if event["kind"] == "chat":
            event["text"] = REMOVED
    return texts


def log_text(texts: list[Any]) -> bytes:
    """The text of a row of the log, as the codec writes it."""
    parts = [text_of(each) if number == COMMAND else _json(each) for number, each in enumerate(texts)]
    return b"[%b]" % b",".join(parts)


_json = msgspec.json.Encoder().encode
