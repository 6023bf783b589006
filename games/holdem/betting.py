"""One hand's betting as the table keeps it: cheap to copy, made of moves, replayed from them.

A `Betting` in a table is never changed: whoever plays on takes a `copy()`.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from tavola.games.holdem.rules import NoLimit

_MOVE = re.compile(r"([a-z])(\d*)")
_COPIED = (
    *("statuses", "bets", "stacks", "payoffs", "actor_indices", "acted_player_indices"),
    *("chips_pulling_statuses", "shown", "last_moves"),
)
"""The containers that change while a hand is played: a copy must not share them."""


class Acted(NamedTuple):
    """The outcome of a move."""

    player: int
    move: str
    amount: int
    """Chips added by a call; the total that a bet, a raise or an all-in comes to on this street; else 0."""
    chips: int
    """The chips that the player has left."""
    pot: int
    """All pots and bets together."""


class Betting(NoLimit):
    """`operations`, `happened`, `returned` and `awards` list what happened since this copy was made."""

    def __init__(
        self,
        stacks: tuple[int, ...],
        stakes: tuple[int, int, int],
        posts_small_blind: bool,
        cards: str,
        posts: tuple[int, ...] = (),
    ) -> None:
        self.last_moves = [""] * len(stacks)
        super().__init__(stacks, stakes, posts_small_blind, cards, posts)

    def copy(self) -> Betting:
        """A copy that shares nothing that changes. (A deep copy costs thirty times as much.)"""
        new = Betting.__new__(Betting)
        fields = new.__dict__
        fields.update(self.__dict__)
        for name in _COPIED:
            fields[name] = fields[name].copy()
        new.operations = []
        new.happened = []
        new.returned = []
        new.awards = []
        return new

    def apply(self, code: str, more: int = 0) -> Acted:
        """Make a legal move for the player to act: one of those that `Hand.moves` lists."""
        player = self.actor_indices[0]
        price, _, raises = self.facing
        bet, stack, played = self.bets[player], self.stacks[player], self.played
        match code, raises:
            case "f", _:
                move, amount, added = "fold", 0, 0
                self.fold()
            case "r", (least, _):
                move, amount = "raise" if price else "bet", least + more
                added = amount - bet
                self.complete_bet_or_raise_to(amount)
            case "a", (_, amount):
                move, added = "all_in", stack
                self.complete_bet_or_raise_to(amount)
            case _:
                added = self.check_or_call().amount
                move, amount = ("all_in", bet + added) if code == "a" else ("call" if added else "check", added)
        self.last_moves[player] = move
        return Acted(player, move, amount, stack - added, played + added)

    def replay(self, moves: str) -> None:
        for code, more in _MOVE.findall(moves):
            self.apply(code, int(more or 0))
