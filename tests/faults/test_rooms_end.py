"""Rooms end in a whole stack, whose clock is put ahead: nobody is there, or nobody plays. People who are gone leave,
requests end, and the host's acts wait for the end of a hand. Killed meanwhile, nobody holds anything up."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from functools import partial
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import connect

from kit.client import Api, Identity, Json, Player
from kit.mentions import keys_with, tables_with
from kit.stack import PATIENCE_S, Stack, Truth, kill, until
from kit.table import BUY_IN, open_room, table
from tavola.config.clock import SetClock

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

SECOND = 1_000
MINUTE = 60 * SECOND
DAY = 24 * 60 * MINUTE
IDLE_TURNS = 2
SMALL_BLIND = 5


@pytest.fixture(scope="module")
def clock(tmp_path_factory: pytest.TempPathFactory) -> SetClock:
    """The stack's."""
    return SetClock(tmp_path_factory.mktemp("clock") / "ahead")


@pytest.fixture(scope="module")
def ending(clock: SetClock, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """One edge and all as it is by default, but that a closed room is kept for a day, and few turns may be missed."""
    folder = tmp_path_factory.mktemp("ending") / "data"
    stack = Stack(
        folder,
        TAVOLA_CLOCK_FILE=str(clock.file),
        TAVOLA_KEEP_CLOSED_ROOMS_DAYS="1",
        TAVOLA_IDLE_TURNS=str(IDLE_TURNS),
        TAVOLA_SPARES="2",
    )
    try:
        stack.start()
        yield stack
    finally:
        stack.stop()


async def test_a_room_where_nobody_is_closes_once_and_is_purged(ending: Stack, clock: SetClock) -> None:
    """Its actor is killed when it has decided to close it and nothing is committed."""
    url = ending.urls[0]
    async with ending.truth() as truth, Api(url) as api:
        ada, ben = [await api.sign_in(name) for name in ("Ada", "Ben")]
        room = await open_room(api, ada, "tictactoe")
        code = (await api.ok("GET", f"/api/rooms/{room}", ada))["code"]
        await api.ok("POST", f"/api/rooms/{room}/seat", ada, {"seat_index": 0})
        await api.ok("POST", f"/api/rooms/{room}/join", ben, {"display_name": "Ben"})
        await api.ok("POST", f"/api/rooms/{room}/spectate", ben, {})
        token = (await api.ok("GET", f"/api/game/{room}/connection-token", ada))["token"]
        both = Player(ada, room), Player(ben, room)
        for player in both:
            await player.follow(url)
        for player in both:
            await player.leave()
        closes_at = await until(lambda: _closes_at(truth, room), "the room has an end")
        clock.put_ahead(closes_at - clock.now_ms() - MINUTE)

        async def waits_for_its_end() -> bool:
            [row] = await truth.rows("SELECT alarm_at, players, spectators FROM rooms WHERE id = $1", room)
            return tuple(row) == (closes_at, 0, 0)

        await until(waits_for_its_end, "seat and spectator are gone, and nothing else is due")
        assert await _status(truth, room) == "open"

        before = await truth.owner(room)
        ending.arm("commit.before", before.pid)
        clock.put_ahead(2 * MINUTE)
        assert await ending.hit("commit.before") == before.pid
        assert (await _status(truth, room), (await truth.owner(room)).seq) == ("open", before.seq)

        async def taken_up() -> bool:
            return bool((await truth.owner(room)).seq > before.seq)

        await until(taken_up, "the steward has it loaded elsewhere")
        clock.put_ahead(MINUTE)  # Those who were on their way have had their time.

        async def closed() -> bool:
            return await _status(truth, room) == "closed"

        await until(closed, "the room is closed")
        [end] = await _told(truth, room, "room_closed")
        assert (end["event"], end["epoch"] > before.epoch) == ({"kind": "room_closed", "reason": "empty"}, True)
        seen = Player(ada, room)
        await seen.follow(url)
        assert seen.view["room"]["status"] == "closed", "it can still be looked at"
        await seen.leave()
        assert _code(await api.request("POST", f"/api/rooms/{room}/join", ben, {"display_name": "Ben"})) == (
            409,
            "room_closed",
        )

        clock.put_ahead(DAY + MINUTE)

        async def purged() -> bool:
            return await tables_with(truth.connection, room, code) == {}

        await until(purged, "nothing of the room is left in any table")
        assert await keys_with(ending.redis_url, room, code) == []
        for who in (ada, ben):
            assert (await _by_socket(url, who, room))["code"] == "game_over"
            for method, path in (("GET", "hydrate"), ("GET", "events"), ("GET", "session"), ("POST", "join")):
                body = {"display_name": "Ann"} if path == "join" else None
                answer = await api.request(method, f"/api/rooms/{room}/{path}", who, body)
                assert _code(answer) == (410, "game_over"), path
        back = {"player_id": ada.user, "reconnect_token": token}
        assert _code(await api.request("POST", f"/api/game/{room}/reconnect", None, back)) == (410, "game_over")


async def test_what_the_host_asks_for_in_a_hand_survives_a_kill_and_happens_once(ending: Stack) -> None:
    async with table(ending, seats=2) as t:
        host, other = t.players
        prize = {"amount": 50, "reason": "a prize", "after_hand": True}
        asked = [
            await host.command("update_settings", settings={"name": "After the hand"}, after_hand=True),
            await host.command("adjust_chips", user_id=other.who.user, **prize),
            await host.command("adjust_chips", user_id=host.who.user, amount=-50, after_hand=True),
            await host.command("close_room", after_hand=True),
        ]
        for ack in asked:
            t.note(host, ack)
        await t.all_at(asked[-1]["seq"])
        for each in t.everybody:
            acts = [(act["act"], act["by"]) for act in each.view["deferred"]]
            assert acts == [(act, host.who.user) for act in ("update_settings", *["adjust_chips"] * 2, "close_room")]
            assert each.view["deferred"][1]["reason"] == "a prize"
        end = asked[-1]["id"]
        assert (await other.answer(other.send("withdraw", act_id=end)))["code"] == "not_host"
        withdrawn = await host.command("withdraw", act_id=end)
        t.note(host, withdrawn)
        await t.all_at(withdrawn["seq"])
        waiting = host.view["deferred"]
        assert len(waiting) == 3

        first = await t.owner()
        kill(first.pid)
        t.note(other, await other.command("chat", text="Is it still to happen?"))
        second = await t.owner()
        assert second.epoch > first.epoch
        async with Api(ending.urls[0]) as api:
            for who in (other.who, t.watchers[0].who):
                assert (await api.ok("GET", f"/api/rooms/{t.room}/hydrate", who))["deferred"] == waiting

        ending.arm("commit.after", second.pid)
        folds = await t.next_to_act()
        pending = folds.send("act", move="fold", turn=folds.turn)
        assert await ending.hit("commit.after") == second.pid
        t.note(folds, await folds.answer(pending))
        assert (await t.owner()).epoch > second.epoch
        await t.all_at((await t.owner()).seq)
        for each in t.everybody:
            assert "deferred" not in each.view
            assert each.view["room"]["name"] == "After the hand"
        [ended] = await _told(t.truth, t.room, "hand_complete")
        for kind, times in (("settings_changed", 1), ("chips_adjusted", 2), ("room_closed", 0), ("act_dropped", 0)):
            rows = await _told(t.truth, t.room, kind)
            assert [row["seq"] for row in rows] == [ended["seq"]] * times, kind
        chips = {seat["user_id"]: seat["chips"] for seat in host.view["seats"].values()}
        for player, prized in ((host, -50), (other, 50)):
            assert chips[player.who.user] == BUY_IN + prized + (-SMALL_BLIND if player is folds else SMALL_BLIND)
        await t.check()


async def test_who_is_gone_leaves_and_what_nobody_answers_ends(ending: Stack, clock: SetClock) -> None:
    url = ending.urls[0]
    async with Api(url) as api, ending.truth() as truth:
        ada, eve, finn, gus, hal = [await api.sign_in(name) for name in ("Ada", "Eve", "Finn", "Gus", "Hal")]
        wish = {"game": "tictactoe", "approval": "host", "max_spectators": 1}
        room = str((await api.ok("POST", "/api/rooms", ada, wish))["id"])
        path = f"/api/rooms/{room}"
        host, watches, next_host = Player(ada, room), Player(eve, room), Player(finn, room)
        people = (host, watches, next_host)
        try:
            for player in people:
                if player is not host:
                    await api.ok("POST", f"{path}/join", player.who, {"display_name": player.who.name})
                    await api.ok("POST", f"{path}/approve", ada, {"user_id": player.who.user, "approved": True})
                await player.follow(url)
            await watches.command("spectate")
            full = await next_host.answer(next_host.send("spectate"))
            assert full["code"] == "room_full"

            # A spectator without a socket is away, keeps nobody out, and leaves.
            await watches.leave()
            await host.until(lambda: _status_of(host, eve) == "away", "everybody sees that Eve is away")
            await next_host.command("spectate")
            assert _status_of(next_host, eve) == "away"
            [listed] = [
                row
                for row in (await api.ok("GET", f"{path}/spectators", ada))["spectators"]
                if row["user_id"] == eve.user
            ]
            assert listed["status"] == "away"
            clock.put_ahead(10 * MINUTE + SECOND)
            await host.until(lambda: _heard(host, "spectator_left", eve), "Eve has left")
            await next_host.until(lambda: _heard(next_host, "player_left", eve), "Finn hears of it")
            assert set(host.view["watching"]) == {finn.user}
            assert eve.user not in host.view["members"]

            # A request that nobody answers ends.
            asked = await api.ok("POST", f"{path}/join", gus, {"display_name": "Gus"})
            assert asked["status"] == "pending"
            await host.until(lambda: _asking(host) == [gus.user], "the host is asked")
            clock.put_ahead(DAY - MINUTE)
            await host.command("chat", text="Not yet.")
            assert _asking(host) == [gus.user]
            clock.put_ahead(2 * MINUTE)
            await host.until(lambda: _asking(host) == [], "the request has ended")
            assert _heard(host, "player_left", gus)
            assert not _heard(next_host, "player_left", gus), "nobody else knew of it"

            # The part of a host who is gone passes on, with what waits for them.
            again = await api.ok("POST", f"{path}/join", gus, {"display_name": "Gus"})
            assert again["status"] == "pending"
            await host.leave()
            await until(lambda: _marked(truth, room, ada), "the host counts as away")
            clock.put_ahead(10 * MINUTE + SECOND)
            await next_host.until(lambda: next_host.view["room"]["host_id"] == finn.user, "Finn is host")
            assert _asking(next_host) == [gus.user]

            # And where nobody is, nobody can be let in.
            await next_host.leave()
            await until(lambda: _marked(truth, room, finn), "the next host counts as away")
            clock.put_ahead(10 * MINUTE + SECOND)
            refused = await api.request("POST", f"{path}/join", hal, {"display_name": "Hal"})
            assert _code(refused) == (409, "host_away")
            assert refused.json()["error"]["retry_after_ms"] > 0
            await next_host.follow(url)

            async def here() -> bool:
                return not await _marked(truth, room, finn)

            await until(here, "the host is back")
            assert (await api.ok("POST", f"{path}/join", hal, {"display_name": "Hal"}))["status"] == "pending"
            await next_host.command("close_room")
            assert [player.faults for player in people] == [[], [], []]
        finally:
            for player in people:
                await player.leave()


async def test_two_who_do_not_move_sit_out_and_the_room_empties(ending: Stack, clock: SetClock) -> None:
    """Both have their sockets all the time."""
    async with table(ending, seats=2, start=False, auto_start=True, next_hand_seconds=3) as t:
        host = t.host
        await t.watchers[0].leave()

        def idle() -> list[str]:
            events = [event for event in host.events if event["kind"] == "player_sat_out"]
            assert {event["reason"] for event in events} <= {"idle"}
            return sorted(event["user_id"] for event in events)

        missed = 0
        while not idle():
            seq = host.seq
            clock.put_ahead(121 * SECOND)
            await host.until(partial(_beyond, host, seq), "what is due happens")
            missed += 1
        assert idle() == sorted(player.who.user for player in t.players)
        assert missed >= 2 * IDLE_TURNS
        await host.until(lambda: _statuses(host) == {"sitting_out"}, "both sit out")
        await until(lambda: _closes_at(t.truth, t.room), "nobody is there")
        async with Api(ending.urls[0]) as api:
            assert (await api.ok("GET", f"/api/rooms/{t.room}", host.who))["present"] == 0
        clock.put_ahead(31 * MINUTE)
        for player in t.players:
            await player.until(partial(_ends, player), "the room is closed")
            assert _ends(player) == ["empty"]


async def test_where_only_bots_play_nobody_is(ending: Stack, clock: SetClock) -> None:
    """They have sockets, and would play on for ever."""
    url = ending.urls[0]
    async with Api(url) as api, ending.truth() as truth:
        host = await api.sign_in("Ada")
        room = await open_room(api, host, "tictactoe", rematch_seconds=0)
        seen = Player(host, room)
        try:
            await seen.follow(url)
            for seat in (0, 1):
                await seen.command("add_bot", seat_index=seat)
            await seen.until(lambda: _moves(seen) > 2, "they play")
            assert await _has(truth, room, 1)
        finally:
            await seen.leave()
        await until(partial(_has, truth, room, 0), "nobody is there")
        await until(partial(_closes_at, truth, room), "the room has an end")
        clock.put_ahead(31 * MINUTE)

        async def closed() -> bool:
            return await _status(truth, room) == "closed"

        await until(closed, "the round is over, and the room is closed")
        host_id = await truth.value("SELECT host_id FROM rooms WHERE id = $1", room)
        [end], [*rounds] = await _told(truth, room, "room_closed"), await _told(truth, room, "game_complete")
        assert (host_id, end["event"]["reason"]) == (host.user, "empty")
        assert rounds[-1]["seq"] <= end["seq"] <= rounds[-1]["seq"] + 1, "it waited for the end of a round"


async def test_people_come_first_in_the_lobby_and_in_quick_seating(ending: Stack, clock: SetClock) -> None:
    url, wish = ending.urls[0], {"game": "tictactoe", "options": {"turn_seconds": 41}}
    async with Api(url) as api, ending.truth() as truth:
        ada, ben, cleo, dan = [await api.sign_in(name) for name in ("Ada", "Ben", "Cleo", "Dan")]
        peopled, left, newer = [
            str((await api.ok("POST", "/api/rooms", who, {**wish, "approval": "auto"}))["id"])
            for who in (ada, ben, dan)
        ]
        first, gone, second = Player(ada, peopled), Player(ben, left), Player(dan, newer)
        try:
            for player in (first, gone, second):
                await player.follow(url)
            await gone.command("take_seat", seat_index=0)
            await gone.leave()
            for room, people in ((peopled, 1), (newer, 1), (left, 0)):
                await until(partial(_has, truth, room, people), "the rooms know who is there")

            async def lobby() -> list[str]:
                page = await api.ok("GET", "/api/rooms?game=tictactoe", cleo)
                return [room["id"] for room in page["rooms"] if room["id"] in (peopled, left, newer)]

            clock.put_ahead(5 * MINUTE)  # Less does not count.
            await first.command("chat", text="Hello")
            assert await lobby() == [peopled, newer, left], "people first, then by activity"
            await second.command("close_room")
            found = await api.ok("POST", "/api/matchmake", cleo, wish)
            assert (found["id"], found["players"]) == (peopled, 0), "though the other has a player waiting"
            clock.put_ahead(MINUTE)  # Cleo's seat is kept for her no longer.
            await first.leave()

            await until(lambda: _has(truth, peopled, 0), "nobody is there either")
            await gone.follow(url)

            async def moved_up() -> bool:
                return await lobby() == [left, peopled]

            await until(moved_up, "people first")
            assert (await api.ok("POST", "/api/matchmake", dan, wish))["id"] == left
        finally:
            for player in (first, gone, second):
                await player.leave()


def _code(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


def _heard(player: Player, kind: str, about: Identity) -> bool:
    return any(event["kind"] == kind and event["user_id"] == about.user for event in player.events)


def _moves(player: Player) -> int:
    return sum(event["kind"] == "player_action" for event in player.events)


def _beyond(player: Player, seq: int) -> bool:
    return player.seq > seq


def _ends(player: Player) -> list[str]:
    """Why the room was closed, each time that it was."""
    return [event["reason"] for event in player.events if event["kind"] == "room_closed"]


def _status_of(player: Player, who: Identity) -> str | None:
    shown: str | None = player.view.get("watching", {}).get(who.user, {}).get("status")
    return shown


def _statuses(player: Player) -> set[str]:
    return {seat["status"] for seat in player.view["seats"].values()}


def _asking(host: Player) -> list[str]:
    return [request["user_id"] for request in host.view.get("pending_requests", [])]


async def _status(truth: Truth, room: str) -> str:
    return str(await truth.value("SELECT status FROM rooms WHERE id = $1", room))


async def _has(truth: Truth, room: str, people: int) -> bool:
    """Whether so many count as there."""
    return bool(await truth.value("SELECT present = $2 FROM rooms WHERE id = $1", room, people))


async def _closes_at(truth: Truth, room: str) -> int | None:
    """When the room closes if nobody comes."""
    state = await truth.value("SELECT state FROM game_states WHERE room_id = $1", room)
    at: int | None = json.loads(state).get("closes_at")
    return at


async def _marked(truth: Truth, room: str, who: Identity) -> bool:
    """Whether the room holds that they have no socket."""
    statement = "SELECT leaves_at IS NOT NULL FROM room_players WHERE room_id = $1 AND user_id = $2"
    return bool(await truth.value(statement, room, who.user))


async def _told(truth: Truth, room: str, kind: str) -> list[Json]:
    """Every such event in the room's log, with its seq and epoch."""
    rows = await truth.rows("SELECT seq, epoch, events FROM actions WHERE room_id = $1 ORDER BY seq", room)
    told: list[Json] = []
    for row in rows:
        found = [event for event in json.loads(row["events"]) if event["kind"] == kind]
        told += [{"seq": row["seq"], "epoch": row["epoch"], "event": event} for event in found]
    return told


async def _by_socket(url: str, who: Identity, room: str) -> Any:
    """The refusal of a socket that comes back to the room."""
    async with asyncio.timeout(PATIENCE_S), connect(url.replace("http", "ws", 1) + "/ws", proxy=None) as socket:
        await socket.send(json.dumps({"type": "authenticate", "token": who.token}))
        await socket.send(json.dumps({"type": "join_room", "room": room, "after": 1}))
        while (frame := json.loads(await socket.recv()))["type"] != "error":
            assert frame["type"] == "authenticated", frame
        assert frame["room"] == room
        return frame
