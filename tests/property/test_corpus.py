"""Games that releases recorded, replayed by today's code: it decides and shows the same, or has upcasters, or says that
its rules are others."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from kit.corpus import FOLDER, read, recorded, replayed
from kit.games import having
from kit.later import Later, Unsaid
from tavola.actors.log.unreadable import Corrupted
from tavola.actors.room.codec import game_named
from tavola.games.base import Entropy, Move, Outcome, Refusal, SeatIndex
from tavola.games.tictactoe import TicTacToe, TicTacToeOptions, TicTacToeState

RELEASES = sorted(FOLDER.glob("*.jsonl.xz"))
MEANT = "if that is meant, raise a version; of a release that is not out yet, record it anew (tests/corpus/record.py)"


@pytest.mark.parametrize("release", RELEASES, ids=lambda path: path.name)
def test_a_release_is_replayed(release: Path) -> None:
    games, kinds = 0, set[str]()
    for number, game in enumerate(read(release)):
        kind = msgspec.json.decode(bytes(game.opened))["info"]["game"]
        if game.versions[1] >= game_named(kind).replays_since:
            found = replayed(game)
            assert found is None, f"{release.name}, game {number} ({kind}): {found}; {MEANT}"
        games, kinds = games + 1, kinds | {kind}
    assert games >= 2000
    assert kinds == {"holdem", "tictactoe"}


def test_the_corpus_is_small() -> None:
    assert RELEASES
    assert all(release.stat().st_size < 2_000_000 for release in RELEASES)


def test_recording_is_the_same_each_time() -> None:
    for kind in ("holdem", "tictactoe"):
        assert msgspec.json.encode(recorded(7, kind)) == msgspec.json.encode(recorded(7, kind))


class Otherwise(TicTacToe):
    """The player who has marked is to move again."""

    def play(
        self, state: TicTacToeState, options: TicTacToeOptions, seat: SeatIndex, move: Move, entropy: Entropy
    ) -> Outcome[TicTacToeState] | Refusal:
        outcome = super().play(state, options, seat, move, entropy)
        if isinstance(outcome, Refusal):
            return outcome
        return msgspec.structs.replace(outcome, state=msgspec.structs.replace(outcome.state, turn=seat))


def test_other_rules_are_found_and_other_names_are_not() -> None:
    games = [recorded(seed, "tictactoe") for seed in range(60)]
    marked = [game for game in games if b'"mark"' in msgspec.json.encode(game.lines)]
    assert len(marked) > 30
    with having(Otherwise()):
        assert all(replayed(game) is not None for game in marked)
    with having(Later()):
        assert [replayed(game) for game in marked] == [None] * len(marked)
    with having(Unsaid()):
        for game in marked:
            with pytest.raises(Corrupted, match="unknown"):
                replayed(game)
