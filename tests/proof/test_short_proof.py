"""A short run with faults, by a fixed seed, on a real stack: nothing lost, doubled or leaked, and each fault hurt."""

from __future__ import annotations

import asyncio
from html.parser import HTMLParser

import msgspec
import pytest

from tavola.load.faults.injector import parse
from tavola.load.measure.scenario import Scenario
from tavola.load.report.page import html
from tavola.load.report.proof import Proof
from tavola.load.run.prove import Faults, Prover

KINDS = (
    "actor-kill,actor-freeze,redis-restart,redis-cut,postgres-terminate,postgres-cut,commit-reply-lost,commit-lost,"
    "client-drop"
)


@pytest.fixture(scope="module")
def proof() -> Proof:
    scenario = Scenario(
        urls=(),
        tables=4,
        bots=4,
        games=("holdem", "tictactoe"),
        think_s=(0.01, 0.08),
        seconds=16.0,
        options={"holdem": {"turn_seconds": 2, "timebank_seconds": 0}, "tictactoe": {"turn_seconds": 2}},
        churn={"reconnect": 4.0, "refresh": 8.0, "leave": 8.0, "tabs": 6.0, "slow": 12.0, "sleep": 8.0},
        seed=7,
    )
    prover = Prover(scenario, Faults(parse(KINDS), rate=80.0, count=14), edges=2, rooms_per_actor=2, day_s=4.0)
    return asyncio.run(prover.run())


pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]


def test_every_promise_was_kept(proof: Proof) -> None:
    assert [str(finding) for finding in proof.findings] == []
    assert proof.why == []
    assert proof.passed


def test_the_faults_hurt(proof: Proof) -> None:
    """That Redis was lost made no gap: edges hear on their lines too. How one is repaired is in `test_rooms_told`."""
    assert len(proof.faults) >= 10
    bitten = {fault.kind for fault in proof.faults if fault.bit}
    assert bitten == {kind for kind in KINDS.split(",") if any(fault.kind == kind for fault in proof.faults)}
    assert proof.consequences["commit.unknown"]
    assert proof.consequences["commit.resolved, it had happened"]
    assert proof.consequences["commit.resolved, it had not"]
    assert proof.consequences["redis.lost"]


def test_there_was_something_to_judge(proof: Proof) -> None:
    looked = proof.looked
    assert looked.rooms == 4
    assert looked.replayed > 0, "from the first checkpoint of each room that is kept"
    assert looked.updates == looked.commit_times > 100
    assert looked.days > 0, "days of the log went meanwhile"
    assert looked.archived > 0
    assert looked.frames > looked.updates
    assert looked.messages > 50
    assert looked.automatic > 0
    assert looked.log_bytes > 0


def test_the_page_is_whole_and_asks_nobody(proof: Proof) -> None:
    page = html(proof)
    tags: list[str] = []

    class Tags(HTMLParser):
        def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
            tags.append(tag)
            named = dict(attributes)
            assert tag not in ("script", "link", "img", "iframe")
            assert not {"src", "href"} & named.keys()

    Tags().feed(page)
    assert tags.count("svg") == 5
    assert "url(" not in page
    assert msgspec.json.decode(msgspec.json.encode(proof), type=Proof).promises == proof.promises
