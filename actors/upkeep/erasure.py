"""Users who are forgotten: in all that is stored a pseudonym takes their place, and what they said goes. Driven by rows
of `erasures`; broken off anywhere, it goes on from there. Log and archive are read once for all who wait.

A room is dealt with in three steps: the names that its log calls them by are gathered; it goes on without them, at a
higher epoch; what was is rewritten in batches. From the second on nothing new can name them, for they have signed out.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Collection, Mapping
from uuid import UUID

import msgspec
import structlog

from tavola.actors.past.pseudonym import Pseudonym, log_text, texts_of
from tavola.actors.upkeep.archive_erasure import in_archive
from tavola.actors.upkeep.chat_clearing import REWRITING, rewrite
from tavola.actors.upkeep.pace import Pace
from tavola.actors.wire.commands import RoomId, UserId
from tavola.config.crash import Point
from tavola.storage.archive_store import ArchiveStore
from tavola.storage.packing import command_key, pack_state
from tavola.storage.people import forget
from tavola.storage.postgres import Database
from tavola.storage.redis_address import RedisAddress
from tavola.storage.rows import Row

log = structlog.get_logger()

FIND_WITHIN_S = 3600.0
"""So long it may take to find their rooms: all of the log is read."""
USERS_AT_ONCE = 1_000
ROOMS_AT_ONCE = 100
REST = 9
"""So many times as long as its work took the steward rests: anybody can ask to be forgotten, as often as they like."""
AGAIN_MS = 600_000
"""So long a user waits of whom something is in a room that cannot be read: it may be mended meanwhile."""
REDIS_WITHIN_S = 5.0

_json = msgspec.json.Encoder().encode


class NotAsWritten(ValueError):
    """A state that was changed by hand: to write over it hides that, so it is mended first."""


class Erasure:
    """The rounds of the steward that forget users, and of `tavola user forget`. `reached` is called at crash points."""

    def __init__(
        self,
        database: Database,
        redis_url: str,
        store: ArchiveStore | None,
        now: Callable[[], int],
        reached: Callable[[Point], None],
    ) -> None:
        self._database = database
        self._redis_url = redis_url
        self._store = store
        self._now = now
        self._reached = reached
        self._waits: dict[UserId, int] = {}
        self._rests_until = 0.0
        self.unreadable: set[RoomId] = set()
        """Rooms in which something of somebody is left, for they cannot be read."""
        self.pace = Pace()

    async def round(self) -> None:
        """As `work`, which for the steward takes a tenth of the time at most."""
        clock = asyncio.get_running_loop().time
        if (since := clock()) < self._rests_until:
            return
        try:
            await self.work()
        finally:
            self._rests_until = clock() + REST * (clock() - since)

    async def work(self) -> None:
        """Forget all who are to be. Raises `StorageUnavailable`, or `OSError` (archive, Redis); what is done stays."""
        async with self._database.sole(REWRITING) as sole:
            if sole is None:
                return
            self._waits = {user: until for user, until in self._waits.items() if until > self._now()}
            rows = await self._database.rows("erasures_due", but=list(self._waits), most=USERS_AT_ONCE)
            if not rows:
                return
            if sought := [row["user_id"] for row in rows if row["found_at"] is None]:
                await self._database.rows("find_erasure_rooms", within_s=FIND_WITHIN_S, users=sought, at=self._now())
                self._reached("erasure.found")
            people = {row["user_id"]: Pseudonym(row["user_id"], row["pseudonym"], row["salt"]) for row in rows}
            rooms = {user: await self._in_rooms(who) for user, who in people.items()}
            files = await self._archive(people)
            self._reached("erasure.archived")
            await self._in_redis(people)
            for row in rows:
                if row["user_id"] in self._waits:
                    continue
                await self._database.rows("user_erased", user_id=row["user_id"])
                log.info("user.forgotten", rooms=rooms[row["user_id"]], after_ms=self._now() - row["asked_at"])
            if files:
                log.info("archive.rewritten", users=len(people), files=files)

    async def _in_rooms(self, who: Pseudonym) -> int:
        """In how many of their rooms they are forgotten. If one is left, they wait."""
        rooms, after = 0, ""
        while some := await self._database.rows("erasure_rooms", user_id=who.user, after=after, most=ROOMS_AT_ONCE):
            for room in some:
                after = room["room"]
                try:
                    await self._room(who, room)
                    rooms += 1
                except (ValueError, LookupError) as error:  # Others are not to wait for it.
                    log.error("erasure.room_unreadable", room=after, reason=type(error).__name__)
                    self.unreadable.add(RoomId(after))
                    self._waits[who.user] = self._now() + AGAIN_MS
        return rooms

    async def _room(self, who: Pseudonym, row: Row) -> None:
        room = RoomId(row["room"])
        if row["names"] is None:
            names = await self._names(who, room)
            await self._database.rows("erasure_names", user_id=who.user, room_id=room, names=json.dumps(names))
            self._reached("erasure.named")
        else:
            names = json.loads(row["names"])
        who = msgspec.structs.replace(who, names=frozenset(names))
        while not await self._goes_on(who, room):
            pass  # Somebody has committed meanwhile.
        self._reached("erasure.fenced")
        await self._in_log(who, room, row["seq"])
        await self._in_checkpoints(who, room)
        await self._database.rows("room_erased", user_id=who.user, room_id=room)

    async def _names(self, who: Pseudonym, room: RoomId) -> list[str]:
        """Theirs in a room, and nobody else's there."""
        people = await self._database.rows("erasure_people", room_id=room)
        theirs = {row["display_name"] for row in people if row["user_id"] == who.user}
        seq = -1

        async def some(most: int) -> int:
            nonlocal seq
            rows = await self._database.rows("erasure_log", room_id=room, seq=seq, most=most)
            for row in rows:
                seq = row["seq"]
                theirs.update(who.names_in(texts_of(room, row), row["user_id"]))
            return len(rows)

        await self.pace.through(some)
        return sorted(theirs - {row["display_name"] for row in people if row["user_id"] != who.user} - {""})

    async def _goes_on(self, who: Pseudonym, room: RoomId) -> bool:
        """The room as it stands. False: it was changed meanwhile."""
        row = await self._database.row("erasure_room", room_id=room)
        if row is None:
            return True
        if not row["intact"]:
            raise NotAsWritten
        people = await self._database.rows("erasure_people", room_id=room)
        theirs = {each["display_name"] for each in people if each["user_id"] == who.user}
        deferred = None if row["deferred"] is None else _json(who.told(json.loads(row["deferred"]))).decode()
        done = await self._database.row(
            "erase_in_room", room_id=room, user_id=who.user, pseudonym=who.alias, epoch=row["epoch"], seq=row["seq"],
            was=row["state"], state=_json(who.in_table(msgspec.json.decode(row["state"]))).decode(),
            settings=_json(who.told(msgspec.json.decode(row["settings"]))).decode(), deferred=deferred,
            names=json.dumps({name: who.name(name) for name in theirs}),
        )  # fmt: skip
        return done is not None

    async def _in_log(self, who: Pseudonym, room: RoomId, after: int) -> None:
        seq = after

        async def some(most: int) -> int:
            nonlocal seq
            rows = await self._database.rows("erasure_log", room_id=room, seq=seq, most=most)
            if not rows:
                return 0
            seq = rows[-1]["seq"]
            changed = [(row, text) for row in rows if (text := _without(who, room, row)) is not None]
            mine = [row for row, _ in changed if row["user_id"] == who.user]
            users = [who.alias if row["user_id"] == who.user else row["user_id"] for row, _ in changed]
            await rewrite(self._database, [(row, user, text) for user, (row, text) in zip(users, changed, strict=True)])
            keys = [UUID(bytes=command_key(room, who.user, row["command_id"])) for row in mine]
            await self._database.together(
                ("erase_commands", {"keys": keys}),
                ("erasure_reached", {"user_id": who.user, "room_id": room, "seq": seq}),
            )
            self._reached("erasure.rewriting")
            return len(rows)

        await self.pace.through(some)

    async def _in_checkpoints(self, who: Pseudonym, room: RoomId) -> None:
        seq = -1

        async def some(most: int) -> int:
            nonlocal seq
            rows = await self._database.rows("erasure_checkpoints", room_id=room, seq=seq, most=min(most, 200))
            for row in rows:
                seq = row["seq"]
                text = _json(who.in_checkpoint(msgspec.json.decode(row["state"])))
                await self._database.rows(
                    "erase_in_checkpoint", room_id=room, seq=seq, state="", body=pack_state(text, room)
                )
            return len(rows)

        await self.pace.through(some)

    # Outside rooms

    async def _archive(self, people: Mapping[str, Pseudonym]) -> int:
        """Files in which something of them is are written anew. Gives how many."""
        if self._store is None:
            return 0
        store = self._store
        async with self._database.sole("retention") as sole:  # It writes there, and removes what is there.
            if sole is None:
                raise OSError("the archive is being written")
            return await asyncio.to_thread(in_archive, store, people, self._reached)

    async def _in_redis(self, users: Collection[str]) -> None:
        client = RedisAddress(self._redis_url).client(within_s=REDIS_WITHIN_S)
        try:
            await forget(client, users)
        finally:
            await client.aclose(close_connection_pool=True)


def _without(who: Pseudonym, room: RoomId, row: Row) -> bytes | None:
    """The text of a row of the log without them; None: they are not in it."""
    texts = texts_of(room, row)
    told = who.in_log(texts, row["user_id"], row["entropy"])
    return log_text(told) if told != texts or row["user_id"] == who.user else None
