"""All of Ray is gone, and every room actor with it: edges and their sockets stay, players are told to try again, and
play goes on once Ray is back."""

from __future__ import annotations

import contextlib

import psutil
import pytest

from kit.client import reachable
from kit.stack import Stack, frozen, lives, until
from kit.table import table

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


async def test_edges_live_through_the_loss_of_ray(stack: Stack) -> None:
    async with table(stack, edges=(0, 1)) as t:
        await t.move()
        edges, before = [stack.pid_of("edges", number) for number in (0, 1)], await t.owner()
        with frozen(stack.pid):  # It starts nothing again meanwhile.
            head = psutil.Process(stack.pid_of("ray"))
            actors = [row["pid"] for row in await t.truth.rows("SELECT pid FROM room_actors")]
            lost = [head.pid, *(each.pid for each in head.children(recursive=True)), *actors]
            for pid in lost:
                with contextlib.suppress(psutil.NoSuchProcess):
                    psutil.Process(pid).kill()
            await until(lambda: not any(lives(pid) for pid in lost), "no Ray, and no actor")
            player = await t.next_to_act()
            pending = player.send("act", **player.passive())
            told = await player.first_answer(pending)
            assert (told["type"], told["code"]) == ("error", "room_unavailable")
            assert told["retry_after_ms"] > 0
            assert [await reachable(url) for url in stack.urls] == [True, True]
        t.note(player, await player.answer(pending, 1))
        assert (await t.owner()).pid not in lost
        assert (await t.owner()).epoch > before.epoch
        await t.play_to_the_end()
        await t.check()
        assert [stack.pid_of("edges", number) for number in (0, 1)] == edges
