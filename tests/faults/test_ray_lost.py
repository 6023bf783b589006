"""All of Ray is gone, and every room actor with it: edges and their sockets stay, players are told to try again, and
play goes on once Ray is back."""

from __future__ import annotations

import contextlib

import httpx
import psutil
import pytest
from prometheus_client.parser import text_string_to_metric_families

from kit.client import reachable
from kit.stack import Stack, frozen, lives, until
from kit.table import table

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


async def rays(stack: Stack) -> dict[str, float]:
    """All that the second edge tells of Ray, by name and labels."""
    async with httpx.AsyncClient(trust_env=False) as http:
        text = (await http.get(f"{stack.urls[1]}/metrics")).text
    return {
        " ".join((sample.name, *(sample.labels[name] for name in sorted(sample.labels)))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name.startswith("tavola_ray_")
    }


async def _up(stack: Stack, up: int) -> bool:
    return (await rays(stack)).get("tavola_ray_up") == up


async def _an_actor_lives(stack: Stack) -> bool:
    return (await rays(stack)).get("tavola_ray_actors alive", 0) >= 1


async def test_edges_live_through_the_loss_of_ray(stack: Stack) -> None:
    async with table(stack, edges=(0, 1)) as t:
        await t.move()
        await until(lambda: _an_actor_lives(stack), "a steward was told by Ray of the room's actor")
        told = await rays(stack)
        assert told["tavola_ray_up"] == 1
        assert (told["tavola_ray_nodes alive"], told["tavola_ray_nodes dead"]) == (1, 0)
        assert told["tavola_ray_resource all CPU"] > told["tavola_ray_resource taken CPU"] == 0
        assert 0 < told["tavola_ray_answer_seconds"] < 60
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
            answer = await player.first_answer(pending)
            assert (answer["type"], answer["code"]) == ("error", "room_unavailable")
            assert answer["retry_after_ms"] > 0
            await until(lambda: _up(stack, 0), "nobody is told anything by Ray")
            assert set(await rays(stack)) == {"tavola_ray_up"}
            assert [await reachable(url) for url in stack.urls] == [True, True]
        t.note(player, await player.answer(pending, 1))
        await until(lambda: _up(stack, 1), "it does so again")
        assert (await t.owner()).pid not in lost
        assert (await t.owner()).epoch > before.epoch
        await t.play_to_the_end()
        await t.check()
        assert [stack.pid_of("edges", number) for number in (0, 1)] == edges
