"""The most that a single guest can have of a deployment, with the limits as they are unless somebody sets them; and
that looking at rooms starts nothing. Where a limit is tested that depends on the machine, the stack has a small one.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import psutil
import pytest

from kit.client import Api, Identity, Player
from kit.stack import Stack, Truth, kill, until
from tavola.config.settings import Settings

MOST = 3
"""Room actors on the stack's node."""
PER_USER: int = Settings.model_fields["rooms_per_user"].default
PER_MINUTE: int = Settings.model_fields["rooms_opened_per_minute"].default
GUESTS: int = Settings.model_fields["guests_per_minute"].default
OPEN = {"game": "tictactoe", "approval": "auto"}
LIVE = "SELECT count(*) FROM room_actors WHERE alive_at > now() - interval '6 seconds'"


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Two edges, no spares, and the limits of a deployment that sets none; its node carries few actors."""
    defaults = {"TAVOLA_ROOMS_PER_USER": str(PER_USER), "TAVOLA_ROOMS_OPENED_PER_MINUTE": str(PER_MINUTE)}
    limits = {**defaults, "TAVOLA_GUESTS_PER_MINUTE": str(GUESTS), "TAVOLA_ROOM_ACTORS_PER_NODE": str(MOST)}
    stack = Stack(tmp_path_factory.mktemp("small") / "data", edges=2, TAVOLA_SPARES="0", **limits)
    try:
        stack.start()
        yield stack
    finally:
        stack.stop()


async def opened(api: Api, host: Identity, count: int) -> list[str]:
    return [(await api.ok("POST", "/api/rooms", host, OPEN))["id"] for _ in range(count)]


def actors(stack: Stack) -> set[int]:
    """The processes of room actors, whether they are on any list or not."""
    found = set()
    for process in stack.processes():
        with suppress(psutil.NoSuchProcess):
            if "".join(process.cmdline()[:1]).startswith("ray::RoomActor"):
                found.add(process.pid)
    return found


async def nobody_is_up(stack: Stack, truth: Truth) -> None:
    """End what earlier tests have started, and wait until it is counted no more."""
    for pid in actors(stack):
        kill(pid)
    await until(lambda: _counts(truth, 0), "no actor lives")


async def _settled(api: Api, room: str, whom: Identity) -> Any:
    """The room as they are shown it, once that does not change any more: an edge tells a moment later who is gone."""
    shown = None
    for _ in range(20):
        before, shown = shown, await api.ok("GET", f"/api/rooms/{room}/hydrate", whom)
        if shown == before:
            break
        await asyncio.sleep(1.0)
    return shown


async def _counts(truth: Truth, count: int) -> bool:
    return bool(await truth.value(LIVE) == count)


@pytest.mark.slow
async def test_who_looks_from_outside_starts_nothing_and_is_shown_what_there_is(small: Stack) -> None:
    async with Api(small.urls[0]) as api, Api(small.urls[1]) as other, small.truth() as truth:
        host, stranger = await api.sign_in("Host"), await api.sign_in("Stranger")
        rooms = await opened(api, host, 8)
        for room in rooms:
            view = await api.ok("GET", f"/api/rooms/{room}/hydrate", stranger)
            assert (view["room"]["id"], view["me"]["role"], view["seq"]) == (room, "guest", 0)
        onlookers = [Player(stranger, room) for room in rooms[:4]]
        for index, onlooker in enumerate(onlookers):
            await onlooker.follow(small.urls[index % 2])
            assert onlooker.view["me"] == {"user_id": stranger.user, "role": "guest", "is_host": False, "legal": []}
        assert await truth.value("SELECT count(*) FROM rooms WHERE epoch > 0") == 0, "no room was placed"
        assert await truth.value("SELECT count(*) FROM room_actors WHERE rooms > 0") == 0
        assert len(actors(small)) == 1, "which drew and showed them all"

        # As soon as somebody with a part in it does something, the room has an actor, and the stranger sees it live.
        room, seen = rooms[0], onlookers[0]
        at = Player(host, room)
        await at.follow(small.urls[1])
        await at.command("update_settings", settings={"name": "Another name"})
        await seen.until(lambda: seen.view["room"]["name"] == "Another name", "the new name")
        assert seen.faults == []
        assert len(actors(small)) == 1
        shown = await other.ok("GET", f"/api/rooms/{room}/hydrate", stranger)

        # The actor dies with nobody there but the stranger: the room sleeps, and looks the same.
        await at.command("take_seat", seat_index=0)
        await at.command("leave")
        await at.leave()
        shown = await _settled(other, room, stranger)
        [pid] = actors(small)
        placed = (await truth.owner(room)).epoch
        kill(pid)
        for each in (api, other):
            assert await each.ok("GET", f"/api/rooms/{room}/hydrate", stranger) == shown
        late = Player(stranger, room)
        await late.follow(small.urls[1])
        assert late.view == shown
        assert (await truth.owner(room)).epoch == placed, "it has not been placed anew"
        [other_pid] = actors(small)
        assert other_pid != pid

        # And whoever takes a part in it wakes it for all.
        joined = Player(stranger, room)
        await joined.follow(small.urls[0])
        await joined.command("request_join", display_name="Stranger")
        await joined.command("take_seat", seat_index=1)
        for tab in (late, joined, seen):
            await tab.until(lambda tab=tab: tab.view["me"]["role"] == "player", "a seat")  # type: ignore[misc]
            assert tab.faults == []
        for tab in (*onlookers, late, joined):
            await tab.leave()


@pytest.mark.slow
async def test_a_full_node_says_so_at_both_doors(small: Stack) -> None:
    async with Api(small.urls[0]) as api, Api(small.urls[1]) as other, small.truth() as truth:
        await nobody_is_up(small, truth)
        hosts = [await api.sign_in(f"Host {number}") for number in range(8)]
        rooms = [(await opened(api, host, 1))[0] for host in hosts]
        wish = {"settings": {"name": "In play"}}
        replies = await asyncio.gather(
            *(
                (api, other)[index % 2].request("POST", f"/api/rooms/{room}/settings", host, wish)
                for index, (host, room) in enumerate(zip(hosts, rooms, strict=True))
            )
        )
        codes = Counter(_code(reply.json()) for reply in replies)
        assert codes == {"": MOST, "overloaded": len(rooms) - MOST}, codes
        refused = [reply for reply in replies if reply.status_code != 200]
        for reply in refused:
            assert reply.status_code == 503
            assert reply.json()["error"]["retry_after_ms"] > 0
        assert await truth.value(LIVE) == MOST
        await until(lambda: len(actors(small)) == MOST, "those that came too late have ended")

        # Looking goes on; whoever wants more is told to come again.
        index = replies.index(refused[0])
        stranger = Player(await api.sign_in("Stranger"), rooms[index])
        await stranger.follow(small.urls[0])
        error = await stranger.first_answer(stranger.send("request_join", display_name="Stranger"))
        assert (error["type"], error["code"]) == ("error", "overloaded")
        assert error["retry_after_ms"] > 0
        await stranger.leave()
        assert await truth.value(LIVE) == MOST


@pytest.mark.slow
async def test_a_hundred_rooms_at_once_are_as_many_as_one_user_may_have(small: Stack) -> None:
    async with Api(small.urls[0]) as api, Api(small.urls[1]) as other:
        guest = await api.sign_in("Guest")
        doors = [api, other]
        opening = (doors[number % 2].request("POST", "/api/rooms", guest, OPEN) for number in range(120))
        replies = await asyncio.gather(*opening)
        codes = Counter(_code(reply.json()) for reply in replies)
        assert codes == {"": PER_USER, "too_many_rooms": 120 - PER_USER}
        assert {reply.status_code for reply in replies} == {201, 409}
        match = await api.request(
            "POST", "/api/matchmake", guest, {"game": "tictactoe", "options": {"turn_seconds": 99}}
        )
        assert _code(match.json()) == "too_many_rooms"


@pytest.mark.slow
async def test_a_guest_starts_no_more_rooms_of_others_than_they_could_open(small: Stack) -> None:
    async with Api(small.urls[0]) as api:
        hosts = [await api.sign_in(f"Host {number}") for number in range(2)]
        rooms = [room for host in hosts for room in await opened(api, host, PER_USER)]
        guest = await api.sign_in("Guest")
        body = {"display_name": "Guest"}
        asking = (api.request("POST", f"/api/rooms/{room}/join", guest, body) for room in rooms)
        codes = Counter(_code(reply.json()) for reply in await asyncio.gather(*asking))
        assert codes["rate_limited"] > 0
        assert codes.total() - codes["rate_limited"] < len(rooms)


@pytest.mark.slow
async def test_an_address_makes_so_many_guests(small: Stack) -> None:
    async with Api(small.urls[0]) as api:
        known = await api.sign_in("Known")
        making = (api.request("POST", "/api/session", None, {"display_name": "Another"}) for _ in range(3 * GUESTS))
        replies = await asyncio.gather(*making)
        codes = Counter(_code(reply.json()) for reply in replies)
        assert codes.keys() == {"", "rate_limited"}
        assert codes[""] < 2 * GUESTS
        [refused, *_] = [reply for reply in replies if reply.status_code == 429]
        assert refused.json()["error"]["retry_after_ms"] > 0
        assert (await api.request("POST", "/api/session", known, {})).is_success, "who is known is no guest to be made"


def _code(body: dict[str, Any]) -> str:
    return str(body["error"]["code"]) if "error" in body else ""
