"""Recorded games: random lives of a room, as the release that recorded them stored and decided them.

A game is one line of JSON: the room as it was opened (a checkpoint), each command with a checksum of all that was shown
of it, and the room as it was at the end (another checkpoint). Chance is made of the game's seed, so it is not stored.
"""

from __future__ import annotations

import hashlib
import lzma
import random
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from kit.room_script import Script, opened, steps
from kit.rooms import info
from tavola.actors.log.logged import text_of
from tavola.actors.room import codec
from tavola.actors.room.decide import decide
from tavola.actors.room.play import game_of
from tavola.actors.room.rows import dump
from tavola.actors.room.state import SCHEMA, Decision
from tavola.actors.room.view import Projection
from tavola.actors.versions.upcast import Versions
from tavola.actors.wire.commands import Epoch, Sender, Seq, UserId
from tavola.actors.wire.given import record_of
from tavola.actors.wire.update import Update
from tavola.games.base import Entropy

FOLDER = Path(__file__).parents[1] / "corpus"
STEPS = {"holdem": 18, "tictactoe": 16}
"""How many things happen in a game, once everybody has sat down. Not all of them are accepted."""

_plain = msgspec.json.Encoder(order="sorted").encode


class Line(msgspec.Struct, frozen=True, array_like=True):
    """One command. `after` is how long after the one before it was decided, in ms."""

    user: str
    name: str
    after: int
    command: msgspec.Raw
    shown: int


class Game(msgspec.Struct, frozen=True):
    seed: int
    versions: tuple[int, int]
    opened: msgspec.Raw
    lines: list[Line]
    ended: msgspec.Raw


def recorded(seed: int, kind: str) -> Game:
    """A game of this release."""
    drawn = random.Random(seed)
    script = Script(_described(kind, drawn), drawn.randint(2, 4), drawn.randbytes(2 * STEPS[kind]))
    live = opened(script)
    live.chance = lambda number: chance(seed, number)
    for _ in steps(script, live):
        pass
    lines, before = [], live.first.table.at
    for each, decision, update in zip(live.log, live.decisions, live.updates, strict=True):
        command = msgspec.Raw(text_of(each.command))
        shown = checksum(update, decision)
        lines.append(Line(each.sender.user, each.sender.name, each.now - before, command, shown))
        before = each.now
    versions = (SCHEMA, game_of(live.room).version)
    first, last = (msgspec.Raw(dump(room).encode()) for room in (live.first, live.room))
    return Game(seed, versions, first, lines, last)


def _described(kind: str, drawn: random.Random) -> Any:
    if kind == "tictactoe":
        return info(kind, turn_seconds=2, rematch_seconds=drawn.choice((0, 3)))
    return info(
        kind,
        seats=drawn.randint(2, 6),
        min_buy_in=10,
        max_buy_in=200,
        ante=drawn.choice((0, 0, 1)),
        turn_seconds=2,
        timebank_seconds=drawn.choice((0, 30)),
        next_hand_seconds=drawn.choice((0, 3)),
    )


def chance(seed: int, number: int) -> Entropy:
    return Entropy(hashlib.sha256(f"{seed} {number}".encode()).digest())


def checksum(update: Update, decision: Decision) -> int:
    """Of all that was shown of an update, to each audience and user, and of the answer. The order of a map's keys may
    differ from process to process."""
    parts = [update.events, update.patch, *_of(update.outside)]
    for user, part in sorted(update.users.items()):
        parts += [user.encode(), *_of(part)]
    parts.append(msgspec.json.encode(record_of(decision.give)))
    seen = 0
    for text in parts:
        seen = zlib.crc32(_plain(msgspec.json.decode(text)) if text[:1] in (b"{", b"[") else text, seen)
    return seen


def _of(part: Any) -> list[bytes]:
    return [part.events, part.patch, f"{part.audience} {part.was} {part.grant} {part.out}".encode()]


def replayed(game: Game) -> str | None:
    """The first thing that this release decides, shows or reads otherwise; None: nothing."""
    room = codec.restore(bytes(game.opened).decode())
    rules = game_of(room)
    versions, now = Versions(*game.versions), room.table.at
    projection = Projection(room)
    for number, line in enumerate(game.lines, 1):
        now += line.after
        sender, command = Sender(UserId(line.user), line.name), codec.command_of(line.command, versions, rules)
        verdict = decide(room, sender, command, now, chance(game.seed, number))
        if not isinstance(verdict, Decision):
            return f"command {number} is refused: {bytes(line.command).decode()}"
        update, projection = projection.show(verdict, Seq(number), Epoch(1))
        if versions == (SCHEMA, rules.version) and checksum(update, verdict) != line.shown:
            return f"command {number} shows something else: {bytes(line.command).decode()}"
        room = verdict.room
    return None if room == codec.restore(bytes(game.ended).decode()) else "it ends in another state"


def write(path: Path, games: Iterator[Game]) -> None:
    with lzma.open(path, "wb", preset=9) as out:
        for game in games:
            out.write(msgspec.json.encode(game) + b"\n")


def read(path: Path) -> Iterator[Game]:
    with lzma.open(path) as lines:
        yield from map(msgspec.json.Decoder(Game).decode, lines)
