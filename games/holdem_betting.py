"""One hand's betting as the table keeps it: cheap to copy, made of moves, replayed from them.

A `Betting` in a table is never changed: whoever plays on takes a `copy()`.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from games.holdem_rules import NoLimit

_MOVE = re.compile(r"([a-z])(\d*)")
_COPIED = (
    *("statuses", "bets", "stacks", "payoffs", "actor_indices", "acted_player_indices", "board_cards", "last_moves"),
    "chips_pulling_statuses",
)
"""What changes while a hand is played: the containers that a copy must not share."""
_COPIED_DEEPLY = ("hole_cards", "hole_card_statuses")


class Acted(NamedTuple):
    """What a move came to."""

    player: int
    move: str
    amount: int
    """Chips added by a call; the total that a bet, a raise or an all-in comes to on this street; else 0."""
    chips: int
    """What the player has left."""
    pot: int
    """All pots and bets together."""


class Pot(NamedTuple):
    amount: int
    players: tuple[int, ...]


class Betting(NoLimit):
    """`operations`, `returned` and `awards` list what happened since this copy was made."""

    def __init__(
        self, stacks: tuple[int, ...], stakes: tuple[int, int, int], posts_small_blind: bool, cards: str
    ) -> None:
        self.last_moves = [""] * len(stacks)
        self._collected: tuple[Pot, ...] | None = None
        super().__init__(stacks, stakes, posts_small_blind, cards)

    def copy(self) -> Betting:
        """A copy that shares nothing that changes. (A deep copy costs thirty times as much.)"""
        new = Betting.__new__(Betting)
        fields = new.__dict__
        fields.update(self.__dict__)
        for name in _COPIED:
            fields[name] = fields[name].copy()
        for name in _COPIED_DEEPLY:
            fields[name] = [inner.copy() for inner in fields[name]]
        new.operations = []
        new.returned = []
        new.awards = []
        new._hands = {}
        return new

    def apply(self, code: str, more: int = 0) -> Acted:
        """Make a legal move for the player to act: one of those that `Hand.moves` lists."""
        player = self.actor_indices[0]
        price, bet, stack, played = self.price, self.bets[player], self.stacks[player], self.played
        match code, self.raise_range:
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

    @property
    def collected(self) -> tuple[Pot, ...]:
        """The pots of the streets before this one: amounts, and who may still win them."""
        if self._collected is None:
            self._collected = tuple(self._collect())
        return self._collected

    def _collect(self) -> list[Pot]:
        shares = [-payoff - bet for payoff, bet in zip(self.payoffs, self.bets, strict=True)]
        pots: list[Pot] = []
        floor = 0
        for level in sorted({share for share in shares if share}):
            amount = sum(min(share, level) - floor for share in shares if share > floor)
            players = tuple(i for i, share in enumerate(shares) if share >= level and self.statuses[i])
            if pots and pots[-1].players == players:
                amount += pots.pop().amount
            pots.append(Pot(amount, players))
            floor = level
        return pots

    @property
    def played(self) -> int:
        """All pots and bets together."""
        return sum(self.starting_stacks) - sum(self.stacks)

    def _muck_hole_cards(self, player_index: int) -> None:
        super()._muck_hole_cards(player_index)
        self._collected = None

    def _end_betting(self) -> None:
        self._collected = None
        super()._end_betting()
