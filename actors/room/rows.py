"""The rows that a run of decisions writes beside state and log: those of rooms, members, seats, games, hands. Pure."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec.structs import replace

from tavola.actors.room import absence, ending
from tavola.actors.room.play import game_of
from tavola.actors.room.state import Decision, Room
from tavola.actors.room.view import status_of
from tavola.actors.wire.grants import GrantSigner
from tavola.config.checkpoints import EVERY_HAND, CheckpointEvery
from tavola.config.limits import REJOIN_MS
from tavola.games.stakes import chips_in
from tavola.storage.packing import pack_state
from tavola.storage.rows import Records

Rows = dict[Any, dict[str, Any]]

ACTIVE_MS = 300_000
"""To this the lobby knows when something happened last in a room. To say it costs one more row."""
NOTHING = Records()
"""The rows of most moves: none at all."""


def records(
    before: Room,
    decisions: Sequence[tuple[int, Decision]],
    stored_alarm: int | None,
    signer: GrantSigner,
    every: CheckpointEvery = EVERY_HAND,
) -> tuple[Records, int | None]:
    """The rows that turn `before` into the last of `decisions` (each with its seq), and `rooms.alarm_at` afterwards.

    `stored_alarm` is what `alarm_at` holds now. It is written only when it would be too late otherwise: an alarm that
    is stored too early costs a look, and most moves only put it off. `rooms.active_at` is written with the first
    decision of every five minutes.
    """
    after = decisions[-1][1].room
    room_id = after.info.id
    real = ending.alarm(after)
    late = (real is None) != (stored_alarm is None) or (
        real is not None and stored_alarm is not None and stored_alarm > real
    )
    one, other = before.table, after.table
    dated = one.at // ACTIVE_MS == other.at // ACTIVE_MS
    if (
        not late
        and dated
        and before.members is after.members
        and one.seats is other.seats
        and before.info is after.info
    ):
        for seq, decision in decisions:
            if decision.result or decision.rounds or decision.grants or every.at_update(seq):
                break
        else:
            if one.games == other.games:
                return NOTHING, stored_alarm
    out = Records()
    if late or not dated or _differs(before, after):
        stored_alarm = real
        out.rooms.append({"room_id": room_id, "alarm_at": real, "active_at": after.table.at, **summary(after)})
    if before.members is not after.members:
        _members(before, after, out)
    if before.table.seats is not after.table.seats or any(decision.rounds for _, decision in decisions):
        _seats(before, after, out)
    _tokens(before, decisions, signer, out)
    _history(before, decisions, every, out)
    return out, stored_alarm


def snapshot(room: Room) -> Records:
    """All rows of the room's members, spectators and seats, as if there were none yet."""
    out = Records()
    empty = replace(room, members={}, table=replace(room.table, seats={}))
    _members(empty, room, out)
    _seats(empty, room, out)
    return out


def summary(room: Room) -> dict[str, Any]:
    return {**_of_info(room), **_of_table(room)}


def _differs(before: Room, after: Room) -> bool:
    """Whether their summaries do."""
    if before.info is not after.info and _of_info(before) != _of_info(after):
        return True
    return before.table.games != after.table.games or _of_table(before) != _of_table(after)


def _of_info(room: Room) -> dict[str, Any]:
    info = room.info
    return {
        "status": info.status,
        "host_id": info.host,
        "max_players": game_of(room).seats(info.options),
        "settings": info.stored_settings(),
        "deferred": info.deferred or None,
    }


def _of_table(room: Room) -> dict[str, Any]:
    return {
        "players": len(room.table.seats),
        "spectators": room.spectators,
        "present": absence.present(room),
        "current_game_id": game_id(room) if room.table.games else None,
        "reserved": room.kept_seats,
        "closed_at": room.table.at if room.info.status == "closed" else None,
    }


def game_id(room: Room) -> str:
    return f"{room.info.id}.{room.table.games}"


def _members(before: Room, after: Room, out: Records) -> None:
    room_id = after.info.id
    for user in before.members.keys() | after.members.keys():
        old, new = before.members.get(user), after.members.get(user)
        if old == new:
            continue
        if new is None:
            out.players.append({"room_id": room_id, "user_id": user})
        else:
            out.players.append({
                "room_id": room_id,
                "user_id": user,
                "display_name": new.name,
                "status": new.standing,
                "changed_at": new.at,
                "banned": new.banned,
                "leaves_at": new.leaves_at,
                "idle": new.idle,
            })  # fmt: skip
        watched, watches = old is not None and old.watching, new is not None and new.watching
        if watched and not watches:
            out.spectators.append({"room_id": room_id, "user_id": user})
        elif watches and new is not None:
            row = {"room_id": room_id, "user_id": user, "display_name": new.name, "joined_at": new.at}
            out.spectators.append(row)


def _seats(before: Room, after: Room, out: Records) -> None:
    old, new = _seat_rows(before), _seat_rows(after)
    for index in old.keys() | new.keys():
        if old.get(index) != new.get(index):
            out.seats.append(new.get(index) or {"room_id": after.info.id, "seat_index": index})


def _seat_rows(room: Room) -> Rows:
    game = game_of(room)
    rows: Rows = {}
    for index, seat in room.table.seats.items():
        member = room.members.get(seat.user)
        rows[index] = {
            "room_id": room.info.id,
            "seat_index": index,
            "user_id": seat.user,
            "display_name": member.name if member else "",
            "chips": chips_in(game, room.table.game, index),
            "seated_at": seat.at,
            "status": status_of(room, index, seat),
            "away_since": seat.away.since if seat.away is not None else None,
        }
    return rows


def _tokens(before: Room, decisions: Sequence[tuple[int, Decision]], signer: GrantSigner, out: Records) -> None:
    """A user who is admitted no more loses their tokens; a grant is stored as its hash."""
    after = decisions[-1][1].room
    room_id = after.info.id
    if before.members is not after.members:
        for user, old in before.members.items():
            new = after.members.get(user)
            if old.standing == "approved" and (new is None or new.standing != "approved"):
                out.tokens.append({"room_id": room_id, "user_id": user})
    for _, decision in decisions:
        for granted in decision.grants:
            member = after.members.get(granted.user)
            if member is None or member.standing != "approved":
                continue
            at = decision.room.table.at
            for hashed in signer.digests(room_id, granted.user, granted.id):
                out.tokens.append({
                    "room_id": room_id,
                    "user_id": granted.user,
                    "hash": hashed.hex(),
                    "role": granted.role,
                    "seat_index": granted.seat,
                    "issued_at": at,
                    "expires_at": at + REJOIN_MS,
                })  # fmt: skip
            for row in out.seats:
                if row["seat_index"] == granted.seat and row.get("user_id") == granted.user:
                    row["seat_token"] = granted.id


def _history(before: Room, decisions: Sequence[tuple[int, Decision]], every: CheckpointEvery, out: Records) -> None:
    games: Rows = {}
    hands: Rows = {}
    was = before
    for seq, decision in decisions:
        room = decision.room
        number, at, room_id = room.table.games, room.table.at, room.info.id
        if decision.called_off is not None:
            _call_off(was, decision.called_off, at, games, hands)
        if number != was.table.games or decision.result is not None:
            row = games.setdefault(
                game_id(room),
                {"id": game_id(room), "room_id": room_id, "number": number, "kind": room.info.game, "started_at": at},
            )
            over = not room.table.running
            row |= {"status": "over" if over else "running"}
            row |= {"ended_at": at, "result": decision.result} if over else {}
        for round in decision.rounds:
            row = hands.setdefault((number, round.number), {"room_id": room_id, "game": number, "number": round.number})
            row["record"] = round.record
            row["ended_at" if round.ended else "started_at"] = at
        begun = any(not round.ended and every.at_round(round.number) for round in decision.rounds)
        if begun or decision.called_off is not None or every.at_update(seq):
            body = b64encode(pack_state(dump(room).encode(), room_id)).decode()
            out.checkpoints.append({"room_id": room_id, "seq": seq, "at": at, "body": body})
        was = room
    out.games.extend(games.values())
    out.hands.extend(hands.values())


def _call_off(was: Room, record: dict[str, Any], at: int, games: Rows, hands: Rows) -> None:
    """The game and the round that ran in `was` are over, without their own rules having said so."""
    table, room_id = was.table, was.info.id
    if table.running:
        row = games.setdefault(
            game_id(was),
            {"id": game_id(was), "room_id": room_id, "number": table.games, "kind": was.info.game, "started_at": at},
        )
        row |= {"status": "over", "ended_at": at, "result": record}
    if table.hand and not game_of(was).between_rounds(table.game):
        key = table.games, table.hand
        row = hands.setdefault(key, {"room_id": room_id, "game": table.games, "number": table.hand})
        row |= {"record": {"voided": True, **record}, "ended_at": at}


def table_text(room: Room) -> str:
    """The column `game_states.state`."""
    return msgspec.json.encode(room.table).decode()


def settings_text(room: Room) -> str:
    """The column `rooms.settings`."""
    return msgspec.json.encode(room.info.stored_settings()).decode()


def dump(room: Room) -> str:
    """The whole room as JSON, for a checkpoint; `actors.room.codec.restore` reads it."""
    return msgspec.json.encode(room).decode()
