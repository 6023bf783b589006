"""The checker against a real stack with bugs planted in its processes: each room has another one, and each is found,
with its promise and room named; the honest room among them is found honest."""

from __future__ import annotations

import ast
import asyncio
from collections import defaultdict
from pathlib import Path

import pytest

from tavola.load.faults.injector import parse
from tavola.load.measure.scenario import Scenario
from tavola.load.report.proof import Proof
from tavola.load.run.prove import Faults, Prover

PLANTS = Path(__file__).with_name("plants")
PROMISE = {
    "acknowledged before committed": "P1",
    "published before committed": "P1",
    "fence removed": "P1",
    "answers forgotten": "P3",
    "timer fires early": "P6",
    "timer fires twice": "P6",
    "card leaked": "P5",
    "card logged": "P5",
    "update withheld": "P4",
}


def rooms() -> tuple[str, ...]:
    """The names of rooms, for the bug that is planted in each. The list alone is read: to import the file would be to
    plant its bugs here."""
    tree = ast.parse((PLANTS / "sitecustomize.py").read_text())
    (listed,) = (
        node.value
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id == "ROOMS"
    )
    return tuple(ast.literal_eval(listed))


@pytest.fixture(scope="module")
def proof() -> Proof:
    scenario = Scenario(
        urls=(),
        tables=len(rooms()),
        bots=3,
        options={"next_hand_seconds": 0, "turn_seconds": 2, "timebank_seconds": 0},
        think_s=(0.05, 2.4),
        seconds=14.0,
        churn={"reconnect": 1.0},
        answers_within_s=2.0,
        seed=3,
    )
    faults = Faults(parse("actor-freeze"), rate=20.0)
    environment = {"PYTHONPATH": f"{PLANTS}:{Path.cwd()}"}
    prover = Prover(scenario, faults, edges=1, rooms_per_actor=50, environment=environment)
    return asyncio.run(prover.run())


@pytest.fixture
def found(proof: Proof) -> dict[str, set[str]]:
    """The bug in a room → promises that were found broken there."""
    by_bug: dict[str, set[str]] = defaultdict(set)
    for finding in proof.findings:
        by_bug[rooms()[proof.tables[finding.room]]].add(finding.promise)
    return by_bug


@pytest.mark.long
@pytest.mark.timeout(300)
@pytest.mark.parametrize(("bug", "promise"), PROMISE.items())
def test_a_bug_in_a_real_server_is_found_in_its_room(found: dict[str, set[str]], bug: str, promise: str) -> None:
    assert promise in found.get(bug, set())


@pytest.mark.long
@pytest.mark.timeout(300)
def test_the_honest_room_beside_them_is_found_honest(proof: Proof, found: dict[str, set[str]]) -> None:
    assert "honest" not in found
    assert not proof.passed
    assert set(found) <= set(PROMISE)
    assert all(finding.seq > 0 for finding in proof.findings if finding.promise in ("P1", "P2", "P3", "P4", "P6"))
