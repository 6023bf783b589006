from collections import Counter
from itertools import permutations, product

from tavola.games.base import Entropy
from tavola.games.cards import DECK, below, commit, deal, draw, stream


def entropy(number: int) -> Entropy:
    return Entropy(number.to_bytes(32, "big"))


def test_a_deck_has_52_cards_and_a_deal_repeats_none() -> None:
    assert len(set(DECK)) == 52
    for number in range(50):
        assert sorted(deal(entropy(number), 52)) == sorted(DECK)


def test_the_same_entropy_deals_the_same_cards_and_a_shorter_deal_is_the_start_of_a_longer() -> None:
    assert deal(entropy(7), 52)[:17] == deal(entropy(7), 17)
    assert deal(entropy(7), 17) != deal(entropy(8), 17)


def test_the_deal_is_what_it_was() -> None:
    """Pinned: a logged hand must be dealt the same for ever."""
    assert "".join(deal(entropy(0), 9)) == PINNED_DEAL
    assert commit(entropy(0)).hex() == PINNED_COMMITMENT


PINNED_DEAL = "5sAc5dQh2d3h4h6d8d"
PINNED_COMMITMENT = "ac8077f3d43b0a39fd53dfc957fc84e8ebfb28e064d1ffc69a8068af1b22400a"


def test_below_takes_each_number_from_equally_many_bytes() -> None:
    for limit in range(1, 257):
        taken = Counter(below(limit, iter((byte, 0))) for byte in range(256) if byte < 256 - 256 % limit)
        assert len(taken) == limit
        assert set(taken.values()) == {256 // limit}


def test_below_rejects_the_bytes_that_would_tip_the_scale() -> None:
    for limit in (3, 52, 200):
        for byte in range(256 - 256 % limit, 256):
            assert below(limit, iter((byte, byte, 1))) == 1


def test_every_order_of_three_comes_equally_often_over_all_bytes() -> None:
    seen = Counter(tuple(draw("abc", 3, iter((first, second, 0)))) for first, second in product(range(255), range(256)))
    assert set(seen) == set(permutations("abc"))
    assert set(seen.values()) == {255 * 256 // 6}


def test_each_card_falls_on_each_place_equally_often() -> None:
    """Chi-squared over 52 cards on 9 places, 6,000 fixed deals. 51 degrees of freedom: above 100 once in 20,000."""
    deals = 6000
    places = [Counter[str]() for _ in range(9)]
    for number in range(deals):
        for place, card in zip(places, deal(entropy(number), 9), strict=True):
            place[card] += 1
    expected = deals / 52
    for place in places:
        assert sum((place[card] - expected) ** 2 / expected for card in DECK) < 100


def test_neighbours_are_independent() -> None:
    """How far the second card lies from the first in the deck: 51 distances, each equally likely."""
    deals = 6000
    distances = Counter[int]()
    for number in range(deals):
        first, second = deal(entropy(number), 2)
        distances[(DECK.index(second) - DECK.index(first)) % 52] += 1
    expected = deals / 51
    assert distances[0] == 0
    assert sum((distances[i] - expected) ** 2 / expected for i in range(1, 52)) < 100


def test_the_commitment_is_no_part_of_the_stream() -> None:
    blocks = stream(entropy(1), b"tavola/cards/deck")
    dealt_from = bytes(next(blocks) for _ in range(320))
    assert commit(entropy(1)) not in dealt_from
    assert commit(entropy(1)) != commit(entropy(2))
