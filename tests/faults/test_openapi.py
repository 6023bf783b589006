"""Requests made up from the published document, by schemathesis, against an edge: no answer but the documented ones."""

from __future__ import annotations

import asyncio
import random
import secrets
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import httpx
import jsonschema
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from kit.client import Api, Identity, Json
from kit.stack import ADMIN_SECRET, Stack

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

EXAMPLES = 10
"""For each operation."""
CHECKED = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
MEANT: dict[str, Any] = {
    **{"game": "holdem", "options": {}, "approval": "auto", "visibility": "public", "name": "Table"},
    **{"empty_minutes": 30, "max_spectators": 10},
}
"""The values that make sense in a body, beside the id of a user: half of the requests say it, if they have such a
field."""
NEED_LUCK = {
    *("post_room_actions", "post_room_chips", "post_room_rebuy", "post_room_seat", "post_room_settings"),
    *("post_room_host", "post_room_reject", "post_room_approve", "get_game_connection_token"),
    *("post_game_reconnect", "post_game_persist", "delete_game_persist"),
    "get_game_persist",
    *("post_room_spectate", "delete_room_spectate"),
    *("post_rooms", "post_room_bots", "post_room_withdraw", "post_game_restore"),
    "post_room_broadcast",  # another server's alone
    "delete_session_data",  # who asks must name themselves
    *("post_room_resign", "post_room_offer_draw", "post_room_answer_draw"),  # the scene's games have none
    *("post_room_request_undo", "post_room_answer_undo", "post_room_withdraw_offer"),
}
"""The operations that a made-up request seldom fits."""
ENDS = {"/close", "/leave", "/kick", "/persist", "/host", "/seat", "/start"}
"""The ends of paths that may leave nothing to be asked of, or are done once: each is asked of a room of its own."""


class Scene:
    """A few rooms, and those who ask: a host, a player, a stranger, nobody."""

    def __init__(self, url: str, document: Json, people: list[Identity], rooms: list[str], doomed: list[str]) -> None:
        self.url, self.document, self.people, self.rooms = url, document, people, rooms
        self.doomed = dict(zip(sorted(ENDS), doomed, strict=True))


@pytest.fixture(scope="module")
async def scene(crowd: Stack) -> AsyncIterator[Scene]:
    url = crowd.urls[0]
    async with Api(url) as api:
        host, player, stranger = [await api.sign_in(name) for name in ("Ada", "Ben", "Zoe")]
        rooms: list[str] = []
        for game, approval, visibility in (
            ("holdem", "auto", "public"),
            ("tictactoe", "host", "public"),
            ("tictactoe", "auto", "private"),
            *[("holdem", "auto", "public")] * len(ENDS),
        ):
            wish = {"game": game, "approval": approval, "visibility": visibility}
            # Nobody plays where something is to be ended: it cannot be in the middle of a hand.
            begins = {"options": {"auto_start": False}} if len(rooms) >= 6 else {}
            made = await api.ok("POST", "/api/rooms", host, wish | begins)
            room = f"/api/rooms/{made['id']}"
            await api.ok("POST", f"{room}/seat", host, {"seat_index": 0})
            await api.ok("POST", f"/api/rooms/{made['code']}/join", player, {"display_name": "Ben"})
            if approval == "auto":
                await api.ok("POST", f"{room}/seat", player, {"seat_index": 1})
            rooms += [made["id"], made["code"]]
        document = await api.ok("GET", "/api/openapi.json")
        kept = -2 * len(ENDS)
        yield Scene(url, document, [host, player, stranger], rooms[:kept], rooms[kept::2])


async def test_the_document_is_one(scene: Scene) -> None:
    """Its schemas are schemas, its references lead somewhere, every operation says what may be answered."""
    document = scene.document
    assert document["openapi"] == "3.1.0"
    for schema in document["components"]["schemas"].values():
        jsonschema.Draft202012Validator.check_schema(schema)
    for reference in _references(document):
        target: Any = document
        for step in reference.removeprefix("#/").split("/"):
            target = target[step]
    operations = [operation for path in document["paths"].values() for operation in path.values()]
    assert len({operation["operationId"] for operation in operations}) == len(operations) > 35
    for operation in operations:
        assert {"400", "401", "429", "503"} <= operation["responses"].keys()
    assert document["components"]["securitySchemes"].keys() == {"bearer", "session", "operator", "service"}
    for path, methods in document["paths"].items():
        for operation in methods.values():
            theirs = {"operator": []} in operation["security"]
            assert theirs == (path.startswith("/api/admin/") or path == "/api/feed"), path


async def test_without_operators_there_is_nothing_of_theirs(cold: Stack) -> None:
    """Neither documented nor served, whatever secret is sent: what is documented is what this deployment has. Some of
    it is there for other servers, by their tokens."""
    async with Api(cold.urls[0]) as api:
        document = await api.ok("GET", "/api/openapi.json")
        shared = {path: methods["get"] for path, methods in document["paths"].items() if "admin" in path}
        assert set(shared) == {f"/api/admin/rooms/{{room}}{end}" for end in ("", "/log", "/view")}
        assert all(any("service" in each for each in operation["security"]) for operation in shared.values())
        assert document["components"]["securitySchemes"].keys() == {"bearer", "session", "service"}
        someone = await api.sign_in("Ann")
        for who in (
            None,
            someone,
            Identity("operator", "Operator", ADMIN_SECRET),
            Identity("operator", "", "nonsense"),
        ):
            for path in ("/admin", "/api/admin/rooms", "/api/admin/actors", "/static/admin.js"):
                reply = await api.request("GET", path, who)
                assert (reply.status_code, reply.json()["error"]["code"]) == (404, "not_found"), path
            reply = await api.request("GET", "/api/admin/rooms/r_1/view", who)
            assert (reply.status_code, reply.json()["error"]["code"]) == (401, "unauthenticated")


def _references(value: Any) -> set[str]:
    match value:
        case {"$ref": str(reference)}:
            return {reference}
        case dict():
            return set().union(*map(_references, value.values()))
        case list():
            return set().union(*map(_references, value))
        case _:
            return set()


async def test_frames_fit_their_schema(scene: Scene) -> None:
    async with Api(scene.url) as api:
        document = await api.ok("GET", "/api/frames.json")
    validator = jsonschema.Draft202012Validator(document)
    validator.check_schema(document)
    for frame in (
        {"type": "heartbeat"},
        {"type": "chat", "id": "x", "room": "r_1", "text": "hello"},
        {"type": "left", "room": "r_1"},
        {"type": "ack", "id": "x", "room": "r_1", "seq": 1, "seat_index": 0},
    ):
        validator.validate(frame)
    for frame in ({"type": "chat", "id": "x", "room": "r_1"}, {"type": "nothing"}, {"type": "left"}):
        assert not validator.is_valid(frame), frame


async def test_made_up_requests_get_documented_answers(scene: Scene) -> None:
    await asyncio.to_thread(_ask_everything, scene)


def _ask_everything(scene: Scene) -> None:
    schema = schemathesis.openapi.from_dict(scene.document)
    answers: Counter[int] = Counter()
    reached = set()
    for found in schema.get_all_operations():
        assert isinstance(found, Ok), found
        reached |= _asked(scene, found.ok(), answers)
    told = {name for path in scene.document["paths"].values() for name in (o["operationId"] for o in path.values())}
    assert told - reached <= NEED_LUCK, "every other operation was carried out at least once"
    assert sum(count for status, count in answers.items() if status < 300) > 100
    assert answers[400] > 20
    assert answers[403] > 20


def _asked(scene: Scene, operation: Any, answers: Counter[int]) -> set[str]:
    """Ask for one operation over and over. Gives its name if it was carried out at least once."""
    name = operation.definition.raw["operationId"]
    done: set[str] = set()
    rooms = [room for end, room in scene.doomed.items() if operation.path.endswith(end)] or scene.rooms

    @given(
        case=operation.as_strategy(),
        whom=st.integers(0, 5),
        where=st.sampled_from([*rooms, *rooms, None]),
        meant=st.booleans(),
    )
    @settings(
        max_examples=EXAMPLES,
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    def ask(case: Any, whom: int, where: str | None, meant: bool) -> None:
        if where is not None and "room" in case.path_parameters:
            case.path_parameters["room"] = where
        if meant or 0 < len(case.headers.get("Idempotency-Key", "")) <= 64:
            case.headers["Idempotency-Key"] = secrets.token_hex(8)  # made-up ones are few, and each is one command's
        if meant and isinstance(case.body, dict):
            fit = MEANT | {"user_id": scene.people[1].user, "display_name": "Somebody"}
            case.body = {name: fit.get(name, value) for name, value in case.body.items()}
        if meant and "/admin/" in operation.path:
            case.query = {}
        headers = _sent_by(scene, operation, whom)
        response = case.call(base_url=scene.url, headers=headers)
        answers[response.status_code] += 1
        if response.status_code < 300:
            done.add(name)
        case.validate_response(response, checks=CHECKED)

    random.seed(0)
    ask()
    return done


def _sent_by(scene: Scene, operation: Any, whom: int) -> dict[str, str]:
    """The headers of one of the people, of somebody new who signs out, or of nobody."""
    if operation.definition.raw["operationId"] == "delete_session":
        token = httpx.post(f"{scene.url}/api/session", trust_env=False).json()["token"]
    elif whom == 5:
        return {}
    elif {"operator": []} in operation.definition.raw["security"]:
        # Never a wrong one: after some of these nobody is let in for a while, and all would be refused.
        token = ADMIN_SECRET
    else:
        token = scene.people[whom // 2].token
    return {"Authorization": f"Bearer {token}"}
