"""A game as edges know it: what a process that has loaded it says of it. Of its rules they know nothing."""

from __future__ import annotations

import msgspec


class KnownGame(msgspec.Struct, frozen=True):
    """`options` is the JSON Schema of its options. `page`: the folder of its own page, if it has one; of a game that is
    `shipped` with Tavola it is told from our own folder of games on, as that lies elsewhere on another machine."""

    kind: str
    title: str
    options: msgspec.Raw
    bots: tuple[str, ...] = ()
    page: str | None = None
    shipped: bool = False
    version: int = 1


encode = msgspec.json.Encoder().encode
decode = msgspec.json.Decoder(list[KnownGame]).decode
"""The list in `game_lists.games`."""
