"""Postgres takes no more connections: that is said at the first one refused, to the operator and to the client; and
when there are some again, it goes on."""

from __future__ import annotations

import asyncio
import json
import tempfile
from pathlib import Path

import pytest

from kit.client import Api
from kit.command import tavola
from kit.small_postgres import give_back, postgres_taking, take_all
from kit.stack import Stack

pytestmark = [pytest.mark.slow, pytest.mark.long, pytest.mark.timeout(200)]

OPEN = {"game": "tictactoe", "approval": "auto"}


async def test_it_is_said_at_the_first_one_refused() -> None:
    with tempfile.TemporaryDirectory() as folder:
        async with postgres_taking(30, Path(folder) / "postgres") as url:
            stack = Stack(Path(folder) / "data", DATABASE_URL=url, TAVOLA_JWT_SECRET="s" * 32, TAVOLA_SPARES="0")
            try:
                await asyncio.to_thread(stack.start)
                await _said(stack, url)
            finally:
                await asyncio.to_thread(stack.stop)


async def _said(stack: Stack, url: str) -> None:
    async with Api(stack.urls[0]) as api:
        host = await api.sign_in("Host")
        room = (await api.ok("POST", "/api/rooms", host, OPEN))["id"]
        wish = {"settings": {"name": "In play"}}
        taken = await take_all(url)
        assert taken
        try:
            # The edge has its connections; the room's actor has none, and finds none.
            reply = await api.request("POST", f"/api/rooms/{room}/settings", host, wish)
            assert reply.status_code == 503
            error = reply.json()["error"]
            assert error["code"] == "overloaded", error
            assert error["retry_after_ms"] > 0
            assert "TooManyConnectionsError" in stack.said_by_edge(1)
            assert "postgres.full" in stack.said_by_workers()
            code, printed = await tavola(stack, "doctor", "--json")
            assert code == 1
            [found] = [each for each in json.loads(printed)["findings"] if each["name"] == "postgres connections"]
            assert not found["fit"]
            assert "too many clients" in found["found"] or "reserved" in found["found"]
        finally:
            await give_back(taken)
        assert (await api.ok("POST", f"/api/rooms/{room}/settings", host, wish)) is not None
        code, printed = await tavola(stack, "doctor", "--json")
        [found] = [each for each in json.loads(printed)["findings"] if each["name"] == "postgres connections"]
        assert found["found"].endswith(" of 27 taken")
