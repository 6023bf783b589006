"""Random lives of a room: a handful of choices and a string of bytes, two for each thing that happens.

Hypothesis shrinks them to short, quiet ones: zeros make whoever is to act check or call, and deal the next hand.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import NamedTuple

from hypothesis import strategies as st
from msgspec import UNSET, UnsetType

from kit.rooms import HOST, ROOM, Live, info
from tavola.actors.room.ending import alarm
from tavola.actors.room.play import game_of
from tavola.actors.room.state import Decision, Info, Nothing, Room
from tavola.actors.wire.commands import (
    SERVICE,
    Act,
    AddBot,
    AdjustChips,
    Announce,
    AnswerDraw,
    AnswerUndo,
    AnyCommand,
    Approve,
    Attendance,
    Chat,
    CloseRoom,
    Connected,
    Disconnected,
    GiveUp,
    Halt,
    Kick,
    Leave,
    LeaveSeat,
    OfferDraw,
    Pause,
    Rebuy,
    Recover,
    Reject,
    RequestJoin,
    RequestUndo,
    Resign,
    Resume,
    SitIn,
    SitOut,
    Spectate,
    Start,
    StopSpectating,
    TakeSeat,
    TransferHost,
    UpdateSettings,
    UserId,
    Vacant,
    Wake,
    Withdraw,
    WithdrawOffer,
)
from tavola.games.base import Refusal, SeatIndex, offers

PEOPLE = ("host", "u1", "u2", "u3", "u4", "u5")
ONLOOKER = "nobody"
"""Looks at the room and never does anything."""
BUY_INS = (None, 20, 40, 45, 100, 101, 200, 7, 10**9)


class Script(NamedTuple):
    info: Info
    seated: int
    happens: bytes


class Step(NamedTuple):
    """One command and what was decided. `before` and `after` are the room."""

    before: Room
    user: str
    command: AnyCommand
    verdict: Decision | Refusal | Nothing
    after: Room


@st.composite
def scripts(draw: st.DrawFn, max_steps: int = 80) -> Script:
    happens = draw(st.one_of(st.binary(max_size=2 * max_steps), st.integers(0, 2**32 - 1).map(_long)))
    approval = draw(st.sampled_from(("auto", "host")))
    game = draw(st.sampled_from(("holdem", "tictactoe", "holdem", "tictactoe", "auction")))
    if game == "auction":
        seats = draw(st.integers(3, 5))
        described = info(
            "auction",
            approval=approval,
            max_spectators=draw(st.sampled_from((2, 100))),
            seats=seats,
            reserved=draw(_reserved(seats)),
            lots=draw(st.integers(1, 3)),
            coins=draw(st.sampled_from((1, 5, 100))),
            price=draw(st.sampled_from(("first", "second"))),
            turn_seconds=2,
            timebank_seconds=draw(st.sampled_from((0, 3))),
            pause_seconds=draw(st.sampled_from((3, 0))),
            auto_start=draw(st.sampled_from((True, True, False))),
        )
    elif game == "holdem":
        seats = draw(st.integers(2, 5))
        described = info(
            approval=approval,
            max_spectators=draw(st.sampled_from((2, 100))),
            seats=seats,
            reserved=draw(_reserved(seats)),
            min_buy_in=10,
            max_buy_in=200,
            ante=draw(st.sampled_from((0, 0, 1))),
            turn_seconds=2,
            timebank_seconds=draw(st.sampled_from((0, 30))),
            next_hand_seconds=draw(st.sampled_from((3, 3, 0))),
            auto_start=draw(st.sampled_from((True, True, False))),
        )
    else:
        described = info(
            "tictactoe",
            approval=approval,
            reserved=draw(_reserved(2)),
            max_spectators=2,
            turn_seconds=2,
            rematch_seconds=draw(st.sampled_from((0, 3))),
            auto_start=draw(st.sampled_from((True, True, False))),
        )
    return Script(described, draw(st.integers(0, 5)), happens)


def _reserved(seats: int) -> st.SearchStrategy[dict[UserId, SeatIndex] | UnsetType]:
    """Seats of some rooms, and the users that they are reserved for."""
    some = st.dictionaries(
        st.sampled_from([UserId(user) for user in PEOPLE]), st.sampled_from([SeatIndex(seat) for seat in range(seats)])
    ).filter(lambda made: len(set(made.values())) == len(made))
    return st.booleans().flatmap(lambda any_: some.map(lambda made: made or UNSET) if any_ else st.just(UNSET))


def _long(seed: int) -> bytes:
    return random.Random(seed).randbytes(200)


def opened(script: Script) -> Live:
    return Live(script.info, (*PEOPLE, ONLOOKER))


def steps(script: Script, live: Live) -> Iterator[Step]:
    """Play the script on `live`, which `opened` gave."""
    for user, command in _arrivals(script, live):
        yield _step(live, user, command)
    for i in range(0, len(script.happens) - 1, 2):
        kind, detail = script.happens[i], script.happens[i + 1]
        live.now += detail * 9
        user, command = _chosen(live, kind, detail)
        yield _step(live, user, command)


def _step(live: Live, user: str, command: AnyCommand) -> Step:
    before = live.room
    return Step(before, user, command, live.send(user, command), live.room)


def _arrivals(script: Script, live: Live) -> Iterator[tuple[str, AnyCommand]]:
    seats = game_of(live.room).seats(live.room.info.options)
    for seat, user in enumerate(PEOPLE[: min(script.seated, seats)]):
        yield user, RequestJoin(id=live.id(), room=ROOM, display_name=f"Name-{user}")
        if script.info.approval == "host" and user != HOST:
            yield HOST, Approve(id=live.id(), room=ROOM, user_id=user)
        yield user, TakeSeat(id=live.id(), room=ROOM, seat_index=seat)


def _chosen(live: Live, kind: int, detail: int) -> tuple[str, AnyCommand]:
    if kind < 176:
        return _game_goes_on(live, detail)
    user = PEOPLE[detail % len(PEOPLE)]
    if kind < 216:
        return _something(live, user, kind - 176, detail // len(PEOPLE))
    return _somebody_goes(live, user, kind - 216, detail // len(PEOPLE))


def _game_goes_on(live: Live, detail: int) -> tuple[str, AnyCommand]:
    """The player to act makes a legal move; where there is none, time passes."""
    room = live.room
    turns = room.table.running_turns
    turn = turns[detail // 3 % len(turns)] if turns else None
    user = room.table.seats[turn.seat].user if turn is not None else None
    if room.table.paused_at is not None and room.info.host:
        return room.info.host, Resume(id=live.id(), room=ROOM)
    if turn is None or user is None or detail == 255 or not room.admitted(user):
        return _alarm(live)
    legal = game_of(room).legal(room.table.game, room.info.options, turn.seat)
    if room.info.game in ("tictactoe", "timed"):
        choices = legal[0]["cell"]["choices"]
        return user, _act(live, "mark", {"cell": choices[detail % len(choices)]}, turn.number)
    if room.info.game == "hearts":
        [(argument, offer)] = offers(legal[0]).items()
        choice = offer["choices"][detail % len(offer["choices"])]
        return user, _act(live, legal[0]["move"], {argument: choice}, turn.number)
    if room.info.game == "auction":
        most = legal[0]["amount"]["max"]
        return user, _act(live, "bid", {"amount": min(detail // 5, most)}, turn.number)
    names = {move["move"]: move for move in legal}
    kind, size = detail & 0x0F, detail >> 4
    if kind < 8:
        name = "check" if "check" in names else "call"
    elif kind < 10:
        name = "fold"
    elif kind == 15 and "all_in" in names:
        name = "all_in"
    else:
        name = next((name for name in ("bet", "raise") if name in names), "fold")
    if "amount" not in names[name]:
        return user, _act(live, name, {}, turn.number)
    least, most = names[name]["amount"]["min"], names[name]["amount"]["max"]
    return user, _act(live, name, {"amount": min(most, least + size * size)}, turn.number)


def _alarm(live: Live) -> tuple[str, AnyCommand]:
    live.now = max(live.now, alarm(live.room) or 0)
    return "", Wake(id="wake", room=ROOM, idle_turns=3)


def _act(live: Live, move: str, arguments: dict[str, object], turn: int | None) -> Act:
    return Act(id=live.id(), room=ROOM, move=move, arguments=arguments, turn=turn)


def _something(live: Live, user: str, kind: int, detail: int) -> tuple[str, AnyCommand]:
    """Anything that anybody may ask for, mostly sensible. `kind` is 0 to 39, `detail` 0 to 42."""
    room, id = live.room, live.id()
    other = PEOPLE[detail % len(PEOPLE)]
    asking = [user for user, member in room.members.items() if member.standing == "pending"]
    match kind * 2 // 5:
        case 0 | 1:
            return user, TakeSeat(id=id, room=ROOM, seat_index=detail % 6, buy_in=BUY_INS[detail % len(BUY_INS)])
        case 2:
            name = f"Name-{user}" if detail % 4 else f"Other-{user}"
            return user, RequestJoin(id=id, room=ROOM, display_name=name)
        case 3:
            return room.info.host or user, Approve(id=id, room=ROOM, user_id=next(iter(asking), other))
        case 4:
            if detail % 4 == 0:  # Somebody takes it upon themselves.
                return user, Approve(id=id, room=ROOM, user_id=next(iter(asking), other))
            return room.info.host or user, Reject(id=id, room=ROOM, user_id=next(iter(asking), other))
        case 5 | 6:
            return user, LeaveSeat(id=id, room=ROOM)
        case 7:
            return user, Spectate(id=id, room=ROOM, display_name=f"Watcher-{user}" if detail % 4 == 0 else None)
        case 8:
            return user, StopSpectating(id=id, room=ROOM)
        case 9:
            return user, Leave(id=id, room=ROOM)
        case 10 if detail % 9 == 8:
            sender = f"{SERVICE}shop" if detail % 2 else user
            return sender, Announce(id=id, room=ROOM, text="hello", data={"n": detail})
        case 10:
            return user, Chat(id=id, room=ROOM, text="hello" if detail % 4 else "  ")
        case 11:
            return (user if detail % 3 == 0 else room.info.host), Start(id=id, room=ROOM)
        case 12 if detail % 4 == 3:
            offer = (OfferDraw, RequestUndo, Resign, WithdrawOffer)[detail // 4 % 4]
            answer = (AnswerDraw, AnswerUndo)[detail % 2]
            return user, answer(id=id, room=ROOM, accept=detail % 3 > 0) if detail > 24 else offer(id=id, room=ROOM)
        case 12:
            return user, _act(live, "raise" if detail % 2 else "mark", {"amount": detail, "cell": detail % 9}, None)
        case 13:
            return user, _act(
                live, ("fold", "show", "muck", "call", "dance")[detail % 5], {}, detail if detail % 2 else None
            )
        case 14:
            return "", Recover(id="recover", room=ROOM)
        case _:
            return "", Wake(id="wake", room=ROOM)


def _somebody_goes(live: Live, user: str, kind: int, detail: int) -> tuple[str, AnyCommand]:
    """Coming and going, and what a host does about it. `kind` is 0 to 39, `detail` 0 to 42."""
    room, id = live.room, live.id()
    host = user if detail % 7 == 3 else room.info.host or user
    other = PEOPLE[detail % len(PEOPLE)]
    match kind // 3:
        case 0:
            return "", Disconnected(
                id=id, room=ROOM, user_id=user, disconnected_ms=3_000, freed_ms=8_000 + 100 * detail
            )
        case 1:
            here, gone = (user,) * (detail % 3 == 0), (user, other) * (detail % 3 != 0)
            return "", Attendance(id=id, room=ROOM, here=here, gone=gone, leaves_ms=2_000 + 100 * detail)
        case 2 if detail % 7 == 6:
            return "", Vacant(id=id, room=ROOM, closes_ms=3_000)
        case 2:
            return "", Connected(id=id, room=ROOM, user_id=user)
        case 3:
            return user, SitOut(id=id, room=ROOM)
        case 4:
            return user, SitIn(id=id, room=ROOM)
        case 5:
            return user, Rebuy(id=id, room=ROOM, amount=(1, 20, 90, 10**12)[detail % 4])
        case 6:
            return host, Pause(id=id, room=ROOM)
        case 7:
            return host, Resume(id=id, room=ROOM)
        case 8:
            if detail % 7 == 6:
                return host, AddBot(id=id, room=ROOM, seat_index=detail % 4)
            return host, Kick(id=id, room=ROOM, user_id=other, ban=detail % 3 == 0)
        case 9:
            amount = (5, -5, 200, -(10**9))[detail % 4]
            reason, after_hand = "because" * (detail % 2), detail % 3 == 1
            return host, AdjustChips(
                id=id, room=ROOM, user_id=other, amount=amount, reason=reason, after_hand=after_hand
            )
        case 10 if detail % 8 == 7:
            waiting = room.info.deferred
            return host, Withdraw(id=id, room=ROOM, act_id=waiting[0].command.id if waiting else "none")
        case 10:
            settings = SETTINGS[detail % len(SETTINGS)]
            return host, UpdateSettings(id=id, room=ROOM, settings=settings, after_hand=detail % 3 == 1)
        case 11:
            return host, TransferHost(id=id, room=ROOM, user_id=other)
        case _:
            if detail in (0, 11):
                return host, CloseRoom(id=id, room=ROOM, after_hand=detail == 11)
            if detail % 3:
                return "", Wake(id="wake", room=ROOM)
            live.now = max(live.now, alarm(room) or 0)
            return "", (GiveUp if detail % 2 else Halt)(id="instead", room=ROOM)


SETTINGS: tuple[dict[str, object], ...] = (
    {"name": "Another name"},
    {"approval": "host", "max_spectators": 1},
    {"approval": "auto", "max_spectators": 50},
    {"options": {"turn_seconds": 3}},
    {"options": {"auto_start": True}},
    {"options": {"seats": 2}},
    {"options": {"no_such": 1}},
    {"visibility": "private"},
    {"visibility": "nowhere"},
    {"color": "red"},
)


def hands(live: Live) -> int:
    """How many rounds were begun."""
    return sum(not round.ended for decision in live.decisions for round in decision.rounds)
