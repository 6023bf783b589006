"""Tokens over real sockets and REST: none is good for anything but what it was given for."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import httpx
import pytest

from kit.client import Api, Identity, Json, Player
from kit.stack import Stack
from kit.table import open_room
from kit.tokens import Returning, raw

pytestmark = [pytest.mark.slow]


class Scene:
    """A room of tic-tac-toe: Ann hosts and sits at 0, Bob sits at 1, Cid watches. `given` are their answers."""

    def __init__(self, url: str, api: Api, room: str, who: dict[str, Identity]) -> None:
        self.url, self.api, self.room, self.who = url, api, room, who
        self.given: dict[str, Json] = {}

    async def does(self, name: str, path: str, body: Any = None, method: str = "POST") -> Json:
        return await self.api.ok(method, f"/api/rooms/{self.room}/{path}", self.who[name], body)

    async def refused(self, name: str | None, method: str, path: str, body: Any = None) -> tuple[int, str]:
        reply = await self.api.request(method, path, self.who[name] if name else None, body)
        return reply.status_code, reply.json()["error"]["code"]

    def session(self) -> str:
        return f"/api/rooms/{self.room}/session"


async def _scene(stack: Stack, api: Api, url: str) -> Scene:
    who = {name: await api.sign_in(name) for name in ("Ann", "Bob", "Cid", "Dan")}
    room = await open_room(api, who["Ann"], "tictactoe")
    scene = Scene(url, api, room, who)
    for name in ("Bob", "Cid"):
        await scene.does(name, "join", {"display_name": name})
    for index, name in enumerate(("Ann", "Bob")):
        scene.given[name] = await scene.does(name, "seat", {"seat_index": index})
    scene.given["Cid"] = await scene.does("Cid", "spectate", {})
    return scene


# Tokens that are given


async def test_what_rest_gives_opens_a_socket(stack: Stack) -> None:
    url = stack.urls[0]
    async with Api(url) as api:
        scene = await _scene(stack, api, url)
        assert scene.given["Ann"].keys() == {"seat_index", "seat_token", "rejoin_token", "seq"}
        assert scene.given["Cid"].keys() == {"rejoin_token", "seq"}
        for name, kind, role, seat in (
            ("Ann", "rejoin_token", "player", 0),
            ("Bob", "seat_token", "player", 1),
            ("Cid", "rejoin_token", "spectator", None),
        ):
            async with raw(stack.urls[-1]) as socket:
                await socket.say({"type": "authenticate", kind: scene.given[name][kind]})
                welcome = await socket.hear("authenticated")
                assert (welcome["user_id"], welcome["room"]) == (scene.who[name].user, scene.room)
                assert (welcome["role"], welcome.get("seat_index")) == (role, seat)
                assert welcome["is_host"] == (name == "Ann")
                assert ("seat_token" in welcome) == (role == "player")
                assert welcome["rejoin_token"] not in scene.given[name].values(), "a fresh one"
                view = (await socket.hear("hydrated"))["view"]
                assert view["me"]["role"] == role
                assert "rejoin_token" not in view["me"], "they were given one already"
                assert "host_controls" in view if name == "Ann" else "host_controls" not in view


async def test_the_same_command_gives_the_same_token_and_no_grant_is_told(stack: Stack) -> None:
    url = stack.urls[0]
    async with Api(url) as api, stack.truth() as truth, raw(url) as socket:
        who = await api.sign_in("Ann")
        room = await open_room(api, who, "tictactoe")
        await socket.say({"type": "authenticate", "token": who.token}, {"type": "join_room", "room": room})
        await socket.hear("hydrated")
        sit = {"type": "take_seat", "id": "sit", "room": room, "seat_index": 0}
        await socket.say(sit)
        first = await socket.hear("ack")
        await socket.say(sit)
        again = await socket.hear("ack")
        assert again["rejoin_token"] == first["rejoin_token"]
        assert again["seq"] == first["seq"]
        [update] = [f for f in socket.heard if f["type"] == "update" and f["seq"] == first["seq"]]
        assert update["rejoin_token"] == first["rejoin_token"]
        for token in (first["seat_token"], again["seat_token"]):
            async with raw(url) as other:
                await other.say({"type": "authenticate", "seat_token": token})
                assert (await other.hear("authenticated"))["seat_index"] == 0
        grant = await truth.value("SELECT seat_token FROM room_seats WHERE room_id = $1", room)
        past = await api.ok("GET", f"/api/rooms/{room}/events", who)
        assert len(grant) == 24
        for told in (json.dumps(socket.heard), json.dumps(past)):
            assert f'"{grant}"' not in told
            assert '"grant"' not in told
        assert "rejoin_token" not in json.dumps(past)


async def test_who_is_approved_is_given_his_token_with_the_update(stack: Stack) -> None:
    url = stack.urls[0]
    async with Api(url) as api:
        ann, bob, cid = [await api.sign_in(name) for name in ("Ann", "Bob", "Cid")]
        room = await open_room(api, ann, "tictactoe", "host")
        live = Returning(bob, room)
        await live.follow(url)
        assert "rejoin_token" not in live.view["me"], "a guest has nothing to come back to"
        for each in (bob, cid):
            joined = await api.ok("POST", f"/api/rooms/{room}/join", each, {"display_name": each.name})
            assert joined["status"] == "pending"
            assert "rejoin_token" not in joined
        away = Returning(cid, room)
        await away.follow(url)
        seen = away.seq
        await away.leave()
        for each in (bob, cid):
            await api.ok("POST", f"/api/rooms/{room}/approve", ann, {"user_id": each.user, "approved": True})
        await live.until(lambda: live.seq >= seen + 2, "approved")
        [given] = [u["rejoin_token"] for u in live.told.values() if "rejoin_token" in u]
        await away.follow(url)
        [replayed] = [u["rejoin_token"] for u in away.told.values() if "rejoin_token" in u]
        assert replayed != given
        for player, token in ((live, given), (away, replayed)):
            welcome = await player.back(url, refreshed=True, rejoin_token=token)
            assert (welcome["user_id"], welcome["role"]) == (player.who.user, "approved")
            await player.leave()


async def test_whoever_was_given_nothing_finds_a_token_in_his_view(stack: Stack) -> None:
    url = stack.urls[0]
    async with Api(url) as api:
        scene = await _scene(stack, api, url)
        for name in ("Ann", "Bob", "Cid"):
            player = Returning(scene.who[name], scene.room)
            await player.follow(url)
            first = player.view["me"]["rejoin_token"]
            await player.back(url, refreshed=True, rejoin_token=first)
            await player.leave()
        async with raw(url) as socket:
            await socket.say({"type": "authenticate", "token": scene.who["Dan"].token})
            await socket.say({"type": "join_room", "room": scene.room})
            assert "rejoin_token" not in (await socket.hear("hydrated"))["view"]["me"], "a guest"
        async with raw(url) as socket:
            await socket.say({"type": "authenticate", "token": scene.who["Ann"].token})
            for number in range(3):
                await socket.say({"type": "join_room", "room": scene.room})
                me = (await socket.hear("hydrated"))["view"]["me"]
                assert ("rejoin_token" in me) == (number == 0), "one a socket is enough"


# Tokens that are refused


async def test_no_token_opens_what_it_is_not_for(stack: Stack) -> None:
    url = stack.urls[0]
    async with Api(url) as api:
        scene = await _scene(stack, api, url)
        bob = scene.given["Bob"]
        seat, rejoin, identity = bob["seat_token"], bob["rejoin_token"], scene.who["Bob"].token
        connection = (await api.ok("GET", f"/api/game/{scene.room}/connection-token", scene.who["Bob"]))["token"]
        for held in (
            {"token": seat}, {"token": rejoin}, {"token": connection}, {"token": ""},
            {"seat_token": identity}, {"seat_token": rejoin}, {"seat_token": connection}, {"seat_token": ""},
            {"rejoin_token": identity}, {"rejoin_token": seat}, {"rejoin_token": connection}, {"rejoin_token": ""},
        ):  # fmt: skip
            async with raw(url) as socket:
                assert await socket.turned_away(**held) == ("token_invalid", 4401), held
        for several in ({"token": identity, "rejoin_token": rejoin}, {"rejoin_token": rejoin, "seat_token": seat}):
            async with raw(url) as socket:
                assert await socket.turned_away(**several) == ("invalid_message", 4400)
        async with raw(url) as socket:
            assert await socket.turned_away() == ("unauthenticated", 4401)
        for token in (seat, rejoin, connection):
            reply = await api.request("GET", "/api/session", scene.who["Bob"]._replace(token=token))
            assert (reply.status_code, reply.json()["error"]["code"]) == (401, "token_invalid")


async def test_a_rooms_token_is_good_for_that_room_only(stack: Stack) -> None:
    url = stack.urls[0]
    async with Api(url) as api:
        scene = await _scene(stack, api, url)
        bob = scene.who["Bob"]
        other = await open_room(api, bob, "tictactoe")
        async with raw(url) as socket:
            await socket.say({"type": "authenticate", "rejoin_token": scene.given["Bob"]["rejoin_token"]})
            await socket.hear("hydrated")
            elsewhere: list[Json] = [
                {"type": "join_room", "room": other},
                {"type": "resync", "room": other, "after": 0},
                {"type": "take_seat", "id": "sit", "room": other, "seat_index": 0},
                {"type": "close_room", "id": "close", "room": other},
            ]
            for frame in elsewhere:
                await socket.say(frame)
                refused = await socket.hear("error")
                assert (refused["code"], refused["room"], refused.get("id")) == ("forbidden", other, frame.get("id"))
            await socket.say({"type": "chat", "id": "here", "room": scene.room, "text": "but here"})
            await socket.hear("ack")
            await socket.say({"type": "authenticate", "token": scene.who["Ann"].token})
            assert (await socket.hear("error"))["code"] == "forbidden", "another user's"
            await socket.say({"type": "authenticate", "token": bob.token})
            assert "room" not in await socket.hear("authenticated")
            await socket.say(*elsewhere[:1])
            assert (await socket.hear("hydrated"))["room"] == other
            await socket.say({"type": "authenticate", "seat_token": scene.given["Bob"]["seat_token"]})
            await socket.hear("hydrated")
            await socket.say(elsewhere[2])
            assert (await socket.hear("ack"))["room"] == other, "a room's token confines nobody who signed in"


async def test_what_comes_behind_an_authenticate_waits_for_it(stack: Stack) -> None:
    url = stack.urls[0]
    async with Api(url) as api:
        scene = await _scene(stack, api, url)
        chat: dict[str, Any] = {"type": "chat", "room": scene.room}
        for name in ("Bob", "Cid"):
            async with raw(url) as socket:
                hello = {"type": "authenticate", "rejoin_token": scene.given[name]["rejoin_token"]}
                await socket.say(
                    hello, {**chat, "id": f"{name} 1", "text": "1"}, {"type": "heartbeat"},
                    hello, {**chat, "id": f"{name} 2", "text": "2"},
                    {"type": "left?"}, {**chat, "id": "3", "text": "3"},
                )  # fmt: skip
                while [f.get("id") for f in socket.heard if f["type"] == "ack"][-1:] != ["3"]:
                    await socket.hear("ack")
                kinds = [f["type"] for f in socket.heard if f["type"] in ("authenticated", "heartbeat_ack", "error")]
                assert kinds == ["authenticated", "heartbeat_ack", "authenticated", "error"]
                assert [f["id"] for f in socket.heard if f["type"] == "ack"] == [f"{name} 1", f"{name} 2", "3"]
        async with raw(url) as socket:
            await socket.say({"type": "authenticate", "rejoin_token": "nobody's"}, {**chat, "id": "4", "text": "4"})
            assert await socket.closed() == 4401
            assert [f["type"] for f in socket.heard] == ["error"], "and nothing of what came behind was done"
        async with raw(url) as socket:
            hello = {"type": "authenticate", "rejoin_token": scene.given["Bob"]["rejoin_token"]}
            flood = [{**chat, "id": f"f{number}", "text": "x" * 400} for number in range(900)]
            await socket.say(hello, *flood)
            answered: set[str] = set()
            while len(answered) < len(flood):
                frame = json.loads(await socket.socket.recv())
                if frame["type"] in ("ack", "error"):
                    assert frame.get("code") in (None, "rate_limited", "overloaded"), frame
                    answered.add(frame["id"])


async def test_who_is_put_out_is_told_and_closed(stack: Stack) -> None:
    here, there = stack.urls
    async with Api(here) as api:
        scene = await _scene(stack, api, here)
        bob, room = scene.who["Bob"], scene.room
        tabs = [Player(bob, room), Player(bob, room)]
        for tab, url in zip(tabs, (here, there), strict=True):
            await tab.follow(url)
        given = scene.given["Bob"]
        async with raw(there) as elsewhere:
            await elsewhere.say({"type": "authenticate", "token": bob.token})
            await elsewhere.hear("authenticated")
            done = await scene.does("Ann", "kick", {"user_id": bob.user, "ban": True})
            for tab in tabs:
                await _gone(tab, done["seq"])
                [update] = [u for u in tab.told.values() if u["seq"] == done["seq"]]
                assert any(event["kind"] == "player_kicked" for event in update["events"])
                await tab.leave()
            await elsewhere.say({"type": "join_room", "room": room, "after": 0})
            told = json.dumps((await elsewhere.hear("updates"))["updates"])
            assert "player_kicked" in told, "their own past, and no more"
            await elsewhere.say({"type": "leave_room", "room": room}, {"type": "join_room", "room": room})
            view = (await elsewhere.hear("hydrated"))["view"]
            assert view["me"]["role"] == "guest"
            assert not {"seats", "game", "turn"} & view.keys()
            assert "rejoin_token" not in view["me"]
        for name in ("rejoin_token", "seat_token"):
            async with raw(here) as socket:
                assert await socket.turned_away(**{name: given[name]}) == ("token_invalid", 4401)
        session = await api.ok("GET", scene.session(), bob)
        assert session == {"membership": "kicked", "role": "guest", "is_host": False, "display_name": "Bob"}


async def _gone(player: Player, seq: int) -> None:
    """Wait until their socket was closed because they were put out, after the update that says so."""
    async with asyncio.timeout(40), player._news:
        await player._news.wait_for(lambda: player.closed is not None)
    assert (player.closed, player.seq) == (4403, seq)


async def test_leaving_the_seat_ends_its_tokens_alone(stack: Stack) -> None:
    url = stack.urls[0]
    async with Api(url) as api:
        scene = await _scene(stack, api, url)
        given, bob = scene.given["Bob"], scene.who["Bob"]
        connection = (await api.ok("GET", f"/api/game/{scene.room}/connection-token", bob))["token"]
        await scene.does("Bob", "seat", method="DELETE")
        async with raw(url) as socket:
            assert await socket.turned_away(seat_token=given["seat_token"]) == ("token_invalid", 4401)
        body = {"player_id": bob.user, "reconnect_token": connection}
        path = f"/api/game/{scene.room}"
        assert await scene.refused(None, "POST", f"{path}/reconnect", body) == (401, "token_invalid")
        assert await scene.refused("Bob", "GET", f"{path}/connection-token") == (403, "not_seated")
        async with raw(url) as socket:
            await socket.say({"type": "authenticate", "rejoin_token": given["rejoin_token"]})
            welcome = await socket.hear("authenticated")
            assert "seat_token" not in welcome
            assert "seat_index" not in welcome
            assert welcome["role"] != "player"


async def test_signing_out_ends_everything_everywhere(stack: Stack) -> None:
    here, there = stack.urls
    async with Api(here) as api:
        scene = await _scene(stack, api, here)
        bob, given = scene.who["Bob"], scene.given["Bob"]
        async with raw(there) as by_rejoin, raw(there) as by_seat, raw(there) as anns:
            await by_rejoin.say({"type": "authenticate", "rejoin_token": given["rejoin_token"]})
            fresh = (await by_rejoin.hear("authenticated"))["rejoin_token"]
            await by_seat.say({"type": "authenticate", "seat_token": given["seat_token"]})
            await by_seat.hear("authenticated")
            await anns.say({"type": "authenticate", "rejoin_token": scene.given["Ann"]["rejoin_token"]})
            await anns.hear("hydrated")
            await api.ok("DELETE", "/api/session", bob)
            assert await by_rejoin.closed() == 4401
            assert await by_seat.closed() == 4401
            await anns.say({"type": "heartbeat"})
            await anns.hear("heartbeat_ack")
        for held in (
            {"rejoin_token": fresh},
            {"rejoin_token": given["rejoin_token"]},
            {"seat_token": given["seat_token"]},
        ):
            async with raw(here) as socket:
                assert await socket.turned_away(**held) == ("token_invalid", 4401)


async def test_a_sessions_cookie_is_enough(stack: Stack) -> None:
    url = stack.urls[0]
    async with httpx.AsyncClient(base_url=url, trust_env=False) as browser:
        made = (await browser.post("/api/session", json={"display_name": "Eve"})).json()
        cookie = f"tavola_session={browser.cookies['tavola_session']}"
        async with raw(url, cookie) as socket:
            await socket.say({"type": "authenticate"}, {"type": "heartbeat"})
            welcome = await socket.hear("authenticated")
            assert (welcome["user_id"], welcome["display_name"]) == (made["user_id"], "Eve")
            await socket.hear("heartbeat_ack")
        async with raw(url, "tavola_session=nonsense") as socket:
            assert await socket.turned_away() == ("unauthenticated", 4401)
        async with raw(url, cookie) as socket:
            assert await socket.turned_away(token="x") == ("token_invalid", 4401), "what is said comes first"


# By REST


async def test_membership_and_fresh_tokens_by_rest(stack: Stack) -> None:
    url = stack.urls[0]
    async with Api(url) as api:
        scene = await _scene(stack, api, url)
        sessions = {name: await api.ok("GET", scene.session(), scene.who[name]) for name in scene.who}
        assert sessions["Dan"] == {"membership": "none", "role": "guest", "is_host": False}
        for name, role, seat in (("Ann", "player", 0), ("Bob", "player", 1), ("Cid", "spectator", None)):
            session = sessions[name]
            assert (session["membership"], session["role"], session["is_host"]) == ("approved", role, name == "Ann")
            assert session.get("seat_index") == seat
            held = {key: session[key] for key in ("rejoin_token", "seat_token") if key in session}
            assert len(held) == (1 if seat is None else 2)
            for key, token in held.items():
                async with raw(url) as socket:
                    await socket.say({"type": "authenticate", key: token})
                    assert (await socket.hear("authenticated"))["user_id"] == scene.who[name].user
        assert await scene.refused("Ann", "GET", "/api/rooms/r_none/session") == (404, "room_not_found")
        assert await scene.refused(None, "GET", scene.session()) == (401, "unauthenticated")


async def test_a_seat_is_taken_up_again_by_rest(stack: Stack) -> None:
    url = stack.urls[0]
    async with Api(url) as api:
        scene = await _scene(stack, api, url)
        bob, path = scene.who["Bob"], f"/api/game/{scene.room}"
        made = await api.ok("GET", f"{path}/connection-token", bob)
        assert made["player_id"] == bob.user
        other = await open_room(api, bob, "tictactoe")
        good = {"player_id": bob.user, "reconnect_token": made["token"], "after": 2}
        for where, body in (
            (f"/api/game/{other}", good),
            (path, {**good, "player_id": scene.who["Ann"].user}),
            (path, {**good, "reconnect_token": scene.given["Ann"]["rejoin_token"]}),
            (path, {**good, "reconnect_token": scene.given["Bob"]["seat_token"]}),
            (path, {**good, "reconnect_token": bob.token}),
            (path, {**good, "reconnect_token": "x"}),
        ):
            assert await scene.refused(None, "POST", f"{where}/reconnect", body) == (401, "token_invalid"), body
        back = await api.ok("POST", f"{path}/reconnect", None, good)
        assert back["success"] is True
        state = back["game_state"]
        assert (state["me"]["user_id"], state["me"]["seat_index"]) == (bob.user, 1)
        assert [update["seq"] for update in back["missed_events"]] == list(range(3, state["seq"] + 1))
        assert "T" in back["reconnected_at"]
        assert await scene.refused(None, "POST", f"{path}/reconnect", good) == (401, "token_invalid"), "used"
        async with raw(url) as socket:
            await socket.say({"type": "authenticate", "rejoin_token": state["me"]["rejoin_token"]})
            assert (await socket.hear("authenticated"))["seat_index"] == 1
        again = {"player_id": bob.user, "reconnect_token": scene.given["Bob"]["rejoin_token"]}
        for _ in range(2):
            back = await api.ok("POST", f"{path}/reconnect", None, again)
            assert (back["missed_events"], back["more"], back["next"]) == ([], False, None)
            assert "rejoin_token" not in back["game_state"]["me"]
        view = await api.ok("GET", f"/api/rooms/{scene.room}/hydrate", bob)
        assert {**back["game_state"], "recent": []} == {**view, "recent": []}


async def test_one_of_many_uses_a_connection_token(stack: Stack) -> None:
    async with Api(stack.urls[0]) as one, Api(stack.urls[1]) as other:
        scene = await _scene(stack, one, stack.urls[0])
        path = f"/api/game/{scene.room}"
        made = await one.ok("GET", f"{path}/connection-token", scene.who["Bob"])
        body = {"player_id": scene.who["Bob"].user, "reconnect_token": made["token"]}
        replies = await asyncio.gather(
            *(api.request("POST", f"{path}/reconnect", None, body) for api in (one, other) for _ in range(5))
        )
        assert sorted(reply.status_code for reply in replies) == [200] + [401] * 9


async def test_a_client_at_100_is_given_101_and_102(stack: Stack) -> None:
    url = stack.urls[0]
    async with Api(url) as api, raw(url) as socket:
        scene = await _scene(stack, api, url)
        chat = {"type": "chat", "room": scene.room}
        await socket.say({"type": "authenticate", "rejoin_token": scene.given["Bob"]["rejoin_token"]})
        seq = (await socket.hear("hydrated"))["seq"]
        await socket.say(*({**chat, "id": f"c{n}", "text": str(n)} for n in range(seq + 1, 103)))
        while (await socket.hear("update"))["seq"] < 102:
            pass
        fresh = next(f["rejoin_token"] for f in socket.heard if f["type"] == "authenticated")
        for frame in (
            {"type": "resync", "room": scene.room, "after": 100},
            {"type": "join_room", "room": scene.room, "after": 100},
            {"type": "authenticate", "rejoin_token": fresh, "after": {scene.room: 100}},
        ):
            start = len(socket.heard)
            await socket.say(frame)
            updates = await socket.hear("updates")
            assert [update["seq"] for update in updates["updates"]] == [101, 102]
            await socket.say({"type": "heartbeat"})
            await socket.hear("heartbeat_ack")
            assert [f["type"] for f in socket.heard[start:] if f["type"] in ("update", "hydrated")] == []
        await socket.say({**chat, "id": "last", "text": "103"})
        assert (await socket.hear("update"))["seq"] == 103
