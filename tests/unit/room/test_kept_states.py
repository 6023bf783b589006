"""When a room's state is kept: at the rounds, or the updates, that the deployment says, and never too far apart."""

from __future__ import annotations

import pytest

from kit.rooms import MINT, Live, checkpoint_text
from kit.stories import accepted, room
from tavola.actors.room import codec
from tavola.actors.room.rows import records
from tavola.actors.wire.commands import Act, Chat
from tavola.config.checkpoints import EVERY_HAND, CheckpointEvery


def hands(count: int) -> Live:
    """So many hands of hold'em, each folded at once, with nothing but the moves in between."""
    live = room("holdem")
    live.sit("host", 0)
    live.sit("ann", 1)
    for _ in range(count):
        live.wake()
        hand = live.room.table.hand
        while (user := live.to_act()) is not None and live.room.table.hand == hand:
            accepted(live, user, Act, move="fold")
    return live


def kept(live: Live, every: CheckpointEvery, *, together: int = 1) -> list[int]:
    """The seqs of the checkpoints that are written, `together` updates a commit; each is the room of that seq."""
    found, before, alarm = [], live.first, None
    numbered = list(enumerate(live.decisions, 1))
    for start in range(0, len(numbered), together):
        batch = numbered[start : start + together]
        out, alarm = records(before, batch, alarm, MINT, every)
        before = batch[-1][1].room
        for row in out.checkpoints:
            assert codec.restore(checkpoint_text(row)) == live.decisions[row["seq"] - 1].room
            found.append(row["seq"])
    return found


def begun(live: Live) -> list[int]:
    return [seq for seq, one in enumerate(live.decisions, 1) if any(not each.ended for each in one.rounds)]


@pytest.mark.parametrize("together", [1, 4])
def test_after_so_many_hands(together: int) -> None:
    live = hands(7)
    assert len(begun(live)) == 7
    assert kept(live, EVERY_HAND, together=together) == begun(live)
    assert kept(live, CheckpointEvery(3), together=together) == begun(live)[::3]


@pytest.mark.parametrize("together", [1, 4])
def test_after_so_many_moves(together: int) -> None:
    live = hands(6)
    assert live.seq >= 10
    assert kept(live, CheckpointEvery(0, 5), together=together) == list(range(5, live.seq + 1, 5))


def test_at_the_latest_after_a_thousand() -> None:
    """However long nobody begins a round."""
    live = room("tictactoe")
    for _ in range(2_001):
        accepted(live, "host", Chat, text="waiting")
    assert kept(live, EVERY_HAND) == [1000, 2000]
