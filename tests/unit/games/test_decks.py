"""One deck a hand: hands that follow each other within one update are dealt from different ones."""

from __future__ import annotations

from kit.rooms import HOST
from kit.stories import accepted, room
from tavola.actors.wire.commands import Chat, Start


def test_two_hands_of_one_update_have_two_decks() -> None:
    """Somebody who is all in with their blind is played out at once, and the next hand begins in the same update."""
    twice = 0
    for number in range(60):
        live = room("holdem", next_hand_seconds=0, min_buy_in=1, auto_start=False)
        live.sit(HOST, 0, 1000)
        live.sit("ann", 1, 5)
        for _ in range(number):  # Every command has entropy of its own.
            accepted(live, HOST, Chat, text="shuffle well")
        decision = accepted(live, HOST, Start)
        decks = [round.record["commitment"] for round in decision.rounds if not round.ended]
        assert len(set(decks)) == len(decks)
        twice += len(decks) > 1
    assert twice > 5
