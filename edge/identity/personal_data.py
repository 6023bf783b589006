"""All that is kept of one user, as one document: their sessions, their parts in rooms, and what they did and said. And
how they have it forgotten."""

from __future__ import annotations

import secrets
from typing import Any

import msgspec

from tavola.actors.wire.commands import GONE, UserId
from tavola.storage.postgres import Database
from tavola.storage.rows import Row

PAGE = 5000
"""Commands that are read at once."""
COMMANDS_LIMIT = 20_000
"""Commands in one document; `next` tells where the rest begins."""
WITHIN_S = 30.0
"""For so long Postgres may look for a page of commands: it reads all of the log, which has no index by user."""


class PersonalSession(msgspec.Struct, frozen=True):
    display_name: str
    began_at: int
    ends_at: int


class PersonalRoom(msgspec.Struct, frozen=True):
    """A part in a room. `tokens`: how many there are to come back with, of which hashes are kept; `sent_there`: by the
    matchmaker, a moment ago; `reserved_seat`: the one that they alone may take, and `invited` that there was one."""

    id: str
    game: str
    name: str
    status: str
    created_at: int
    is_host: bool
    opened: bool
    display_name: str | None
    standing: str | None
    changed_at: int | None
    banned: bool
    seat_index: int | None
    chips: int | None
    seated_at: int | None
    last_seen_at: int | None
    watches_since: int | None
    tokens: int
    sent_there: bool
    invited: bool
    reserved_seat: int | None


class PersonalCommand(msgspec.Struct, frozen=True):
    """A command as it was logged, what they said among it."""

    room_id: str
    seq: int
    at: int
    display_name: str
    command: dict[str, Any]


class CommandPlace(msgspec.Struct, frozen=True):
    """Of a command: all before it, and it, are known."""

    at: int = 0
    room_id: str = ""
    seq: int = 0


class PersonalData(msgspec.Struct, frozen=True):
    """Times are in milliseconds since the epoch. `next`: there are more commands, after that place."""

    user_id: str
    sessions: list[PersonalSession]
    signed_out_at: int | None
    rooms: list[PersonalRoom]
    commands: list[PersonalCommand]
    next: CommandPlace | None


class AskedErasure(msgspec.Struct, frozen=True):
    """The pseudonym that takes a user's place, and when that was asked for (ms)."""

    pseudonym: str
    asked_at: int


def asks_erasure(user: UserId, now: int) -> tuple[str, dict[str, Any]]:
    """The query that has them forgotten, in the transaction that signs them out: they do nothing after it. Once it is
    durable the steward does the rest. Asked again it is the same; `asked` of its row."""
    alias, salt = f"{GONE}{secrets.token_hex(8)}", secrets.token_bytes(16)
    return "ask_erasure", {"user_id": user, "pseudonym": alias, "salt": salt, "at": now}


def asked(rows: list[Row]) -> AskedErasure:
    return AskedErasure(rows[0]["pseudonym"], rows[0]["asked_at"])


async def gathered(
    database: Database, user: UserId, after: CommandPlace, *, within_s: float | None = WITHIN_S
) -> PersonalData:
    """The data of `user`, with their commands after a place. Raises `StorageUnavailable`."""
    sessions = await database.rows("personal_sessions", user_id=user)
    out = await database.row("personal_sign_out", user_id=user)
    rooms = await database.rows("personal_rooms", user_id=user)
    commands: list[PersonalCommand] = []
    more = True
    while more and len(commands) < COMMANDS_LIMIT:
        rows = await database.rows(
            "personal_commands", within_s=within_s, user_id=user, most=PAGE, **msgspec.structs.asdict(after)
        )
        commands += (
            PersonalCommand(
                row["room_id"], row["seq"], row["at"], row["user_name"], msgspec.json.decode(row["command"])
            )
            for row in rows
        )
        more = len(rows) == PAGE
        if rows:
            after = CommandPlace(rows[-1]["at"], rows[-1]["room_id"], rows[-1]["seq"])
    return PersonalData(
        user,
        [PersonalSession(*row.values()) for row in sessions],
        out["at"] if out is not None else None,
        [PersonalRoom(**row) for row in rooms],
        commands,
        after if more else None,
    )
