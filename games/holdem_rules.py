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
- anybody may fold at his turn, even when he could check: a player who leaves does.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple, cast

import pokerkit.state
from pokerkit import (
    Automation,
    BetCollection,
    BettingStructure,
    BoardDealing,
    CompletionBettingOrRaisingTo,
    Deck,
    Opening,
    Operation,
    State,
    Street,
)

from games.holdem_hands import CARDS, HighHand

AUTOMATIONS = (
    Automation.ANTE_POSTING,
    Automation.BET_COLLECTION,
    Automation.BLIND_OR_STRADDLE_POSTING,
    Automation.HOLE_CARDS_SHOWING_OR_MUCKING,
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


class Award(NamedTuple):
    amount: int
    shares: dict[int, int]
    """Player → what he gets of it, the first to the left of the button first: an odd chip is his."""


class NoLimit(State):
    """The state of one hand. Players are numbered from the first to the left of the button."""

    def __init__(
        self, stacks: tuple[int, ...], stakes: tuple[int, int, int], posts_small_blind: bool, cards: str
    ) -> None:
        small_blind, big_blind, ante = stakes
        heads_up = len(stacks) == 2
        self.big_blind = big_blind
        self.big_blind_player = 0 if heads_up or not posts_small_blind else 1
        self.cards = [CARDS[cards[i : i + 2]] for i in range(0, len(cards), 2)]
        self.returned: list[tuple[int, int]] = []
        """Player and amount of every bet that nobody called, since this copy was made."""
        self.awards: list[Award] = []
        """The pots, main pot first, once the hand is over."""
        self._contested: tuple[pokerkit.state.Pot, ...] = ()
        self._hands: dict[int, HighHand] = {}
        super().__init__(
            AUTOMATIONS,
            cast(Deck, ()),
            (HighHand,),
            _streets(big_blind),
            BettingStructure.NO_LIMIT,
            True,
            ante,
            (small_blind, big_blind) if posts_small_blind else (big_blind,),
            0,
            stacks,
            len(stacks),
        )

    @property
    def price(self) -> int:
        """What a player must have bet on this street to stay in."""
        top = max(self.bets)
        return max(top, self.big_blind) if self.street_index == 0 else top

    @property
    def checking_or_calling_amount(self) -> int | None:
        if not self.actor_indices:
            return None
        player = self.actor_indices[0]
        return min(self.stacks[player], max(0, self.price - self.bets[player]))

    @property
    def raise_range(self) -> tuple[int, int] | None:
        """The least and the most that the player to act may bet or raise to, or None if he may not."""
        if not self.actor_indices:
            return None
        player = self.actor_indices[0]
        price, stack, bet = self.price, self.stacks[player], self.bets[player]
        full_raise = self.completion_betting_or_raising_amount
        if stack + bet <= price:
            return None
        if player in self.acted_player_indices and price - bet < full_raise:
            return None
        if not any(
            alive and i != player and self.stacks[i] + self.bets[i] > price for i, alive in enumerate(self.statuses)
        ):
            return None
        return min(stack + bet, price + full_raise), stack + bet

    # What differs from pokerkit

    def _begin_dealing(self) -> None:
        players = self.player_count
        if self.street_index is None:
            self.street_index = 0
            for i in self.player_indices:
                self.hole_cards[i] = self.cards[2 * i : 2 * i + 2]
                self.hole_card_statuses[i] = [False, False]
        else:
            start, end = BOARD_SIZES[self.street_index], BOARD_SIZES[self.street_index + 1]
            self.street_index += 1
            cards = self.cards[2 * players + start : 2 * players + end]
            self.board_cards.extend([card] for card in cards)
            self.operations.append(BoardDealing(tuple(cards)))
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
        self._update(operation)
        if not self.actor_indices or sum(self.statuses) <= 1 or self._unanswerable:
            self._end_betting()

    @property
    def _unanswerable(self) -> bool:
        """At most one player still has chips to bet, and he owes nothing."""
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
        raises = self.raise_range
        if raises is None or amount is None or not raises[0] <= amount <= raises[1]:
            raise ValueError(f"The amount {amount} is not within {raises}.")
        increase = amount - self.price
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

    def _begin_showdown(self) -> None:
        if not self._contested:  # no chip is bet from here on
            self._contested = tuple(super().pots)
        super()._begin_showdown()

    @property
    def pots(self) -> Iterator[pokerkit.state.Pot]:
        return iter(self._contested) if self._contested else super().pots

    def _begin_hand_killing(self) -> None:
        self._begin_chips_pushing()

    def _begin_chips_pushing(self) -> None:
        if self.folded_status:
            winner = self.statuses.index(True)
            bet, pushed = self.bets[winner], sum(pot.amount for pot in self.pots)
            called = bet - sum(amount for player, amount in self.returned if player == winner)
            if not pushed + called:  # everybody folded to a big blind, and the small blind was dead: he wins his own
                called = bet
                self.returned.clear()
            self.bets[winner] += pushed
            self.awards.append(Award(pushed + called, {winner: pushed + called}))
        else:
            for pot in self.pots:
                hands = {i: hand.entry for i in pot.player_indices if (hand := self.get_hand(i)) is not None}
                best = max(hands.values())
                winners = [i for i, hand in hands.items() if hand == best]
                share, odd = divmod(pot.amount, len(winners))
                shares = {i: share for i in winners if share}
                shares[winners[0]] = share + odd
                for i, amount in shares.items():
                    self.bets[i] += amount
                self.awards.append(Award(pot.amount, shares))
        self.street_index = None
        self._begin_chips_pulling()

    def get_hand(self, player_index: int, board_index: int = 0, hand_type_index: int = 0) -> HighHand | None:
        if not self.statuses[player_index] or len(self.board_cards) < 5:
            return None
        hand = self._hands.get(player_index)
        if hand is None:
            hand = HighHand.from_game(self.hole_cards[player_index], [card for [card] in self.board_cards])
            self._hands[player_index] = hand
        return hand

    def get_up_hand(self, player_index: int, board_index: int, hand_type_index: int) -> HighHand | None:
        return self.get_hand(player_index) if all(self.hole_card_statuses[player_index]) else None

    def _muck_hole_cards(self, player_index: int) -> None:
        self.statuses[player_index] = False
        self.hole_cards[player_index] = []
        self.hole_card_statuses[player_index] = []

    def _produce_cards(self, cards: object) -> None:
        """Shown cards do not go back into a deck: there is none."""

    def _consume_cards(self, cards: object) -> None:
        """Nor do they come from one."""
