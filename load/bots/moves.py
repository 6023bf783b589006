"""A random legal move, for a bot that knows no rules: whatever `me.legal` offers (protocol.md section 4)."""

from __future__ import annotations

from random import Random

from tavola.client.frames import Json

LIKING = {"fold": 1.0, "check": 8.0, "call": 8.0, "bet": 2.0, "raise": 2.0, "all_in": 0.2, "resign": 0.02}
"""How gladly a move is made, against 1 for one that is not named: so that hands get as far as the river, and games
to their middle."""
SMALL = 6.0
"""The exponent that makes large amounts rare."""


def choose(chance: Random, legal: list[Json]) -> Json:
    """One of `legal`, with a value for each of its arguments: what to send beside `turn`. Where there is an entry of
    which all is legal (protocol.md section 4, `exact`), it is of such a one."""
    legal = [entry for entry in legal if entry.get("exact") is not False] or legal
    liking = [LIKING.get(entry["move"], 1.0) for entry in legal]
    free = any(entry["move"] == "check" for entry in legal)
    if free:
        liking = [0.05 if entry["move"] == "fold" else like for entry, like in zip(legal, liking, strict=True)]
    entry = chance.choices(legal, liking)[0] if len(legal) > 1 else legal[0]
    return {name: _value(chance, offer) for name, offer in entry.items() if name != "exact" or type(offer) is not bool}


def _value(chance: Random, offer: object) -> object:
    match offer:
        case {"choices": [*choices]}:
            return chance.choice(choices)
        case {"min": int(least), "max": int(most)}:
            return least + int((most - least) * chance.random() ** SMALL)
        case _:
            return offer
