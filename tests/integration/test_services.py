"""Other servers at the door: a token does what its scopes say, for a user whom the server vouches for or for itself."""

from __future__ import annotations

import asyncio

import pytest

from kit.backends import Backend, backend
from kit.doors import doors
from tavola.edge.identity.services import KnownServices

PRIVATE = {"game": "tictactoe", "visibility": "private", "approval": "auto"}


async def test_it_acts_for_users_whom_it_names(database_url: str, redis_url: str) -> None:
    async with doors(database_url, redis_url) as d:
        shop = await backend(d, "act")
        room = (await shop.ok("POST", "/api/rooms", PRIVATE, user="ann", name="Ann%20%C3%84"))["id"]
        path = f"/api/rooms/{room}"
        await shop.ok("POST", f"{path}/seat", {"seat_index": 0}, user="ann")
        code = (await shop.ok("GET", path, user="ann"))["code"]
        await shop.ok("POST", f"/api/rooms/{code}/join", {"display_name": "Bob"}, user="bob")
        await shop.ok("POST", f"{path}/seat", {"seat_index": 1}, user="bob")
        view = await shop.ok("GET", f"{path}/hydrate", user="bob")
        assert [seat and seat["display_name"] for seat in view["seats"].values()] == ["Ann Ä", "Bob"]
        await shop.ok("POST", f"{path}/chat", {"text": "Hello."}, user="bob")
        assert [row["user_id"] for row in await d.log(room) if row["user_id"]] == ["ann", "bob", "bob", "bob"]
        # It may not do for itself what is a user's, and no user is an operator.
        assert await shop.refused("POST", f"{path}/leave") == "forbidden"
        assert await shop.refused("POST", "/api/rooms", PRIVATE) == "forbidden"
        assert await shop.refused("GET", f"/api/admin/rooms/{room}/log", user="ann") == "forbidden"


async def test_it_opens_rooms_and_closes_any(database_url: str, redis_url: str) -> None:
    async with doors(database_url, redis_url) as d:
        shop = await backend(d, "manage")
        ann = d.person("Ann")
        own = (await shop.ok("POST", "/api/rooms", {"game": "tictactoe"}))["id"]
        assert (await shop.ok("GET", f"/api/rooms/{own}"))["host_id"] == "service:shop"
        theirs = (await d.opened(ann, visibility="private"))["id"]
        for room in (own, theirs):
            await shop.ok("POST", f"/api/rooms/{room}/pause", {})
            await shop.ok("POST", f"/api/rooms/{room}/close", {})
            log = await d.log(room)
            assert [row["user_id"] for row in log] == ["service:shop", "service:shop"]
        assert await d.refused("POST", f"/api/rooms/{own}/resume", ann) in ("room_closed", "room_not_found")


async def test_it_reads_as_a_spectator_or_the_log(database_url: str, redis_url: str) -> None:
    async with doors(database_url, redis_url) as d:
        reader, auditor = await backend(d, "read", name="reader"), await backend(d, "log", "read", name="auditor")
        ann = d.person("Ann")
        room = (await d.opened(ann, visibility="private"))["id"]
        await d.ok("POST", f"/api/rooms/{room}/seat", ann, {"seat_index": 0})
        path = f"/api/admin/rooms/{room}"
        seen = await reader.ok("GET", f"{path}/view")
        assert (seen["user_id"], seen["view"]["seats"]["0"]["user_id"]) == (None, ann.user)
        assert await reader.refused("GET", f"{path}/log") == "forbidden"
        assert await reader.refused("GET", f"{path}/view?user={ann.user}") == "forbidden"
        assert (await auditor.ok("GET", f"{path}/view?user={ann.user}"))["view"]["me"]["role"] == "player"
        assert [row["command"] for row in (await auditor.ok("GET", f"{path}/log"))["log"]] == ["take_seat"]
        for one in (reader, auditor):
            assert await one.refused("POST", f"/api/rooms/{room}/close", {}) == "forbidden"
            assert await one.refused("GET", "/api/admin/rooms") == "forbidden", "that is the operators' alone"


@pytest.mark.parametrize("user", ["", "x" * 65, "service:other", "a%E2%80%8B", "%00"])
async def test_whom_it_cannot_vouch_for(database_url: str, redis_url: str, user: str) -> None:
    async with doors(database_url, redis_url) as d:
        shop = await backend(d, "act")
        headers = {"Authorization": f"Bearer {shop._token}", "Tavola-User": user}
        reply = await d.http.post("/api/rooms", headers=headers, json=PRIVATE)
        assert reply.json()["error"]["code"] == "invalid_message"


async def test_a_token_that_is_none_ended_or_was_revoked(database_url: str, redis_url: str) -> None:
    async with doors(database_url, redis_url) as d:
        assert await Backend(d, "tvs_nonsense").refused("GET", "/api/session") == "token_invalid"
        late = await backend(d, "act", name="late", days=1)
        assert (await late.ask("GET", "/api/session", user="ann"))[0] == 200
        connection = await d.database.take()
        await connection.execute("UPDATE service_tokens SET expires_at = now() - interval '1 s'")
        await d.database.give_back(connection)
        ended = await backend(d, "act", name="ended")
        assert (await ended.ask("GET", "/api/session", user="ann"))[0] == 200
        assert await d.database.rows("revoke_service_token", name="ended")
        times = [0.0]
        d.services.who.services = KnownServices(d.database, lambda: times[0])
        assert await late.refused("GET", "/api/session", user="ann") == "token_invalid"
        assert await ended.refused("GET", "/api/session", user="ann") == "token_invalid"


async def test_it_is_believed_for_seconds_and_not_longer(database_url: str, redis_url: str) -> None:
    async with doors(database_url, redis_url) as d:
        times = [0.0]
        d.services.who.services = KnownServices(d.database, lambda: times[0])
        shop = await backend(d, "act")
        assert (await shop.ask("GET", "/api/session", user="ann"))[0] == 200
        await d.database.rows("revoke_service_token", name="shop")
        assert (await shop.ask("GET", "/api/session", user="ann"))[0] == 200
        times[0] = 5.1
        assert await shop.refused("GET", "/api/session", user="ann") == "token_invalid"


async def test_hosts_rule_their_rooms_all_the_same(database_url: str, redis_url: str) -> None:
    """Two who may close a room, at once: one does, and the other is told that it is closed."""
    async with doors(database_url, redis_url) as d:
        shop, ann = await backend(d, "manage"), d.person("Ann")
        room = (await d.opened(ann))["id"]
        path = f"/api/rooms/{room}/close"
        (one, _), (other, _) = await asyncio.gather(shop.ask("POST", path, {}), d.ask("POST", path, ann, {}))
        assert sorted((one, other)) == [200, 409]
        assert await d.refused("POST", f"/api/rooms/{room}/pause", d.person("Bob"), {}) == "room_closed"


async def test_it_takes_a_room_back_by_the_scope_manage(database_url: str, redis_url: str) -> None:
    async with doors(database_url, redis_url) as d:
        shop, ann = await backend(d, "manage"), d.person("Ann")
        others = [await backend(d, scope, name=scope) for scope in ("act", "read", "log")]
        room = (await d.opened(ann, visibility="private"))["id"]
        await d.ok("POST", f"/api/rooms/{room}/seat", ann, {"seat_index": 0})
        path = f"/api/game/{room}/restore"
        for other in others:
            assert await other.refused("GET", path) == "forbidden"
            assert await other.refused("POST", path, {"version": 0}) == "forbidden"
        assert [each["version"] for each in (await shop.ok("GET", path))["versions"]] == [0]
        back = await shop.ok("POST", path, {"version": 0, "reason": "a wrong start"})
        assert back == {"success": True, "version": 0, "seq": 2, "voided": None}
        assert (await d.ok("GET", f"/api/rooms/{room}/hydrate", ann))["seats"] == {}
        updates = (await d.ok("GET", f"/api/rooms/{room}/events?after=1", ann))["updates"]
        assert updates[0]["events"][0] == {
            "kind": "rolled_back", "to": 0, "user_id": "service:shop", "reason": "a wrong start"
        }  # fmt: skip
        assert await shop.refused("POST", f"/api/game/{room}/persist", {}) == "forbidden", "that is the host's alone"


async def test_it_tells_a_room_something_that_is_kept(database_url: str, redis_url: str) -> None:
    async with doors(database_url, redis_url) as d:
        shop, ann = await backend(d, "manage"), d.person("Ann")
        room = (await d.opened(ann))["id"]
        await d.ok("POST", f"/api/rooms/{room}/spectate", ann, {})
        socket, outside = await d.socket(ann), await d.socket(d.person("Bob"))
        await socket.joins(room)
        await outside.joins(room)
        said = {"text": "The final begins.", "data": {"round": 3}}
        path = f"/api/rooms/{room}/broadcast"
        assert await d.refused("POST", path, ann, said) == "forbidden"
        seq = (await shop.ok("POST", path, said))["seq"]
        update = await socket.hears(lambda frame: frame.get("seq") == seq)
        assert update["events"] == [{"kind": "announcement", "service": "shop", **said}]
        await outside.hears(lambda frame: frame.get("seq") == seq)
        assert [row["user_id"] for row in await d.log(room)][-1] == "service:shop"


async def test_it_tells_a_room_something_that_is_not(database_url: str, redis_url: str) -> None:
    async with doors(database_url, redis_url) as d:
        shop, ann = await backend(d, "manage"), d.person("Ann")
        room = (await d.opened(ann))["id"]
        before = len(await d.log(room))
        sockets = [await d.socket(ann), await d.socket(d.person("Bob"))]
        for socket in sockets:
            await socket.joins(room)
        path = f"/api/rooms/{room}/broadcast"
        said = {"text": "Break in five minutes."}
        assert (await shop.ok("POST", path, {**said, "fleeting": True}))["unchanged"]
        for socket in sockets:
            frame = await socket.hears(lambda frame: frame["type"] == "announcement")
            assert frame == {"type": "announcement", "room": room, "service": "shop", **said}
        assert len(await d.log(room)) == before
        assert await d.refused("POST", path, ann, {**said, "fleeting": True}) == "forbidden"
        statuses = [(await shop.ask("POST", path, {**said, "fleeting": True}))[0] for _ in range(150)]
        assert statuses.count(429) >= 1, "a service has the rate of a user"
        assert await shop.refused("POST", path, {"text": "x" * 501}) == "invalid_message"
