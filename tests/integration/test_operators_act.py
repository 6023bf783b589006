"""Operators act, on a real Postgres and Redis: what they may, what it does, and that it is written down."""

from __future__ import annotations

import json
from typing import Any

import asyncpg
import pytest
from test_personal_data import tavola
from typer.testing import CliRunner

from kit.damage import execute
from kit.doors import OPERATORS_SECRET, Doors, Json, Person, doors
from tavola.config.clock import now_ms
from tavola.edge.identity.operators import made
from tavola.edge.identity.standing_orders import StandingOrders, network
from tavola.operators import app

ADMIN = Person("operator:admin", OPERATORS_SECRET)


async def operator(doors_: Doors, name: str, role: str, user: str | None = None) -> Person:
    secret, hashed = made()
    await doors_.database.rows(
        "add_operator", name=name, role=role, hash=hashed if user is None else None, user_id=user
    )
    return Person(f"operator:{name}", secret)


async def plan(doors_: Doors, who: Person, act: str, **given: Any) -> Json:
    return await doors_.ok("POST", "/api/admin/acts", who, {"act": act, **given})


async def does(doors_: Doors, who: Person, act: str, **given: Any) -> Json:
    planned = await plan(doors_, who, act, **given)
    return await doors_.ok("POST", "/api/admin/acts", who, {"act": act, **given, "confirm": planned["confirm"]})


async def refused(doors_: Doors, who: Person, act: str, **given: Any) -> str:
    """The code with which it is refused, when it is planned or when it is done."""
    status, planned = await doors_.ask("POST", "/api/admin/acts", who, {"act": act, **given})
    if status >= 400:
        return str(planned["error"]["code"])
    return await doors_.refused("POST", "/api/admin/acts", who, {"act": act, **given, "confirm": planned["confirm"]})


async def acts(doors_: Doors) -> list[tuple[str, str, str | None]]:
    listed = (await doors_.ok("GET", "/api/admin/acts", ADMIN))["acts"]
    return [(each["operator"], each["act"], each["outcome"]) for each in listed]


async def played(doors_: Doors, *people: Person) -> str:
    room: str = (await doors_.opened(people[0]))["id"]
    for index, who in enumerate(people):
        if index:
            await doors_.ok("POST", f"/api/rooms/{room}/join", who, {"display_name": who.user})
        await doors_.ok("POST", f"/api/rooms/{room}/seat", who, {"seat_index": index})
    return room


async def test_an_act_is_said_first_done_in_the_room_and_written_down(database_url: str, redis_url: str) -> None:
    async with doors(database_url, redis_url) as edge:
        ada, ben = edge.person("Ada"), edge.person("Ben")
        night = await operator(edge, "night", "act")
        room = await played(edge, ada, ben)
        ear = await edge.socket(ada)
        await ear.joins(room)
        planned = await plan(edge, night, "pause", room=room)
        assert "2 people are there" in planned["does"]
        assert "number" not in planned
        assert (await edge.ok("GET", f"/api/rooms/{room}/hydrate", ada))["room"]["status"] != "paused"
        again = {"act": "pause", "room": room, "confirm": "something else"}
        assert await edge.refused("POST", "/api/admin/acts", night, again) == "invalid_message"
        other = await plan(edge, night, "close", room=room)
        again["confirm"] = other["confirm"]
        assert await edge.refused("POST", "/api/admin/acts", night, again) == "invalid_message", "of another act"

        await does(edge, night, "pause", room=room)
        heard = await ear.hears(lambda frame: "room_paused" in json.dumps(frame))
        assert "operator:night" in json.dumps(heard), "it is said who did it"
        await does(edge, night, "resume", room=room)
        await does(edge, night, "announce", room=room, text="The server restarts at nine.")
        said = await ear.hears(lambda frame: "at nine" in json.dumps(frame))
        assert said["type"] == "update", "it is kept"
        await does(edge, night, "kick", room=room, user_id=ben.user, ban=True)
        assert await edge.refused("POST", f"/api/rooms/{room}/join", ben, {"display_name": "Ben"}) == "banned"
        await does(edge, night, "close", room=room)
        assert await refused(edge, night, "pause", room=room) == "room_closed"
        done = [("night", name, "done") for name in ("close", "kick", "announce", "resume", "pause")]
        assert await acts(edge) == [("night", "pause", "room_closed"), *done]
        by = [row["user_id"] for row in await edge.log(room) if row["user_id"].startswith("operator:")]
        assert by == ["operator:night"] * 5, "and the room's log says so"


async def test_each_role_and_nobody_else(database_url: str, redis_url: str) -> None:
    async with doors(database_url, redis_url) as edge:
        ada = edge.person("Ada")
        room = await played(edge, ada)
        look, act = await operator(edge, "look", "look"), await operator(edge, "act", "act")
        known = edge.person("Olga")
        await operator(edge, "olga", "all", known.user)
        for who, roles in ((look, ["look"]), (act, ["look", "act"]), (ADMIN, ["look", "act", "all"])):
            assert (await edge.ok("GET", "/api/admin/me", who))["roles"] == roles
            await edge.ok("GET", f"/api/admin/rooms/{room}", who)
        assert (await edge.ok("GET", "/api/admin/me", known))["name"] == "olga", "by an identity token"
        assert await refused(edge, look, "pause", room=room) == "forbidden"
        for name, given in (
            ("remove", {"room": room}), ("announce_all", {"text": "!"}), ("drain_actor", {"actor": "a"}),
            ("drain_node", {"node": "node"}), ("drain_edge", {"edge": "edge"}),
        ):  # fmt: skip
            assert await refused(edge, act, name, **given) == "forbidden"
            await plan(edge, known, name, **given)
        for who in (ada, Person("nobody", "tvo_guessed")):
            assert await refused(edge, who, "pause", room=room) == "unauthenticated"
        # An operator's secret is no key to anything else.
        assert await edge.refused("POST", f"/api/rooms/{room}/pause", act) == "token_invalid"
        assert await acts(edge) == []
        await edge.database.rows("remove_operator", name="look")
        assert (await edge.ok("GET", "/api/admin/me", look))["name"] == "look", "for five seconds"


async def test_what_is_lacking_is_said(database_url: str, redis_url: str) -> None:
    async with doors(database_url, redis_url) as edge:
        room = await played(edge, edge.person("Ada"))
        for name, given in (
            ("close", {}), ("kick", {"room": room}), ("announce", {"room": room}), ("ban", {}), ("mute", {}),
            ("mute", {"address": "192.0.2.1"}), ("ban", {"address": "here"}), ("drain_edge", {}), ("drain_node", {}),
            ("ban", {"user_id": "u_x", "minutes": 0}), ("dance", {}),
        ):  # fmt: skip
            assert await refused(edge, ADMIN, name, **given) == "invalid_message", name
        assert await refused(edge, ADMIN, "close", room="r_nothere") == "room_not_found"
        assert await refused(edge, ADMIN, "unban", user_id="u_x") == "user_not_found"
        assert await refused(edge, ADMIN, "drain_actor", actor="nobody") == "user_not_found"
        assert "not heard of it" in (await plan(edge, ADMIN, "drain_edge", edge="nobody"))["does"]


async def test_whoever_is_banned_is_out_by_every_door(database_url: str, redis_url: str) -> None:
    async with doors(database_url, redis_url) as edge:
        ada, ben = edge.person("Ada"), edge.person("Ben")
        room = await played(edge, ada, ben)
        await does(edge, ADMIN, "ban", user_id=ben.user, minutes=90, reason="spam")
        assert "1 hour" not in (await plan(edge, ADMIN, "ban", user_id=ben.user, minutes=90))["does"]
        assert "2 days" in (await plan(edge, ADMIN, "ban", user_id=ben.user, minutes=2880))["does"]
        status, answer = await edge.ask("GET", f"/api/rooms/{room}/hydrate", ben)
        assert (status, answer["error"]["code"]) == (403, "banned")
        assert answer["error"]["details"]["reason"] == "spam"
        socket = await edge.knocks(ben)
        assert socket.payloads[-1]["code"] == "banned"
        assert socket.code == 4403
        await edge.ok("GET", f"/api/rooms/{room}/hydrate", ada)
        [order] = (await edge.ok("GET", "/api/admin/orders", ADMIN))["orders"]
        assert (order["kind"], order["subject"], order["operator"]) == ("ban_user", ben.user, "admin")
        await does(edge, ADMIN, "unban", user_id=ben.user)
        await edge.ok("GET", f"/api/rooms/{room}/hydrate", ben)


async def test_whoever_is_banned_may_still_have_themselves_forgotten(database_url: str, redis_url: str) -> None:
    async with doors(database_url, redis_url) as edge:
        ben = edge.person("Ben")
        await played(edge, ben)
        await does(edge, ADMIN, "ban", user_id=ben.user)
        assert await edge.refused("GET", "/api/me/rooms", ben) == "banned"
        assert len((await edge.ok("GET", "/api/session/data", ben))["rooms"]) == 1
        await edge.ok("DELETE", "/api/session/data", ben, {"user_id": ben.user})
        assert len((await edge.ok("GET", "/api/admin/orders", ADMIN))["orders"]) == 1, "the ban stands"


async def test_an_order_ends_by_itself(database_url: str, redis_url: str) -> None:
    async with doors(database_url, redis_url) as edge:
        await does(edge, ADMIN, "ban", user_id="u_x", minutes=1)
        now = now_ms()
        news: list[str] = []
        orders = StandingOrders(edge.database, lambda order: news.append(order.subject), lambda: now)
        await orders.look()
        await orders.look()
        assert news == ["u_x"], "once"
        assert orders.kept_out("u_x", "") is not None  # type: ignore[arg-type]
        now += 61_000
        assert orders.kept_out("u_x", "") is None, "before it is read again"  # type: ignore[arg-type]
        await orders.look()
        assert orders.kept_out("u_x", "") is None  # type: ignore[arg-type]


async def test_an_address_a_network_and_a_home(database_url: str, redis_url: str) -> None:
    async with doors(database_url, redis_url) as edge:
        for address in ("192.0.2.7", "198.51.100.9/24", "2001:db8:1:2:3::4"):
            await does(edge, ADMIN, "ban", address=address)
        orders = edge.services.orders
        out = ("192.0.2.7", "198.51.100.200", "2001:db8:1:2:9::9", "::ffff:192.0.2.7", "2001:db8:1:2::%eth0")
        for address in out:
            assert orders.kept_out(None, address) is not None, address
        for address in ("192.0.2.8", "2001:db8:1:3::1", "", "unix:"):
            assert orders.kept_out(None, address) is None, address
        await edge.ok("POST", "/api/session", None, {})
        await does(edge, ADMIN, "ban", address="127.0.0.1")
        assert await edge.refused("POST", "/api/session", None, {}) == "banned", "before anybody is looked up"
        await edge.ok("GET", "/api/admin/me", ADMIN)
    with pytest.raises(ValueError, match="does not appear"):
        network("here")


async def test_the_muted_play_and_are_not_heard(database_url: str, redis_url: str) -> None:
    async with doors(database_url, redis_url) as edge:
        ada, ben = edge.person("Ada"), edge.person("Ben")
        room = await played(edge, ada, ben)
        socket = await edge.socket(ben)
        await socket.joins(room)
        await does(edge, ADMIN, "mute", user_id=ben.user)
        assert await edge.refused("POST", f"/api/rooms/{room}/chat", ben, {"text": "?"}) == "muted"
        assert (await socket.does("chat", room, "c1", text="?"))["code"] == "muted"
        await edge.ok("POST", f"/api/rooms/{room}/chat", ada, {"text": "!"})
        await edge.ok("POST", f"/api/rooms/{room}/start", ada)
        view = await edge.ok("GET", f"/api/rooms/{room}/hydrate", ada)
        who = ada if view["turn"]["seat_index"] == 0 else ben
        await edge.ok("POST", f"/api/rooms/{room}/actions", who, {"move": "mark", "cell": 0})
        await does(edge, ADMIN, "unmute", user_id=ben.user)
        await edge.ok("POST", f"/api/rooms/{room}/chat", ben, {"text": "?"})


async def test_a_room_is_removed_though_it_was_open(database_url: str, redis_url: str) -> None:
    async with doors(database_url, redis_url) as edge:
        ada = edge.person("Ada")
        room = await played(edge, ada)
        assert "closes it" in (await plan(edge, ADMIN, "remove", room=room))["does"]
        await does(edge, ADMIN, "remove", room=room)
        assert await edge.refused("GET", f"/api/rooms/{room}/hydrate", ada) == "game_over"
        assert await refused(edge, ADMIN, "remove", room=room) == "room_not_found"


async def test_a_room_is_evicted_and_goes_on(database_url: str, redis_url: str) -> None:
    async with doors(database_url, redis_url) as edge:
        ada = edge.person("Ada")
        room = await played(edge, ada)
        before = (await edge.ok("GET", f"/api/admin/rooms/{room}", ADMIN))["room"]
        assert "from actor a on node" in (await plan(edge, ADMIN, "evict", room=room))["does"]
        await does(edge, ADMIN, "evict", room=room)
        after = (await edge.ok("GET", f"/api/admin/rooms/{room}", ADMIN))["room"]
        assert after["actor"] is None
        assert after["epoch"] > before["epoch"]
        await edge.ok("POST", f"/api/rooms/{room}/chat", ada, {"text": "it goes on"})
        assert (await edge.ok("GET", f"/api/admin/rooms/{room}", ADMIN))["room"]["actor"] == "a"


async def test_no_name_hides_a_room_from_operators(database_url: str, redis_url: str) -> None:
    async with doors(database_url, redis_url) as edge:
        ada = edge.person("Ada")
        bad = await edge.opened(ada)
        for _ in range(201):
            await edge.opened(ada, name=f"{bad['id']} {bad['code']}")
        listed = await edge.ok("GET", f"/api/admin/rooms?named={bad['code']}&limit=200", ADMIN)
        assert listed["total"] == 202
        assert bad["id"] not in [each["id"] for each in listed["rooms"]], "the page shows the newest"
        for named in (bad["id"], bad["code"], bad["code"].lower()):
            assert bad["id"] in (await plan(edge, ADMIN, "close", room=named))["does"]
        await execute(database_url, "UPDATE rooms SET actor = NULL WHERE id = $1", bad["id"])
        assert await refused(edge, ADMIN, "move", room=bad["id"]) == "room_unavailable"


async def test_a_drained_actor_is_given_no_room(database_url: str, redis_url: str) -> None:
    async with doors(database_url, redis_url) as edge:
        ada = edge.person("Ada")
        room = await played(edge, ada)
        assert "Moves the 1 room of actor a" in (await plan(edge, ADMIN, "drain_actor", actor="a"))["does"]
        await does(edge, ADMIN, "drain_actor", actor="a")
        [actor] = (await edge.ok("GET", "/api/admin/actors", ADMIN))["actors"]
        assert actor["draining"]
        assert [row["id"] for row in await edge.database.rows("drained_rooms", most=10)] == [room]
        row = await edge.database.row("take_room", room_id=room)
        assert row is not None
        assert await edge.database.row("place", rooms=[room], epochs=[row["epoch"]], avoid=None) is None
        assert (await edge.database.row("has_room", avoid=None))[0] is False  # type: ignore[index]
        assert (await edge.database.row("drained_actor"))["name"] == "a"  # type: ignore[index]


async def test_nobody_edits_the_list(database_url: str, redis_url: str) -> None:
    async with doors(database_url, redis_url) as edge:
        await does(edge, ADMIN, "ban", user_id="u_x")
        for statement in (
            "UPDATE operator_acts SET operator = 'x'", "DELETE FROM operator_acts", "TRUNCATE operator_acts",
        ):  # fmt: skip
            with pytest.raises(asyncpg.RaiseError, match="only added to"):
                await execute(database_url, statement)
        assert await acts(edge) == [("admin", "ban", "done")]


async def test_an_act_whose_end_nobody_lived_to_tell_is_listed(database_url: str, redis_url: str) -> None:
    async with doors(database_url, redis_url) as edge:
        told = '{"act":"close","room":"r_x"}'
        await edge.database.rows("asked_act", at=now_ms(), operator="night", act="close", told=told)
        assert await acts(edge) == [("night", "close", None)]


async def test_operators_are_made_at_the_command_line(database_url: str, redis_url: str) -> None:
    secret = (
        (await tavola(database_url, "operator", "add", "night", "--role", "act", redis_url=redis_url)).decode().strip()
    )
    async with doors(database_url, redis_url) as edge:
        assert (await edge.ok("GET", "/api/admin/me", Person("", secret)))["roles"] == ["look", "act"]
        await does(edge, Person("", secret), "mute", user_id="u_x")
        with pytest.raises(AssertionError, match="already"):
            await tavola(database_url, "operator", "add", "night", redis_url=redis_url)
        [listed] = json.loads(await tavola(database_url, "operator", "list", "--json", redis_url=redis_url))
        assert (listed["name"], listed["role"]) == ("night", "act")
        assert listed["used_at"]
        assert secret not in await _everything(database_url)
        [act] = json.loads(await tavola(database_url, "operator", "log", "--json", redis_url=redis_url))
        assert (act["operator"], act["act"], act["outcome"]) == ("night", "mute", "done")
        await tavola(database_url, "operator", "remove", "night", redis_url=redis_url)
        assert await edge.database.rows("operators") == []


@pytest.mark.parametrize("wrong", [("Night",), ("admin",), ("x", "--role", "king"), ("x", "--user", "u_1")])
def test_an_operator_that_cannot_be_is_not_made(wrong: tuple[str, ...]) -> None:
    done = CliRunner().invoke(app, ["add", *wrong])
    assert done.exit_code == 2
    assert "Invalid value" in done.output


async def _everything(database_url: str) -> str:
    return str(await execute(database_url, "SELECT o::text FROM operators o"))
