"""Moves of one's own that are shown before they are answered: laid on the view, taken back, overtaken by the truth."""

from __future__ import annotations

import asyncio
from copy import deepcopy
from typing import Any

import pytest

from tavola.client.api import RequestRefused
from tavola.client.follower import Follower
from tavola.client.frames import Ack, ErrorReceived, Hydrated, Json, UpdateReceived, Updates
from tavola.client.room import FULL, LEAN, MAX_UNANSWERED, JoinedRoom, Stream
from tavola.client.view import FullView

FREE = ["", "", ""]
ACTED = {"kind": "player_action", "seat_index": 0, "move": "mark"}


class Sent:
    """A connection that keeps what is sent on it."""

    def __init__(self) -> None:
        self.connection = 1
        self.ids: list[str] = []

    def next_id(self) -> str:
        self.ids.append(f"c{len(self.ids)}")
        return self.ids[-1]

    def send(self, data: bytes) -> None: ...


class Table:
    """A room with a row of cells that seat 0, ours, marks; what was shown each time it was told."""

    def __init__(self, cells: list[str], turn: Json) -> None:
        self.sent = Sent()
        self.room: JoinedRoom[Json, list[Json]] = JoinedRoom(self.sent, "r", FULL, Stream())
        self.told: list[str] = []
        self.tasks: list[asyncio.Task[Ack]] = []
        self.hydrate(5, cells, turn)

    @property
    def follower(self) -> Follower[Json, list[Json]]:
        return self.room.follower

    def foresees(self, foresee: Any) -> None:
        self.room.foresees(foresee, lambda shown: self.told.append("-".join(shown.data["game"]["cells"])))

    def hydrate(self, seq: int, cells: list[str], turn: Json, recent: list[Json] | None = None) -> None:
        self.follower.asking()
        self.follower.hydrated(Hydrated(room="r", seq=seq, view={**view(cells, turn), "recent": recent or []}))

    def update(self, seq: int, cells: list[str], turn: Json, *events: Json) -> None:
        patch = {name: part for name, part in view(cells, turn).items() if name != "me"}
        patch["me"] = {"legal": legal(cells, turn)}
        self.follower.update(UpdateReceived(room="r", seq=seq, events=list(events), patch=patch))

    async def act(self, cell: int) -> None:
        self.tasks.append(asyncio.create_task(self.room.act("mark", cell=cell)))
        await asyncio.sleep(0)

    def ack(self, index: int, seq: int) -> None:
        self.room.answer(Ack(id=self.sent.ids[index], room="r", seq=seq), self.sent.ids[index])

    def refuse(self, index: int) -> None:
        no = ErrorReceived(id=self.sent.ids[index], room="r", code="illegal_move", message="No.")
        self.room.answer(no, self.sent.ids[index])

    @property
    def cells(self) -> list[str]:
        """As they are shown; those of the view are untouched by it."""
        assert isinstance(self.room.shown, FullView)
        cells: list[str] = self.room.shown.data["game"]["cells"]
        return cells

    @property
    def ahead(self) -> bool:
        return self.room.shown is not self.room.view


def legal(cells: list[str], turn: Json) -> list[Json]:
    free = [index for index, each in enumerate(cells) if not each]
    return [{"move": "mark", "cell": {"choices": free}}] if turn["seat_index"] == 0 else []


def view(cells: list[str], turn: Json) -> Json:
    return deepcopy({"game": {"cells": cells}, "me": {"seat_index": 0, "legal": legal(cells, turn)}, "turn": turn})


def turn(number: int, seat: int = 0) -> Json:
    return {"number": number, "seat_index": seat}


def marked(view: Json, move: Json) -> list[str]:
    return ["M" if index == move["cell"] else each for index, each in enumerate(view["game"]["cells"])]


def passes(view: Json, move: Json, at: int) -> Json:
    assert at > 1_700_000_000_000
    return {"game": {"cells": marked(view, move)}, "me": {"legal": []}, "turn": turn(view["turn"]["number"] + 1, 1)}


def goes_on(view: Json, move: Json, at: int) -> Json:
    cells = marked(view, move)
    return {"game": {"cells": cells}, "me": {"legal": legal(cells, view["turn"])}}


async def test_a_move_is_shown_at_once_and_its_update_takes_its_place() -> None:
    table = Table(FREE, turn(5))
    await table.act(1)
    assert not table.ahead, "nobody foresees anything"
    table.refuse(0)
    table.foresees(passes)
    await table.act(1)
    assert table.cells == ["", "M", ""]
    assert table.room.shown.legal == []
    assert (table.room.shown.turn_number, table.room.shown.turn_seat) == (6, 1)
    assert isinstance(table.room.view, FullView)
    assert table.room.view.data["game"]["cells"] == FREE, "the view is what the server gave"
    assert table.room.view.turn_number == 5
    table.update(6, FREE, turn(5), {"kind": "chat"})
    assert table.cells == ["", "M", ""], "on top of what comes between"
    table.update(7, ["", "O", ""], turn(6, 1), ACTED)
    assert not table.ahead
    table.ack(1, 7)
    assert (await table.tasks[1]).seq == 7
    assert table.told == ["-M-", "-M-", "-O-"]
    with pytest.raises(RequestRefused):
        await table.tasks[0]


async def test_an_answer_that_comes_before_its_update_leaves_the_move_shown() -> None:
    table = Table(FREE, turn(5))
    table.foresees(passes)
    await table.act(1)
    table.ack(0, 7)
    table.update(6, FREE, turn(5), {"kind": "chat"})
    assert table.cells == ["", "M", ""]
    table.update(7, FREE, turn(5), {"kind": "chat"})
    assert not table.ahead, "its own, whatever the game made of it"


async def test_a_refused_move_is_taken_back_with_what_was_made_on_top_of_it() -> None:
    table = Table(FREE, turn(5))
    table.foresees(goes_on)
    for cell in range(3):
        await table.act(cell)
    table.update(6, ["M", "", ""], turn(5), ACTED)
    table.ack(0, 6)
    assert table.cells == ["M", "M", "M"]
    table.refuse(1)
    assert table.cells == ["M", "", ""]
    assert not table.ahead
    table.refuse(2)
    with pytest.raises(RequestRefused, match="illegal_move"):
        await table.tasks[1]
    assert table.told == ["M--", "M-M-", "M-M-M", "M-M-M", "M--"]


async def test_moves_in_turns_one_after_the_other_are_taken_by_their_own_updates() -> None:
    def next_turn(view: Json, move: Json, at: int) -> Json:
        return {**goes_on(view, move, at), "turn": turn(view["turn"]["number"] + 1)}

    table = Table(FREE, turn(5))
    table.foresees(next_turn)
    for cell in range(3):
        await table.act(cell)
    table.update(6, ["M", "", ""], turn(6), ACTED)
    assert table.cells == ["M", "M", "M"]
    table.ack(0, 6)
    table.ack(1, 7)
    table.update(7, ["M", "M", ""], turn(7), ACTED)
    assert table.cells == ["M", "M", "M"]
    table.refuse(2)
    assert table.cells == ["M", "M", ""]


async def test_a_move_in_a_turn_that_is_over_is_shown_no_more() -> None:
    table = Table(FREE, turn(5))
    table.foresees(passes)
    await table.act(1)
    table.update(6, FREE, turn(7), {"kind": "offer_ended"})
    assert not table.ahead
    await table.act(2)
    assert table.cells == ["", "", "M"]
    table.update(7, FREE, turn(8, 1))
    table.update(8, FREE, turn(9))
    assert not table.ahead, "and it does not come back"


async def test_a_move_that_waits_is_shown_over_a_loss() -> None:
    """The room comes back by a whole view without it; the move is sent again, and answered by its update."""
    table = Table(FREE, turn(5))
    table.foresees(passes)
    await table.act(1)
    table.sent.connection = 2
    table.hydrate(5, FREE, turn(5))
    table.room.caught_up()
    assert table.room.resent == 1
    assert table.cells == ["", "M", ""]
    table.follower.asking()
    missed = UpdateReceived(room="r", seq=6, events=[ACTED], patch=view(["", "O", ""], turn(6, 1)))
    table.follower.updates(Updates(room="r", updates=[missed]))
    assert not table.ahead
    table.ack(0, 6)
    assert table.cells == ["", "O", ""]


async def test_a_whole_view_that_has_the_move_is_shown_as_it_is() -> None:
    """Its event is among those that were missed; those before are not counted."""
    table = Table(FREE, turn(5))
    table.foresees(lambda view, move, at: {"game": {"pot": 1}})
    await table.act(1)
    table.hydrate(6, FREE, turn(5), [{"seq": 5, "events": [ACTED]}, {"seq": 6, "events": []}])
    assert table.ahead
    table.hydrate(7, FREE, turn(5), [{"seq": 6, "events": []}, {"seq": 7, "events": [ACTED]}])
    assert not table.ahead


async def test_a_database_that_went_back_has_nothing_of_what_was_accepted() -> None:
    table = Table(FREE, turn(5))
    table.foresees(passes)
    await table.act(1)
    table.ack(0, 9)
    assert table.ahead
    table.hydrate(3, FREE, turn(5))
    assert not table.ahead


async def test_only_a_move_that_is_offered_in_ones_own_turn_is_foreseen() -> None:
    asked: list[Json] = []
    table = Table(["X", "", ""], turn(5))
    table.foresees(lambda view, move, at: asked.append(move))
    offers = [
        {"move": "mark", "cell": {"choices": [1, 2]}},
        {"move": "raise", "amount": {"min": 10, "max": 20}, "exact": True},
        {"move": "go", "from": "e2", "to": "e4"},
    ]
    patch = {"me": {"legal": offers}}
    table.follower.update(UpdateReceived(room="r", seq=6, events=[], patch=patch))

    async def act(move: str, **arguments: Any) -> None:
        task = asyncio.create_task(table.room.act(move, **arguments))
        await asyncio.sleep(0)
        table.refuse(-1)
        with pytest.raises(RequestRefused):
            await task

    await act("mark", cell=0)
    await act("mark")
    await act("raise", amount=9)
    await act("raise", amount="10")
    await act("go", **{"from": "e2", "to": "e5"})
    await act("fold")
    assert asked == []
    await act("mark", cell=1)
    await act("raise", amount=20)
    await act("go", **{"from": "e2", "to": "e4"})
    assert [move["move"] for move in asked] == ["mark", "raise", "go"]
    table.follower.update(UpdateReceived(room="r", seq=7, events=[], patch={"turn": turn(6, 1)}))
    await act("mark", cell=1)
    assert len(asked) == 3


async def test_a_mistake_in_what_is_foreseen_is_told_and_harms_nothing() -> None:
    def mistaken(view: Json, move: Json, at: int) -> Json:
        raise ValueError("mine")

    told: list[Any] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context["exception"]))
    table = Table(FREE, turn(5))
    table.foresees(mistaken)
    await table.act(1)
    assert not table.ahead
    table.update(6, ["", "M", ""], turn(6, 1), ACTED)
    table.ack(0, 6)
    assert (await table.tasks[0]).seq == 6
    assert [str(error) for error in told] == ["mine"]
    asyncio.get_running_loop().set_exception_handler(None)


async def test_one_too_many_is_refused_here_and_not_shown() -> None:
    table = Table(FREE, turn(5))
    table.foresees(goes_on)
    for _ in range(MAX_UNANSWERED):
        table.room.send("chat", {"text": "-"}, lambda answer, command: None)
    with pytest.raises(RequestRefused, match="overloaded"):
        await table.room.act("mark", cell=1)
    assert not table.ahead


async def test_updates_are_read_as_before() -> None:
    table = Table(FREE, turn(5))
    updates = table.room.updates()
    table.foresees(passes)
    table.update(6, FREE, turn(5))
    assert (await anext(updates)).seq == 6


async def test_a_view_that_is_not_whole_shows_nothing_ahead() -> None:
    room: JoinedRoom[Any, Any] = JoinedRoom(Sent(), "r", LEAN, Stream())
    assert room.shown is room.view
    with pytest.raises(TypeError):
        room.foresees(passes)
