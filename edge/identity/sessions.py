"""Sessions: who a browser's cookie stands for. The cookie holds 256 random bits; their SHA-256 is the session's id, in
Redis and, which is what counts, in Postgres.

A guest's session lasts for an hour after each use, until they ask to join a room or open one: then it is a week, as
the statement writes that lets them in (`players` in storage/sql/records.sql, `create_room`). So nobody fills a table
with guests who were never here.

A session that was read from Postgres within the last hour is believed when Redis has it. So what was deleted cannot
come back out of Redis for longer than that, and for that long `SignOuts` knows of it: a put-back that races with
signing out, or a Redis that was away meanwhile, brings nobody in again.

Not starsessions, the middleware of Starlette's ecosystem: its last release is of 2024, its `Secure` is fixed when the
application is made, and it has one store, whose keys are the cookie's own value, which it writes to in every answer.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Any, NamedTuple

import msgspec

from tavola.actors.wire.commands import UserId
from tavola.actors.wire.grants import digest
from tavola.config.batched import Batched
from tavola.config.clock import now_ms
from tavola.edge.identity.auth import GUEST, Identity
from tavola.edge.identity.session_cache import Session, SessionCache
from tavola.edge.identity.sign_outs import KEPT_MS, SignOuts
from tavola.storage.postgres import Database, StorageUnavailable
from tavola.storage.rows import Row

LIFE_MS = 7 * 86_400_000
PASSING_MS = 3_600_000
"""How long the session lasts of a guest who has done nothing yet."""
RENEWED_EVERY_MS = 3_600_000
"""A session in use is put off, and looked up in Postgres, this often; in between nothing is written."""
A_USER = 32
"""Sessions of one user; of more, those go that were used longest ago."""
SHARE = 4
"""A short one, so many times in its life."""


class Opened(msgspec.Struct, frozen=True):
    """A session that was opened or renewed now: what its cookie holds, and the moment that its tokens may bear."""

    cookie: str
    session: Session
    issued_at: int


class _Guest(NamedTuple):
    """Somebody who was never here before, and for whom a session is opened."""

    sid: bytes
    user: UserId
    name: str


class _Kept(msgspec.Struct):
    """`app_sessions.sess`."""

    user_id: str
    display_name: str
    created_at: int


class Sessions:
    """Everything here raises `StorageUnavailable` when only Postgres could say, and it does not."""

    def __init__(
        self, database: Database, cache: SessionCache, sign_outs: SignOuts, now: Callable[[], int] = now_ms
    ) -> None:
        self._database = database
        self._cache = cache
        self._sign_outs = sign_outs
        self._now = now
        self._guests = Batched(self._open)

    async def find(self, cookie: str) -> Session | None:
        """The session of a cookie, unless it has ended."""
        sid, now = digest(cookie), self._now()
        cached = await self._cache.get(sid)
        age = now - cached.renewed_at if cached is not None else LIFE_MS
        if cached is None or age >= min(RENEWED_EVERY_MS, cached.life_ms // SHARE):
            try:
                row = await self._database.row(
                    "session", sid=sid, now=now, renewed_within=RENEWED_EVERY_MS, share=SHARE
                )
            except StorageUnavailable:
                if cached is None or age >= min(KEPT_MS, cached.life_ms):
                    raise
            else:
                found = _session(row) if row is not None else None
                await self._settle(sid, found, cached)
                cached = found
        if cached is None or self._sign_outs.covers(UserId(cached.user_id), cached.created_at):
            return None
        return cached

    async def open(self, user: UserId, name: str) -> Opened:
        """A session for a user who was never here before. On return it is durable."""
        cookie = _cookie()
        row = await self._guests(_Guest(digest(cookie), user, name))
        session = _session(row)
        await self._cache.put(row["sid"], session, session.life_ms)
        return Opened(cookie, session, session.created_at)

    async def renew(self, identity: Identity, cookie: str | None, name: str | None) -> Opened | None:
        """The user's session in `cookie`, put off; a new one if that is not theirs. With a name, all of their sessions
        have it from now on. On return this is durable. None: what they are known by was signed out.
        """
        user, now = identity.user, self._now()
        gone: list[Row] = []
        async with self._database.transaction() as ask:
            await ask("lock_user", user_id=user)
            (standing,) = await ask("user_standing", user_id=user)
            if identity.issued_at <= standing["signed_out_at"]:
                return None
            cookie = cookie or ""
            rows = await ask("renew_session", sid=digest(cookie), user_id=user, now=now)
            if not rows:
                cookie, begins_at = _cookie(), standing["now"]
                life = standing["life"] or (PASSING_MS if user.startswith(GUEST) else LIFE_MS)
                rows = await ask(
                    "open_session",
                    sids=[digest(cookie)],
                    users=[user],
                    names=[name or identity.name],
                    begins_at=begins_at,
                    now=now,
                    life=life,
                )
                gone = await ask("oldest_sessions", user_id=user, most=A_USER - 1, sid=rows[0]["sid"])
            sid = rows[0]["sid"]
            if name:
                rows = await ask("rename_sessions", user_id=user, display_name=name, now=now, sid=sid)
        await self._cache.drop([row["sid"] for row in gone])
        for row in rows:
            await self._cache.put(row["sid"], _session(row), row["expire"] - now)
        mine = next(_session(row) for row in rows if row["sid"] == sid)
        return Opened(cookie, mine, standing["now"])

    async def sign_out(self, user: UserId) -> int:
        """End all sessions of the user, and all that was issued to them until now. On return this is durable; on
        `StorageUnavailable` it may be: do it again. Gives the number of sessions.
        """
        ended, _ = await self.sign_out_and(user)
        return ended

    async def sign_out_and(self, user: UserId, *also: tuple[str, dict[str, Any]]) -> tuple[int, list[Row]]:
        """The same, and these queries with it: all of that or nothing. Gives the last one's rows as well."""
        async with self._database.transaction() as ask:
            await ask("lock_user", user_id=user)
            gone = await ask("delete_sessions", user_id=user)
            (out,) = await ask("record_sign_out", user_id=user)
            found: list[Row] = []
            for query, given in also:
                found = await ask(query, **given)
        self._sign_outs.tell(user, out["at"])
        await self._cache.drop([row["sid"] for row in gone])
        return len(gone), found

    async def _open(self, guests: list[_Guest]) -> list[Row]:
        sids, users, names = (list(column) for column in zip(*guests, strict=True))
        opened = await self._database.rows(
            "open_session", sids=sids, users=users, names=names, begins_at=0, now=self._now(), life=PASSING_MS
        )
        rows = {row["sid"]: row for row in opened}
        return [rows[sid] for sid in sids]

    async def _settle(self, sid: bytes, found: Session | None, cached: Session | None) -> None:
        """Have in Redis what was found in Postgres, unless that is no newer than what was there."""
        if found is None:
            if cached is not None:
                await self._cache.drop([sid])
        elif cached is None or found.renewed_at > cached.renewed_at or found.life_ms > cached.life_ms:
            life = found.renewed_at + found.life_ms - self._now()
            await self._cache.put(sid, found, life, only_new=cached is None)


def _cookie() -> str:
    return secrets.token_urlsafe(32)


def _session(row: Row) -> Session:
    kept = msgspec.json.decode(row["sess"], type=_Kept)
    return Session(kept.user_id, kept.display_name, kept.created_at, row["expire"] - row["life"], row["life"])
