"""Replaying the log: the same commands from a checkpoint give the same updates and the same state. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from tavola.actors.log.logged import logged_of, update_in
from tavola.actors.room.codec import command_of, decided_at
from tavola.actors.room.decide import decide
from tavola.actors.room.play import game_of
from tavola.actors.room.state import SCHEMA, Decision, Room
from tavola.actors.room.view import Projection
from tavola.actors.versions.upcast import Versions
from tavola.actors.wire.commands import Epoch, RoomId, Sender, Seq, UserId
from tavola.actors.wire.given import record_of
from tavola.actors.wire.update import MemberView, Update
from tavola.games.base import Entropy

RULES_GONE = "rules that are no more"


class Difference(msgspec.Struct, frozen=True):
    """Where a replay first came to something else than the log: at `seq`, in `what`. Contents are not told."""

    seq: int
    what: str


def replay(room: Room, rows: Sequence[Any]) -> Room | Difference:
    """The room after the rows of `log_commands` (oldest first), or the first difference. The commands of an older
    version are decided as they are written today, and compared by the states that they lead to, for what it showed may
    have looked otherwise. Raises what `command_of` does."""
    projection, game = Projection(room), game_of(room)
    here = Versions(SCHEMA, game.version)
    for row in rows:
        logged, decided = logged_of(RoomId(room.info.id), row), decided_at(row)
        seq, command = row["seq"], command_of(logged.command, decided, game)
        if decided.game < game.replays_since:
            return Difference(seq, f"{RULES_GONE}, of version {decided.game}")
        sender = Sender(UserId(row["user_id"]), logged.user_name)
        verdict = decide(room, sender, command, row["at"], Entropy(row["entropy"]))
        if not isinstance(verdict, Decision):
            return Difference(seq, "the command was accepted then and is not now")
        update, projection = projection.show(verdict, Seq(seq), Epoch(row["epoch"]))
        room = verdict.room
        if decided != here:
            continue
        if (what := _difference(update_in(logged, update.room, row), update)) is not None:
            return Difference(seq, what)
        if not _same(bytes(logged.answer), msgspec.json.encode(record_of(verdict.give))):
            return Difference(seq, "answer")
    return room


def _difference(logged: Update, replayed: Update) -> str | None:
    """The first part in which they differ."""
    users = logged.users.keys() | replayed.users.keys()
    same = {
        "events": _same(logged.events, replayed.events),
        "patch": _same(logged.patch, replayed.patch),
        "outside": _same_part(logged.outside, replayed.outside),
        "private": all(
            _same_part(logged.users.get(user, _NOTHING), replayed.users.get(user, _NOTHING)) for user in users
        ),
    }
    return next((what for what, is_same in same.items() if not is_same), None)


def _same_part(one: MemberView, other: MemberView) -> bool:
    rest = [(part.audience, part.was, part.grant, part.out) for part in (one, other)]
    return _same(one.events, other.events) and _same(one.patch, other.patch) and rest[0] == rest[1]


def _same(one: bytes, other: bytes) -> bool:
    """Equal as JSON: the order of a map's keys may differ from process to process."""
    return one == other or (bool(one) and bool(other) and msgspec.json.decode(one) == msgspec.json.decode(other))


_NOTHING = MemberView()
