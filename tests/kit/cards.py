"""Which cards a hold'em viewer may know, told from the stored state; and which a text mentions."""

from __future__ import annotations

import re

from tavola.actors.room.state import Room
from tavola.actors.room.view import audience
from tavola.actors.wire.commands import UserId
from tavola.games.holdem.state import HoldemTable

_CARD = re.compile(rb"(?<![A-Za-z0-9])[2-9TJQKA][cdhs](?![A-Za-z0-9])")


def mentioned(text: bytes) -> set[str]:
    return {card.decode() for card in _CARD.findall(text)}


def on_the_table(room: Room) -> set[str]:
    """The board so far, and what was shown."""
    table = room.table.game
    assert isinstance(table, HoldemTable)
    hand = table.hand
    if hand is None:
        return set()
    if hand.ending is None:
        return set(hand.board(table.betting.board_size))
    return set(hand.board()).union(*(hand.hole_cards(seat) for seat in hand.ending.shown))


def known_to(room: Room, user: UserId) -> set[str]:
    """The cards on the table and those of their own seat; none for a user outside."""
    table, index = room.table.game, room.seat_of(user)
    if audience(room, user) == "outside":
        return set()
    cards = on_the_table(room)
    mine = table.seat(index) if index is not None else None
    return cards | set(table.hand.hole_cards(index)) if mine is not None and mine.dealt else cards
