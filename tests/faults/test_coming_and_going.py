"""Players whose sockets go, with and without a goodbye: away at once, or when it is sure; back in time, or seat freed.

How long ago something happened is read from the updates themselves (`at`), which one machine's clock has stamped.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator

import pytest

from kit.client import Json, Player, reachable
from kit.stack import Stack, kill, until
from kit.table import BUY_IN, Table, table

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

ABSENCES = ("player_away", "player_reconnected", "player_disconnected", "seat_freed")


@pytest.fixture(scope="module")
def brief(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """One edge, and graces of one and two seconds."""
    folder = tmp_path_factory.mktemp("brief") / "data"
    stack = Stack(folder, TAVOLA_DISCONNECTED_AFTER_S="1", TAVOLA_SEAT_FREED_AFTER_S="2")
    try:
        stack.start()
        yield stack
    finally:
        stack.stop()


async def test_two_tabs_are_one_person(stack: Stack) -> None:
    """On two edges, in the middle of a hand: closing one is not leaving, closing both is, and coming back is all."""
    async with table(stack, edges=(0, 1)) as t:
        here, there = t.players[1], Player(t.players[1].who, t.room)
        await there.follow(next(url for url in stack.urls if url != here.url))
        cards, view = here.cards, here.view["seats"]["1"]
        await here.leave()
        await t.host.command("chat", text="still there?")
        assert _absences(t.host) == []
        await there.leave()
        left = await _told(t.host, ("player_away", here.who.user))
        assert t.host.view["seats"]["1"]["status"] == "away"
        await until(lambda: _presence(t.host, here) == ["away"], "those inside are told")
        await here.follow(here.url)
        back = await _told(t.host, ("player_away", here.who.user), ("player_reconnected", here.who.user))
        await here.until(lambda: here.seq >= back["seq"], "their own return")
        await until(lambda: _presence(t.host, here) == ["away", "active"], "those inside are told")
        assert left["seq"] < back["seq"]
        assert (here.cards, here.view["seats"]["1"]) == (cards, view)
        assert _presence(t.watchers[0], here) == ["away", "active"]
        await t.play_to_the_end()
        await t.check()


async def test_an_edge_dies_without_a_word(stack: Stack) -> None:
    """A user who comes back elsewhere was never away; one who does not is away when there has been time to."""
    async with table(stack, seats=4, edges=(0, 1)) as t:
        there = stack.urls[1]
        [first, second] = [player for player in t.players if player.url == stack.urls[0]]
        stays = next(player for player in t.players if player.url == there)
        dead = stack.pid_of("edges", 0)
        kill(dead)
        killed = time.time() * 1000
        await first.follow(there)
        for watcher in t.watchers:
            await watcher.follow(there)
        gone = await _told(stays, ("player_away", second.who.user))
        assert gone["at"] - killed > 4000
        await second.follow(there)
        await _told(stays, ("player_away", second.who.user), ("player_reconnected", second.who.user))
        await t.play_to_the_end()
        await t.check()

        async def is_back() -> bool:
            return stack.pid_of("edges", 0) != dead and await reachable(stack.urls[0])

        await until(is_back, "the edge is back")


@pytest.mark.long
async def test_an_actor_dies_and_nobody_pays_for_it(stack: Stack) -> None:
    """Edges tell the next one of everybody, though their clients do nothing. A user who goes meanwhile is no secret
    either."""
    async with table(stack, seats=4, edges=(0, 1)) as t:
        before = await t.owner()
        # One whose socket is where their request to join was made: elsewhere it might still count for them.
        goes = t.players[2]
        kill(before.pid)
        await goes.leave()
        await t.truth.placed_after(t.room, before.epoch)
        gone = await _told(t.host, ("player_away", goes.who.user))
        [recovered, *_] = await t.truth.rows(
            "SELECT at FROM actions WHERE room_id = $1 AND epoch > $2 ORDER BY seq", t.room, before.epoch
        )
        assert gone["at"] - recovered["at"] > 9000, "by then whoever was not announced would be away, too"
        await goes.follow(goes.url)
        await _told(t.host, ("player_away", goes.who.user), ("player_reconnected", goes.who.user))
        await t.play_to_the_end()
        await t.check()


async def test_who_does_not_come_back_loses_his_seat_between_hands(brief: Stack) -> None:
    async with table(brief) as t:
        goes, *others = reversed(t.players)
        await goes.leave()
        user = goes.who.user
        gone = await _told(t.host, ("player_away", user))
        out = await _told(t.host, ("player_away", user), ("player_disconnected", user))
        assert out["at"] - gone["at"] >= 1000
        assert t.host.view["seats"]["2"]["status"] == "disconnected"

        async def overdue() -> bool:
            return bool(await t.truth.value("SELECT $1::bigint < extract(epoch FROM now()) * 1000", gone["at"] + 2500))

        await until(overdue, "the second grace is over")
        assert "2" in t.host.view["seats"], "a hand is under way"
        while not _over(t):
            mover = await until(lambda: next((p for p in others if p.to_act()), None) or _over(t), "somebody's turn")
            if mover is not True:
                await _move(mover, others)
        freed = await _told(t.host, *((kind, user) for kind in ("player_away", "player_disconnected", "seat_freed")))
        over = next(u for u in t.host.told.values() if any(e["kind"] == "hand_complete" for e in u["events"]))
        assert freed["seq"] >= over["seq"]
        await t.host.until(lambda: "2" not in t.host.view["seats"], "the seat is free")
        [left] = [event["chips"] for event in freed["events"] if event["kind"] == "seat_freed"]
        assert left + sum(seat["chips"] for seat in t.host.view["seats"].values()) == 3 * BUY_IN
        seats = await t.truth.rows("SELECT user_id FROM room_seats WHERE room_id = $1", t.room)
        assert {row["user_id"] for row in seats} == {player.who.user for player in others}
        await t.check_log()
        await t.check_replay()


async def _move(mover: Player, others: list[Player]) -> None:
    ack = await mover.command("act", **mover.passive())
    for each in others:
        await until(lambda each=each: each.seq >= ack["seq"], "the move")  # type: ignore[misc]


def _over(t: Table) -> bool:
    return any(event["kind"] == "hand_complete" for event in t.host.events)


def _absences(player: Player) -> list[tuple[str, str]]:
    """The users who went and came, as this player was told."""
    return [(event["kind"], event["user_id"]) for event in player.events if event["kind"] in ABSENCES]


async def _told(player: Player, *absences: tuple[str, str]) -> Json:
    """Wait until the player has been told of exactly these; the update that told the last of them."""
    await player.until(lambda: len(_absences(player)) >= len(absences), str(absences[-1]))
    assert _absences(player) == list(absences)
    told = [u for u in player.told.values() if any(event["kind"] == absences[-1][0] for event in u["events"])]
    return told[-1]


def _presence(player: Player, other: Player) -> list[str]:
    """The changes of another's presence that this player was shown, since they joined."""
    frames = [json.loads(text) for text in player.frames if text.startswith('{"type":"presence"')]
    return [frame["status"] for frame in frames if frame["user_id"] == other.who.user]
