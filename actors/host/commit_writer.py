"""A batch of decisions as rows, and what became of it when the database did not say."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

import msgspec
import structlog
from msgspec.structs import replace

from tavola.actors.host.answers import Answered, Key, marked
from tavola.actors.host.loaded_room import Accepted, LoadedRoom, Pending, answered_of, given_of
from tavola.actors.host.rooms import HELD_S, RETRY_S
from tavola.actors.log.logged import logged_of, logged_text
from tavola.actors.room.rows import NOTHING, records
from tavola.actors.room.state import Decision, Room
from tavola.actors.versions.upcast import packed
from tavola.actors.wire.commands import Epoch, Seq
from tavola.actors.wire.given import NOTHING_GIVEN, record_of
from tavola.actors.wire.grants import GrantSigner
from tavola.config.checkpoints import EVERY_HAND, CheckpointEvery
from tavola.storage.commits import commit
from tavola.storage.measures import Measures
from tavola.storage.packing import command_key, mark_of, pack, signed, unsigned
from tavola.storage.postgres import Database, PinnedConnection, StorageUnavailable
from tavola.storage.rows import LogRow, Records, Row, StateRow

log = structlog.get_logger()

_json = msgspec.json.Encoder().encode
NO_ANSWER = _json(record_of(NOTHING_GIVEN))


class WriteOutcome(msgspec.Struct):
    """The outcome of a batch, by room. Of the rooms in none of these, nothing was written and they are still ours."""

    written: set[LoadedRoom] = msgspec.field(default_factory=set)
    fenced: set[LoadedRoom] = msgspec.field(default_factory=set)
    doubtful: set[LoadedRoom] = msgspec.field(default_factory=set)
    """The commit may still be on its way, and the database does not answer."""
    broken: dict[LoadedRoom, Exception] = msgspec.field(default_factory=dict)
    """Their rows could not be made: the game has made a mistake."""


async def write(
    database: Database,
    connection: PinnedConnection,
    signer: GrantSigner,
    entries: list[Accepted],
    measures: Measures,
    every: CheckpointEvery = EVERY_HAND,
) -> WriteOutcome:
    """Commit `entries`, and count in `measures` what was written and how long it took. Raises `StorageUnavailable` or
    `Conflict` when nothing was written."""
    by_room: dict[LoadedRoom, list[Accepted]] = {}
    for entry in entries:
        loaded = entry.pending.loaded
        mine = by_room.setdefault(loaded, [])
        prior = loaded.seq_epoch if not mine and loaded.seq_epoch != loaded.epoch else None
        # The epoch may have been raised after this was decided, to learn of an earlier commit.
        if entry.update.epoch != loaded.epoch or entry.update.prior != prior:
            entry.update = replace(entry.update, epoch=loaded.epoch, prior=prior)
        mine.append(entry)
    states, rows, out = [], [], Records()
    alarms: dict[LoadedRoom, int | None] = {}
    sizes: dict[LoadedRoom, int] = {}
    broken: dict[LoadedRoom, Exception] = {}
    for loaded, mine in by_room.items():
        try:
            state, log_rows, more, alarms[loaded] = _rows(loaded, mine, signer, every)
        except Exception as error:
            broken[loaded] = error
            continue
        states.append(state)
        rows += log_rows
        size = 0
        for row in log_rows:
            size += len(row.body)
        sizes[loaded] = size
        if more is not NOTHING:
            for ours, theirs in zip(out.lists(), more.lists(), strict=True):
                ours.extend(theirs)
    for loaded in broken:
        del by_room[loaded]
    if not by_room:
        return WriteOutcome(broken=broken)
    loop = asyncio.get_running_loop()
    began = loop.time()
    try:
        written = await commit(connection, states, rows, out)
    except StorageUnavailable as error:
        if not error.unknown:
            raise
        log.warning("commit.unknown", rooms=len(by_room), reason=str(error))
        outcome = await _resolve(database, by_room)
    else:
        outcome = WriteOutcome()
        for loaded in by_room:
            (outcome.written if loaded.id in written else outcome.fenced).add(loaded)
    took = loop.time() - began
    games = set()
    for loaded in outcome.written:
        loaded.stored_alarm = alarms[loaded]
        game = loaded.room.info.game
        games.add(game)
        measures[game].logged(len(by_room[loaded]), sizes[loaded])
    for game in games:
        measures[game].commits.took(took)
    outcome.broken = broken
    return outcome


def rehearse(before: Room, decision: Decision, signer: GrantSigner) -> None:
    """Raises what writing `decision` would."""
    _json(decision.room.table)
    _encodable(records(before, [(0, decision)], None, signer)[0])


def _rows(
    loaded: LoadedRoom, mine: list[Accepted], signer: GrantSigner, every: CheckpointEvery
) -> tuple[StateRow, list[LogRow], Records, int | None]:
    """The records that `mine`, decided for one room, write, and the room's stored alarm afterwards."""
    last = mine[-1]
    state = _json(last.decision.room.table).decode()
    decisions = [(entry.update.seq, entry.decision) for entry in mine]
    more, alarm = records(loaded.room, decisions, loaded.stored_alarm, signer, every)
    _encodable(more)
    row = StateRow(loaded.id, loaded.epoch, loaded.seq, last.update.seq, state, last.update.at)
    return row, [_log_row(entry) for entry in mine], more, alarm


async def _resolve(database: Database, by_room: dict[LoadedRoom, list[Accepted]]) -> WriteOutcome:
    """Find out whether a commit of unknown outcome happened: raise the epoch first, so that it cannot any more.

    Should an answer to the raise be lost too, the next one finds nothing at our epoch and the room counts as fenced:
    whoever asks is sent to the directory, and finds it here or elsewhere, loaded afresh.
    """
    loop = asyncio.get_running_loop()
    give_up_at = loop.time() + HELD_S
    by_id = {loaded.id: loaded for loaded in by_room}
    outcome = WriteOutcome()
    while True:
        try:
            found = await database.rows(
                "raise_epochs", rooms=list(by_id), epochs=[loaded.epoch for loaded in by_id.values()]
            )
            break
        except StorageUnavailable as error:
            if loop.time() > give_up_at:
                log.warning("commit.doubtful", rooms=len(by_id), reason=str(error))
                outcome.doubtful = set(by_room)
                return outcome
            await asyncio.sleep(RETRY_S)
    seen = {row["room_id"]: row for row in found}
    for loaded, mine in by_room.items():
        row = seen.get(loaded.id)
        if row is None:
            outcome.fenced.add(loaded)
            continue
        loaded.epoch = Epoch(row["epoch"])
        happened = row["seq"] == mine[-1].update.seq
        log.info("commit.resolved", room=loaded.id, happened=happened, seq=row["seq"], epoch=loaded.epoch)
        if happened:
            outcome.written.add(loaded)
    return outcome


async def answered_before(database: Database, asked: Iterable[Pending]) -> dict[tuple[str, Key], Answered]:
    """The answers to those of these commands that are in the log already, by room and key."""
    clients = [pending for pending in asked if pending.sender.user]
    if not clients:
        return {}
    named = [(pending.loaded.id, *pending.key) for pending in clients]
    rooms, users, commands = (list(column) for column in zip(*named, strict=True))
    keys = [command_key(*each) for each in named]
    rows = await database.rows("answers", keys=keys, rooms=rooms, users=users, commands=commands)
    found = [(clients[row["number"] - 1], row) for row in rows]
    return {(pending.loaded.id, pending.key): _answered(pending, row) for pending, row in found}


def _answered(pending: Pending, row: Row) -> Answered:
    """The answer to a command of that id, in a row of `answers`. A mark that is not this command's may be the one that
    an older version of ours gave it: the log tells, as long as it has the command."""
    seq, mark = Seq(row["seq"]), None if row["mark"] is None else unsigned(row["mark"])
    ours = marked(pending.command)
    if mark == ours or row["body"] is None:
        return Answered(seq, given_of(row["answer"] or "{}").read(), ours if mark is None else mark)
    return answered_of(pending.loaded.room, row, logged_of(pending.loaded.id, row))


def _log_row(entry: Accepted) -> LogRow:
    update, table, pending = entry.update, entry.decision.room.table, entry.pending
    room, user, id, at = update.room, pending.sender.user, pending.command.id, update.at
    give = entry.decision.give
    answer = NO_ANSWER if give is NOTHING_GIVEN else _json(record_of(give))
    text = logged_text(pending.sender.name, table.games, table.hand, entry.text, answer, update)
    return LogRow(
        room_id=room,
        seq=update.seq,
        user_id=user,
        command_id=id,
        entropy=entry.entropy,
        body=pack(text, room, user, id, at),
        at=at,
        versions=packed(table.v, table.game_version),
        key=command_key(room, user, id) if user else None,
        mark=signed(mark_of(entry.text)) if user else None,
        answer=None if answer == NO_ANSWER else answer.decode(),
    )


def _encodable(more: Records) -> None:
    """Raises what encoding these rows would: one room's mistake shall not be the whole batch's."""
    if more is not NOTHING:
        _json(more)
