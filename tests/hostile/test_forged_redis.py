"""Somebody who reads and writes Redis, without the deployment's secret: they see no card, and are believed nothing."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import msgspec
import pytest
from redis.asyncio import Redis

from kit.browsers import Time, edges
from kit.followers import Sink, follower
from kit.hosts import OPENER, SEALER, Table, chat, connected, hosting, open_room, place
from kit.people import presence
from tavola.actors.wire import update as codec
from tavola.actors.wire.commands import Epoch, RequestJoin, RoomId, Seq, Start, TakeSeat, UserId
from tavola.actors.wire.messages import ViewAt
from tavola.actors.wire.update import MemberView, Update
from tavola.config.keys import Purpose, Secrets
from tavola.edge.common.metrics import Metrics
from tavola.edge.ws import fanout as fanouts
from tavola.edge.ws.fanout import Fanout
from tavola.storage.redis import RedisPublisher, room_channel
from tavola.storage.sealing import HEAD, NotOpened, Opener, Sealer, numbers

LIE = b'[{"kind":"a_lie"}]'


@pytest.fixture(autouse=True)
def _by_redis_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """An edge would find in the log what it was not told."""
    monkeypatch.setattr(fanouts, "POLL_S", 3600.0)


class Channel:
    """A room as an edge follows it by Redis alone, a publisher that tells the truth, and a Redis to lie in."""

    def __init__(
        self, table: Table, room: RoomId, epoch: int, fanout: Fanout, publisher: RedisPublisher, redis: Any
    ) -> None:
        self.table, self.room, self.epoch, self.fanout = table, room, epoch, fanout
        self.redis = redis
        self._publisher = publisher

    async def joins(self, user: str) -> Sink:
        one, sink = follower(user)
        await self.fanout.begin(one, self.room)
        seen = await self.table.look(self.epoch, user, self.room)
        assert isinstance(seen, ViewAt)
        self.fanout.place(one, self.room, seen.seq, seen.epoch, seen.audience, has_part=seen.has_part)
        sink.payloads.append({"seq": seen.seq})
        return sink

    async def truth(self) -> Update:
        """The next update, committed, and published nowhere."""
        said = len(self.table.published.messages)
        await self.table.does(self.epoch, "host", chat(self.room, f"say {said}"))
        return self.table.published.messages[-1][1]

    def publish(self, update: Update) -> None:
        self._publisher.publish(update.room, update.epoch, update.seq, codec.encode(update))

    async def lie(self, message: bytes, channel: str | None = None) -> None:
        """Published, and heard by the edge: for it knows how often it was lied to."""
        before = self.fanout.not_opened
        assert await self.redis.publish(channel or room_channel(self.room), message) == 1
        async with asyncio.timeout(20):
            while self.fanout.not_opened == before:
                await asyncio.wait([asyncio.get_running_loop().create_future()], timeout=0.005)
        assert self.fanout.not_opened == before + 1

    def forged(self, seq: int, room: str | None = None) -> Update:
        """Well-formed."""
        return Update(RoomId(room or self.room), Seq(seq), Epoch(self.epoch), 1, LIE, b"", MemberView(LIE), {})


@asynccontextmanager
async def channel(database_url: str, redis_url: str) -> AsyncIterator[Channel]:
    async with connected(database_url) as database, hosting(database, "a") as table, Redis.from_url(redis_url) as redis:
        room = await open_room(database)
        epoch = await place(database, room)
        fanout = Fanout(database, redis_url, OPENER, presence(database, redis_url))
        publisher = RedisPublisher(redis_url, SEALER)
        running = [asyncio.create_task(work) for work in (fanout.run(), publisher.run())]
        async with asyncio.timeout(20):
            while not (publisher.up and fanout.redis_up):
                await asyncio.wait(running, timeout=0.01)
        try:
            yield Channel(table, room, epoch, fanout, publisher, redis)
        finally:
            for task in running:
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task


async def test_a_forged_next_number_is_not_shown_and_the_true_one_is(database_url: str, redis_url: str) -> None:
    async with channel(database_url, redis_url) as ours:
        sink = await ours.joins("host")
        seq = sink.payloads[0]["seq"]
        assert await ours.redis.publish(room_channel(ours.room), codec.encode(ours.forged(seq + 1))) == 1
        true = await ours.truth()
        ours.publish(true)
        await sink.has(seq + 1)
        frame = msgspec.json.decode(true.frame_for(UserId("host"), "inside"))
        assert sink.payloads[1:] == [frame], "the lie was shown in place of what happened"
        assert ours.fanout.not_opened == 1
        text = Metrics(lambda: 0, lambda: 0, lambda: 0, lambda: ours.fanout.not_opened, dict).text()
        assert b"tavola_redis_not_opened_total 1.0" in text


async def test_nothing_that_was_not_sealed_for_just_this_is_believed(database_url: str, redis_url: str) -> None:
    async with channel(database_url, redis_url) as ours:
        sink = await ours.joins("host")
        seq = sink.payloads[0]["seq"] + 1
        here, lie = room_channel(ours.room), codec.encode(ours.forged(seq))
        stranger = Sealer(Secrets(b"another deployment's secret, say").keys(Purpose.REDIS)[0])
        true = codec.encode(await ours.truth())
        sealed = SEALER.seal(here, true, ours.epoch, seq)
        wrong = {
            "by somebody else": stranger.seal(here, lie, ours.epoch, seq),
            "for another room": SEALER.seal(room_channel("r_other"), true, ours.epoch, seq),
            "for who is there": SEALER.seal("presence:updates", true, ours.epoch, seq),
            "another number": _with(sealed, seq=seq + 1),
            "another epoch": _with(sealed, epoch=ours.epoch + 1),
            "another nonce": _with(sealed, count=7),
            "cut off": sealed[:-1],
            "changed": sealed[:-20] + bytes([sealed[-20] ^ 1]) + sealed[-19:],
            "a head alone": sealed[: HEAD.size],
            "another version": b"\x02" + sealed[1:],
            "nothing": b"",
            "of the version before": codec.encode(ours.forged(seq)),
        }
        for message in wrong.values():
            await ours.lie(message)
        assert sink.seqs == [seq - 1]
        assert await ours.redis.publish(here, sealed) == 1, "the same, as it was sealed"
        await sink.has(seq)
        assert ours.fanout.not_opened == len(wrong)


async def test_what_was_said_is_not_said_again(database_url: str, redis_url: str) -> None:
    """A recorded message, played again: its number has been. To know that, nobody need open it."""

    async with channel(database_url, redis_url) as ours:
        sink = await ours.joins("host")
        seqs = [sink.payloads[0]["seq"]]
        for _ in range(3):
            update = await ours.truth()
            ours.publish(update)
            seqs.append(update.seq)
            await sink.has(update.seq)
            recorded = SEALER.seal(room_channel(ours.room), codec.encode(update), update.epoch, update.seq)
            for _ in range(3):
                assert await ours.redis.publish(room_channel(ours.room), recorded) == 1
        assert sink.seqs == seqs
        assert ours.fanout.not_opened == 0


@pytest.mark.parametrize(
    "message", [b"", b"x" * 200, b'{"type":"presence","room":"%b","user_id":"ann","status":"away"}']
)
async def test_nobody_is_said_to_be_away_who_is_not(database_url: str, redis_url: str, message: bytes) -> None:
    async with channel(database_url, redis_url) as ours:
        await ours.table.does(ours.epoch, "ann", RequestJoin(id="join", room=ours.room, display_name="Ann"))
        sink = await ours.joins("ann")
        await ours.lie(message.replace(b"%b", ours.room.encode()), "presence:updates")
        ours.publish(await ours.truth())
        await sink.has(sink.payloads[0]["seq"] + 1)
        assert len(sink.payloads) == 2


async def test_no_card_can_be_read_in_redis(database_url: str, redis_url: str) -> None:
    """A hand of hold'em as it is published, and an eavesdropper on all channels."""

    async with channel(database_url, redis_url) as ours, ours.redis.pubsub() as ear:
        await ear.psubscribe("*")
        await ear.get_message(timeout=20)
        async with connected(database_url) as database:
            room = await open_room(database, "holdem", auto_start=False)
            epoch = await place(database, room)
        table = ours.table
        for index, user in enumerate(("host", "ann")):
            await table.does(epoch, user, RequestJoin(id="join", room=room, display_name=user))
            await table.does(epoch, user, TakeSeat(id="sit", room=room, seat_index=index))
        await table.does(epoch, "host", Start(id="start", room=room))
        updates = [update for where, update in table.published.messages if where == room]
        dealt = [part for part in updates[-1].users.values() if b"hole_cards_dealt" in part.events]
        assert len(dealt) == 2, "cards are among what is published"
        for update in updates:
            ours.publish(update)
        raw = [await _next(ear) for _ in updates]
        assert [codec.decode(OPENER.open(room_channel(room), message)) for message in raw] == updates
        heard = b"".join(raw)
        for told in (b"hole_cards", b"events", b"kind", b"chips", *(part.patch for part in dealt)):
            assert told not in heard


async def test_nobody_signs_in_by_writing_a_session(database_url: str, redis_url: str) -> None:
    """Under the hash of a cookie of their own they write that it is Ann's; or they move Ann's session there."""

    async with edges(database_url, redis_url, now=(time := Time())) as (edge,), Redis.from_url(redis_url) as redis:
        ann = await edge.sign_in()
        true: Any = await redis.get(_key(ann.cookie))
        session = {"user_id": ann.user, "display_name": "Ann", "created_at": time(), "renewed_at": time()}
        for lie in (json.dumps(session).encode(), true, b""):
            await redis.set(_key("mine"), lie)
            assert await edge.knows("mine") is None
            assert await redis.get(_key("mine")) is None, "it stands in nobody's way"
        assert await edge.knows(ann.cookie) == ann.user
        await redis.set(_key(ann.cookie), b"nonsense")
        assert await edge.knows(ann.cookie) == ann.user, "Postgres has the last word"
        kept: Any = await redis.get(_key(ann.cookie))
        assert ann.user.encode() not in kept, "and it is put back, sealed"


def test_two_secrets_are_opened_while_one_takes_the_place_of_the_other() -> None:
    old, new = b"the secret that was in use so far", b"the one that takes its place, say"
    before, after = (Sealer(Secrets(secret).keys(Purpose.REDIS)[0]) for secret in (old, new))
    for secrets in (Secrets(old, new), Secrets(new, old)):
        opener = Opener(secrets.keys(Purpose.REDIS))
        for sealer in (after, before, after, before):
            assert opener.open("room:r", sealer.seal("room:r", b"text", 3, 4)) == b"text"
    opener = Opener(Secrets(new).keys(Purpose.REDIS))
    assert opener.open("room:r", after.seal("room:r", b"text")) == b"text"
    with pytest.raises(NotOpened):
        opener.open("room:r", before.seal("room:r", b"text"))
    assert numbers(after.seal("room:r", b"text", 3, 4)) == (3, 4)


def _with(sealed: bytes, **changed: int) -> bytes:
    version, salt, count, epoch, seq = HEAD.unpack_from(sealed)
    now = {"count": count, "epoch": epoch, "seq": seq, **changed}
    return HEAD.pack(version, salt, now["count"], now["epoch"], now["seq"]) + sealed[HEAD.size :]


def _key(cookie: str) -> str:
    return f"sess:{hashlib.sha256(cookie.encode()).hexdigest()}"


async def _next(ear: Any) -> bytes:
    while True:
        message = await ear.get_message(ignore_subscribe_messages=True, timeout=20)
        if message is not None and message["channel"].startswith(b"room:"):
            return bytes(message["data"])
