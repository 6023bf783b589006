"""The state that is written in every commit stays small: at most 1 KB for six players in the middle of a hand of
hold'em, or for four who play Hearts."""

from __future__ import annotations

import random

import msgspec

from tavola.actors.room.decide import decide, open_room
from tavola.actors.room.state import Decision, Info, Room
from tavola.actors.wire.commands import (
    SYSTEM,
    Act,
    AnyCommand,
    Rebuy,
    RequestJoin,
    RoomId,
    Sender,
    SitIn,
    SitOut,
    TakeSeat,
    UserId,
    Wake,
)
from tavola.games.base import Entropy, offers
from tavola.games.registry import GAMES
from tavola.games.stakes import chips_in

LIMIT = 1024
SEATS = 6
HANDS = 150


def test_a_table_of_six_in_the_middle_of_a_hand_is_at_most_a_kilobyte() -> None:
    chance = random.Random(7)
    game = GAMES["holdem"]
    users = [Sender(UserId(f"u_{chance.randbytes(8).hex()}"), f"Somebody called {i}") for i in range(SEATS)]
    options = msgspec.convert({"next_hand_seconds": 1}, game.options_type)
    info = Info(id=RoomId("r"), code="C", name="N", game="holdem", options=options, host=users[0].user, approval="auto")
    room = open_room(info, users[0].name, 1_760_000_000_000)
    started = now = room.table.at
    sizes, with_posts = list[int](), 0

    def do(room: Room, sender: Sender, command: AnyCommand) -> Room:
        verdict = decide(room, sender, command, now, Entropy(chance.randbytes(32)))
        assert isinstance(verdict, Decision), verdict
        table = verdict.room.table
        if table.turn is not None and len(table.seats) == SEATS:
            sizes.append(len(msgspec.json.encode(table)))
        return verdict.room

    for index, user in enumerate(users):
        room = do(room, user, RequestJoin(id="1", room="r", display_name=user.name))
        room = do(room, user, TakeSeat(id="1", room="r", seat_index=index, buy_in=2000))
    while room.table.hand < HANDS and now < started + 10 * 3_600_000:
        now += 1500
        turn = room.table.turn
        if turn is None:
            for seat in [*room.table.seats]:
                sender = next(user for user in users if user.user == room.table.seats[seat].user)
                if chips_in(game, room.table.game, seat) == 0:
                    room = do(room, sender, Rebuy(id="1", room="r", amount=2000))
                if game.sits_out(room.table.game, seat) and chance.random() < 0.4:
                    room = do(room, sender, SitIn(id="1", room="r"))
                elif not game.sits_out(room.table.game, seat) and chance.random() < 0.1:
                    room = do(room, sender, SitOut(id="1", room="r"))
            if room.table.advance_at is not None:
                now = max(now, room.table.advance_at)
                room = do(room, SYSTEM, Wake(id="1", room="r"))
                with_posts += bool(room.table.game.hand.posts)
            continue
        # Calls and small raises make the longest histories: each move is a byte or two.
        legal = {move["move"]: move for move in game.legal(room.table.game, options, turn.seat)}
        wanted = ["raise", "bet", "call", "check"] if chance.random() < 0.25 else ["call", "check", "raise", "bet"]
        move = next(legal[name] for name in [*wanted, "fold"] if name in legal)
        arguments = {"amount": move["amount"]["min"]} if "amount" in move else {}
        sender = next(user for user in users if user.user == room.table.seats[turn.seat].user)
        room = do(room, sender, Act(id="1", room="r", move=move["move"], turn=turn.number, arguments=arguments))
    mean = sum(sizes) / len(sizes)
    print(f"six players in the middle of a hand: mean {mean:.0f}, largest {max(sizes)} bytes of {len(sizes):,} states")
    assert len(sizes) > 2000
    assert with_posts >= 5, "blinds that are owed are part of it"
    assert max(sizes) <= LIMIT


def test_a_table_of_hearts_is_at_most_a_kilobyte() -> None:
    chance = random.Random(7)
    game = GAMES["hearts"]
    users = [Sender(UserId(f"u_{chance.randbytes(8).hex()}"), f"Somebody called {i}") for i in range(4)]
    options = msgspec.convert({"pause_seconds": 1}, game.options_type)
    info = Info(id=RoomId("r"), code="C", name="N", game="hearts", options=options, host=users[0].user, approval="auto")
    room = open_room(info, users[0].name, 1_760_000_000_000)
    now, sizes = room.table.at, list[int]()

    def do(room: Room, sender: Sender, command: AnyCommand) -> Room:
        verdict = decide(room, sender, command, now, Entropy(chance.randbytes(32)))
        assert isinstance(verdict, Decision), verdict
        return verdict.room

    for index, user in enumerate(users):
        room = do(room, user, RequestJoin(id="1", room="r", display_name=user.name))
        room = do(room, user, TakeSeat(id="1", room="r", seat_index=index))
    while room.table.hand < HANDS // 5:
        now += 1500
        turns = room.table.running_turns
        if not turns:
            room = do(room, SYSTEM, Wake(id="1", room="r"))
            continue
        turn = chance.choice(turns)
        sizes.append(len(msgspec.json.encode(room.table)))
        [entry] = game.legal(room.table.game, options, turn.seat)
        arguments = {name: chance.choice(offer["choices"]) for name, offer in offers(entry).items()}
        act = Act(id="1", room="r", move=entry["move"], turn=turn.number, arguments=arguments)
        room = do(room, users[turn.seat], act)
    mean = sum(sizes) / len(sizes)
    print(f"four who play Hearts: mean {mean:.0f}, largest {max(sizes)} bytes of {len(sizes):,} states")
    assert len(sizes) > 1500
    assert max(sizes) <= LIMIT
