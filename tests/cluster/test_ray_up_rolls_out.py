"""`ray up` with other code: it takes over on all machines while rooms are played, and nothing is restarted for it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
import uvloop
import yaml  # type: ignore[import-untyped]

from cluster.deployment import MACHINES, Deployment, DeploymentStores, deployed
from cluster.lab import why_not
from cluster.test_scaling import VOIDED, Seen, proved
from tavola.load.report.proof import Proof

pytestmark = [
    pytest.mark.skipif(bool(why_not()), reason=f"no lab here: {why_not()}"),
    pytest.mark.long,
    pytest.mark.timeout(900),
]

TABLES = 9
NEWER = "~/tavola/tavola/newer.py"
LEFT = """
SELECT code FROM nodes WHERE beat_at > now() - interval '3 seconds'
UNION ALL SELECT code FROM edges WHERE seen_at > now() - interval '6 seconds'
UNION ALL SELECT code FROM room_actors WHERE alive_at > now() - interval '6 seconds'
"""
ENDED = "SELECT target, ended_at IS NOT NULL AS ended FROM rollout"
OWNERS = "SELECT id, actor FROM rooms WHERE id = ANY($1)"


def brings_out(deployment: Deployment, code: str) -> str:
    """`ray up` with a module that says this. Gives what it told."""
    desk = deployment.lab["desk"]
    (desk.home / "newer.py").write_text(f'"""{code}"""\n')
    place = desk.home / "cluster.yaml"
    config = yaml.safe_load(place.read_text())
    if config["file_mounts"].setdefault(NEWER, "") != "~/newer.py":
        config["file_mounts"][NEWER] = "~/newer.py"
        place.write_text(yaml.safe_dump(config, sort_keys=False))
    return deployment.up()


def kept(deployment: Deployment) -> set[str]:
    """The shells that keep the machines' parts, as each machine numbers them, by when they began."""
    words = "ps -eo pid,lstart,args | grep '[s]h -c set -a; while' | cut -c1-40"
    return {f"{name} {line}" for name in MACHINES for line in deployment.lab[name].ssh(words).splitlines()}


def test_other_code_takes_over_while_rooms_are_played(tmp_path: Path) -> None:
    with deployed(TAVOLA_DRAIN_S="10", TAVOLA_ROOMS_PER_ACTOR="4") as (deployment, stores):
        it_takes_over(deployment, stores, tmp_path)


def it_takes_over(deployment: Deployment, stores: DeploymentStores, tmp_path: Path) -> None:
    seen = Seen(deployment)
    brings_out(deployment, "A release.")  # Restarts the head: its file of the cluster is another one.
    before = kept(deployment)
    assert len(before) == 3 * len(MACHINES)

    async def done() -> bool:
        rollouts = await seen.rows(ENDED)
        left = {row["code"] for row in await seen.rows(LEFT)}
        return bool(rollouts) and rollouts[0]["ended"] and left == {rollouts[0]["target"]}

    async def tell(rooms: list[str]) -> None:
        await seen.until(done, "all that runs is of the first release")
        [old] = {row["code"] for row in await seen.rows(LEFT)}
        owners = {row["id"]: row["actor"] for row in await seen.rows(OWNERS, rooms)}
        said = await asyncio.to_thread(brings_out, deployment, "The release after.")
        assert "is rolled out" in said, said

        took = await seen.until(done, "all that runs is of the release after")
        assert {row["code"] for row in await seen.rows(LEFT)} != {old}
        print(f"after `ray up`, which said so, it took {took:.0f} s", flush=True)
        now = {row["id"]: row["actor"] for row in await seen.rows(OWNERS, rooms)}
        assert all(now[room] not in (None, owners[room]) for room in rooms), "every room has another actor"
        await asyncio.sleep(3)

    async def played() -> tuple[Proof, int]:
        proof = await proved(deployment, stores, MACHINES, TABLES, tell, tmp_path)
        [voided] = await seen.rows(VOIDED)
        return proof, voided["hands"]

    with deployment.lab["desk"].network():
        proof, voided = uvloop.run(played())
    assert proof.passed, proof.why
    assert voided == 0
    assert kept(deployment) == before, "no machine was restarted"
