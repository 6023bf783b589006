"""A hand from the deal to the last pot: the next table, and the events that tell what happened.

Each function takes a `HoldemTable` and gives an `Outcome`. The betting's events on the way are in `Betting.happened`.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace
from pokerkit import AntePosting, BlindOrStraddlePosting

from tavola.games.base import Entropy, Event, Json, Outcome, Round, SeatIndex
from tavola.games.cards import commit, deal
from tavola.games.events import PLAYER_ACTION
from tavola.games.holdem.betting import Acted, Betting
from tavola.games.holdem.button import Places, owes_after
from tavola.games.holdem.events import (
    BLINDS_POSTED,
    CARDS_SHOWN,
    HAND_COMPLETE,
    HAND_STARTED,
    HOLE_CARDS_DEALT,
    POT_DISTRIBUTED,
    STREET_ADVANCED,
)
from tavola.games.holdem.rules import BOARD_SIZES, Dealt
from tavola.games.holdem.state import Ending, Hand, HoldemOptions, HoldemTable
from tavola.games.stakes import CashedOut

PHASES = ("preflop", "flop", "turn", "river")


def start(table: HoldemTable, options: HoldemOptions, places: Places, entropy: Entropy) -> Outcome[HoldemTable]:
    """Deal a hand."""
    players = places.players
    chips = {seat.index: seat.chips for seat in table.seats}
    hand = Hand(
        button=places.button,
        small_blind=places.small_blind,
        big_blind=places.big_blind,
        stakes=(options.small_blind, options.big_blind, options.ante),
        players=players,
        stacks=tuple(chips[seat] for seat in players),
        cards="".join(deal(entropy, 2 * len(players) + 5)),
        commitment=commit(entropy),
        posts=places.posts,
    )
    seats = tuple(
        replace(seat, dealt=seat.index in players, owes=owes_after(table, places, seat)) for seat in table.seats
    )
    table = HoldemTable(seats, table.number + 1, hand)
    betting = Betting(hand.stacks, hand.stakes, hand.posts_small_blind, hand.cards, hand.posts)
    facts: dict[str, Json] = {
        "number": table.number,
        "button": hand.button,
        "small_blind": hand.small_blind,
        "big_blind": hand.big_blind,
        "seats": [{"seat_index": seat, "chips": stack} for seat, stack in zip(players, hand.stacks, strict=True)],
        "commitment": hand.commitment.hex(),
    }
    events = [
        Event(HAND_STARTED, facts),
        Event(BLINDS_POSTED, {"posts": _posts(hand, betting)}),
        Event(
            HOLE_CARDS_DEALT,
            {"seats": list(players)},
            {seat: {"hole_cards": hand.hole_cards(seat)} for seat in players},
        ),
    ]
    return _settle(table, hand, betting, events, (Round(table.number, False, facts),))


def act(table: HoldemTable, hand: Hand, code: str, more: int = 0, automatic: bool = False) -> Outcome[HoldemTable]:
    """The player to act makes a legal move of `Hand.moves`. Players next to act who have left fold at once."""
    betting = table.betting.copy()
    acted = betting.apply(code, more)
    moves = f"{hand.moves}{code}{more or ''}"
    events = [_acted(hand, acted, automatic)]
    leaving = {seat.index for seat in table.seats if seat.leaving}
    while leaving and betting.actor_indices and hand.players[betting.actor_indices[0]] in leaving:
        _describe(hand, betting, events)
        betting.happened.clear()
        events.append(_acted(hand, betting.apply("f"), True))
        moves += "f"
    hand = replace(hand, moves=moves)
    return _settle(HoldemTable(table.seats, table.number, hand), hand, betting, events)


def _settle(
    table: HoldemTable, hand: Hand, betting: Betting, events: list[Event], rounds: tuple[Round, ...] = ()
) -> Outcome[HoldemTable]:
    """Tell what followed the last move, and close the hand if that was its end."""
    _describe(hand, betting, events)
    if betting.status:
        return Outcome(table.with_betting(betting), tuple(events), new_turn=True, rounds=rounds)
    return _close(table, hand, betting, events, rounds)


def _close(
    table: HoldemTable, hand: Hand, betting: Betting, events: list[Event], rounds: tuple[Round, ...]
) -> Outcome[HoldemTable]:
    pots = _pots(hand, betting)
    returned = [{"seat_index": hand.players[player], "amount": amount} for player, amount in betting.returned]
    events.append(Event(POT_DISTRIBUTED, {"pots": pots, **({"returned": returned} if returned else {})}))
    won: dict[SeatIndex, int] = {}
    for pot in pots:
        for winner in pot["winners"]:
            won[winner["seat_index"]] = won.get(winner["seat_index"], 0) + winner["amount"]
    board = hand.board(betting.board_size)
    winners = [{"seat_index": seat, "amount": amount} for seat, amount in won.items()]
    result: dict[str, Json] = {"number": table.number, "board": board, "winners": winners}
    events.append(Event(HAND_COMPLETE, result))

    players = hand.players
    ending = Ending(
        holding=tuple(seat for seat, move in zip(players, betting.last_moves, strict=True) if move != "fold"),
        shown=tuple(event.fields["seat_index"] for event in events if event.kind == CARDS_SHOWN),
        last_moves=tuple(betting.last_moves),
    )
    cards = hand.cards[: 4 * len(players) + 2 * len(board)]
    hand = replace(hand, cards=cards, stacks=(), moves="", ending=ending, posts=())
    chips = dict(zip(players, betting.stacks, strict=True))
    seats = tuple(
        replace(seat, chips=chips[seat.index]) if seat.dealt else seat for seat in table.seats if not seat.leaving
    )
    record = {**result, "pots": pots, "button": hand.button, "commitment": hand.commitment.hex()}
    return CashedOut(
        HoldemTable(seats, table.number, hand),
        tuple(events),
        rounds=(*rounds, Round(table.number, True, record)),
        vacated=tuple(seat.index for seat in table.seats if seat.leaving),
        carried={seat.index: chips[seat.index] for seat in table.seats if seat.leaving},
    )


def call_off(table: HoldemTable, hand: Hand, staying: Sequence[SeatIndex]) -> Outcome[HoldemTable]:
    """The hand has no winner: all have what they had when it began. Those who are not `staying`, or were to leave when
    it ends, take it with them. The others who were dealt in share the bets of a player whose seat is free already, an
    odd chip going to the first to the left of the button."""
    here = [seat for seat in hand.players if any(taken.index == seat and taken.dealt for taken in table.seats)]
    players = zip(hand.players, hand.stacks, table.betting.stacks, strict=True)
    share, odd = divmod(sum(had - left for seat, had, left in players if seat not in here), len(here))
    more = {seat: share + (place < odd) for place, seat in enumerate(here)}
    back = [replace(seat, chips=seat.chips + more.get(seat.index, 0)) for seat in table.seats]
    ending = Ending(holding=(), shown=(), last_moves=("",) * len(hand.players))
    over = replace(hand, cards=hand.cards[: 4 * len(hand.players)], stacks=(), moves="", ending=ending, posts=())
    seats = tuple(seat for seat in back if seat.index in staying and not seat.leaving)
    gone = {seat.index: seat.chips for seat in back if seat not in seats}
    return CashedOut(HoldemTable(seats, table.number, over), vacated=tuple(gone), carried=gone)


# Events


def _acted(hand: Hand, acted: Acted, automatic: bool) -> Event:
    fields: dict[str, Json] = {
        "seat_index": hand.players[acted.player],
        "move": acted.move,
        "amount": acted.amount,
        "chips": acted.chips,
        "pot": acted.pot,
    }
    if automatic:
        fields["automatic"] = True
    return Event(PLAYER_ACTION, fields)


def _describe(hand: Hand, betting: Betting, events: list[Event]) -> None:
    """Streets that were dealt and hands that were shown, in order."""
    for fact in betting.happened:
        if isinstance(fact, Dealt):
            phase = PHASES[BOARD_SIZES.index(fact.size)]
            events.append(Event(STREET_ADVANCED, {"phase": phase, "board": hand.board(fact.size)}))
        else:
            seat = hand.players[fact.player]
            events.append(Event(CARDS_SHOWN, {"seat_index": seat, "hole_cards": hand.hole_cards(seat)}))


def _posts(hand: Hand, betting: Betting) -> list[dict[str, Json]]:
    posts: list[dict[str, Json]] = []
    for op in betting.operations:
        if isinstance(op, AntePosting):
            kind = "ante"
        elif isinstance(op, BlindOrStraddlePosting):
            late = hand.posts and hand.posts[op.player_index]
            small = "live_post" if late else "small_blind"
            kind = "big_blind" if op.player_index == betting.big_blind_player else small
        else:
            continue
        posts.append({"seat_index": hand.players[op.player_index], "kind": kind, "amount": op.amount})
    for player, amount in enumerate(betting.dead):
        if amount:
            posts.append({"seat_index": hand.players[player], "kind": "dead_post", "amount": amount})
    return posts


def _pots(hand: Hand, betting: Betting) -> list[dict[str, Json]]:
    """The pots and their winners, main pot first. A bet is part of a pot as far as somebody called it."""
    pots: list[dict[str, Json]] = []
    for award in betting.awards:
        winners: list[dict[str, Json]] = []
        for player, amount in award.shares.items():
            name = None if betting.folded_status else betting.strength(player).name
            winners.append({"seat_index": hand.players[player], "amount": amount, "hand": name})
        pots.append({"amount": award.amount, "winners": winners})
    return pots
