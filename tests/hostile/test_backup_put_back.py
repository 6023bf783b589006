"""A backup of the whole database is put back under a running stack: everybody at the table learns how it stands."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
from pathlib import Path

import httpx
import psutil
import pytest

from kit.client import Player
from kit.stack import Stack, frozen, kill, lives, until
from kit.table import Table, table

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]


@pytest.mark.parametrize("survives", [True, False], ids=["actor lives", "actor dies"])
async def test_the_hand_goes_on_from_the_backup(stack: Stack, tmp_path: Path, survives: bool) -> None:
    data, backup = stack.folder / "postgres" / "data", tmp_path / "backup"
    async with table(stack, edges=(0, 1)) as t:
        await t.move()
        kept = (await t.owner()).seq
        with frozen(stack.pid):
            await _end_postgres(stack)
            _copy(data, backup)
        await _back(t)
        lost = [await t.move(), await t.move()]
        shown, views = lost[-1]["seq"], [each.hydrations for each in t.everybody]
        assert views == [1] * len(t.everybody)
        assert shown > kept
        actor = await t.owner()
        with frozen(stack.pid):
            await _end_postgres(stack)
            shutil.rmtree(data)
            _copy(backup, data)
            if not survives:
                kill(actor.pid)
        await _back(t)

        # Nobody has asked for anything.
        for each in t.everybody:
            await each.until(lambda each=each: each.hydrations > 1, "the view that is")  # type: ignore[misc]
        _forget(t, kept)
        for edge in (1, 2):
            told = [line for line in stack.said_by_edge(edge).splitlines() if "room.history_lost" in line]
            assert [line for line in told if t.room in line and f"seq={shown}" in line], told
            async with httpx.AsyncClient(trust_env=False) as client:
                metrics = (await client.get(f"{stack.urls[edge - 1]}/metrics")).text
            assert float(metrics.partition("\ntavola_histories_lost_total ")[2].split()[0]) >= 1

        await t.play_to_the_end()
        assert ((await t.owner()).pid == actor.pid) == survives
        rows = await t.check_log()
        assert {row["epoch"] for row in rows[kept:]}.isdisjoint({actor.epoch}), "nothing goes on under the lost epoch"
        t.check_chips()
        t.check_cards()
        await t.check_replay()
        for each in t.everybody:
            assert each.faults == [], each.who.name
            await _holds_what_is(each)


def _forget(t: Table, kept: int) -> None:
    """The updates after the backup never were. From here on the promise of each number holds again."""
    t.acked = [ack for ack in t.acked if ack["seq"] <= kept]
    for each in t.everybody:
        assert f"the view went back from {max(each.updates)} to" in each.faults[0]
        each.faults = each.faults[1:]
        whole = max(i for i, text in enumerate(each.frames) if '"type":"hydrated"' in text)
        since = [json.loads(text) for text in each.frames[whole + 1 :]]
        after = {frame["seq"]: frame for frame in since if frame["type"] == "update"}
        each.told = {seq: told for seq, told in each.told.items() if seq <= kept} | after
        each.updates = {}


async def _holds_what_is(player: Player) -> None:
    async with httpx.AsyncClient(base_url=player.url, trust_env=False) as client:
        path = f"/api/rooms/{player.room}/hydrate"
        view = (await client.get(path, headers={"Authorization": f"Bearer {player.who.token}"})).json()
    apart = {"seq": 0, "epoch": 0, "at": 0, "stale": False, "recent": []}
    held = {**player.view, **apart}
    held["me"] = {key: value for key, value in held["me"].items() if key != "rejoin_token"}
    assert {**view, **apart} == held


def _copy(data: Path, to: Path) -> None:
    """With owners and modes, as a file system's snapshot has them."""
    subprocess.run(["cp", "-a", data, to], check=True)


async def _back(t: Table) -> None:
    """Postgres answers. The supervisor may still be giving its roles their rights."""
    await t.truth.connect()
    await until(lambda: lives(t.stack.pid_of("postgres")), "Postgres is back")


async def _end_postgres(stack: Stack) -> None:
    """With the supervisor stopped, it stays away."""
    postmaster = psutil.Process(stack.pid_of("postgres"))
    backends = postmaster.children()
    postmaster.send_signal(signal.SIGINT)
    await until(lambda: not any(lives(each.pid) for each in (postmaster, *backends)), "Postgres has ended")
