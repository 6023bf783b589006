"""With more rooms than are asked after at once, they take turns: what was lost is found in each of them."""

from __future__ import annotations

import asyncio

import pytest

from kit.followers import follower
from kit.hosts import OPENER, chat, connected, hosting, open_room, place
from kit.people import presence
from kit.proxy import proxied
from tavola.actors.wire.messages import ViewAt
from tavola.edge.ws import fanout as fanouts
from tavola.edge.ws.fanout import Fanout

ROOMS = 5


@pytest.mark.parametrize("redis", [True, False], ids=["with Redis", "without"])
async def test_a_lost_message_is_found_in_every_room(
    database_url: str, redis_url: str, monkeypatch: pytest.MonkeyPatch, redis: bool
) -> None:
    monkeypatch.setattr(fanouts, "POLL_ROOMS", 2)

    async with (
        connected(database_url, most=6) as database,
        hosting(database, "a") as table,
        proxied(redis_url) as proxy,
    ):
        if not redis:
            proxy.go_away()
        fanout = Fanout(database, proxy.url, OPENER, presence(database, proxy.url))
        running = asyncio.create_task(fanout.run())
        sinks = []
        for _ in range(ROOMS):
            room = await open_room(database)
            epoch = await place(database, room)
            one, sink = follower("host")
            await fanout.begin(one, room)
            seen = await table.look(epoch, "host", room)
            assert isinstance(seen, ViewAt)
            sink.payloads.append({"seq": seen.seq})
            fanout.place(one, room, seen.seq, seen.epoch, seen.audience, has_part=seen.has_part)
            await table.does(epoch, "host", chat(room, "unheard"))
            sinks.append((sink, seen.seq + 1))
        for sink, seq in sinks:
            await sink.has(seq)
        running.cancel()
        await asyncio.wait((running,))
