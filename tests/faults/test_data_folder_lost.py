"""Everything is backed up while a hand is played; then the data folder is lost, with Postgres in it, and the backup is
restored: the hand goes on from there, and those who have seen more are given whole views."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import sys
from pathlib import Path

import pytest

from kit.stack import FOREIGN, Stack
from kit.table import Table, table

pytestmark = [pytest.mark.slow, pytest.mark.long, pytest.mark.timeout(400)]

SECRET = "the secret of this deployment, kept apart"


async def tavola(folder: Path, *words: str | Path, **settings: str) -> tuple[int, str]:
    """Exit code, and what was printed."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(FOREIGN)}
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "tavola", *map(str, words)),
        env={**environment, "TAVOLA_DATA_DIR": str(folder), **settings},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    printed, _ = await process.communicate()
    assert process.returncode is not None
    return process.returncode, printed.decode()


async def test_the_hand_goes_on_from_the_backup(tmp_path: Path) -> None:
    folder, kept = tmp_path / "data", tmp_path / "backup"
    stack = Stack(folder, TAVOLA_JWT_SECRET=SECRET)
    stack.start()
    try:
        async with table(stack) as t:
            await t.move()
            least = (await t.owner()).seq
            backing = asyncio.create_task(tavola(folder, "backup", kept))
            await t.move()
            code, printed = await backing
            assert code == 0, printed
            lost = [await t.move(), await t.move()]
            stack.stop()
            assert stack.processes() == []
            shutil.rmtree(folder)

            code, printed = await tavola(folder, "restore", kept)
            assert code != 0
            assert "another secret" in printed
            assert "jwt-secret" in printed
            code, printed = await tavola(folder, "restore", kept, TAVOLA_JWT_SECRET=SECRET)
            assert code == 0, printed
            stack.start()
            async with stack.truth() as t.truth:
                back = (await t.owner()).seq
                assert least <= back < lost[0]["seq"]
                before = [each.hydrations for each in t.everybody]
                for each in t.everybody:
                    await each.follow(stack.urls[0])
                assert [each.hydrations for each in t.everybody] == [views + 1 for views in before]
                _forget(t, back)
                await t.play_to_the_end()
                await t.check_log()
                t.check_chips()
                t.check_cards()
                await t.check_replay()
    finally:
        stack.stop()


def _forget(t: Table, back: int) -> None:
    """The updates after the backup never were. From here on the promise of each number holds again."""
    t.acked = [ack for ack in t.acked if ack["seq"] <= back]
    for each in t.everybody:
        assert len(each.faults) == 1, each.who.name
        assert "the view went back" in each.faults.pop()
        each.updates = {}
        each.told = {seq: told for seq, told in each.told.items() if seq <= back}
        each.events = [event for seq in sorted(each.told) for event in each.told[seq]["events"]]
        whole = max(i for i, text in enumerate(each.frames) if '"type":"hydrated"' in text)
        since = [json.loads(text) for text in each.frames[whole + 1 :]]
        each.told |= {frame["seq"]: frame for frame in since if frame["type"] == "update"}
