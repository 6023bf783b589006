"""Non-interference: what a viewer may not know has no effect on a single byte that they are shown.

A hand is played in two worlds that differ only in cards that they may not know: right after the deal (so after the
commitment) the others' hole cards, and the board as far as it is not out, are exchanged in the stored state for other
cards of the deck. From then on the same moves give them the same frames, the same view and the same replay,
until those cards are turned up.
"""

from __future__ import annotations

import random

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kit.example_counts import examples
from kit.room_script import Script, opened, steps
from kit.rooms import ROOM, Live, as_json, info, log_row, stored
from tavola.actors.log.logged import update_of
from tavola.actors.room.state import Decision, Room
from tavola.actors.room.view import Projection, audience, watched, whole
from tavola.actors.wire.commands import LeaveSeat, RequestJoin, Spectate, StopSpectating, UserId
from tavola.actors.wire.update import frames
from tavola.games.cards import DECK
from tavola.games.holdem.state import HoldemTable


@st.composite
def scripts(draw: st.DrawFn) -> Script:
    seats = draw(st.integers(2, 5))
    described = info(approval="auto", seats=seats, min_buy_in=10, max_buy_in=200, turn_seconds=2, next_hand_seconds=3)
    return Script(described, seats, draw(st.binary(max_size=60)))


@examples(150)
@given(scripts(), st.sampled_from(("seated", "watching", "admitted", "nobody", "host unseated")), st.integers(0, 999))
def test_hidden_cards_change_nothing(script: Script, role: str, seed: int) -> None:
    viewer = _viewer(role)
    first = _dealt(script, viewer, role)
    hidden_board = bool(seed % 2)
    second = _elsewhere(first, viewer, hidden_board, random.Random(seed))
    _compare(script, first, second, viewer)


@pytest.mark.parametrize("role", ["seated", "watching", "admitted", "nobody", "host unseated"])
def test_quiet_hands_are_compared_to_their_showdown(role: str) -> None:
    """With nothing but checks and calls the comparison goes on to the river: it is not over before it began."""
    script = Script(info(approval="auto", seats=4, min_buy_in=10, next_hand_seconds=3), 4, bytes(60))
    viewer = _viewer(role)
    first = _dealt(script, viewer, role)
    for seed in range(10):
        fork = first.forked()
        same = _compare(script, fork, _elsewhere(fork, viewer, False, random.Random(seed)), viewer)
        assert same >= 4 + 3 * 4 - 1, "everybody but the last to close the river has acted"


def test_cards_that_are_known_do_make_a_difference() -> None:
    """The comparison can fail: to their owner, their own cards are not hidden."""
    script = Script(info(approval="auto", seats=2, min_buy_in=10, next_hand_seconds=3), 2, bytes(8))
    first = _dealt(script, "host", "seated")
    second = _elsewhere(first, "u1", False, random.Random(1))
    with pytest.raises(AssertionError):
        _compare(script, first, second, "host")


def _viewer(role: str) -> str:
    return {"seated": "u1", "watching": "u5", "admitted": "u5", "nobody": "nobody", "host unseated": "host"}[role]


def _dealt(script: Script, viewer: str, role: str) -> Live:
    """The table right after the first deal. The viewer is in their role by then."""
    live = opened(script)
    for _ in steps(script._replace(happens=b""), live):
        pass
    if role in ("watching", "admitted"):
        live.send(viewer, RequestJoin(id="join", room=ROOM, display_name="Viewer"))
    if role == "watching":
        live.send(viewer, Spectate(id="watch", room=ROOM))
    if role == "host unseated":
        live.join("u5")
        live.send("host", LeaveSeat(id="stand", room=ROOM))
        live.send("host", StopSpectating(id="away", room=ROOM))
        live.sit("u5", 0)
    live.wake()
    assert live.room.table.hand == 1
    assert audience(live.room, UserId(viewer)) == (
        "inside" if role in ("seated", "watching", "host unseated") else "outside"
    )
    return live


def _elsewhere(live: Live, viewer: str, board_too: bool, chance: random.Random) -> Live:
    """The same table, with other cards where the viewer may not look."""
    table: HoldemTable = live.room.table.game
    hand = table.hand
    assert hand is not None
    cards = [hand.cards[i : i + 2] for i in range(0, len(hand.cards), 2)]
    seat = live.room.seat_of(UserId(viewer))
    known = {2 * player + i for player, index in enumerate(hand.players) if index == seat for i in (0, 1)}
    if not board_too:
        known |= set(range(2 * len(hand.players), len(cards)))
    unseen = [card for card in DECK if card not in {cards[i] for i in known}]
    chance.shuffle(unseen)
    swapped = [cards[i] if i in known else unseen.pop() for i in range(len(cards))]
    assert [swapped[i] for i in sorted(known)] == [cards[i] for i in sorted(known)]
    other = msgspec.structs.replace(hand, cards="".join(swapped))
    fork = live.forked()
    game = HoldemTable(table.seats, table.number, other)
    fork.room = Room(live.room.info, live.room.members, msgspec.structs.replace(live.room.table, game=game))
    fork.projection = Projection(fork.room)
    return fork


def _compare(script: Script, first: Live, second: Live, viewer: str) -> int:
    """Play on in both worlds; returns how many updates were the same before hidden cards were turned up."""
    user, start = UserId(viewer), first.seq
    one, other = (steps(script._replace(seated=0), live) for live in (first, second))
    _same_view(first, second, user)
    for mine, theirs in zip(one, other, strict=True):
        if isinstance(mine.verdict, Decision) and _turned_up(first, second, mine.verdict, theirs.verdict):
            break
        assert mine.command == theirs.command
        if not isinstance(mine.verdict, Decision):
            if mine.user == viewer:
                assert mine.verdict == theirs.verdict
            continue
        assert isinstance(theirs.verdict, Decision)
        assert first.viewers[user].frames == second.viewers[user].frames
        if mine.user == viewer:
            assert mine.verdict.give == theirs.verdict.give
        _same_view(first, second, user)
        _same_replay(first, second, user)
        if any(round.number > 1 for round in mine.verdict.rounds):
            break  # The next hand is dealt alike in both worlds.
    return first.seq - start


def _turned_up(first: Live, second: Live, mine: Decision, theirs: object) -> bool:
    """Whether this update turns up a card that differs between the worlds."""
    assert isinstance(theirs, Decision)
    return [e for e in mine.events if e.kind in ("cards_shown", "street_advanced")] != [
        e for e in theirs.events if e.kind in ("cards_shown", "street_advanced")
    ] or any(e.kind == "cards_shown" for e in mine.events)


def _same_view(first: Live, second: Live, user: UserId) -> None:
    for room, other in ((first.room, second.room), (stored(first.room), stored(second.room))):
        assert msgspec.json.encode(whole(room, user)) == msgspec.json.encode(whole(other, user))
        assert as_json(watched(room, user)) == as_json(watched(other, user))


def _same_replay(first: Live, second: Live, user: UserId) -> None:
    replays = []
    for live in (first, second):
        logged = [update_of(live.room.info.id, log_row(update)) for update in live.updates[-20:]]
        replays.append(frames(logged, user, audience(live.room, user)))
    assert replays[0] == replays[1]
