"""REST on two edges: matchmaking, private rooms, the lobby's pages, checkpoints kept, shown and removed, metrics."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from contextlib import AsyncExitStack
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import ClientConnection, connect

from kit.client import Api, Identity, Json
from kit.mentions import keys_with, tables_with
from kit.stack import Stack, until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

PEOPLE = 20


def code_of(reply: httpx.Response) -> tuple[int, str]:
    return reply.status_code, reply.json()["error"]["code"]


async def said(socket: ClientConnection, seen: list[Json], kind: str) -> None:
    """Hear what is said, up to the first frame of that kind."""
    async with asyncio.timeout(20):
        while True:
            seen.append(json.loads(await socket.recv()))
            if seen[-1]["type"] == kind:
                return


async def follows(url: str, who: Identity, room: str, seen: list[Json]) -> ClientConnection:
    """A socket of theirs that was given the room's view."""
    socket = await connect(f"ws{url[4:]}/ws")
    for frame in ({"type": "authenticate", "token": who.token}, {"type": "join_room", "room": room}):
        await socket.send(json.dumps(frame))
    await said(socket, seen, "hydrated")
    return socket


async def opened(api: Api, host: Identity, **wish: Any) -> Json:
    return await api.ok("POST", "/api/rooms", host, {"game": "tictactoe", "approval": "auto", **wish})


async def test_twenty_callers_fill_seats(crowd: Stack) -> None:
    """On two edges, all at once; all of them sit down, and nobody is sent to a seat that is taken."""
    async with AsyncExitStack() as edges:
        apis = [await edges.enter_async_context(Api(url)) for url in crowd.urls]
        who = [await apis[n % 2].sign_in(f"Player {n}") for n in range(PEOPLE)]
        wish = {"game": "holdem", "options": {"turn_seconds": 37}}
        rooms = await asyncio.gather(
            *(apis[n % 2].ok("POST", "/api/matchmake", one, wish) for n, one in enumerate(who))
        )
        assert sorted(Counter(room["id"] for room in rooms).values()) == [2, 6, 6, 6]
        seat: Counter[str] = Counter()
        for n, (one, room) in enumerate(zip(who, rooms, strict=True)):
            path = f"/api/rooms/{room['id']}"
            await apis[n % 2].ok("POST", f"{path}/join", one, {"display_name": one.name})
            seated = await apis[n % 2].ok("POST", f"{path}/seat", one, {"seat_index": seat[room["id"]]})
            assert seated["seat_token"] != seated["rejoin_token"]
            seat[room["id"]] += 1
        late = await apis[0].ok("POST", "/api/matchmake", await apis[0].sign_in("Late"), wish)
        assert seat[late["id"]] == 2, "the table that is not full"


async def test_a_private_room_is_found_by_its_code(crowd: Stack) -> None:
    async with Api(crowd.urls[0]) as api:
        host, friend, stranger = [await api.sign_in(name) for name in ("Ada", "Ben", "Zoe")]
        room = await opened(api, host, visibility="private", options={"turn_seconds": 41})
        by_id, by_code = f"/api/rooms/{room['id']}", f"/api/rooms/{room['code']}"
        listed = await api.ok("GET", "/api/rooms?game=tictactoe&limit=100")
        assert room["id"] not in {each["id"] for each in listed["rooms"]}
        sent = await api.ok("POST", "/api/matchmake", stranger, {"game": "tictactoe", "options": {"turn_seconds": 41}})
        assert sent["id"] != room["id"]
        for who in (None, friend, stranger):
            assert code_of(await api.request("GET", by_id, who)) == (404, "room_not_found")
            assert (await api.ok("GET", by_code, who))["id"] == room["id"]
            assert (await api.ok("GET", f"/api/rooms/{room['code'].lower()}", who))["id"] == room["id"]
        await api.ok("POST", f"{by_code}/join", friend, {"display_name": "Ben"})
        for who in (host, friend):
            assert (await api.ok("GET", by_id, who))["id"] == room["id"]
        assert code_of(await api.request("GET", by_id, stranger)) == (404, "room_not_found")


async def test_the_lobby_by_pages(crowd: Stack) -> None:
    async with Api(crowd.urls[0]) as api:
        host = await api.sign_in("Ada")
        made = [(await opened(api, host, name=f"Room {n}"))["id"] for n in range(7)]
        seen: list[str] = []
        cursor: str | None = ""
        while cursor is not None and not set(made) <= set(seen):
            page = await api.ok("GET", f"/api/rooms?limit=2&cursor={cursor}")
            assert 0 < len(page["rooms"]) <= 2
            seen += [room["id"] for room in page["rooms"]]
            cursor = page["next_cursor"]
        assert set(made) <= set(seen), "none left out"
        assert len(set(seen)) == len(seen), "and none twice"
        full = made[0]
        guest = await api.sign_in("Ben")
        await api.ok("POST", f"/api/rooms/{full}/join", guest, {"display_name": "Ben"})
        for index, who in enumerate((host, guest)):
            await api.ok("POST", f"/api/rooms/{full}/seat", who, {"seat_index": index})
        free = {room["id"] for room in (await api.ok("GET", "/api/rooms?open=true&limit=100"))["rooms"]}
        assert full not in free
        assert made[1] in free


async def test_a_game_is_kept_shown_and_removed(crowd: Stack) -> None:
    async with Api(crowd.urls[0]) as api, crowd.truth() as truth:
        ada, ben = [await api.sign_in(name) for name in ("Ada", "Ben")]
        room = (await opened(api, ada, game="holdem", options={"auto_start": False}))["id"]
        path, game = f"/api/rooms/{room}", f"/api/game/{room}"
        await api.ok("POST", f"{path}/join", ben, {"display_name": "Ben"})
        for index, who in enumerate((ada, ben)):
            await api.ok("POST", f"{path}/seat", who, {"seat_index": index})
        await api.ok("POST", f"{path}/start", ada)
        view = await api.ok("GET", f"{path}/hydrate", ada)
        cards = [*view["me"]["hole_cards"], *(await api.ok("GET", f"{path}/hydrate", ben))["me"]["hole_cards"]]

        for method, where in (("POST", "persist"), ("DELETE", "persist"), ("GET", "restore")):
            assert code_of(await api.request(method, f"{game}/{where}", ben)) == (403, "not_host")
        kept = await api.ok("POST", f"{game}/persist", ada)
        assert (kept["success"], kept["version"]) == (True, view["seq"])
        assert (await api.ok("POST", f"{game}/persist", ada))["version"] == kept["version"]
        reply = await api.request("GET", f"{game}/restore", ada)
        restored = reply.json()
        assert restored["version"] == kept["version"]
        assert restored["state"]["game"] == view["game"]
        assert restored["state"]["seats"].keys() == {"0", "1"}
        assert not [card for card in cards if f'"{card}"' in reply.text], "hole cards are secrets"
        assert not {"deck", "entropy"} & set(reply.text.split('"'))
        assert (await api.ok("GET", f"{game}/restore?version=0", ada))["state"]["seats"] == {}
        assert code_of(await api.request("GET", f"{game}/restore?version=999", ada)) == (404, "room_not_found")
        assert code_of(await api.request("DELETE", f"{game}/persist", ada)) == (409, "hand_in_progress")

        for broken in ('{"info":', '{"info":{},"members":{},"table":{}}', "null"):
            await truth.connection.execute(
                "UPDATE checkpoints SET state = $2, body = NULL WHERE room_id = $1", room, broken
            )
            refused = await api.request("GET", f"{game}/restore", ada)
            assert code_of(refused) == (422, "corrupted_state")
            details = refused.json()["error"]["details"]
            assert (details["room"], details["version"]) == (room, kept["version"])
        await api.ok("POST", f"{game}/persist", ada)
        assert code_of(await api.request("GET", f"{game}/restore", ada))[1] == "corrupted_state", "nothing overwritten"
        await api.ok("POST", f"{game}/persist", ada, {"force_overwrite": True})
        assert (await api.ok("GET", f"{game}/restore", ada))["state"]["game"] == view["game"]

        legal = [(await api.ok("GET", f"{path}/hydrate", who))["me"]["legal"] for who in (ada, ben)]
        actor = ada if legal[0] else ben
        await api.ok("POST", f"{path}/actions", actor, {"move": "fold"})
        await api.ok("POST", f"{path}/close", ada)
        code = (await api.ok("GET", path, ada))["code"]
        seen: list[Json] = []
        socket = await follows(crowd.urls[1], ben, room, seen)
        removed = await api.request("DELETE", f"{game}/persist", ada)
        assert (removed.status_code, removed.json()["success"]) == (202, True)

        async def done() -> bool:
            return bool((await api.ok("GET", f"{game}/persist", ada))["status"] == "done")

        await until(done, "the steward has removed it")
        assert await tables_with(truth.connection, room, code) == {}
        assert await keys_with(crowd.redis_url, room, code) == []
        for method, where in (("GET", f"{path}/hydrate"), ("GET", f"{path}/events"), ("POST", f"{path}/leave")):
            assert code_of(await api.request(method, where, ben)) == (410, "game_over"), where
        token = {"player_id": ben.user, "reconnect_token": "x" * 43}
        assert code_of(await api.request("POST", f"{game}/reconnect", None, token)) == (410, "game_over")
        assert code_of(await api.request("GET", f"/api/rooms/{code}/hydrate", ben)) == (404, "room_not_found")
        async with socket:
            await said(socket, seen, "error")
            assert (seen[-1]["room"], seen[-1]["code"]) == (room, "game_over"), "who follows it hears of it"
            await socket.send(json.dumps({"type": "join_room", "room": room}))
            await said(socket, seen, "error")
            assert seen[-1]["code"] == "game_over"


async def test_a_key_is_one_commands(crowd: Stack) -> None:
    async with Api(crowd.urls[0]) as api:
        host = await api.sign_in("Ada")
        room = f"/api/rooms/{(await opened(api, host))['id']}"
        await api.ok("POST", f"{room}/chat", host, {"text": "the actor is there"})
        said = await api.request("POST", f"{room}/chat", host, {"text": "hello"}, id="key")
        again = await api.request("POST", f"{room}/chat", host, {"text": "hello"}, id="key")
        assert said.json() == again.json()
        for path, body in (("seat", {"seat_index": 0}), ("join", {"display_name": "Ada"})):
            reply = await api.request("POST", f"{room}/{path}", host, body, id="key")
            assert code_of(reply) == (409, "id_reused"), path


async def test_metrics_tell_no_names(crowd: Stack) -> None:
    async with Api(crowd.urls[0]) as api:
        host = await api.sign_in("Ada Lovelace")
        room = await opened(api, host)
        before = await _counted(api, 'tavola_commands_total{command="chat",outcome="done"}')
        await api.ok("POST", f"/api/rooms/{room['id']}/chat", host, {"text": "hello"})
        refused = await api.request("POST", f"/api/rooms/{room['id']}/rebuy", host, {"amount": 1})
        assert code_of(refused) == (403, "not_seated")
        assert await _counted(api, 'tavola_commands_total{command="chat",outcome="done"}') == before + 1
        assert await _counted(api, 'tavola_commands_total{command="rebuy",outcome="not_seated"}') >= 1
        assert await _counted(api, "tavola_answer_seconds_count") >= 2
        assert await _counted(api, "tavola_sockets") >= 0
        text = (await api.request("GET", "/metrics")).text
        assert not [word for word in (host.user, host.token, room["id"], room["code"], "Lovelace") if word in text]


async def _counted(api: Api, name: str) -> float:
    reply = await api.request("GET", "/metrics")
    assert reply.headers["content-type"].startswith("text/plain")
    values = [line.rpartition(" ")[2] for line in reply.text.splitlines() if line.rpartition(" ")[0] == name]
    return float(values[0]) if values else 0.0
