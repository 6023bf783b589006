"""Each of a dozen and more planted mistakes is found, named, and shown again by the test that is printed."""

from __future__ import annotations

from typing import Any

import pytest

from kit.atonce import Picks
from kit.planted import PLANTED, HighCard
from tavola.testing import BrokenPromise, check
from tavola.testing.findings import Promise


@pytest.mark.parametrize("game", PLANTED, ids=lambda game: game.__name__)
def test_a_planted_mistake_is_found_and_named(game: Any) -> None:
    with pytest.raises(BrokenPromise) as finding:
        check(game, games=120)
    assert finding.value.found == game.found, finding.value
    _, _, printed = str(finding.value).partition("\n\n")
    names: dict[str, Any] = {}
    exec(compile(printed, "printed", "exec"), names)
    [test] = [value for name, value in names.items() if name.startswith("test_")]
    with pytest.raises(BrokenPromise) as again:
        test()
    assert again.value.found == game.found, "the test that is printed shows it again"


def test_every_kind_of_mistake_is_planted() -> None:
    assert {game.found for game in PLANTED} == {*Promise}


@pytest.mark.parametrize("game", [HighCard, Picks])
def test_the_game_without_a_mistake_has_none(game: Any) -> None:
    report = check(game, games=60)
    assert report.games == 60
    assert report.states > 1000
