"""Every flood that `load.bench.floods` knows, against a whole stack: two play on meanwhile, and no log is filled."""

from __future__ import annotations

from functools import partial

import pytest

from kit.client import Api
from kit.stack import Stack, until
from tavola.load.bench.floods.attacks import FLOODS
from tavola.load.bench.floods.honest import Noticed, seated
from tavola.load.bench.floods.run import flooding, target_of

pytestmark = [pytest.mark.long, pytest.mark.timeout(300)]

LOG_LIMIT = 100_000
"""Bytes of an edge's log that all floods together may cause."""


def _played(noticed: Noticed) -> bool:
    return noticed.moves.count >= 10 and noticed.beats.count >= 100


async def test_two_play_on_while_their_edge_is_flooded(crowd: Stack) -> None:
    url, logged = crowd.urls[0], len(crowd.said_by_edge(1))
    async with Api(url) as api:
        target = target_of(url, (await api.sign_in("Mallory")).token)
    async with seated(url) as pair, pair.playing():
        for name in FLOODS:
            async with flooding(name, target) as flood:
                noticed = pair.notices()
                await until(partial(_played, noticed), f"play under {name}")
                connections, sent = await flood.stop()
            assert connections, name
            assert sent, name
            assert noticed.lost == 0, f"{name} cost others their connection"
    said = crowd.said_by_edge(1)[logged:]
    assert "Traceback" not in said
    assert "Invalid HTTP" not in said
    assert len(said) < LOG_LIMIT
