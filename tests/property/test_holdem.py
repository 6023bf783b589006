"""Hold'em over thousands of random games: what must hold at every step, whatever is played.

A game is a handful of numbers and a string of bytes, each of which is one thing that happens, so that Hypothesis can
shrink it. When the bytes are used up everybody checks or folds.
"""

from __future__ import annotations

import random
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pokerkit import Automation, Mode, NoLimitTexasHoldem, State

from kit.example_counts import PROFILE, examples
from kit.holdem import GAME, encode, on_view
from tavola.games.base import Entropy, Move, Outcome, Refusal, SeatIndex
from tavola.games.cards import DECK
from tavola.games.holdem.state import Hand, HoldemOptions, HoldemSeat, HoldemTable

MOVES = ("fold", "check", "call", "bet", "raise", "all_in", "show", "muck")
MANY = 700
many = examples(MANY)
fewer = examples(300)
some = examples(250)


class Script(NamedTuple):
    """A random game: the table, and what happens."""

    options: HoldemOptions
    stacks: dict[int, int]
    happens: bytes
    leaving: bool = True
    """Players may leave; if not, they only come, sit out and in, and get chips."""


class Step(NamedTuple):
    """One outcome, of `what`. `seat` and `move` are None where it was not a move."""

    before: HoldemTable
    after: Outcome[HoldemTable]
    what: Callable[[HoldemTable], Outcome[HoldemTable] | Refusal]
    seat: SeatIndex | None = None
    move: Move | None = None
    entropy: Entropy | None = None
    brought: int = 0
    """Chips that came to the table (or, less than 0, left it) in this step."""


@st.composite
def scripts(draw: st.DrawFn, leaving: bool = True) -> Script:
    seats = draw(st.integers(2, 10))
    small_blind = draw(st.integers(1, 9))
    options = HoldemOptions(
        seats=seats, small_blind=small_blind, big_blind=10, ante=draw(st.sampled_from((0, 0, 1, 10))), min_buy_in=1
    )
    stack = st.one_of(st.integers(1, 40), st.integers(10, 300), st.just(1000))
    taken = draw(st.lists(st.integers(0, seats - 1), min_size=2, max_size=seats, unique=True))
    return Script(options, {seat: draw(stack) for seat in taken}, draw(st.binary(max_size=80)), leaving)


def entropy(number: int) -> Entropy:
    return Entropy(number.to_bytes(2, "big") * 16)


def steps(script: Script, hands: int = 3) -> Iterator[Step]:
    """Play the script: up to `hands` hands."""
    options = script.options
    state = HoldemTable(tuple(HoldemSeat(SeatIndex(seat), chips) for seat, chips in sorted(script.stacks.items())))
    happens = iter(script.happens)
    number = 0
    while number < hands or GAME.turn(state) is not None:
        byte = next(happens, None)
        seat = GAME.turn(state)
        if byte is not None and byte >= 0xC0:  # somebody comes or goes
            step = _comes_or_goes(state, script, byte, next(happens, 0))
            if step is not None:
                yield step
                state = step.after.state
        elif seat is None:
            for taken in state.seats:
                legal = GAME.legal(state, options, taken.index)
                if byte is not None and legal:
                    move = Move(legal[byte % 2]["move"])
                    step = _step(state, _playing(options, taken.index, move), seat=taken.index, move=move)
                    yield step
                    state = step.after.state
            chance = entropy(number * 256 + len(script.happens))
            if GAME.advance_after_ms(state, options) is None:
                assert isinstance(GAME.advance(state, options, chance), Refusal)
                if byte is None:
                    return
                continue
            step = _step(state, partial(_advanced, options=options, chance=chance), entropy=chance)
            yield step
            state, number = step.after.state, number + 1
        else:
            move = GAME.timeout_move(state, options, seat) if byte is None else _choose(state, options, seat, byte)
            step = _step(state, _playing(options, seat, move), seat=seat, move=move)
            yield step
            state = step.after.state


def _step(state: HoldemTable, what: Callable[[HoldemTable], Outcome[HoldemTable] | Refusal], **more: Any) -> Step:
    outcome = what(state)
    assert isinstance(outcome, Outcome), (more, outcome)
    return Step(state, outcome, what, **more)


def _advanced(state: HoldemTable, options: HoldemOptions, chance: Entropy) -> Outcome[HoldemTable] | Refusal:
    return GAME.advance(state, options, chance)


def _playing(
    options: HoldemOptions, seat: SeatIndex, move: Move
) -> Callable[[HoldemTable], Outcome[HoldemTable] | Refusal]:
    return lambda state: GAME.play(state, options, seat, move, Entropy(b""))


def _played(state: HoldemTable, options: HoldemOptions, seat: SeatIndex, move: Move) -> Outcome[HoldemTable]:
    outcome = GAME.play(state, options, seat, move, Entropy(b""))
    assert isinstance(outcome, Outcome), (move, outcome)
    return outcome


def _choose(state: HoldemTable, options: HoldemOptions, seat: SeatIndex, byte: int) -> Move:
    """A legal move. The lowest bytes check, call and fold; so shrinking makes games quiet."""
    legal = {move["move"]: move for move in GAME.legal(state, options, seat)}
    kind, size = byte & 0x0F, byte >> 4
    if kind < 7:
        return Move("check" if "check" in legal else "call")
    if kind < 9:
        return Move("fold")
    if kind == 15 and "all_in" in legal:
        return Move("all_in")
    for name in ("bet", "raise"):
        if name in legal:
            least, most = legal[name]["amount"]["min"], legal[name]["amount"]["max"]
            return Move(name, {"amount": min(most, least + size * size)})
    return Move("call" if "call" in legal else "fold")


def _comes_or_goes(state: HoldemTable, script: Script, kind: int, byte: int) -> Step | None:
    """Something that happens beside the play, or None if it was refused."""
    options, index = script.options, SeatIndex(byte % script.options.seats)
    seat, amount = state.seat(index), 1 + byte % 50
    brought = 0
    what: Callable[[HoldemTable], Outcome[HoldemTable] | Refusal]
    if seat is None:
        what, brought = (lambda table: GAME.sit_with(table, options, index, amount)), amount
    elif kind & 7 == 0 and script.leaving:
        what = lambda table: GAME.stand(table, options, index)  # noqa: E731
    elif kind & 7 == 1:
        what, brought = (lambda table: GAME.rebuy(table, options, index, amount)), amount
    elif kind & 7 == 2:
        amount = amount if kind & 8 else -min(amount, seat.chips)
        what, brought = (lambda table: GAME.adjust_chips(table, options, index, amount)), amount
    elif GAME.sits_out(state, index):
        what = lambda table: GAME.sit_in(table, options, index)  # noqa: E731
    else:
        what = lambda table: GAME.sit_out(table, options, index)  # noqa: E731
    outcome = what(state)
    return None if isinstance(outcome, Refusal) else Step(state, outcome, what, brought=brought)


def public(state: HoldemTable, options: HoldemOptions) -> bytes:
    """Everything that everybody may know."""
    seats = {seat.index: GAME.public_seat(state, options, seat.index) for seat in state.seats}
    rest = (GAME.turn(state), GAME.advance_after_ms(state, options), [GAME.chips(state, s.index) for s in state.seats])
    return encode((GAME.public(state, options), seats, rest))


def everything(state: HoldemTable, options: HoldemOptions) -> bytes:
    private = {
        seat.index: (GAME.private_seat(state, options, seat.index), GAME.legal(state, options, seat.index))
        for seat in state.seats
    }
    return public(state, options) + encode(private)


# Invariants


@pytest.fixture
def hands() -> Iterator[list[int]]:
    """The numbers of all hands that a test deals over its examples: more than two an example."""
    dealt = list[int]()
    yield dealt
    print(f"hands dealt: {len(dealt):,}")
    assert len(dealt) > 2 * max(MANY, PROFILE)


@many
@given(script=scripts())
def test_chips_are_conserved_and_seats_are_unique(hands: list[int], script: Script) -> None:
    options = script.options
    for step in steps(script):
        if step.entropy is not None:
            hands.append(step.after.state.number)
        before, after = step.before, step.after.state
        taken_away = sum(goes_with(step, options, seat) for seat in step.after.vacated)
        assert on_view(after, options) == on_view(before, options) + step.brought - taken_away
        indices = [seat.index for seat in after.seats]
        assert indices == sorted(set(indices))
        assert set(step.after.vacated) == {seat.index for seat in before.seats} - set(indices)
        assert all(seat.chips >= 0 for seat in after.seats)


def goes_with(step: Step, options: HoldemOptions, seat: SeatIndex) -> int:
    """The chips that a player who left in this step took with them: those they had behind, and what came to them as
    the hand ended."""
    chips: int = GAME.public_seat(step.before, options, seat)["chips"]
    for event in step.after.events:
        if event.kind == "pot_distributed":
            came = [*event.fields.get("returned", []), *(w for pot in event.fields["pots"] for w in pot["winners"])]
            chips += sum(share["amount"] for share in came if share["seat_index"] == seat)
    return chips


@many
@given(scripts())
def test_what_is_won_is_what_was_bet(script: Script) -> None:
    """Over each hand: stacks at its start, less what is returned and won, are what was put in."""
    for step in steps(script):
        for event in step.after.events:
            if event.kind == "pot_distributed":
                for pot in event.fields["pots"]:
                    assert pot["amount"] == sum(winner["amount"] for winner in pot["winners"]) > 0
                    assert all(winner["amount"] > 0 for winner in pot["winners"])
        hand, over = step.before.running, step.after.state.hand
        if hand is not None and over is not None and over.ending is not None:
            assert step.after.events[-1].kind == "hand_complete"
            assert [(r.number, r.ended) for r in step.after.rounds] == [(step.before.number, True)]
            assert GAME.turn(step.after.state) is None
            assert not step.after.new_turn
        if step.move is not None and GAME.turn(step.after.state) is not None:
            assert step.after.new_turn


@some
@given(scripts())
def test_a_state_is_small(script: Script) -> None:
    for step in steps(script):
        players = len(step.after.state.seats)
        assert len(encode(step.after.state)) < 350 + 50 * players


@fewer
@given(scripts(), st.randoms(use_true_random=False))
def test_nothing_public_depends_on_hidden_cards(script: Script, chance: random.Random) -> None:
    """Shuffle all cards that are hidden; what everybody sees, is told, or is refused stays the same to the byte."""
    options = script.options
    for step in steps(script, hands=2):
        state = step.before
        hand = state.running
        if hand is None:
            if step.after.state.running is not None:  # a deal: no card is told
                assert not [card for card in DECK if f'"{card}"' in told(step.after).decode()]
            continue
        other = HoldemTable(state.seats, state.number, with_other_cards(hand, state.betting.board_size, chance))
        assert public(other, options) == public(state, options)
        for seat in range(options.seats):
            at = SeatIndex(seat)
            assert GAME.legal(other, options, at) == GAME.legal(state, options, at)
            for move in (Move("raise", {"amount": 1}), Move("show"), Move("check"), Move("bet")):
                here, there = (GAME.play(table, options, at, move, Entropy(b"")) for table in (state, other))
                if isinstance(here, Refusal):
                    assert here == there
        if step.move is None or step.seat is None:
            continue
        kinds = {event.kind for event in step.after.events}
        if not kinds & {"street_advanced", "cards_shown"}:
            outcome = _played(other, options, step.seat, step.move)
            assert told(outcome) == told(step.after)
            assert public(outcome.state, options) == public(step.after.state, options)
            hidden = [hand.cards[i : i + 2] for i in range(0, len(hand.cards), 2)]
            shown = hand.board(state.betting.board_size)
            assert not [card for card in hidden if card not in shown and f'"{card}"' in told(outcome).decode()]
        elif "cards_shown" not in kinds:
            holes_only = HoldemTable(state.seats, state.number, with_other_cards(hand, 5, chance))
            outcome = _played(holes_only, options, step.seat, step.move)
            assert told(outcome) == told(step.after)
            assert public(outcome.state, options) == public(step.after.state, options)


def told(outcome: Outcome[HoldemTable]) -> bytes:
    """The events of an outcome that everybody is told."""
    events = [(event.kind, event.fields) for event in outcome.events]
    return encode((events, outcome.rounds, outcome.vacated, outcome.new_turn, outcome.result))


def with_other_cards(hand: Hand, board: int, chance: random.Random) -> Hand:
    """The same hand with all cards shuffled but the first `board` of the board."""
    cards = [hand.cards[i : i + 2] for i in range(0, len(hand.cards), 2)]
    start = 2 * len(hand.players)
    hidden = [i for i in range(len(cards)) if not start <= i < start + board]
    order = hidden[:]
    chance.shuffle(order)
    other = cards[:]
    for i, j in zip(hidden, order, strict=True):
        other[i] = cards[j]
    return msgspec.structs.replace(hand, cards="".join(other))


# Blinds that were missed


@many
@given(scripts())
def test_blinds_are_owed_and_posted(script: Script) -> None:
    """The rule told another way: walk round the table, seat by seat, and remember whom the big blind passed."""
    owed: dict[int, set[str]] = {seat: set() for seat in script.stacks}
    for step in steps(script, hands=5):
        before, after = step.before, step.after.state
        for seat in after.seats:
            if before.seat(seat.index) is None:
                owed[seat.index] = set() if before.hand is None else {"big_blind"}
        if step.entropy is not None:
            [posts] = [event.fields["posts"] for event in step.after.events if event.kind == "blinds_posted"]
            dealt = after.hand
            assert dealt is not None
            expected = expected_posts(before, dealt, owed, script.options)
            assert sorted(paid for paid in map(astuple, posts) if paid[1].endswith("_post")) == sorted(expected)
            assert all(post["amount"] > 0 for post in posts)
            assert {paid[0] for paid in map(astuple, posts) if paid[1] == "big_blind"} <= {dealt.big_blind}
            assert {paid[0] for paid in map(astuple, posts) if paid[1] == "small_blind"} <= {dealt.small_blind}
            if after.running is not None:
                assert sum(post["amount"] for post in posts) >= after.betting.played  # less what came back of an ante
        for seat in after.seats:
            view = GAME.public_seat(after, script.options, seat.index)
            assert set(view.get("owes", [])) == owed[seat.index]


def expected_posts(
    before: HoldemTable, dealt: Hand, owed: dict[int, set[str]], options: HoldemOptions
) -> list[tuple[int, str, int]]:
    last, posts = before.hand, list[tuple[int, str, int]]()
    begins_anew = last is None or len(dealt.players) == 2
    if last is not None:
        begins_anew = begins_anew or len([seat for seat in before.seats if seat.plays and seat.dealt]) < 2
        passed = SeatIndex((last.big_blind + 1) % 10)
        while passed != dealt.big_blind:
            if (seat := before.seat(passed)) is not None:
                assert seat.sitting_out or not seat.chips, "the big blind passes nobody who can play"
                owed[passed] = {"big_blind", "small_blind"}
            passed = SeatIndex((passed + 1) % 10)
        seat = before.seat(dealt.small_blind)
        if seat is not None and (seat.sitting_out or not seat.chips):
            owed[seat.index] |= {"small_blind"}
    for player, stack in zip(dealt.players, (GAME.chips(before, seat) for seat in dealt.players), strict=True):
        debts, owed[player] = owed[player], set()
        if begins_anew or player == dealt.big_blind:
            continue
        rest = stack - options.ante
        if "big_blind" in debts and rest > 0:
            posts.append((player, "live_post", min(rest, options.big_blind)))
        if "small_blind" in debts and rest > options.big_blind:
            posts.append((player, "dead_post", min(rest - options.big_blind, options.small_blind)))
    return posts


def astuple(post: dict[str, Any]) -> tuple[int, str, int]:
    return post["seat_index"], post["kind"], post["amount"]


# The same hands, settled by pokerkit itself


@fewer
@given(scripts(leaving=False))
def test_hands_are_settled_as_pokerkit_settles_them(script: Script) -> None:
    settled_as_pokerkit_settles(script)


def settled_as_pokerkit_settles(script: Script) -> set[str]:
    """An independent construction: another mode, another evaluation of hands, cards as text, replayed move by move.

    Gives what was compared: the kinds of posts of hands that ended."""
    oracle: State | None = None
    compared: set[str] = set()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pokerkit warns of folds where checking is free
        for step in steps(script, hands=4):
            hand = step.after.state.hand
            if hand is None:
                continue
            if step.entropy is not None:
                [told_of] = [event for event in step.after.events if event.kind == "blinds_posted"]
                posted = {post["kind"] for post in told_of.fields["posts"]}
                full = step.after.state if step.after.state.running is not None else None
                oracle = None if full is None or not comparable(full) else new_oracle(full, step.before)
            if oracle is None or step.move is None or step.before.running is None:
                continue
            cards = step.before.running
            [acted] = [event.fields for event in step.after.events if event.kind == "player_action"]
            assert cards.players[oracle.actor_index or 0] == step.seat
            replay(oracle, acted["move"], acted["amount"])
            follow(oracle, cards, step.after.state)
            if hand.ending is not None:
                assert not oracle.status
                compared |= posted
                settled = dict(zip(cards.players, oracle.stacks, strict=True))
                ours = {seat: GAME.chips(step.after.state, seat) for seat in cards.players}
                [distributed] = [e.fields for e in step.after.events if e.kind == "pot_distributed"]
                odd = max(len(pot["winners"]) for pot in distributed["pots"]) > 1 and len(distributed["pots"]) > 1
                if odd:  # pokerkit merges pots whose losers have mucked; then odd chips go elsewhere
                    assert all(abs(settled[seat] - ours[seat]) < 10 for seat in cards.players)
                    assert sum(settled.values()) == sum(ours.values())
                else:
                    assert settled == ours
            else:
                betting = step.after.state.betting
                assert (betting.bets, betting.stacks) == (oracle.bets, oracle.stacks)
                assert sum(pot.amount for pot in betting.collected) + sum(betting.bets) == oracle.total_pot_amount
    return compared


def comparable(state: HoldemTable) -> bool:
    """The price of entering is a whole big blind here, and what was posted there. Nor does it, where antes differ (a
    dead blind is one there), give back what others cannot match of an ante."""
    betting, hand = state.betting, state.hand
    assert hand is not None
    if betting.street_index != 0 or betting.bets[betting.big_blind_player] < betting.big_blind:
        return False
    return not hand.posts or min(hand.stacks) > hand.stakes[2]


def new_oracle(state: HoldemTable, before: HoldemTable) -> State:
    hand = state.hand
    assert hand is not None
    small_blind, big_blind, ante = hand.stakes
    chips = [GAME.chips(before, seat) for seat in hand.players]
    blinds = [small_blind, big_blind] if hand.small_blind in hand.players else [big_blind]
    blinds += [0] * (len(chips) - len(blinds))
    antes = [ante] * len(chips)
    for player, owed in enumerate(hand.posts):
        if owed in (1, 3):
            assert blinds[player] == 0
            blinds[player] = -big_blind
        if owed in (2, 3):
            antes[player] += min(small_blind, max(0, chips[player] - ante - big_blind))
    oracle = NoLimitTexasHoldem.create_state(
        (
            Automation.ANTE_POSTING,
            Automation.BET_COLLECTION,
            Automation.BLIND_OR_STRADDLE_POSTING,
            Automation.RUNOUT_COUNT_SELECTION,
            Automation.HOLE_CARDS_SHOWING_OR_MUCKING,
            Automation.HAND_KILLING,
            Automation.CHIPS_PUSHING,
            Automation.CHIPS_PULLING,
        ),
        not hand.posts,
        antes,
        blinds,
        big_blind,
        chips,
        len(chips),
        mode=Mode.CASH_GAME,
    )
    for _ in range(2):
        for player in range(len(hand.players)):
            oracle.deal_hole(hand.hole_cards(hand.players[player])[_])
    return oracle


def replay(oracle: State, move: str, amount: int) -> None:
    if move == "fold":
        oracle.fold()
    elif move in ("check", "call") or amount <= max(oracle.bets):
        oracle.check_or_call()
    else:
        oracle.complete_bet_or_raise_to(amount)


def follow(oracle: State, hand: Hand, state: HoldemTable) -> None:
    """Deal what is to be dealt. pokerkit asks a player to check whom nobody could answer; we do not."""
    while oracle.status:
        if oracle.can_burn_card("??"):
            oracle.burn_card("??")
        elif oracle.can_deal_board():
            start = len(oracle.board_cards)
            oracle.deal_board("".join(hand.board()[start : 3 if start == 0 else start + 1]))
        elif (turn := GAME.turn(state)) is not None and (
            hand.players[oracle.actor_index or 0] == turn and oracle.street_index == state.betting.street_index
        ):
            return
        else:
            assert oracle.actor_index is not None
            assert oracle.check_or_call().amount == 0


def test_the_games_of_these_tests_are_not_dull() -> None:
    """They reach showdowns, side pots, all-ins, leavers, dead buttons, posts: counted over fixed scripts."""
    seen: set[str] = set()
    chance = random.Random(1)
    for _ in range(300):
        seats = chance.randint(2, 9)
        stacks = {
            seat: chance.choice((7, 15, 60, 300, 1000)) for seat in chance.sample(range(seats), max(2, seats - 1))
        }
        script = Script(HoldemOptions(seats=seats, min_buy_in=1), stacks, chance.randbytes(80))
        for step in steps(script, hands=4):
            seen |= {event.kind for event in step.after.events}
            for event in step.after.events:
                if event.kind == "pot_distributed":
                    seen |= {f"{min(3, len(event.fields['pots']))} pots", *event.fields.keys()}
                if event.kind == "blinds_posted":
                    seen |= {post["kind"] for post in event.fields["posts"]}
                if event.fields.get("automatic"):
                    seen.add("automatic fold")
            if step.move is not None:
                seen.add(step.move.name)
            elif step.brought:
                seen.add("chips came" if step.brought > 0 else "chips went")
            hand = step.after.state.running
            if hand is not None:
                seen |= {"dead small blind"} if not hand.posts_small_blind else set()
                seen |= {"dead button"} if hand.button not in hand.players else set()
            if step.after.vacated:
                seen.add("vacated")
    assert seen >= {*MOVES, "cards_shown", "street_advanced", "player_leaving", "returned", "chips came"}
    assert seen >= {"2 pots", "3 pots", "automatic fold", "dead small blind", "dead button", "vacated"}
    assert seen >= {"live_post", "dead_post", "chips went"}


def test_hands_with_posts_are_compared_with_pokerkit() -> None:
    compared: set[str] = set()
    chance = random.Random(2)
    for _ in range(150):
        stacks = {seat: chance.choice((15, 60, 300, 1000)) for seat in range(6)}
        script = Script(HoldemOptions(ante=chance.choice((0, 1)), min_buy_in=1), stacks, chance.randbytes(80), False)
        compared |= settled_as_pokerkit_settles(script)
    assert compared == {"ante", "small_blind", "big_blind", "live_post", "dead_post"}


@pytest.mark.parametrize("hidden", [True, False])
def test_the_test_for_secrets_would_notice(hidden: bool) -> None:
    """The comparison of public views is not blind: a state that shows a card differs from one that shows another."""
    state = HoldemTable((HoldemSeat(SeatIndex(0), 1000), HoldemSeat(SeatIndex(1), 1000)))
    dealt = GAME.advance(state, HoldemOptions(), entropy(3))
    assert isinstance(dealt, Outcome)
    over = GAME.play(dealt.state, HoldemOptions(), SeatIndex(0), Move("fold"), Entropy(b""))
    assert isinstance(over, Outcome)
    end = over.state if hidden else _played(over.state, HoldemOptions(), SeatIndex(1), Move("show")).state
    assert end.hand is not None
    other = HoldemTable(end.seats, end.number, with_other_cards(end.hand, 0, random.Random(4)))
    assert (public(other, HoldemOptions()) == public(end, HoldemOptions())) == hidden
