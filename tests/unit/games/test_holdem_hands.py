import random

import pytest
from pokerkit import Card, StandardHighHand

from tavola.games.cards import DECK
from tavola.games.holdem.hands import Strength, best


@pytest.mark.parametrize(
    ("cards", "five"),
    [
        ("Ah2c3d4s5hKdKc", "Ah2c3d4s5h"),
        ("AhKhQhJhTh9h8h", "AhKhQhJhTh"),
        ("Ah2h3h4h5hKhQd", "Ah2h3h4h5h"),
        ("9h8h7h6hKh5dTc", "Kh9h8h7h6h"),
        ("AhAdAcKhKdKc2s", "AhAdAcKhKd"),
        ("QhQdJcJh9d9c2s", "QhQdJcJh9d"),
        ("2h2d2c2s3h3d3c", "2h2d2c2s3h"),
        ("KhAh2c3d4s7h9d", "AhKh9d7h4s"),
    ],
)
def test_hands_that_are_easy_to_get_wrong(cards: str, five: str) -> None:
    entry = StandardHighHand(five).entry
    assert best(cards) == Strength(entry.index, entry.label.value)


def test_the_same_as_pokerkits_own_choice() -> None:
    chance = random.Random(7)
    for _ in range(1500):
        compare(chance.sample(DECK, 7))


def test_the_same_as_pokerkit_where_flushes_are_likely() -> None:
    suited = [name for name in DECK if name[1] == "s"] + ["Ah", "Kd", "9c"]
    chance = random.Random(8)
    for _ in range(300):
        compare(chance.sample(suited, 7))


def test_the_same_as_pokerkit_where_pairs_are_likely() -> None:
    few = [name for name in DECK if name[0] in "AKQ52"]
    chance = random.Random(9)
    for _ in range(300):
        compare(chance.sample(few, 7))


def compare(seven: list[str]) -> None:
    cards = list(Card.parse("".join(seven)))
    entry = StandardHighHand.from_game(cards[:2], cards[2:]).entry
    assert best("".join(seven)) == Strength(entry.index, entry.label.value)
