"""A hand of Hearts, from the deal to its score: its phases as data, and what comes of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

from msgspec.structs import replace

from tavola.games.base import Entropy, Event, Json, Move, Outcome, Round, SeatIndex, random_move
from tavola.games.cards import deal
from tavola.games.events import GAME_COMPLETE, PLAYER_ACTION
from tavola.games.hearts.events import CARDS_PASSED, HAND_COMPLETE, HAND_STARTED, TRICK_TAKEN
from tavola.games.hearts.state import SEATS, STEPS, HeartsOptions, HeartsPlayer, HeartsState, Trick
from tavola.games.hearts.tricks import ALL_POINTS, FIRST, HAND, playable, sorted_hand, split, winner, worth
from tavola.games.phases import Choice, Phase, Phases

Told = Outcome[HeartsState]


def dealt(state: HeartsState, options: HeartsOptions, entropy: Entropy) -> Told:
    """The next hand of the game, or the first of another one."""
    cards = deal(entropy, SEATS * HAND)
    players = tuple(HeartsPlayer(p.seat, sorted_hand(cards[HAND * p.seat :][:HAND])) for p in state.players)
    points = state.points if state.hand else HeartsState().points
    begun = HeartsState("waiting", state.number + 1, state.hand + 1, points, players)
    facts: dict[str, Json] = {"number": begun.number, "pass": begun.direction}
    event = Event(HAND_STARTED, facts, {p.seat: {"cards": split(p.hand)} for p in players})
    outcome = Outcome(begun, (event,), rounds=(Round(begun.number, False, facts),))
    return ROUND.enter("leading" if begun.direction == "none" else "passing", outcome, options)


# Passing


def threes(state: HeartsState, options: HeartsOptions, seat: SeatIndex) -> Sequence[Mapping[str, Json]]:
    """Any three cards, in the order of the hand."""
    return [{"cards": {"choices": ["".join(three) for three in combinations(state.cards_of(seat), 3)]}}]


def put_aside(state: HeartsState, options: HeartsOptions, seat: SeatIndex, move: Move) -> Told:
    cards: str = move.arguments["cards"]
    event = Event(PLAYER_ACTION, _acted(state, seat, move), {seat: {"cards": split(cards)}})
    return Outcome(_with(state, seat, aside=cards), (event,))


def exchanged(state: HeartsState, options: HeartsOptions) -> Told:
    """All have chosen: everybody takes up what is passed to them."""
    step = STEPS[state.direction]
    received = {player.seat: split(state.players[player.seat - step].aside) for player in state.players}
    players = []
    for player in state.players:
        kept = {*split(player.hand)} - {*split(player.aside)}
        players.append(replace(player, hand=sorted_hand([*kept, *received[player.seat]]), aside=""))
    event = Event(
        CARDS_PASSED, {"pass": state.direction}, {seat: {"received": cards} for seat, cards in received.items()}
    )
    return Outcome(replace(state, players=tuple(players)), (event,))


# Tricks


def opened(state: HeartsState, options: HeartsOptions) -> Told:
    [leader] = [player.seat for player in state.players if FIRST in split(player.hand)]
    return Outcome(replace(state, trick=Trick(leader)))


def may_play(state: HeartsState, options: HeartsOptions, seat: SeatIndex) -> Sequence[Mapping[str, Json]]:
    return [{"card": {"choices": playable(state.cards_of(seat), split(state.trick.cards), state.broken)}}]


def played(state: HeartsState, options: HeartsOptions, seat: SeatIndex, move: Move) -> Told:
    card: str = move.arguments["card"]
    rest = "".join(each for each in state.cards_of(seat) if each != card)
    trick = replace(state.trick, cards=state.trick.cards + card)
    after = replace(_with(state, seat, hand=rest), trick=trick, broken=state.broken or card[1] == "h")
    return Outcome(after, (Event(PLAYER_ACTION, _acted(state, seat, move) | {"card": card}),))


def taken(state: HeartsState, options: HeartsOptions) -> Told:
    """The trick is full: its winner has its points, and leads the next."""
    cards = split(state.trick.cards)
    seat, points = state.trick.seat_of(winner(cards)), sum(map(worth, cards))
    after = _with(state, seat, taken=state.players[seat].taken + points)
    event = Event(TRICK_TAKEN, {"winner": seat, "cards": cards, "points": points})
    return Outcome(replace(after, trick=Trick(seat), last=state.trick), (event,))


# The score


def scored(state: HeartsState, options: HeartsOptions) -> Told:
    """The hand is over. A player who took all points has none, and the others have as many each."""
    moon = next((player.seat for player in state.players if player.taken == ALL_POINTS), None)
    scores = [player.taken if moon is None else ALL_POINTS - player.taken for player in state.players]
    points: Any = tuple(had + more for had, more in zip(state.points, scores, strict=True))
    facts: dict[str, Json] = {"number": state.number, "scores": scores, "points": list(points)}
    if moon is not None:
        facts["shot_the_moon"] = moon
    gone = tuple(player.seat for player in state.players if player.leaving)
    staying = tuple(HeartsPlayer(player.seat) for player in state.players if not player.leaving)
    after = replace(state, points=points, players=staying, broken=False)
    over = not staying or (state.hand >= options.hands if options.hands else max(points) >= options.points)
    outcome = Outcome(after, (Event(HAND_COMPLETE, facts),), rounds=(Round(state.number, True, facts),), vacated=gone)
    if not over:
        return outcome
    ended = game_over(after)
    return replace(ended, events=outcome.events + ended.events, rounds=outcome.rounds, vacated=gone)


def game_over(state: HeartsState) -> Told:
    """The fewest points win. They are shown until the next game begins, while anybody is there."""
    result = {"winners": [at for at, had in enumerate(state.points) if had == min(state.points)]}
    result["points"] = list(state.points)
    after = replace(state, hand=0) if state.players else HeartsState(number=state.number)
    return Outcome(after, (Event(GAME_COMPLETE, result),), result=result)


ROUND: Phases[HeartsState, HeartsOptions] = Phases(
    Phase(name="waiting"),
    Phase(
        name="passing",
        acts=lambda table: table.choosing,
        moves={"pass": Choice(threes, put_aside)},
        ends=exchanged,
        next="leading",
    ),
    Phase(name="leading", ends=opened, next="playing"),
    Phase(
        name="playing",
        acts=lambda table: table.playing,
        moves={"play": Choice(may_play, played)},
        ends=taken,
        next=lambda table: "playing" if table.players[0].hand else "scoring",
    ),
    Phase(name="scoring", ends=scored, next="waiting"),
    stand_in=lambda table, options: played_for(table, options),
)


def first_move(state: HeartsState, options: HeartsOptions, seat: SeatIndex) -> Move:
    """The first that is legal: the lowest clubs, or else diamonds, spades, hearts."""
    return random_move(ROUND.legal(state, options, seat), Entropy(b""))


def played_for(state: HeartsState, options: HeartsOptions) -> tuple[SeatIndex, Move] | None:
    """A player who has left, whose turn it is, and their move."""
    for seat in ROUND.to_act(state):
        if state.players[seat].leaving:
            return seat, first_move(state, options, seat)
    return None


def _acted(state: HeartsState, seat: SeatIndex, move: Move) -> dict[str, Json]:
    facts: dict[str, Json] = {"seat_index": seat, "move": move.name}
    return facts | {"automatic": True} if state.players[seat].leaving else facts


def _with(state: HeartsState, seat: SeatIndex, **changes: Any) -> HeartsState:
    """The table with changes of one player. In a hand there is one in each seat."""
    players = [replace(each, **changes) if each.seat == seat else each for each in state.players]
    return replace(state, players=tuple(players))
