"""Two games that differ in what a seat may not know look the same to it.

`private_seat` says what only one seat may know. So of a state another one is made in which another seat's private view
is different and one's own is not: single values of the state are replaced by others of their kind (a number, a text,
one character of it). To one's own seat, both must look alike, for as long as a turn runs; when nobody is to act,
secrets may have been turned up.

Events are compared in another way: a public field that in many deals is the same as what somebody is told in private,
and changes with it, gives it away. And where several seats act at once, two moves of one seat that only that seat is
told apart by events must look the same to the others, for as long as they have not acted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from tavola.games.base import Json, Outcome, SeatIndex
from tavola.testing.findings import BrokenPromise, Promise
from tavola.testing.game_table import GameTable, encode
from tavola.testing.moves import offered, spelled

DEALS = 12
"""Deals that are compared; a value of two that is the same in all of them by chance is one in thousands."""
PLACES = 40
"""Places of a state at which values are exchanged."""

Path = tuple[Any, ...]


def check_secrets(playing: GameTable, some: Callable[[list[Any]], list[Any]]) -> None:
    """Raises `BrokenPromise` where what one seat is shown depends on what only another one may know."""
    if playing.game.private_seat.__func__ is _says_nothing():  # type: ignore[attr-defined]
        return
    if playing.ask("advance_after_ms", playing.state, playing.options) is not None:
        _told_at_deals(playing)
    to_act = playing.to_act
    if not to_act:
        return
    if len(to_act) > 1:
        for seat in some(to_act):
            _told_at_once(playing, seat, some)
    private = {seat: _private(playing, seat) for seat in playing.seated}
    for other in some(list(_other_worlds(playing))):
        theirs = {seat: _private(other, seat) for seat in playing.seated}
        if not any(text is None for text in theirs.values()):
            _compare(playing, other, private, theirs)


def _says_nothing() -> Any:
    from tavola.games.base import Game

    return Game.private_seat


def _compare(playing: GameTable, other: GameTable, private: dict[Any, Any], theirs: dict[Any, Any]) -> None:
    differs = {seat for seat in playing.seated if private[seat] != theirs[seat]}
    if any(_shape(private[seat]) != _shape(theirs[seat]) for seat in differs):
        return  # There is more or less of a secret, which others may see.
    for seat in playing.seated:
        if seat in differs or not differs:
            continue
        mine = playing.seen_by(seat)
        try:
            shown = other.seen_by(seat)
        except BrokenPromise:
            continue  # The state that was made is none that the game knows.
        for part in mine:
            if encode(mine[part]) != encode(shown[part]):
                told = f"seat {seat} is shown {part} {mine[part]}, and {shown[part]} where only what seat"
                raise BrokenPromise(Promise.SECRET_SHOWN, f"{told} {min(differs)} may know is different")


def _shape(text: bytes) -> Json:
    return _shape_of(msgspec.json.decode(text))


def _shape_of(value: Json) -> Json:
    if isinstance(value, dict):
        return {key: _shape_of(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_shape_of(each) for each in value]
    return len(value) if isinstance(value, str) else type(value)


def _private(playing: GameTable, seat: SeatIndex) -> bytes | None:
    """None where the game cannot say it of that state."""
    try:
        return encode(playing.ask("private_seat", playing.state, playing.options, seat))
    except BrokenPromise:
        return None


def _other_worlds(playing: GameTable) -> Iterator[GameTable]:
    """The table with one value of its state replaced by one that stands at another place of a like kind."""
    state = msgspec.json.decode(encode(playing.state))
    places = list(_leaves(state, ()))
    for path, value in places[-PLACES:]:
        for other in _alternatives(value, [each for _, each in places]):
            try:
                changed = msgspec.convert(_with(state, path, other), playing.game.state_type)
            except msgspec.ValidationError:
                continue
            yield playing.at(changed)


def _leaves(value: Json, path: Path) -> Iterator[tuple[Path, Json]]:
    """Where values stand that hold no others."""
    if isinstance(value, dict):
        for key, each in value.items():
            yield from _leaves(each, (*path, key))
    elif isinstance(value, list):
        for index, each in enumerate(value):
            yield from _leaves(each, (*path, index))
    elif value is not None and not isinstance(value, bool):
        yield path, value


def _alternatives(value: Json, others: list[Json]) -> Iterator[Json]:
    if isinstance(value, str):
        alphabet = sorted({*value})
        for index, letter in enumerate(value[:PLACES]):
            for instead in (each for each in alphabet if each != letter):
                yield value[:index] + instead + value[index + 1 :]
                break
    same = [each for each in others if _shape_of(each) == _shape_of(value) and each != value]
    yield from same[:2]
    if isinstance(value, int):
        yield from (value + 1, value - 1)


def _with(value: Json, path: Path, other: Json) -> Json:
    if not path:
        return other
    head, *rest = path
    if isinstance(value, dict):
        return {**value, head: _with(value[head], tuple(rest), other)}
    return [_with(each, tuple(rest), other) if index == head else each for index, each in enumerate(value)]


# Events


def _told_at_once(playing: GameTable, seat: SeatIndex, some: Callable[[list[Any]], list[Any]]) -> None:
    """Compares what the others are told, and see, of two choices of a seat that acts at the same time as they."""
    first: tuple[bytes, bytes] | None = None
    for move in some(offered(playing.legal(seat))):
        chosen = playing.at(playing.state)
        outcome = chosen.play(seat, move)
        if not isinstance(outcome, Outcome) or outcome.new_turn or not chosen.to_act:
            continue
        own = encode([event.private.get(seat) for event in outcome.events])
        if not any(seat in event.private for event in outcome.events):
            return  # This game makes no secret of it.
        others = [other for other in chosen.seated if other != seat]
        told = encode([[(event.kind, event.fields) for event in outcome.events], [*map(chosen.seen_by, others)]])
        if first is None:
            first = (own, told)
        elif own != first[0] and told != first[1]:
            raise BrokenPromise(
                Promise.SECRET_SHOWN, f"who has not acted yet is shown which choice seat {seat} made: {spelled(move)}"
            )


def _told_at_deals(playing: GameTable) -> None:
    """Compares what all are told of a deal with what each is told alone."""
    deals = []
    for chance in range(DEALS):
        dealt = playing.at(playing.state)
        outcome = dealt.advance(chance)
        if isinstance(outcome, Outcome) and dealt.to_act:
            deals.append(outcome)
    if len(deals) < DEALS:
        return
    public, private = [_public(deal) for deal in deals], [_told_alone(deal) for deal in deals]
    for name in set.intersection(*(set(each) for each in private)):
        values = [each[name] for each in private]
        if len(set(values)) < DEALS // 2:
            continue
        for field in set.intersection(*(set(each) for each in public)):
            if all(_tells(each[field], value) for value, each in zip(values, public, strict=True)):
                raise BrokenPromise(
                    Promise.SECRET_SHOWN,
                    f"the event {field[0]} tells everybody in {field[1]!r} what only seat {name[0]} may know",
                )


def _tells(field: bytes, value: bytes) -> bool:
    """Whether a field is that value, or has it in it where that cannot be chance."""
    return value == field or (len(value) > 3 and value in field)


def _public(deal: Outcome[Any]) -> dict[tuple[str, str], bytes]:
    return {(event.kind, name): encode(value) for event in deal.events for name, value in event.fields.items()}


def _told_alone(deal: Outcome[Any]) -> dict[tuple[SeatIndex, str], bytes]:
    return {
        (seat, f"{event.kind}.{name}"): encode(value)
        for event in deal.events
        for seat, fields in event.private.items()
        for name, value in fields.items()
    }
