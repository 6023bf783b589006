"""Moves that a game offers, and moves that it does not, made from what `legal` says."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import product
from typing import Any

from tavola.games.base import Json, Move, offers, takes

SOME = 6
"""Values that are tried of each argument."""
MANY = 24
"""Moves that are tried of each entry of `legal`, and of each name with values of several."""


def offered(legal: Sequence[Mapping[str, Json]]) -> list[Move]:
    """The moves that `legal` offers, or of many those at the ends and some between; the tamest first."""
    moves = []
    for entry in legal:
        moves += _moves(entry["move"], {name: _values(offer) for name, offer in offers(entry).items()})
    return moves


def _moves(name: str, values: Mapping[str, list[Json]]) -> list[Move]:
    """Moves of that name with these values for its arguments, or of many some."""
    chosen = list(product(*values.values()))
    step = max(1, len(chosen) // MANY)
    return [Move(name, dict(zip(values, each, strict=True))) for each in chosen[::step]]


def unoffered(moves: Mapping[str, tuple[str, ...]], legal: Sequence[Mapping[str, Json]]) -> list[Move]:
    """Moves of the game's names that `legal` does not offer, and some of no name that it knows. Among them are those
    whose arguments are offered each, in different entries, and not together."""
    tried = [Move("no such move")]
    for name, arguments in moves.items():
        entries = [entry for entry in legal if entry["move"] == name]
        if not entries:
            tried += [Move(name, dict.fromkeys(arguments, value)) for value in ((0, 1, "") if arguments else (0,))]
        if len(entries) > 1:
            tried += _moves(name, _of_any(entries))
        for entry in entries[:: max(1, len(entries) // MANY)]:
            [first, *_] = offered([entry])
            for argument in arguments:
                tried += [Move(name, {**first.arguments, argument: value}) for value in _others(entry.get(argument))]
                tried.append(
                    Move(name, {other: first.arguments[other] for other in first.arguments if other != argument})
                )
    known = _Offers(legal)
    return [move for move in tried if not known.take(move)]


class _Offers:
    """Which moves `legal` offers. Whole moves, of which there may be hundreds, are looked up."""

    def __init__(self, legal: Sequence[Mapping[str, Json]]) -> None:
        self._whole: set[Any] = set()
        self._others: list[Mapping[str, Json]] = []
        for entry in legal:
            values = offers(entry)
            if all(isinstance(value, str | int | float) for value in values.values()):
                self._whole.add(_named(entry["move"], values))
            else:
                self._others.append(entry)

    def take(self, move: Move) -> bool:
        with suppress(TypeError):  # Of what cannot be looked up none is whole.
            if _named(move.name, move.arguments) in self._whole:
                return True
        return any(entry["move"] == move.name and takes(entry, move) for entry in self._others)


def _named(move: str, values: Mapping[str, Json]) -> tuple[str, frozenset[tuple[str, type, Json]]]:
    return move, frozenset((name, type(value), value) for name, value in values.items())


def _of_any(entries: Sequence[Mapping[str, Json]]) -> dict[str, list[Json]]:
    """For each argument values of all the entries, at most as many as make some `MANY` moves in pairs."""
    found: dict[str, list[Json]] = {}
    for entry in entries:
        for name, offer in offers(entry).items():
            found.setdefault(name, []).extend(value for value in _values(offer) if value not in found[name])
    return {name: values[:: max(1, len(values) // (2 * SOME))] for name, values in found.items()}


def _values(offer: Json) -> list[Json]:
    match offer:
        case {"choices": [*choices]}:
            step = max(1, len(choices) // SOME)
            return choices[::step][:SOME] + choices[-1:] * (len(choices) > SOME)
        case {"min": int(least), "max": int(most)}:
            return sorted({least, min(least + 1, most), (least + most) // 2, most})
        case _:
            return [offer]


def _others(offer: Json) -> Iterator[Json]:
    yield from (None, "", "x", [], {}, 1.5, True, -1, 1 << 70)
    match offer:
        case {"choices": [*choices]}:
            numbers = [choice for choice in choices if type(choice) is int]
            if numbers:
                yield from (min(numbers) - 1, max(numbers) + 1, *range(min(numbers), min(max(numbers), 200)))
        case {"min": int(least), "max": int(most)}:
            yield from (least - 1, most + 1)


def spelled(move: Move) -> str:
    """For people, and as arguments of `Playing.act`."""
    arguments: dict[str, Any] = dict(move.arguments)
    if all(name.isidentifier() for name in arguments):
        return "".join((repr(move.name), *(f", {name}={value!r}" for name, value in arguments.items())))
    return f"{move.name!r}, **{arguments!r}"
