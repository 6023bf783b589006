"""Both edges place the same room in the same moment: one of them wins, and both serve it there."""

from __future__ import annotations

import pytest

from kit.stack import Stack, kill, until
from kit.table import Table, table

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


async def test_one_placement_wins(stack: Stack) -> None:
    """A lock of the test's on the dead actor's row holds both edges back until both have begun to take over."""
    async with table(stack, seats=4, edges=(0, 1)) as t:
        for lost in (1, 2):
            await t.move()
            await until(lambda: _two_spares(t), "a spare for each edge")
            before = await t.owner()
            async with stack.truth() as lock, lock.connection.transaction():
                await lock.connection.execute("SELECT FROM room_actors WHERE name = $1 FOR UPDATE", before.actor)
                kill(before.pid)
                talk = [player.send("chat", text="Is anybody there?") for player in t.players]
                assert len(await lock.holds_back(2, "UPDATE room_actors SET suspect_at")) == 2
            for player, pending in zip(t.players, talk, strict=True):
                t.note(player, await player.answer(pending))

            after = await t.owner()
            assert after.pid != before.pid
            for edge in (1, 2):
                assert _told(t, edge, "room.take_over", f"epoch={before.epoch} ")
            # A placement is on top of the epoch that was seen; the second finds that epoch gone, and reads the winner.
            assert after.epoch > before.epoch
            placed = [_told(t, edge, "room.placed", f"epoch={after.epoch} ") for edge in (1, 2)]
            assert sorted(placed) == [0, 1]
            assert sum(_told(t, edge, "room.placed") for edge in (1, 2)) == 1 + lost

            # Both edges know it now, and nobody places it again.
            more = [[await player.command("chat", text=f"{n}") for player in t.players] for n in range(5)]
            assert len({ack["seq"] for acks in more for ack in acks}) == 20
            assert (await t.owner()).epoch == after.epoch
            assert not any(_told(t, edge, "room.take_over", f"epoch={after.epoch} ") for edge in (1, 2))
        await t.play_to_the_end()
        await t.check()


async def _two_spares(t: Table) -> bool:
    return len(await t.truth.spares()) >= 2


def _told(t: Table, edge: int, event: str, more: str = "") -> int:
    """How often an edge logged this of the room."""
    lines = t.stack.said_by_edge(edge).splitlines()
    return sum(event in line and t.room in line and more in f"{line} " for line in lines)
