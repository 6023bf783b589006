"""Rooms as rows: opening them, listing them, the summary of one. The room itself is its actor's."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import msgspec

from tavola.actors.wire.commands import SERVICE, RoomId, UserId
from tavola.actors.wire.errands import AskErrand, Draw, Opening
from tavola.actors.wire.messages import Refusal
from tavola.actors.wire.names import CODE_LETTERS, CODE_SIZE, clean
from tavola.actors.wire.refusals import ID_REUSED, NO_SERVER
from tavola.actors.wire.settings import RoomSettings, RoomWish
from tavola.actors.wire.view import RoomSummary
from tavola.config.clock import now_ms
from tavola.edge.common.limits import NO_LIMITS, Limits
from tavola.edge.identity.auth import Identity
from tavola.storage.postgres import BIGINT, Conflict, Database
from tavola.storage.rows import Row

PAGE_LIMIT = 100
MINUTE_MS = 60_000

_json = msgspec.json.Encoder().encode
_settings = msgspec.json.Decoder(RoomSettings[dict[str, Any]]).decode


class Page(msgspec.Struct, frozen=True):
    """Rooms, and the cursor for more, if there are more."""

    rooms: list[RoomSummary]
    next_cursor: str | None


class NewRoom(msgspec.Struct, frozen=True):
    """A room that is about to be stored. `at` is in ms."""

    room: RoomId
    code: str
    name: str
    at: int
    host: Identity
    request: RoomWish
    rows: Opening


Queries = Callable[..., Awaitable[list[Row]]]
"""A function that runs a named query, in a transaction."""


class Lobby:
    def __init__(self, database: Database, ask: AskErrand, limits: Limits = NO_LIMITS, empty_ms: int = 0) -> None:
        """`ask` has rooms drawn. `empty_ms`: after how long a new room closes if nobody comes; 0 is never."""
        self._database = database
        self._ask = ask
        self._limits = limits
        self._empty_ms = empty_ms

    async def drawn(self, request: RoomWish, host: Identity) -> NewRoom | Refusal:
        """A room as it would be, with an id and a code of its own; refused if there cannot be such a room."""
        room, code = RoomId(f"r_{secrets.token_hex(8)}"), _code()
        now = now_ms()
        name = clean(request.name or "") or f"{host.name}'s table"
        rows = await self._ask(Draw(_json(request), room, code, name, host.user, host.name, now, self._empty_ms))
        if not isinstance(rows, Opening):
            return rows if isinstance(rows, Refusal) else NO_SERVER
        return NewRoom(room, code, name, now, host, request, rows)

    async def create(self, new: NewRoom, creation_id: str | None, rows: Queries) -> bool | Refusal:
        """Store it, by `rows` of a transaction. False: this creation was made before. Refused to who has, or opens, as
        many rooms as they may: however many requests, at however many edges, are asked at once.
        """
        limited = not new.host.user.startswith(SERVICE)
        (row,) = await rows(
            "create_room",
            room_id=new.room,
            code=new.code,
            game=new.rows.game,
            settings=new.rows.settings,
            host_id=new.host.user,
            max_players=new.rows.max_players,
            at=new.at,
            creation_id=creation_id,
            host_name=new.host.name,
            state=new.rows.state,
            checkpoint=new.rows.checkpoint,
            alarm_at=new.rows.alarm_at,
            reserved=sorted(new.rows.reserved.values()),
            reserved_for=list(new.rows.reserved) or None,
            most_hosted=self._limits.rooms_per_user if limited else 0,
            most_opened=self._limits.rooms_opened_per_minute if limited else 0,
        )
        if row["outcome"] == "too many":
            return self._too_many(row, new.at)
        return bool(row["outcome"] == "made")

    def _too_many(self, row: Row, now: int) -> Refusal:
        hosted, opened = self._limits.rooms_per_user, self._limits.rooms_opened_per_minute
        if hosted and row["hosted"] >= hosted:
            said = f"You are the host of {hosted} rooms already; close one of them, or leave it for good."
            return Refusal("too_many_rooms", said, {"limit": hosted})
        wait_ms = max(1, row["opened_at"] + MINUTE_MS - now)
        return Refusal("rate_limited", f"You may open {opened} rooms a minute.", None, wait_ms)

    async def open(self, request: RoomWish, host: Identity, creation_id: str | None) -> RoomSummary | Refusal:
        """A new room's summary. The same `creation_id` from the same host opens one room only, of one kind."""
        while True:
            new = await self.drawn(request, host)
            if isinstance(new, Refusal):
                return new
            room = new.room
            try:
                made = await self.create(new, creation_id, self._database.rows)
            except Conflict as error:
                if error.constraint == "rooms_code_unique":
                    continue
                raise
            if isinstance(made, Refusal):
                return made
            if not made:
                before = await self._database.row("created_room", host_id=host.user, creation_id=creation_id)
                assert before is not None
                if before["state"] is not None and not _alike(request, new.rows.checkpoint, before["state"]):
                    return ID_REUSED
                room = RoomId(before["id"])
            summary = _summary_of_new(new) if made else await self.summary(room)
            assert summary is not None
            return summary

    async def summary(self, room_or_code: str) -> RoomSummary | None:
        """The part of a room that anybody may know, by its id or its code."""
        row = await self._database.row("room_summary", room_id=room_or_code, code=room_or_code.upper())
        return summary_of(row) if row is not None else None

    async def find(self, code: str) -> tuple[RoomId, bool] | None:
        """The room of a code, and whether it is private."""
        found = await self.summary(code)
        return (RoomId(found.id), found.visibility == "private") if found is not None else None

    async def knows(self, room: RoomId, user: UserId) -> bool:
        """Whether `user` has asked to join that room, is its host, or has a seat reserved there."""
        row = await self._database.row("membership", room_id=room, user_id=user)
        if row is None:
            return False
        return row["status"] is not None or row["host_id"] == user or row["reserved_seat"] is not None

    async def removed(self, room: RoomId) -> bool:
        """Whether there was such a room, and it was removed."""
        return await self._database.row("removed", room_id=room) is not None

    async def list(self, game: str | None, status: str | None, open_only: bool, limit: int, cursor: str | None) -> Page:
        """Public rooms: those with people first, and of either the one where something happened last. Raises
        `ValueError` for a cursor that is none."""
        at: tuple[bool, int, str] | None = _read(cursor) if cursor else None
        peopled, active_at, after = at or (None, None, None)
        limit = max(1, min(limit, PAGE_LIMIT))
        rows = await self._database.rows(
            "lobby",
            game=game,
            status=status,
            open_only=open_only,
            peopled=peopled,
            active_at=active_at,
            after=after,
            most=limit + 1,
        )
        more = rows[limit - 1] if len(rows) > limit else None
        return Page([summary_of(row) for row in rows[:limit]], _cursor(more) if more else None)


def _summary_of_new(new: NewRoom) -> RoomSummary:
    """As `summary` would say it now."""
    stored = {
        "id": new.room,
        "code": new.code,
        "game": new.rows.game,
        "settings": new.rows.settings,
        "status": "open",
        "host_id": new.host.user,
        "players": 0,
        "max_players": new.rows.max_players,
        "spectators": 0,
        "created_at": new.at,
        "present": int(new.rows.alarm_at is None),
        "reserved": sorted(new.rows.reserved.values()),
        "active_at": new.at,
    }
    return summary_of(stored)


def _alike(request: RoomWish, new: str, before: str) -> bool:
    """Whether `request` asks for a room as the one that was opened: both as their first checkpoints."""
    asked, opened = (msgspec.json.decode(text)["info"] for text in (new, before))
    drawn = {"id", "code"} if request.name else {"id", "code", "name"}
    return all(asked.get(field) == opened.get(field) for field in (asked.keys() | {"reserved"}) - drawn)


def _cursor(row: Row) -> str:
    return f"{int(row['present'] > 0)}~{row['active_at']}~{row['id']}"


def _read(cursor: str) -> tuple[bool, int, str]:
    peopled, active_at, after = cursor.split("~", 2)
    at = int(active_at)
    if peopled not in ("0", "1") or not after or not 0 <= at <= BIGINT:
        raise ValueError(cursor)
    return peopled == "1", at, after


def _code() -> str:
    return "".join(secrets.choice(CODE_LETTERS) for _ in range(CODE_SIZE))


def summary_of(row: Row) -> RoomSummary:
    settings = _settings(row["settings"])
    about = {**dict(row), **settings.settings(), "name": settings.name, "options": settings.options}
    about |= {"created_at": iso(row["created_at"]), "active_at": iso(row["active_at"])}
    if not row["reserved"]:
        del about["reserved"]  # as in a view
    return msgspec.convert(about, RoomSummary)


def iso(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
