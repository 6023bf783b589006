import random
from itertools import combinations

from pokerkit import StandardHighHand

from games.cards import DECK
from games.holdem_hands import CARDS, HighHand


def best(cards: str) -> str:
    seven = [CARDS[cards[i : i + 2]] for i in range(0, len(cards), 2)]
    hand = HighHand.from_game(seven[:2], seven[2:])
    return f"{hand.entry.label.value}: {''.join(sorted(map(repr, hand.cards)))}"


def test_hands_that_are_easy_to_get_wrong() -> None:
    assert best("Ah2c3d4s5hKdKc") == "Straight: 2c3d4s5hAh"
    assert best("AhKhQhJhTh9h8h") == "Straight flush: AhJhKhQhTh"
    assert best("Ah2h3h4h5hKhQd") == "Straight flush: 2h3h4h5hAh"
    assert best("9h8h7h6hKh5dTc").startswith("Flush"), "a flush beats the straight beside it"
    assert best("AhAdAcKhKdKc2s").startswith("Full house")
    assert best("QhQdJcJh9d9c2s") == "Two pair: 9cJcJhQdQh" or best("QhQdJcJh9d9c2s").startswith("Two pair")
    assert best("2h2d2c2s3h3d3c").startswith("Four of a kind")
    assert best("KhAh2c3d4s7h9d").startswith("High card"), "no straight goes round the corner"


def test_the_same_as_pokerkits_own_choice() -> None:
    chance = random.Random(7)
    for _ in range(1500):
        seven = [CARDS[name] for name in chance.sample(DECK, 7)]
        ours, theirs = HighHand.from_game(seven[:2], seven[2:]), StandardHighHand.from_game(seven[:2], seven[2:])
        assert ours.entry == theirs.entry


def test_the_same_as_pokerkit_where_flushes_are_likely() -> None:
    suited = [name for name in DECK if name[1] == "s"] + ["Ah", "Kd", "9c"]
    chance = random.Random(8)
    for _ in range(300):
        seven = [CARDS[name] for name in chance.sample(suited, 7)]
        assert HighHand.from_game(seven[:2], seven[2:]).entry == max(
            StandardHighHand(five).entry for five in combinations(seven, 5)
        )
