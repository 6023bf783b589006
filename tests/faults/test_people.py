"""Everybody's part in a room, over real sockets: the stories that people live through."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import time
from typing import Any

import pytest

from kit.client import Api, Identity, Player
from kit.stack import Stack, until
from kit.table import CARD, open_room, table

pytestmark = [pytest.mark.slow]


async def _newcomer(player: Player, host: Player) -> None:
    """Asks, is seen by the host, is admitted."""
    ack = await player.command("request_join", display_name=player.who.name)
    assert ack["status"] == "pending"
    user = player.who.user
    asked = [request["user_id"] for request in (await _seen(host, ack["seq"]))["pending_requests"]]
    assert user in asked
    ack = await host.command("approve", user_id=user)
    await _seen(player, ack["seq"])
    assert player.view["me"]["role"] == "approved"
    assert "seats" not in player.view, "admitted, and not yet at the table"


async def _seen(player: Player, seq: int) -> Any:
    await player.until(lambda: player.seq >= seq, f"number {seq}")
    return player.view


async def _opened(api: Api, url: str, host: Identity, **options: Any) -> tuple[str, Player]:
    room = await open_room(api, host, approval="host", **options)
    player = Player(host, room)
    await player.follow(url)
    return room, player


async def _refresh(player: Player, url: str) -> None:
    """As F5 does: everything that the page knew is gone, and what it holds is asked for again."""
    await player.leave()
    player.view, player.seq = {}, -1
    player.numbers.clear()
    player.hydrations = 0
    await player.follow(url)


async def test_a_player_joins_is_approved_sits_and_plays(stack: Stack) -> None:
    here, there = stack.urls
    async with Api(here) as api:
        who = [await api.sign_in(name) for name in ("Ada", "Ben")]
        room, ada = await _opened(api, here, who[0])
        ben = Player(who[1], room)
        await ben.follow(there)
        assert ben.view["me"]["role"] == "guest"
        assert "seats" not in ben.view
        await _newcomer(ben, ada)
        await ada.command("take_seat", seat_index=0)
        sat = await ben.command("take_seat", seat_index=3)
        assert sat["seat_index"] == 3
        started = await ada.command("start")
        for player in (ada, ben):
            await _seen(player, started["seq"])
        assert len(ben.cards) == 2
        first = ada if ada.to_act() else ben
        moved = await first.command("act", **first.passive())
        for player in (ada, ben):
            await _seen(player, moved["seq"])
            assert player.faults == []
            await player.leave()


async def test_a_spectator_joins_watches_and_sees_no_hole_card(stack: Stack) -> None:
    async with table(stack, seats=3) as at:
        eye = at.watchers[0]
        assert eye.view["me"]["role"] == "spectator"
        for _ in range(3):
            await at.move()
        hidden = {card for player in at.players for card in player.cards}
        assert len(hidden) == 6
        for text in eye.frames:
            assert not hidden & set(CARD.findall(text))
        assert [seat["hole_cards"] for seat in eye.view["seats"].values()] == [["??", "??"]] * 3
        assert eye.view["me"]["legal"] == []
        refused = await eye.answer(eye.send("act", move="fold"))
        assert refused["code"] == "not_seated"
        await at.play_to_the_end()
        await at.check()


async def test_a_player_refreshes_in_the_middle_of_his_turn_and_acts(stack: Stack) -> None:
    async with table(stack, seats=3) as at:
        player = await at.next_to_act()
        before = player.view
        await _refresh(player, at.stack.urls[1])
        # They may find themselves away for a moment, until the room has heard that they are back.
        await player.until(lambda: _told(player.view) == _told(before), "back, and all as it was")
        at.note(player, ack := await player.command("act", **player.passive()))
        await at.all_at(ack["seq"])
        await at.play_to_the_end()


async def test_a_spectator_refreshes(stack: Stack) -> None:
    async with table(stack, seats=2) as at:
        eye = at.watchers[0]
        await at.move()
        before = eye.view
        await _refresh(eye, at.stack.urls[1])
        assert _told(eye.view) == _told(before)
        assert eye.view["me"]["role"] == "spectator"
        ack = await at.move()
        await _seen(eye, ack["seq"])
        assert eye.faults == []


async def test_after_100_comes_101_and_102_and_never_99(stack: Stack) -> None:
    """A client that has seen 100 of 102 is sent the two that it misses, each once, as it would have seen them live."""
    async with Api(stack.urls[0]) as api:
        host = await api.sign_in("Ada")
        room, ada = await _opened(api, stack.urls[0], host)
        await ada.command("spectate")
        late = Player(host, room)
        await late.follow(stack.urls[1])
        while ada.seq < 100:
            await ada.command("chat", text=f"number {ada.seq + 1}")
            await ada.until(lambda: ada.seq in ada.updates, "the update")
        await _seen(late, 100)
        await late.leave()
        for text in ("one", "two"):
            await ada.command("chat", text=text)
        await _seen(ada, 102)
        assert late.seq == 100
        await late.follow(stack.urls[1])
        await _seen(late, 102)
        assert late.hydrations == 1
        assert late.numbers[-3:] == [100, 101, 102]
        assert late.faults == []
        assert [late.told[seq]["events"] for seq in (101, 102)] == [ada.told[seq]["events"] for seq in (101, 102)]
        for player in (ada, late):
            await player.leave()


async def test_two_users_for_one_seat_on_two_edges(stack: Stack) -> None:
    """In the same moment, many times over: one has it, the other is told, and nobody has two."""
    async with Api(stack.urls[0]) as api:
        who = [await api.sign_in(name) for name in ("Ada", "Ben")]
        room = await open_room(api, who[0])
        await api.ok("POST", f"/api/rooms/{room}/join", who[1], {"display_name": "Ben"})
        players = [Player(each, room) for each in who]
        for player, url in zip(players, stack.urls, strict=True):
            await player.follow(url)
        winners = set()
        for seat in range(4):
            asked = [player.send("take_seat", seat_index=seat) for player in players]
            answers = [await player.answer(pending) for player, pending in zip(players, asked, strict=True)]
            assert sorted(answer["type"] for answer in answers) == ["ack", "error"]
            lost = next(answer for answer in answers if answer["type"] == "error")
            assert lost["code"] == "seat_taken"
            winner = next(p for p, answer in zip(players, answers, strict=True) if answer["type"] == "ack")
            winners.add(winner.who.name)
            again = await winner.answer(winner.send("take_seat", seat_index=5))
            assert again["code"] == "already_seated"
            async with stack.truth() as truth:
                rows = await truth.rows("SELECT seat_index, user_id FROM room_seats WHERE room_id = $1", room)
            assert [tuple(row) for row in rows] == [(seat, winner.who.user)]
            await winner.command("leave_seat")
        for player in players:
            await player.leave()


async def test_the_host_puts_out_the_player_whose_turn_it_is(stack: Stack) -> None:
    async with table(stack, seats=3, edges=(0, 1)) as at:
        while (player := await at.next_to_act()) is at.host:
            await at.move()
        tab = Player(player.who, at.room)
        await tab.follow(at.stack.urls[0])
        at.note(at.host, ack := await at.host.command("kick", user_id=player.who.user, ban=True))
        for each in (player, tab):
            await each.until(lambda each=each: each.closed is not None, "closed")  # type: ignore[misc]
            assert each.closed == 4403
            assert each.told[ack["seq"]]["events"][0]["kind"] == "player_kicked"
        at.players.remove(player)
        await at.all_at(ack["seq"])
        folded = [e for e in at.host.told[ack["seq"]]["events"] if e["kind"] == "player_action"]
        assert [(event["move"], event["automatic"]) for event in folded] == [("fold", True)]
        back = Player(player.who, at.room)
        await back.follow(at.stack.urls[1])
        assert back.view["me"]["role"] == "guest"
        assert "seats" not in back.view
        acted = await back.answer(back.send("act", id="back-1", move="call"))
        asked = await back.answer(back.send("request_join", id="back-2", display_name="Me"))
        assert (acted["code"], asked["code"]) == ("not_seated", "banned")
        await back.leave()
        await at.play_to_the_end()
        at.check_numbers()
        await at.check_log()
        await at.check_replay()
        async with at.stack.truth() as truth:
            gone = (player.who.user, at.room)
            tokens = await truth.rows("SELECT 1 FROM rejoin_tokens WHERE user_id = $1 AND room_id = $2", *gone)
            seats = await truth.rows("SELECT 1 FROM room_seats WHERE user_id = $1 AND room_id = $2", *gone)
        assert (tokens, seats) == ([], [])


async def test_the_host_leaves_and_the_longest_seated_carries_on(stack: Stack) -> None:
    async with table(stack, seats=3, start=False) as at:
        host, heir, other = at.players
        at.note(host, ack := await host.command("leave"))
        await at.all_at(ack["seq"])
        assert "host_controls" in heir.view
        assert "host_controls" not in other.view
        assert heir.view["room"]["host_id"] == heir.who.user
        assert host.view["me"]["role"] == "guest"
        assert (await host.answer(host.send("start")))["code"] == "not_host"
        at.note(heir, ack := await heir.command("start"))
        await at.all_at(ack["seq"])
        assert len(heir.cards) == len(other.cards) == 2


async def test_a_pause_in_the_last_second_of_a_turn(stack: Stack) -> None:
    """The clock stands still, survives the loss of the room's actor, and goes on where it was."""
    async with table(stack, seats=2, turn_seconds=4) as at:
        player = await at.next_to_act()
        deadline, number = player.view["turn"]["deadline_ms"], player.turn
        await until(lambda: _passed(deadline - 1_000), "the last second")
        at.note(at.host, ack := await at.host.command("pause"))
        await at.all_at(ack["seq"])
        left = deadline - at.host.told[ack["seq"]]["at"]
        assert 0 < left <= 1_000
        refused = await player.answer(player.send("act", move="fold", turn=number))
        assert refused["code"] == "room_paused"
        os.kill((await at.owner()).pid, signal.SIGKILL)
        await until(lambda: _passed(deadline + 1_500), "long past the deadline")
        assert player.view["turn"]["number"] == number
        at.note(at.host, ack := await at.host.command("resume"))
        await at.all_at(ack["seq"])
        assert player.view["turn"]["deadline_ms"] == at.host.told[ack["seq"]]["at"] + left
        seq = ack["seq"] + 1
        await at.all_at(seq)
        timed_out = [e for e in at.host.told[seq]["events"] if e["kind"] == "player_action"]
        assert [event["automatic"] for event in timed_out] == [True]
        assert at.host.told[seq]["at"] >= at.host.told[ack["seq"]]["at"] + left
        await at.check_replay()


def _passed(ms: int) -> bool:
    return time.time_ns() // 1_000_000 >= ms


async def test_what_everybody_sees_by_hydration_is_what_he_holds(stack: Stack) -> None:
    """Player, spectator, host and guest: REST's view is the socket's, and `role=spectator` never shows more."""
    async with table(stack, seats=3) as at, Api(at.stack.urls[1]) as api:
        guest = Player(await api.sign_in("Gus"), at.room)
        await guest.follow(at.stack.urls[0])
        await at.move()
        for each in (*at.players, *at.watchers, guest):
            whole = await api.ok("GET", f"/api/rooms/{at.room}/hydrate", each.who)
            await _seen(each, whole["seq"])
            assert _told(whole) == _told(each.view)
            less = await api.ok("GET", f"/api/rooms/{at.room}/hydrate?role=spectator", each.who)
            assert "hole_cards" not in less["me"]
            cards = set(CARD.findall(json.dumps(less)))
            assert not cards & {card for player in at.players for card in player.cards}
        await guest.leave()


def _told(view: dict[str, Any]) -> dict[str, Any]:
    """A view without what is of the moment of its giving."""
    told = {key: value for key, value in view.items() if key not in ("seq", "epoch", "at", "stale", "recent")}
    return {**told, "me": {key: value for key, value in told["me"].items() if key != "rejoin_token"}}


async def test_a_room_that_is_closed_says_so_to_everybody(stack: Stack) -> None:
    async with table(stack, seats=2, start=False) as at:
        at.note(at.host, ack := await at.host.command("close_room"))
        await at.all_at(ack["seq"])
        for each in at.everybody:
            assert each.view["room"]["status"] == "closed"
        answers = await asyncio.gather(*(p.answer(p.send("chat", text="?")) for p in at.players))
        assert {answer["code"] for answer in answers} == {"room_closed"}
        async with Api(at.stack.urls[0]) as api:
            listed = await api.ok("GET", "/api/rooms?limit=100", at.host.who)
            assert at.room not in {room["id"] for room in listed["rooms"]}
