"""Liar's Dice: two to six players roll in secret, bid how many of a face lie under all cups, or call the last bid a
lie. The player who was wrong loses a die; the last with dice wins. Each bid is of more dice than the one before."""

from __future__ import annotations

import hashlib
from typing import Annotated, ClassVar, TypeAlias

import msgspec
from msgspec import Meta
from storage.packed import packed, unpacked

from tavola.games.base import Clock, Entropy, Event, Game, Json, Move, Outcome, Refusal, Round, SeatIndex

FACES = 6


class LiarsDiceOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    seats: Annotated[int, Meta(ge=2, le=6, title="Seats")] = 4
    dice: Annotated[int, Meta(ge=1, le=5, title="Dice", description="For each player, at first")] = 3
    turn_seconds: Annotated[int, Meta(ge=2, le=3600, title="Turn", description="Seconds to think")] = 30
    pause_seconds: Annotated[int, Meta(ge=0, le=600, title="Pause", description="Seconds between rolls")] = 3


class Bid(msgspec.Struct, frozen=True, array_like=True):
    seat: SeatIndex
    count: int
    face: int


class LiarsDiceState(msgspec.Struct, frozen=True, omit_defaults=True):
    """`left`: how many dice each has who still plays this game, none between games; `cups`: what they rolled."""

    seated: tuple[SeatIndex, ...] = ()
    number: int = 0
    left: dict[SeatIndex, int] = {}
    cups: dict[SeatIndex, str] = {}
    bid: Bid | None = None
    turn: SeatIndex | None = None


S: TypeAlias = LiarsDiceState
O: TypeAlias = LiarsDiceOptions


class LiarsDice(Game[LiarsDiceState, LiarsDiceOptions]):
    kind = "liars_dice"
    title = "Liar's Dice"
    moves: ClassVar = {"bid": ("count", "face"), "challenge": ()}

    def seats(self, options: O) -> int:
        return options.seats

    def clock(self, options: O) -> Clock:
        return Clock(turn_ms=options.turn_seconds * 1000)

    def open(self, options: O) -> S:
        return S()

    def sit(self, state: S, options: O, seat: SeatIndex) -> Outcome[S] | Refusal:
        if seat not in range(options.seats) or seat in state.seated:
            return Refusal("seat_taken", "That seat is not free.")
        return Outcome(msgspec.structs.replace(state, seated=tuple(sorted((*state.seated, seat)))))

    def stand(self, state: S, options: O, seat: SeatIndex) -> Outcome[S] | Refusal:
        """The dice of a player who leaves are out of the game, and a roll in which they were is over."""
        if seat not in state.seated:
            return Refusal("not_seated", "Nobody sits there.")
        left = {other: dice for other, dice in state.left.items() if other != seat}
        seated = tuple(other for other in state.seated if other != seat)
        gone = msgspec.structs.replace(state, seated=seated, left=left)
        outcome: Outcome[S] = Outcome(gone)
        if seat in state.cups:
            outcome = self._rolled(gone, {})
        elif seat in state.left and len(left) < 2:
            result: dict[str, Json] = {"winner": next(iter(left), None)}
            outcome = Outcome(S(seated, state.number), (Event("game_complete", result),), result=result)
        return msgspec.structs.replace(outcome, vacated=(seat,))

    def advance_after_ms(self, state: S, options: O) -> int | None:
        return options.pause_seconds * 1000 if state.turn is None and len(state.seated) > 1 else None

    def advance(self, state: S, options: O, entropy: Entropy) -> Outcome[S] | Refusal:
        if self.advance_after_ms(state, options) is None:
            return Refusal("illegal_move", "Two players are needed, and no roll may be running.")
        left = state.left or dict.fromkeys(state.seated, options.dice)
        cups = {seat: rolled(entropy, seat, dice) for seat, dice in left.items()}
        first = list(left)[state.number % len(left)]
        begun = S(state.seated, state.number + 1, left, cups, None, first)
        own: dict[SeatIndex, dict[str, Json]] = {seat: {"dice": unpacked(cup)} for seat, cup in cups.items()}
        event = Event("dice_rolled", {"number": begun.number, "first": first}, own)
        return Outcome(begun, (event,), True, (Round(begun.number, False, {"first": first}),))

    def turn(self, state: S) -> SeatIndex | None:
        return state.turn

    def legal(self, state: S, options: O, seat: SeatIndex) -> list[dict[str, Json]]:
        if seat != state.turn:
            return []
        moves: list[dict[str, Json]] = [{"move": "challenge"}] if state.bid else []
        least, most = bids(state)
        if least <= most:
            moves.insert(0, {"move": "bid", "count": {"min": least, "max": most}, "face": {"min": 1, "max": FACES}})
        return moves

    def play(self, state: S, options: O, seat: SeatIndex, move: Move, entropy: Entropy) -> Outcome[S] | Refusal:
        if seat != state.turn:
            return Refusal("not_your_turn", "It is not your turn.")
        match move.name:
            case "bid":
                return self._bid(state, seat, move.arguments.get("count"), move.arguments.get("face"))
            case "challenge" if state.bid is not None:
                return self._challenge(state, state.bid, seat)
            case _:
                return Refusal("illegal_move", "Bid, or challenge the last bid.")

    def _bid(self, state: S, seat: SeatIndex, count: Json, face: Json) -> Outcome[S] | Refusal:
        least, most = bids(state)
        if type(count) is not int or type(face) is not int or not least <= count <= most or not 1 <= face <= FACES:
            return Refusal("illegal_move", "Bid more dice than the last bid, of a face from 1 to 6.")
        playing = list(state.cups)
        following = playing[(playing.index(seat) + 1) % len(playing)]
        event = Event("player_action", {"seat_index": seat, "move": "bid", "count": count, "face": face})
        return Outcome(msgspec.structs.replace(state, bid=Bid(seat, count, face), turn=following), (event,), True)

    def _challenge(self, state: S, bid: Bid, seat: SeatIndex) -> Outcome[S]:
        there = sum(unpacked(cup).count(bid.face) for cup in state.cups.values())
        loser = seat if there >= bid.count else bid.seat
        left = {other: dice - (other == loser) for other, dice in state.left.items()}
        left = {other: dice for other, dice in left.items() if dice}
        shown: dict[str, Json] = {str(other): unpacked(cup) for other, cup in state.cups.items()}
        challenged = Event("player_action", {"seat_index": seat, "move": "challenge"})
        outcome = self._rolled(
            msgspec.structs.replace(state, left=left), {"loser": loser, "there": there, "cups": shown}
        )
        return msgspec.structs.replace(outcome, events=(challenged, *outcome.events))

    def timeout_move(self, state: S, options: O, seat: SeatIndex) -> Move:
        return Move("challenge") if state.bid else Move("bid", {"count": 1, "face": FACES})

    def _rolled(self, state: S, facts: dict[str, Json]) -> Outcome[S]:
        """A roll is over, and the game with it when one player has dice left."""
        events = [Event("hand_complete", {"number": state.number, **facts})]
        winner = next(iter(state.left), None) if len(state.left) < 2 else None
        over = len(state.left) < 2
        result: dict[str, Json] | None = {"winner": winner} if over else None
        if result is not None:
            events.append(Event("game_complete", result))
        after = S(state.seated, state.number, {} if over else state.left)
        return Outcome(after, tuple(events), rounds=(Round(state.number, True, facts),), result=result)

    def public(self, state: S, options: O) -> dict[str, Json]:
        bid = state.bid
        return {
            "number": state.number,
            "dice": sum(map(len, state.cups.values())),
            "bid": {"seat_index": bid.seat, "count": bid.count, "face": bid.face} if bid else None,
        }

    def public_seat(self, state: S, options: O, seat: SeatIndex) -> dict[str, Json]:
        return {"dice_left": state.left.get(seat, 0)}

    def private_seat(self, state: S, options: O, seat: SeatIndex) -> dict[str, Json]:
        return {"dice": unpacked(state.cups[seat])} if seat in state.cups else {}


def bids(state: LiarsDiceState) -> tuple[int, int]:
    """The smallest and the largest count that may be bid."""
    return (state.bid.count if state.bid else 0) + 1, sum(map(len, state.cups.values()))


def rolled(entropy: Entropy, seat: SeatIndex, dice: int) -> str:
    """So many dice for a seat. 252 is a multiple of six: no face comes more often than another."""
    faces: list[int] = []
    drawn = hashlib.sha256(entropy + bytes([seat])).digest()
    while len(faces) < dice:
        faces += [byte % FACES + 1 for byte in drawn if byte < 252]
        drawn = hashlib.sha256(drawn).digest()
    return packed(sorted(faces[:dice]))
