"""Other servers of the owner's, on a stack that runs: `tavola token`, and the program in docs/howto/backend.md."""

from __future__ import annotations

import asyncio
import os
import sys

import httpx
import pytest

from kit.command import said, tavola
from kit.examples import example
from kit.stack import Stack

pytestmark = [pytest.mark.slow]


async def test_a_token_from_its_making_to_its_end(stack: Stack) -> None:
    code, printed = await tavola(
        stack, *["token", "make", "shop", "--scope", "act", "--scope", "manage", "--days", "365"]
    )
    assert code == 0, printed
    token = printed.strip()
    assert token.startswith("tvs_")
    code, printed = await tavola(stack, "token", "make", "shop", "--scope", "act")
    assert (code, "revoke it first" in printed) == (1, True)
    code, printed = await tavola(stack, "token", "make", "other", "--scope", "everything")
    assert (code, "there is no scope" in printed) == (2, True)

    told = await _run("are seated at", token, stack.urls[0])
    assert told.startswith("2 are seated at ")
    told = await _run("still reserved", token, stack.urls[0])
    assert told.splitlines() == ["eve is refused: room_not_found", "bob sits in seat 1", "still reserved: []"]

    [listed] = [each for each in await said(stack, "token", "list") if each["name"] == "shop"]
    assert (listed["name"], listed["scopes"], listed["expired"]) == ("shop", ["act", "manage"], False)
    assert listed["used_at"] is not None
    assert token not in str(listed)

    code, printed = await tavola(stack, "token", "revoke", "shop")
    assert code == 0, printed
    headers = {"Authorization": f"Bearer {token}", "Tavola-User": "ann"}
    async with httpx.AsyncClient(base_url=stack.urls[0], headers=headers) as client, asyncio.timeout(20):
        seen = set()
        while "token_invalid" not in seen:
            answer = (await client.get("/api/session")).json()
            seen.add(answer.get("error", {"code": "taken"})["code"])
        assert seen <= {"taken", "rate_limited", "token_invalid"}
    assert await said(stack, "token", "list") == []
    code, printed = await tavola(stack, "token", "revoke", "shop")
    assert (code, printed.strip()) == (1, "tavola: there is no token 'shop'")


async def _run(mentioned: str, token: str, url: str) -> str:
    """All that the program of the page says that mentions that."""
    program = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-c", example("docs/howto/backend.md", mentioned)),
        env={**os.environ, "TAVOLA_TOKEN": token, "TAVOLA_URL": url},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    told, _ = await program.communicate()
    assert program.returncode == 0, told.decode()
    return told.decode()
