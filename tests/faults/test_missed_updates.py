"""A player was away for more updates than are given at once: what each door gives, and the clients that ask for all."""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import NamedTuple

import pytest

from kit.client import Api, Identity, Json, Player
from kit.examples import ROOT
from kit.stack import PATIENCE_S, Stack
from kit.table import open_room
from tavola.client import PlainTavola, Tavola

pytestmark = [pytest.mark.slow]

SPEAKERS, EACH = 5, 90
"""Nobody may change a room more than a hundred times at once."""
SAID = SPEAKERS * EACH
AT_ONCE = 200
NODE = shutil.which("node")


class Away(NamedTuple):
    """Bob has lost his connection to a table after `seq`; since then others have said `SAID` things."""

    api: Api
    url: str
    room: str
    bob: Player
    seq: int
    truth: list[Json]
    """As their other socket was told them, which stayed."""

    @property
    def last(self) -> int:
        """The number of what was said last. More may follow: the room goes on."""
        return self.seq + len(self.truth)

    async def token(self) -> str:
        made = await self.api.ok("GET", f"/api/game/{self.room}/connection-token", self.bob.who)
        return str(made["token"])

    def is_all(self, updates: list[Json]) -> bool:
        """These are all that Bob has missed, once and in order."""
        said = [event["text"] for update in updates for event in update["events"] if event["kind"] == "chat"]
        assert [update["seq"] for update in updates] == list(range(self.seq + 1, self.seq + 1 + len(updates)))
        assert said == [str(number) for number in range(SAID)]
        told = [(update["events"], update.get("patch")) for update in updates[: len(self.truth)]]
        assert told == [(update["events"], update.get("patch")) for update in self.truth]
        return True


async def _watching(api: Api, room: str, name: str) -> Identity:
    who = await api.sign_in(name)
    await api.ok("POST", f"/api/rooms/{room}/join", who, {"display_name": name})
    await api.ok("POST", f"/api/rooms/{room}/spectate", who, {})
    return who


@asynccontextmanager
async def _away(stack: Stack) -> AsyncIterator[Away]:
    url = stack.urls[0]
    async with Api(url) as api:
        ann, bob = [await api.sign_in(name) for name in ("Ann", "Bob")]
        room = await open_room(api, ann, "tictactoe")
        await api.ok("POST", f"/api/rooms/{room}/join", bob, {"display_name": "Bob"})
        for index, who in enumerate((ann, bob)):
            await api.ok("POST", f"/api/rooms/{room}/seat", who, {"seat_index": index})
        speakers = [Player(await _watching(api, room, f"Guest {number}"), room) for number in range(SPEAKERS)]
        gone, stays = Player(bob, room), Player(bob, room)
        everybody = (gone, stays, *speakers)
        try:
            for player in everybody:
                await player.follow(url)
            await gone.until(lambda: gone.seq == speakers[-1].seq, "Bob is current")
            await gone.leave()
            seq = gone.seq
            for number in range(SAID):
                last = (await speakers[number // EACH].command("chat", text=str(number)))["seq"]
            await stays.until(lambda: stays.seq >= last, "Bob's other socket hears it all")
            truth = [stays.told[number] for number in range(seq + 1, last + 1)]
            yield Away(api, url, room, gone, seq, truth)
        finally:
            for player in everybody:
                await player.leave()


async def test_a_socket_that_missed_too_much_is_given_a_whole_view(crowd: Stack) -> None:
    async with _away(crowd) as away:
        bob = away.bob
        before = bob.hydrations
        await bob.follow(away.url)
        assert bob.hydrations == before + 1
        assert [number for number in bob.numbers if away.seq < number <= away.last] == [], "the view stands for them"
        ack = await bob.command("chat", text="back")
        await bob.until(lambda: bob.seq >= ack["seq"] > away.last, "Bob hears what Bob said")
        assert bob.faults == []


async def test_rest_gives_the_oldest_and_says_where_the_rest_begins(crowd: Stack) -> None:
    async with _away(crowd) as away:
        body = {"player_id": away.bob.who.user, "reconnect_token": await away.token(), "after": away.seq}
        back = await away.api.ok("POST", f"/api/game/{away.room}/reconnect", None, body)
        assert len(back["missed_events"]) == AT_ONCE
        assert (back["more"], back["next"]) == (True, away.seq + AT_ONCE)
        updates, after, pages = back["missed_events"], back["next"], 0
        while after is not None:
            path = f"/api/rooms/{away.room}/events?after={after}&limit={AT_ONCE}"
            page = await away.api.ok("GET", path, away.bob.who)
            updates, after, pages = updates + page["updates"], page["next"], pages + 1
        assert pages == 2
        assert away.is_all(updates)
        assert back["game_state"]["seq"] >= away.last


async def test_pythons_client_asks_until_all_is_there(crowd: Stack) -> None:
    async with _away(crowd) as away, Tavola(away.url, token=away.bob.who.token) as tavola:
        back = await tavola.reconnect(away.room, await away.token(), after=away.seq)
        assert (back["more"], back["next"]) == (False, None)
        assert back["missed_events"][-1]["seq"] == back["game_state"]["seq"]
        assert away.is_all(back["missed_events"])
        assert away.is_all([update async for update in tavola.missed(away.room, away.seq)])
        until = away.seq + AT_ONCE + 7
        some = [update["seq"] async for update in tavola.missed(away.room, away.seq, until)]
        assert some == list(range(away.seq + 1, until + 1))
        assert (await tavola.reconnect(away.room, await away.token()))["missed_events"] == []


async def test_pythons_client_without_asyncio_does_so_too(crowd: Stack) -> None:
    async with _away(crowd) as away:
        token = await away.token()

        def comes_back() -> tuple[list[Json], list[Json]]:
            with PlainTavola(away.url, token=away.bob.who.token) as tavola:
                back = tavola.reconnect(away.room, token, after=away.seq)
                return back["missed_events"], list(tavola.missed(away.room, away.seq))

        given, asked = await asyncio.to_thread(comes_back)
        assert away.is_all(given)
        assert away.is_all(asked)


@pytest.mark.skipif(NODE is None, reason="no node on this machine")
async def test_javascripts_client_asks_until_all_is_there(crowd: Stack) -> None:
    async with _away(crowd) as away:
        given = {"identity": away.bob.who.token, "room": away.room, "token": await away.token(), "after": away.seq}
        files = (ROOT / "tests/browser/missed.mjs", ROOT / "edge/static/client/tavola.js")
        command = [str(NODE), *map(str, files), away.url, json.dumps(given)]
        run = await asyncio.to_thread(
            subprocess.run, command, capture_output=True, text=True, timeout=PATIENCE_S, check=False
        )
        assert run.returncode == 0, run.stderr
        told = json.loads(run.stdout)
        assert (told["back"]["more"], told["back"]["next"]) == (False, None)
        assert told["back"]["missed_events"][-1]["seq"] == told["back"]["game_state"]["seq"]
        assert away.is_all(told["back"]["missed_events"])
        assert away.is_all(told["missed"])
