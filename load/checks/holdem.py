"""The checks of a hold'em table: no chip comes or goes, and nobody sees a card that they may not see.

Both are judged from one viewer's own frames. `Deal` knows what all bots of a table were dealt, so that a card that two
hold, or that is shown wrongly, is found too.
"""

from __future__ import annotations

import re
import string
from collections import deque
from collections.abc import Iterable
from typing import Any

from tavola.client.frames import Hydrated, Json
from tavola.load.checks.verdict import CheckRecorder

_RANKS, _SUITS = "23456789TJQKA", "cdhs"
_CLASSES = bytearray(b"." * 256)
for _letters, _class in ((string.ascii_letters + string.digits + "_-", "w"), (_RANKS, "R"), (_SUITS, "S")):
    for _letter in _letters.encode():
        _CLASSES[_letter] = ord(_class)
_CLASSES = bytes(_CLASSES)  # type: ignore[assignment]
_CARDS = re.compile(rb"(?:[2-9TJQKA][cdhs])+(?![\w-])(?! [a-z])")
"""Cards as a word of their own; not "As" at the beginning of a sentence."""
HANDS_KEPT = 20
"""A full view holds the last 20 updates, so at most that many hands."""


def cards_in(data: bytes) -> set[str]:
    """Every card that is named in a JSON text, anywhere."""
    classes = data.translate(_CLASSES)
    found: set[str] = set()
    at = classes.find(b".RS")
    while at >= 0:
        if match := _CARDS.match(data, at + 1):
            word = match[0].decode()
            found.update(word[i : i + 2] for i in range(0, len(word), 2))
        at = classes.find(b".RS", at + 3)
    return found


def cards_of(value: Any) -> set[str]:
    """Every card in a JSON value."""
    match value:
        case str():
            return {value} if len(value) == 2 and value[0] in _RANKS and value[1] in _SUITS else set()
        case dict():
            return set().union(*map(cards_of, value.values()))
        case list():
            return set().union(*map(cards_of, value))
        case _:
            return set()


class Deal:
    """The holders of cards at one table, hand by hand, as its bots were told themselves."""

    def __init__(self) -> None:
        self._holder: dict[int, dict[str, int]] = {}
        self.shown: dict[int, set[int]] = {}
        """Hand → seats whose cards were shown."""

    def dealt(self, hand: int, seat: int, cards: Iterable[str]) -> str | None:
        """Notes a bot's own cards. Gives a message if another bot at the table was dealt the same card."""
        holders = self._holder.setdefault(hand, {})
        for old in [old for old in self._holder if old < hand - HANDS_KEPT]:
            self._holder.pop(old)
            self.shown.pop(old, None)
        for card in cards:
            if holders.setdefault(card, seat) != seat:
                return f"expected every card once; {card} is in seat {seat} and in seat {holders[card]}"
        return None

    def holder(self, hand: int, card: str) -> int | None:
        return self._holder.get(hand, {}).get(card)


class Cards:
    """Every card in every frame must be on the board, in one's own hand, or shown by its player."""

    def __init__(self, witness: CheckRecorder, deal: Deal) -> None:
        self._witness = witness
        self._deal = deal
        self._known: set[str] = set()
        self._just_over: set[str] = set()
        self._past: deque[set[str]] = deque(maxlen=HANDS_KEPT)
        self._hand: int | None = None
        self._seq = 0

    def updated(self, seq: int, events: list[Json], view: Json) -> None:
        """Learns what an update makes known. Call it before `search` with the frame that brought it."""
        self._seq = seq
        for event in events:
            match event["kind"]:
                case "hand_started":
                    # One update may end a hand, play another (all in on the blinds) and deal a third.
                    self._next_hand()
                    self._hand = event["number"]
                case "cards_shown":
                    shown = cards_of(event)
                    self._known |= shown
                    self._shown_by(event.get("seat_index"), shown)
                case "street_advanced":
                    self._known |= cards_of(event)
        self._look_at(view)

    def hydrated(self, frame: Hydrated[Json]) -> None:
        """Learns what a full view makes known."""
        self._seq = frame.seq
        if _number(frame.view) != self._hand:
            self._next_hand()
        self._look_at(frame.view)
        shown = self._deal.shown.get(self._hand or 0, set()) | _shown_in(frame.view)
        seats: dict[str, Json] = frame.view.get("seats") or {}
        for index, seat in seats.items():
            if int(index) in shown:
                self._known |= cards_of(seat.get("hole_cards"))

    def search(self, data: bytes) -> None:
        """Judges a frame."""
        self._witness.checked("cards")
        named = cards_in(data)
        if not named <= self._known:
            self._judge(named - self._known - self._just_over, data)
        if self._just_over:
            self._just_over = set()

    def search_view(self, data: bytes, view: Json) -> None:
        """Judges a full view, whose `recent` goes back to hands that are over."""
        self._witness.checked("cards")
        before = set().union(*self._past, *(_made_known(update) for update in view.get("recent") or ()))
        self._judge(cards_in(data) - self._known - before, data)

    def _next_hand(self) -> None:
        self._just_over |= self._known
        self._past.append(self._known)
        self._known = set()

    def _look_at(self, view: Json) -> None:
        game, me = view.get("game") or {}, view.get("me") or {}
        hand: Json = game.get("hand") or {}
        self._hand = hand.get("number")
        self._known.update(hand.get("board") or ())
        own, seat = me.get("hole_cards"), me.get("seat_index")
        if own and seat is not None and not self._known.issuperset(own):
            self._known.update(own)
            twice = self._deal.dealt(self._hand or 0, seat, own)
            if twice is not None:
                self._witness.violated("cards", self._seq, twice)

    def _shown_by(self, seat: int | None, shown: set[str]) -> None:
        if seat is None:
            return
        self._deal.shown.setdefault(self._hand or 0, set()).add(seat)
        for card in shown:
            if (holder := self._deal.holder(self._hand or 0, card)) not in (seat, None):
                self._witness.violated(
                    "cards", self._seq, f"expected seat {seat} to show its own; {card} is of {holder}"
                )

    def _judge(self, unexplained: set[str], data: bytes) -> None:
        for card in sorted(unexplained):
            holder = self._deal.holder(self._hand or 0, card)
            whose = "" if holder is None else f", which seat {holder} holds"
            at = max(0, data.find(card.encode()) - 60)
            excerpt = data[at : at + 120].decode("utf-8", "replace")
            self._witness.violated("cards", self._seq, f"expected no card unseen; found {card}{whose}, in …{excerpt}…")


class Chips:
    """Chips in front of players, in their bets and in the pots are together what was brought to the table."""

    def __init__(self, witness: CheckRecorder, buy_in: int) -> None:
        self._witness = witness
        self._buy_in = buy_in
        self._brought: int | None = None
        self._stacks: dict[str, int] = {}

    def updated(self, seq: int, events: list[Json], view: Json) -> None:
        seats: dict[str, Json] | None = view.get("seats")
        if not seats:
            self._brought, self._stacks = None, {}
            return
        there = _chips_on(view)
        if self._brought is None:
            self._brought = there
        for event in events:
            match event["kind"]:
                case "player_seated" if self._stacks:
                    self._brought += self._buy_in
                case "player_action" if "chips" in event:
                    self._stacks[str(event["seat_index"])] = event["chips"]
                case "pot_distributed":
                    won = [each for pot in event.get("pots", ()) for each in pot["winners"]]
                    for each in [*won, *event.get("returned", ())]:
                        seat = str(each["seat_index"])
                        self._stacks[seat] = self._stacks.get(seat, 0) + each["amount"]
                case "seat_freed":  # they take along what they had when it was freed, a pot won just before included
                    self._brought -= self._stacks.get(str(event["seat_index"]), 0)
                case "chips_added" | "chips_adjusted":
                    self._brought += event["amount"]
        self._stacks = {index: seat["chips"] for index, seat in seats.items()}
        self._witness.checked("chips")
        if there != self._brought:
            self._witness.violated("chips", seq, f"expected {self._brought} chips, as were brought in; found {there}")
            self._brought = there

    def hydrated(self, view: Json) -> None:
        """Starts anew: who came and went in between is not known."""
        self._brought, self._stacks = None, {}
        if view.get("seats"):
            self.updated(0, [], view)


def _number(view: Json) -> int | None:
    number: int | None = ((view.get("game") or {}).get("hand") or {}).get("number")
    return number


def _chips_on(view: Json) -> int:
    hand: Json = (view.get("game") or {}).get("hand") or {}
    pots: int = sum(pot["amount"] for pot in hand.get("pots") or ())
    stacks: int = sum(seat["chips"] + (seat.get("bet") or 0) for seat in view["seats"].values())
    return stacks + pots


def _made_known(update: Json) -> set[str]:
    events = update.get("events") or ()
    return set().union(*(cards_of(event) for event in events if event["kind"] in ("cards_shown", "street_advanced")))


def _shown_in(view: Json) -> set[int]:
    """The seats that have shown in the view's hand, as far as its `recent` tells."""
    seats: set[int] = set()
    for update in view.get("recent") or ():
        for event in update.get("events") or ():
            if event["kind"] == "hand_started":
                seats.clear()
            elif event["kind"] == "cards_shown" and "seat_index" in event:
                seats.add(event["seat_index"])
    return seats
