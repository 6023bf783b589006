"""Signing out everywhere, on running edges: all of the user's sockets close, their tokens die, nobody else notices."""

from __future__ import annotations

import time

import pytest
from test_refusals import closed, heard, raw

from kit.client import Api
from kit.stack import Stack

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

WITHIN_S = 10.0
"""Edges look once a second; tests run on busy machines."""


async def test_sockets_of_every_edge_are_closed(stack: Stack) -> None:
    here, there = stack.urls[:2]
    async with Api(here) as api, Api(there) as other:
        ann, ben = await api.sign_in("Ann"), await api.sign_in("Ben")
        async with raw(here, ann) as near, raw(there, ann) as far, raw(here, ben) as his, raw(there, ben) as also_his:
            await api.ok("DELETE", "/api/session", ann)
            since = time.monotonic()
            for bare in (near, far):
                said = await heard(bare)
                assert (said["type"], said["code"]) == ("error", "token_invalid")
                assert await closed(bare) == 4401
            assert time.monotonic() - since < WITHIN_S
            for edge in (api, other):
                assert (await edge.request("GET", "/api/session", ann)).status_code == 401
                await edge.ok("GET", "/api/session", ben)
            for bare in (his, also_his):
                await bare.send('{"type":"heartbeat"}')
                assert (await heard(bare))["type"] == "heartbeat_ack"
