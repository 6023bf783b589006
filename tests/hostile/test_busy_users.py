"""One user cannot keep a room busy: all but moves goes at one rate, and what changes nothing costs nobody anything."""

from __future__ import annotations

import time
from typing import Any

import pytest

from kit.doors import Doors, Person, doors
from tavola.edge.common.limits import Limits
from tavola.edge.ws.connection import CHANGE_BURST, CHANGE_RATE


async def _watcher(at: Doors) -> tuple[Person, Person, dict[str, Any]]:
    """The host, somebody who watches, and their room."""
    ann, bob = at.person("Ann"), at.person("Bob")
    room = await at.opened(ann)
    await at.ok("POST", f"/api/rooms/{room['id']}/join", bob, {"display_name": "Bob"})
    await at.ok("POST", f"/api/rooms/{room['id']}/spectate", bob, {})
    return ann, bob, room


async def test_coming_and_going_is_not_free(database_url: str, redis_url: str) -> None:
    """Over two sockets and REST, one user alternates between watching and not; a bystander is sent little of it."""

    async with doors(database_url, redis_url) as at:
        began = time.monotonic()
        ann, bob, room = await _watcher(at)
        path = f"/api/rooms/{room['id']}/spectate"
        bystander, one, two = await at.socket(ann), await at.socket(bob), await at.socket(bob)
        await bystander.joins(room["id"])
        answers: list[dict[str, Any]] = []
        for number in range(100):
            answers.append(await one.does("stop_spectating", room["id"], f"off{number}"))
            answers.append(await two.does("spectate", room["id"], f"on{number}"))
        waits = [frame["retry_after_ms"] for frame in answers if frame.get("code") == "rate_limited"]
        assert min(waits) > 0
        # On a slow machine the rate has given a few back by then: they are used up first.
        for method in ("POST", "DELETE"):
            tries = [await at.ask(method, path, bob, {} if method == "POST" else None) for _ in range(20)]
            assert "rate_limited" in [answer.get("error", {}).get("code") for _, answer in tries]
        most = CHANGE_BURST + CHANGE_RATE * (time.monotonic() - began)
        assert len(answers) - len(waits) <= most
        assert len(await at.log(room["id"])) <= most
        assert sum(frame["type"] == "update" for frame in bystander.payloads) <= most
        assert (await bystander.does("chat", room["id"], "me", text="I may"))["type"] == "ack", "nobody else waits"
        other = await at.opened(bob)
        assert "seq" in await at.ok("POST", f"/api/rooms/{other['id']}/pause", bob), "nor they in another room"


async def test_moves_have_the_turn_and_no_other_rate(database_url: str, redis_url: str) -> None:
    async with doors(database_url, redis_url) as at:
        ann, _, room = await _watcher(at)
        socket = await at.socket(ann)
        for number in range(int(CHANGE_BURST) + 20):
            await socket.does("chat", room["id"], f"say{number}", text="x")
        answer = await socket.does("act", room["id"], "move", move="mark", cell=0)
        assert answer["code"] == "not_seated", "it was decided"


@pytest.mark.parametrize(("rate", "refused"), [(5, True), (0, False)])
async def test_a_deployment_says_how_much_a_socket_may_send(
    database_url: str, redis_url: str, rate: int, refused: bool
) -> None:
    async with doors(database_url, redis_url, Limits(frames_per_second=rate)) as at:
        socket = await at.socket(at.person("Ann"))
        for _ in range(1500):
            socket.say(type="heartbeat")
            if socket.code is not None:
                break
        codes = [frame.get("code") for frame in socket.payloads]
        assert ("rate_limited" in codes) == refused
        assert codes.index("rate_limited") > 2 * rate if refused else socket.code is None


IDLE: list[tuple[str, dict[str, Any]]] = [
    ("request_join", {"display_name": "Ann"}),
    ("spectate", {}),
    ("transfer_host", {"user_id": "u_ann"}),
    ("update_settings", {"settings": {}}),
    ("update_settings", {"settings": {"name": "Ours", "approval": "auto", "visibility": "public"}}),
]


@pytest.mark.parametrize(("kind", "fields"), IDLE, ids=lambda each: str(each))
async def test_what_changes_nothing_is_no_update(
    kind: str, fields: dict[str, Any], database_url: str, redis_url: str
) -> None:
    """It is acknowledged at the last number, by either door, and once more under the same id."""

    async with doors(database_url, redis_url) as at:
        ann = at.person("Ann")
        room = await at.opened(ann, name="Ours")
        await at.ok("POST", f"/api/rooms/{room['id']}/spectate", ann, {})
        socket = await at.socket(ann)
        await socket.joins(room["id"])
        log = len(await at.log(room["id"]))
        for _ in range(3):
            ack = await socket.does(kind, room["id"], "idle", **fields)
            assert (ack["type"], ack["seq"], ack["unchanged"]) == ("ack", log, True)
        assert len(await at.log(room["id"])) == log
        assert not [frame for frame in socket.payloads if frame["type"] == "update"]
        said = await socket.does("chat", room["id"], "idle", text="An id that changed nothing is free.")
        assert (said["seq"], said.get("unchanged")) == (log + 1, None)


async def test_rest_says_so_too(database_url: str, redis_url: str) -> None:
    async with doors(database_url, redis_url) as at:
        ann = at.person("Ann")
        room = await at.opened(ann, name="Ours")
        path = f"/api/rooms/{room['id']}"
        answer = await at.ok("POST", f"{path}/settings", ann, {"settings": {"name": "Ours"}})
        assert answer == {"seq": 0, "unchanged": True}
        joined = await at.ok("POST", f"{path}/join", ann, {"display_name": "Ann"})
        assert joined == {"status": "approved", "waiting_for_approval": False, "seq": 0}
        assert await at.ok("POST", f"{path}/settings", ann, {"settings": {"name": "Mine"}}) == {"seq": 1}
        assert len(await at.log(room["id"])) == 1
