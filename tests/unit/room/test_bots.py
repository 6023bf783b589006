"""Bots in a room: the host seats them and puts them out; they are marked, and never become host."""

from __future__ import annotations

from typing import Any

import msgspec

from kit.rooms import ROOM, Live, info
from tavola.actors.room.state import Decision
from tavola.actors.wire.commands import BOT, AddBot, Kick, Leave, UserId
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
