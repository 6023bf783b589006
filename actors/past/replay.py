"""Replaying the log: the same commands from a checkpoint give the same updates and the same state. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from tavola.actors.room.codec import command_of, decided_at, update_texts
from tavola.actors.room.decide import decide
from tavola.actors.room.play import game_of
from tavola.actors.room.state import SCHEMA, Decision, Room
from tavola.actors.room.view import Projection
from tavola.actors.versions.upcast import Versions
from tavola.actors.wire.commands import Epoch, Sender, Seq, UserId
from tavola.actors.wire.given import record_of
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
        seq, command, decided = row["seq"], command_of(row, game), decided_at(row)
        if decided.game < game.replays_since:
            return Difference(seq, f"{RULES_GONE}, of version {decided.game}")
        sender = Sender(UserId(row["user_id"]), row["user_name"])
        verdict = decide(room, sender, command, row["at"], Entropy(row["entropy"]))
        if not isinstance(verdict, Decision):
            return Difference(seq, "the command was accepted then and is not now")
        update, projection = projection.show(verdict, Seq(seq), Epoch(row["epoch"]))
        room = verdict.room
        if decided != here:
            continue
        again = update_texts(update)
        for what, logged, replayed in zip(
            ("events", "patch", "outside", "private"),
            (row["events"], row["patch"], row["outside"], row["private"]),
            again,
            strict=True,
        ):
            if not _same(logged, replayed):
                return Difference(seq, what)
        if not _same(row["answer"], msgspec.json.encode(record_of(verdict.give)).decode()):
            return Difference(seq, "answer")
    return room


def _same(one: str, other: str) -> bool:
    """Equal as JSON: the order of a map's keys may differ from process to process."""
    return one == other or (bool(one) and bool(other) and msgspec.json.decode(one) == msgspec.json.decode(other))
