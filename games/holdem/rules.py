"""No-limit betting as cash games play it: pokerkit's state machine, put right and dealt from our own deck.

pokerkit posts antes and blinds, collects bets, returns what nobody called, makes side pots, orders the showdown and
says which hand is best. Ours, where its rules for no-limit betting differ from Robert's Rules of Poker and the TDA's,
or where it would use chance of its own:

- it deals nothing: the cards come in as an argument (its deck is empty, so its shuffle has nothing to shuffle);
- the price of entering is a whole big blind even when the big blind is all in for less;
- a raise of less than the last full one, which only an all-in may be, does not reopen the betting to those who have
  acted: they may raise again only when facing a full raise in all (TDA rule 47). Before the flop the big blind counts
  as the first full bet;
- each pot is split by itself, odd chip and all (TDA rule 21), among those who contested it;
- nobody is asked to act when no opponent could answer a bet;
- who missed the big blind posts it live; who missed the small blind posts it dead: it belongs to the main pot and is no
  part of their bet. The dead one is taken from what is left after ante and big blind, so it puts nobody all in;
- anybody may fold at their turn, even when they could check: a player who leaves does.
"""

from __future__ import annotations

from collections import deque
from functools import lru_cache
from typing import NamedTuple, cast

from pokerkit import (
    Automation,
    BetCollection,
    BettingStructure,
    CompletionBettingOrRaisingTo,
    Deck,
    Opening,
    Operation,
    State,
    Street,
)

from tavola.games.holdem.hands import Strength, best
from tavola.games.holdem.pots import Pot, pots_of

AUTOMATIONS = (
    Automation.ANTE_POSTING,
    Automation.BET_COLLECTION,
    Automation.BLIND_OR_STRADDLE_POSTING,
    Automation.CHIPS_PULLING,
)
BOARD_SIZES = (0, 3, 4, 5)
"""Cards on the board at each street."""


@lru_cache(64)
def _streets(min_bet: int) -> tuple[Street, ...]:
    """Before the flop, flop, turn and river. No card is burned: nobody could have seen it."""
    opening = Opening.POSITION
    return (
        Street(False, (False, False), 0, False, opening, min_bet, None),
        *(Street(False, (), count, False, opening, min_bet, None) for count in (3, 1, 1)),
    )


MISSED_BIG_BLIND = 1
MISSED_SMALL_BLIND = 2


class Facing(NamedTuple):
    price: int
    """The chips that a player must have bet on this street to stay in."""
    to_call: int
    """The chips that the player to act lacks of it, as far as they have them."""
    raises: tuple[int, int] | None
    """The least and the most that they may bet or raise to, or None if they may not."""


class Dealt(NamedTuple):
    """The board has so many cards now."""

    size: int


class CardsShown(NamedTuple):
    """A player turned up their cards."""

    player: int


class Award(NamedTuple):
    amount: int
    shares: dict[int, int]
    """Player → what they get of it, the first to the left of the button first: an odd chip is theirs."""


class NoLimit(State):
    """The state of one hand. Players are numbered from the first to the left of the button."""

    def __init__(
        self,
        stacks: tuple[int, ...],
        stakes: tuple[int, int, int],
        posts_small_blind: bool,
        cards: str,
        posts: tuple[int, ...] = (),
    ) -> None:
        """`posts`: the blinds that each player missed; none when empty, and never with two players."""
        small_blind, big_blind, ante = stakes
        heads_up = len(stacks) == 2
        blinds = [small_blind, big_blind] if posts_small_blind else [big_blind]
        if posts:
            blinds += [0] * (len(stacks) - len(blinds))
            for player, missed in enumerate(posts):
                if missed & MISSED_BIG_BLIND:
                    blinds[player] = big_blind
        self.dead = tuple(
            max(0, min(small_blind, stacks[player] - ante - big_blind)) if missed & MISSED_SMALL_BLIND else 0
            for player, missed in enumerate(posts)
        )
        """The chips that each player has put into the main pot without betting them; empty when nobody has."""
        self.big_blind = big_blind
        self.big_blind_player = 0 if heads_up or not posts_small_blind else 1
        self.cards = cards
        self.board_size = 0
        self.happened: list[Dealt | CardsShown] = []
        """Streets dealt and hands shown, since this copy was made."""
        self.returned: list[tuple[int, int]] = []
        """Player and amount of every bet that nobody called, since this copy was made."""
        self.shown = [False] * len(stacks)
        self.awards: list[Award] = []
        """The pots, main pot first, once the hand is over."""
        self._facing: Facing | None = None
        self._collected: tuple[Pot, ...] | None = None
        self._contested: tuple[Pot, ...] = ()
        self._strengths: dict[int, Strength] = {}
        super().__init__(
            AUTOMATIONS,
            cast(Deck, ()),
            (),
            _streets(big_blind),
            BettingStructure.NO_LIMIT,
            True,
            ante,
            blinds,
            0,
            stacks,
            len(stacks),
        )

    @property
    def facing(self) -> Facing:
        """The decision that the player to act faces. There is one until the hand is over."""
        if self._facing is None:
            self._facing = self._face(self.actor_indices[0])
        return self._facing

    def _face(self, player: int) -> Facing:
        stack, bet, price = self.stacks[player], self.bets[player], max(self.bets)
        if self.street_index == 0:
            price = max(price, self.big_blind)
        owed, most = price - bet, stack + bet
        to_call = min(stack, owed)
        full_raise = self.completion_betting_or_raising_amount
        if most <= price or (player in self.acted_player_indices and owed < full_raise):
            return Facing(price, to_call, None)
        for other, alive in enumerate(self.statuses):
            if alive and other != player and self.stacks[other] + self.bets[other] > price:
                return Facing(price, to_call, (min(most, price + full_raise), most))
        return Facing(price, to_call, None)

    @property
    def checking_or_calling_amount(self) -> int | None:
        return self.facing.to_call if self.actor_indices else None

    def strength(self, player: int) -> Strength:
        """Of a player's hand, once the whole board is dealt."""
        strength = self._strengths.get(player)
        if strength is None:
            hole, board = self.cards[4 * player : 4 * player + 4], self.cards[4 * self.player_count :]
            strength = self._strengths[player] = best(hole + board)
        return strength

    @property
    def collected(self) -> tuple[Pot, ...]:
        """The pots of the streets before this one."""
        if self._collected is None:
            shares = [-payoff - bet for payoff, bet in zip(self.payoffs, self.bets, strict=True)]
            for player, amount in enumerate(self.dead):
                shares[player] -= amount
            self._collected = pots_of(shares, self.statuses, sum(self.dead))
        return self._collected

    @property
    def played(self) -> int:
        """All pots and bets together."""
        return sum(self.starting_stacks) - sum(self.stacks)

    # Differences from pokerkit

    def _begin_blind_or_straddle_posting(self) -> None:
        for player, amount in enumerate(self.dead):
            self.stacks[player] -= amount
            self.payoffs[player] -= amount
        super()._begin_blind_or_straddle_posting()

    def _begin_dealing(self) -> None:
        if self.street_index is None:
            self.street_index = 0
        else:
            self.street_index += 1
            self.board_size = BOARD_SIZES[self.street_index]
            self.happened.append(Dealt(self.board_size))
        self._begin_betting()

    def _begin_betting(self) -> None:
        opener = 0 if self.street_index else (self.big_blind_player + 1) % self.player_count
        self.opener_index = opener
        order = [*range(opener, self.player_count), *range(opener)]
        self.actor_indices = deque(i for i in order if self.statuses[i] and self.stacks[i])
        self.completion_betting_or_raising_amount = self.big_blind
        self.completion_betting_or_raising_count = 0
        self.acted_player_indices.clear()
        self._update_betting()

    def _update_betting(self, operation: Operation | None = None, status: bool = False) -> None:
        self._facing = None
        self._update(operation)
        if not self.actor_indices or sum(self.statuses) <= 1 or self._unanswerable:
            self._end_betting()

    @property
    def _unanswerable(self) -> bool:
        """At most one player still has chips to bet, and they owe nothing."""
        able = [i for i in self.player_indices if self.statuses[i] and self.stacks[i]]
        if len(able) > 1:
            return False
        return not able or self.bets[able[0]] >= max(self.bets)

    def verify_folding(self) -> None:
        if not self.actor_indices:
            raise ValueError("There is no player to act.")

    def complete_bet_or_raise_to(
        self, amount: int | None = None, *, commentary: str | None = None
    ) -> CompletionBettingOrRaisingTo:
        price, _, raises = self.facing
        if raises is None or amount is None or not raises[0] <= amount <= raises[1]:
            raise ValueError(f"The amount {amount} is not within {raises}.")
        increase = amount - price
        player = self._pop_actor_index()
        added = amount - self.bets[player]
        self.bets[player] = amount
        self.stacks[player] -= added
        self.payoffs[player] -= added
        order = [*range(player + 1, self.player_count), *range(player)]
        self.actor_indices = deque(i for i in order if self.statuses[i] and self.stacks[i])
        self.opener_index = player
        if increase >= self.completion_betting_or_raising_amount:
            self.completion_betting_or_raising_amount = increase
            self.acted_player_indices.clear()
            self.acted_player_indices.add(player)
        self.completion_betting_or_raising_count += 1
        operation = CompletionBettingOrRaisingTo(player, amount, commentary=commentary)
        self._update_betting(operation)
        return operation

    def collect_bets(self, *, commentary: str | None = None) -> BetCollection:
        called, top = sorted(self.bets)[-2:]
        if top > called:
            self.returned.append((self.bets.index(top), top - called))
        return super().collect_bets(commentary=commentary)

    def _end_betting(self) -> None:
        self._collected = None
        super()._end_betting()

    def _begin_showdown(self) -> None:
        """Each shows or mucks, who bet or raised last on this street first. When nobody can bet any more, all show."""
        if not self._contested:  # no chip is bet from here on
            self._contested = self.collected
        opener = self.opener_index or 0
        for player in (*range(opener, self.player_count), *range(opener)):
            if not self.statuses[player] or self.shown[player]:
                continue
            if self.all_in_status or self._may_win(player):
                self.shown[player] = True
                self.happened.append(CardsShown(player))
            else:
                self._muck_hole_cards(player)
        if self.board_size < BOARD_SIZES[-1]:
            self._begin_dealing()
        else:
            self._begin_chips_pushing()

    def _may_win(self, player: int) -> bool:
        """Nobody has shown better in one of their pots."""
        own = self.strength(player)
        return any(
            all(self.strength(other) <= own for other in pot.players if self.shown[other])
            for pot in self._contested
            if player in pot.players
        )

    def _begin_chips_pushing(self) -> None:
        if self.folded_status:
            winner = self.statuses.index(True)
            bet, pushed = self.bets[winner], sum(pot.amount for pot in self.collected)
            called = bet - sum(amount for player, amount in self.returned if player == winner)
            if not pushed + called:  # everybody folded to a big blind, and the small blind was dead: they win their own
                called = bet
                self.returned.clear()
            self.bets[winner] += pushed
            self.awards.append(Award(pushed + called, {winner: pushed + called}))
        else:
            for pot in self._contested:
                able = [player for player in pot.players if self.statuses[player]]
                top = max(self.strength(player) for player in able)
                winners = [player for player in able if self.strength(player) == top]
                share, odd = divmod(pot.amount, len(winners))
                shares = {i: share for i in winners if share}
                shares[winners[0]] = share + odd
                for player, amount in shares.items():
                    self.bets[player] += amount
                self.awards.append(Award(pot.amount, shares))
        self.street_index = None
        self._begin_chips_pulling()

    def _muck_hole_cards(self, player_index: int) -> None:
        self.statuses[player_index] = False
        self._collected = None
