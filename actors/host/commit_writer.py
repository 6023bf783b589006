"""A batch of decisions as rows, and what became of it when the database did not say."""

from __future__ import annotations

import asyncio

import msgspec
import structlog
from msgspec.structs import replace

from tavola.actors.host.answers import Answered, Key, text_of
from tavola.actors.host.loaded_room import LoadedRoom, RoomEntry, answered_of
from tavola.actors.host.rooms import HELD_S, RETRY_S
from tavola.actors.room.codec import update_texts
from tavola.actors.room.grants import GrantSigner
from tavola.actors.room.rows import NOTHING, records
from tavola.actors.room.state import Decision, Room
from tavola.actors.wire.commands import CommandId, Epoch, UserId
from tavola.storage.commits import commit
from tavola.storage.postgres import Database, PinnedConnection, StorageUnavailable
from tavola.storage.rows import LogRow, Records, StateRow

log = structlog.get_logger()

_json = msgspec.json.Encoder().encode


class WriteOutcome(msgspec.Struct):
    """What became of a batch, by room. Of the rooms in none of these, nothing was written and they are still ours."""

    written: set[LoadedRoom] = msgspec.field(default_factory=set)
    fenced: set[LoadedRoom] = msgspec.field(default_factory=set)
    doubtful: set[LoadedRoom] = msgspec.field(default_factory=set)
    """The commit may still be on its way, and the database does not answer."""
    broken: dict[LoadedRoom, Exception] = msgspec.field(default_factory=dict)
    """Their rows could not be made: the game has made a mistake."""


async def write(
    database: Database, lane: PinnedConnection, mint: GrantSigner, entries: list[RoomEntry]
) -> WriteOutcome:
    """Commit the decisions among `entries`. Raises `StorageUnavailable` or `Conflict` when nothing was written."""
    by_slot: dict[LoadedRoom, list[RoomEntry]] = {}
    for entry in entries:
        if entry.update is not None:
            slot, mine = entry.slot, by_slot.setdefault(entry.slot, [])
            prior = slot.told if not mine and slot.told != slot.epoch else None
            # The epoch may have been raised after this was decided, to learn of an earlier commit.
            if entry.update.epoch != slot.epoch or entry.update.prior != prior:
                entry.update = replace(entry.update, epoch=slot.epoch, prior=prior)
            mine.append(entry)
    states, rows, out = [], [], Records()
    alarms: dict[LoadedRoom, int | None] = {}
    broken: dict[LoadedRoom, Exception] = {}
    for slot, mine in by_slot.items():
        try:
            state, log_rows, more, alarms[slot] = _rows(slot, mine, mint)
        except Exception as error:
            broken[slot] = error
            continue
        states.append(state)
        rows += log_rows
        if more is not NOTHING:
            for ours, theirs in zip(out.lists(), more.lists(), strict=True):
                ours.extend(theirs)
    for slot in broken:
        del by_slot[slot]
    if not by_slot:
        return WriteOutcome(broken=broken)
    try:
        written = await commit(lane, states, rows, out)
    except StorageUnavailable as error:
        if not error.unknown:
            raise
        log.warning("commit.unknown", rooms=len(by_slot), reason=str(error))
        outcome = await _resolve(database, by_slot)
    else:
        outcome = WriteOutcome()
        for slot in by_slot:
            (outcome.written if slot.id in written else outcome.fenced).add(slot)
    for slot in outcome.written:
        slot.stored_alarm = alarms[slot]
    outcome.broken = broken
    return outcome


def rehearse(before: Room, decision: Decision, mint: GrantSigner) -> None:
    """Raises what writing `decision` would."""
    _json(decision.room.table)
    _encodable(records(before, [(0, decision)], None, mint)[0])


def _rows(
    slot: LoadedRoom, mine: list[RoomEntry], mint: GrantSigner
) -> tuple[StateRow, list[LogRow], Records, int | None]:
    """What `mine`, decided for one room, write, and the room's stored alarm afterwards."""
    last = mine[-1]
    assert isinstance(last.verdict, Decision)
    assert last.update is not None
    state = _json(last.verdict.room.table).decode()
    decisions = [(e.update.seq, e.verdict) for e in mine if e.update and isinstance(e.verdict, Decision)]
    more, alarm = records(slot.room, decisions, slot.stored_alarm, mint)
    _encodable(more)
    row = StateRow(slot.id, slot.epoch, slot.seq, last.update.seq, state, last.update.at)
    return row, [_log_row(entry) for entry in mine], more, alarm


async def _resolve(database: Database, by_slot: dict[LoadedRoom, list[RoomEntry]]) -> WriteOutcome:
    """Find out whether a commit of unknown outcome happened: raise the epoch first, so that it cannot any more.

    Should an answer to the raise be lost too, the next one finds nothing at our epoch and the room counts as fenced:
    whoever asks is sent to the directory, and finds it here or elsewhere, loaded afresh.
    """
    loop = asyncio.get_running_loop()
    give_up_at = loop.time() + HELD_S
    slots = {slot.id: slot for slot in by_slot}
    outcome = WriteOutcome()
    while True:
        try:
            found = await database.rows("raise_epochs", list(slots), [slot.epoch for slot in slots.values()])
            break
        except StorageUnavailable as error:
            if loop.time() > give_up_at:
                log.warning("commit.doubtful", rooms=len(slots), reason=str(error))
                outcome.doubtful = set(by_slot)
                return outcome
            await asyncio.sleep(RETRY_S)
    seen = {row["room_id"]: row for row in found}
    for slot, mine in by_slot.items():
        row = seen.get(slot.id)
        if row is None:
            outcome.fenced.add(slot)
            continue
        slot.epoch = Epoch(row["epoch"])
        last = mine[-1].update
        happened = last is not None and row["seq"] == last.seq
        log.info("commit.resolved", room=slot.id, happened=happened, seq=row["seq"], epoch=slot.epoch)
        if happened:
            outcome.written.add(slot)
    return outcome


async def answered_before(database: Database, entries: list[RoomEntry]) -> dict[tuple[str, Key], Answered]:
    """What was answered to those of these commands that are in the log already, by room and key."""
    asked = [(entry.slot.id, *entry.key) for entry in entries if entry.sender.user]
    rows = await database.rows("answers", *(list(column) for column in zip(*asked, strict=True))) if asked else []
    rooms = {entry.slot.id: entry.slot.room for entry in entries}
    return {
        (row["room_id"], (UserId(row["user_id"]), CommandId(row["command_id"]))): answered_of(
            rooms[row["room_id"]], row
        )
        for row in rows
    }


def _log_row(entry: RoomEntry) -> LogRow:
    assert entry.update is not None
    assert isinstance(entry.verdict, Decision)
    update, table = entry.update, entry.verdict.room.table
    entry.text = text_of(entry.command)
    events, patch, outside, private = update_texts(update)
    return LogRow(
        room_id=update.room,
        seq=update.seq,
        game=table.games,
        hand=table.hand,
        user_id=entry.sender.user,
        user_name=entry.sender.name,
        command_id=entry.command.id,
        command=entry.text.decode(),
        answer=_json(entry.verdict.give).decode(),
        events=events,
        patch=patch,
        outside=outside,
        private=private,
        entropy=entry.entropy,
        at=update.at,
    )


def _encodable(more: Records) -> None:
    """Raises what encoding these rows would: one room's mistake shall not be the whole batch's."""
    if more is not NOTHING:
        _json(more)
