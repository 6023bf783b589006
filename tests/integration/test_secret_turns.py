"""The fingerprint in a real database: whoever comes first, and what comes later."""

from __future__ import annotations

import asyncio

import pytest
from structlog.testing import capture_logs

from kit.hosts import connected
from tavola.config.keys import Secrets
from tavola.config.settings import SettingsError
from tavola.storage.fingerprint import LAGGING_S, Admitted, admit, replaced
from tavola.storage.postgres import Database

OLD, NEW = b"the secret that was in use so far", b"the one that takes its place, say"


async def turn(database: Database) -> int:
    row = await database.row("secret_turn")
    assert row is not None
    return int(row["turn"])


async def test_of_many_first_starts_one_secret_wins(database_url: str) -> None:
    """The database has no fingerprint: one that is new, or that a version before this has made."""

    async with connected(database_url) as database:
        secrets = [Secrets(secret) for _ in range(20) for secret in (OLD, NEW)]
        done = await asyncio.gather(*(admit(database, each) for each in secrets), return_exceptions=True)
        won = {each.secrets.newest for each in done if isinstance(each, Admitted)}
        assert len(won) == 1
        assert sum(isinstance(each, SettingsError) for each in done) == 20
        assert await turn(database) == 1


async def test_many_that_rotate_at_once_begin_one_turn(database_url: str) -> None:
    async with connected(database_url) as database:
        with capture_logs() as logs:
            before, first = await admit(database, Secrets(OLD)), await admit(database, Secrets(OLD, NEW))
        assert (before.turn, first.turn) == (1, 2)
        assert [(each["event"], each["turn"]) for each in logs] == [("secret.turn_begun", 2)], "the first is no turn"
        assert await replaced(database, before, await turn(database), 0.0), "it accepts not all that it should"
        assert not await replaced(database, first, await turn(database), 0.0)
        done = await asyncio.gather(*(admit(database, Secrets(NEW, OLD)) for _ in range(20)))
        assert {each.turn for each in done} == {3}
        assert not await replaced(database, done[0], await turn(database), 0.0)
        assert await replaced(database, first, await turn(database), 0.0), "it uses what is to be used no more"
        lagging = await admit(database, Secrets(OLD, NEW))
        for lived_s in (0.0, LAGGING_S + 1):
            assert await replaced(database, lagging, await turn(database), lived_s) == (lived_s > 0), "for a while"
            assert not await replaced(database, done[0], await turn(database), lived_s)
        await admit(database, Secrets(NEW))
        for each in (*done, lagging):
            assert await replaced(database, each, await turn(database), 0.0), "it accepts what is accepted no more"
        with pytest.raises(SettingsError, match="was replaced"):
            await admit(database, Secrets(OLD, NEW))
