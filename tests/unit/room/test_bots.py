"""Bots in a room: the host seats them and puts them out; they are marked, never become host, and keep no room open."""

from __future__ import annotations

from typing import Any

import msgspec

from kit.rooms import ROOM, Live, info
from tavola.actors.room import absence, ending
from tavola.actors.room.play import game_of
from tavola.actors.room.state import Decision
from tavola.actors.wire.commands import (
    BOT,
    Act,
    AddBot,
    Attendance,
    Disconnected,
    Kick,
    Leave,
    TransferHost,
    UserId,
    Vacant,
    Wake,
)
from tavola.actors.wire.given import NOTHING_GIVEN
from tavola.games.base import Refusal


def add(live: Live, seat: int, **fields: Any) -> Decision | Refusal:
    added = live.send("host", AddBot(id=live.id(), room=ROOM, seat_index=seat, **fields))
    assert isinstance(added, Decision | Refusal)
    return added


def seats(live: Live, user: str = "host") -> dict[str, Any]:
    found: dict[str, Any] = live.viewers[UserId(user)].view["seats"]
    return found


def table(**fields: Any) -> Live:
    live = Live(info("holdem", **fields), ("host", "ann"))
    live.sit("host", 0)
    return live


def test_a_bot_takes_a_seat_and_everybody_sees_that_it_is_one() -> None:
    live = table(approval="host")
    added = add(live, 2, bot="loose")
    assert isinstance(added, Decision)
    assert added.give == NOTHING_GIVEN, "the host is given no way into its seat"
    assert {grant.user for grant in added.grants} == {seats(live)["2"]["user_id"]}
    bot = seats(live)["2"]
    assert (bot["bot"], bot["user_id"].startswith(f"{BOT}loose:")) == (True, True)
    assert bot["display_name"]
    assert "bot" not in seats(live)["0"]
    [seated] = [each for each in msgspec.json.decode(live.viewers[UserId("host")].frames[-1])["events"]]
    assert (seated["kind"], seated["user_id"]) == ("player_seated", bot["user_id"])


def test_without_a_name_it_is_the_games_first() -> None:
    live = table()
    add(live, 1)
    assert seats(live)["1"]["user_id"].startswith(f"{BOT}tight:")


def test_two_bots_are_two() -> None:
    live = table()
    add(live, 1)
    add(live, 2)
    assert seats(live)["1"]["user_id"] != seats(live)["2"]["user_id"]


def test_there_must_be_such_a_bot_and_a_free_seat() -> None:
    live = table()
    refused = [add(live, 1, bot="grandmaster"), add(live, 0), add(live, 99)]
    assert [each.code for each in refused if isinstance(each, Refusal)] == [
        "invalid_options",
        "seat_taken",
        "invalid_message",
    ]
    assert seats(live).keys() == {"0"}


def test_put_out_it_is_gone() -> None:
    live = table()
    add(live, 1)
    bot = UserId(seats(live)["1"]["user_id"])
    assert isinstance(live.send("host", Kick(id=live.id(), room=ROOM, user_id=bot)), Decision)
    assert seats(live).keys() == {"0"}
    assert bot not in live.room.members


def test_a_room_that_people_have_left_has_no_host() -> None:
    live = table()
    add(live, 1)
    assert isinstance(live.send("host", Leave(id=live.id(), room=ROOM)), Decision)
    assert live.room.info.host == "", "a bot is no host, and leaves when there is none"


def gone(live: Live, *users: str) -> None:
    """They have no socket any more."""
    for user in users:
        live.send("", Disconnected(id=live.id(), room=ROOM, user_id=user, disconnected_ms=10**9, freed_ms=10**9))
    live.send("", Attendance(id=live.id(), room=ROOM, gone=users, leaves_ms=600_000))


def rung(live: Live, idle_turns: int = 0) -> Decision:
    live.now = max(live.now, ending.alarm(live.room) or 0)
    verdict = live.send("", Wake(id=live.id(), room=ROOM, idle_turns=idle_turns))
    assert isinstance(verdict, Decision)
    return verdict


def test_a_host_who_is_gone_passes_the_part_to_no_bot() -> None:
    live = table(approval="auto")
    add(live, 1)
    gone(live, "host")
    live.now += 700_000
    live.send("", Wake(id=live.id(), room=ROOM))
    assert live.room.info.host == "host"
    assert live.room.table.host_gone_at is None
    away = Live(info("holdem", approval="auto"), ("host", "ann"))
    add(away, 1)  # and the same of a host who does not sit
    gone(away, "host")
    assert ending.alarm(away.room) is None, "nothing is due for a host whom nobody follows"


def test_the_part_of_the_host_is_passed_on_to_no_bot() -> None:
    live = table()
    add(live, 1)
    bot = UserId(seats(live)["1"]["user_id"])
    refused = live.send("host", TransferHost(id=live.id(), room=ROOM, user_id=bot))
    assert isinstance(refused, Refusal)
    assert refused.code == "user_not_found"


def test_a_room_where_only_bots_are_is_empty_and_closes() -> None:
    for game, options in (("holdem", {"next_hand_seconds": 0}), ("tictactoe", {"rematch_seconds": 0})):
        live = Live(info(game, approval="auto", **options), ("host", "ann"))
        for seat in (0, 1):
            add(live, seat)
        assert (absence.present(live.room), ending.vacant(live.room)) == (1, False)
        gone(live, "host")
        assert (absence.present(live.room), ending.vacant(live.room)) == (0, True)
        assert isinstance(live.send("", Vacant(id=live.id(), room=ROOM, closes_ms=1_000_000)), Decision)
        closes_at, rounds = live.room.table.closes_at, 0
        assert closes_at is not None
        while live.room.info.status != "closed":
            decision = rung(live, 3)
            rounds += sum(not round.ended for round in decision.rounds)
            assert not any(not round.ended for round in decision.rounds) or live.now < closes_at, "none begins after"
            assert live.room.table.closes_at in (closes_at, None)
        assert rounds > 1, "they have played on meanwhile"


def test_somebody_who_does_not_move_sits_out_though_bots_do() -> None:
    live = table(approval="auto", next_hand_seconds=3)
    add(live, 1)
    told: list[str] = []
    while "player_sat_out" not in told:
        assert len(live.decisions) < 200
        if (user := live.to_act()) is not None and user.startswith(BOT):
            turn = live.room.table.turn
            assert turn is not None
            offers = {
                offer["move"]
                for offer in game_of(live.room).legal(live.room.table.game, live.room.info.options, turn.seat)
            }
            move = "check" if "check" in offers else "call"
            decision = live.send(user, Act(id=live.id(), room=ROOM, move=move))
            assert isinstance(decision, Decision)
        else:
            decision = rung(live, 3)
        told += [event.kind for event in decision.events]
    assert live.room.members[UserId("host")].idle
    assert ending.vacant(live.room)
