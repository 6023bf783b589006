"""A cluster in the lab loses what can be lost while bots play and everything is recorded; then all of it is judged.

    PYTHONPATH=tests .venv/bin/python -m cluster.proof worker-power=20 --report report/cluster.html

`KIND=N`: so many of a kind, in this order; without any, one of each. It tells the verdict, how long the lost
hosts' tables waited for their next accepted move, and how long players had sockets to a host that was lost.
"""

from __future__ import annotations

import argparse
import math
import statistics
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from urllib.parse import urlsplit

import msgspec
import uvloop

from cluster.deployment import Deployment, deployed
from cluster.lab import why_not
from cluster.losses import LOSSES, OF_HOSTS, LabGrounds
from tavola.load.measure.scenario import Scenario, think
from tavola.load.report.page import html
from tavola.load.report.proof import Proof, show_verdict
from tavola.load.report.report import show
from tavola.load.run.prove import Faults, Prover

TABLES, THINK = 12, "300-900"
HEARD_S = 60.0
"""A connection that ends later after a loss was not ended by it."""


def main(argv: Sequence[str] | None = None) -> int:
    if why := why_not():
        print(f"no lab here: {why}", file=sys.stderr)
        return 2
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("losses", nargs="*", metavar="KIND[=N]", help=", ".join(LOSSES))
    asked.add_argument("--tables", type=int, default=TABLES)
    asked.add_argument("--rooms-per-actor", default="1")
    asked.add_argument("--seed", type=int, default=0)
    asked.add_argument("--report", type=Path)
    asked.add_argument("--fresh", action="store_true", help="the machines install from wheels, each by itself")
    given = asked.parse_args(argv)
    plan = [kind for each in given.losses or LOSSES for kind in _times(each)]
    began = time.monotonic()
    ground = deployed(
        installed=not given.fresh, standby="postgres-promotion" in plan, TAVOLA_ROOMS_PER_ACTOR=given.rooms_per_actor
    )
    with ground as (deployment, stores):
        print(f"the cluster is up after {time.monotonic() - began:.0f} s", flush=True)
        grounds = LabGrounds(deployment, stores, plan)
        scenario = Scenario(
            urls=tuple(deployment.urls.values()),
            tables=given.tables,
            bots=2,
            games=("tictactoe",),
            think_s=think(THINK),
            seed=given.seed,
            opened_at_once=4,
        )
        prover = Prover(scenario, Faults(dict.fromkeys(plan, 1.0), 1.0, len(plan)), edges=0, rooms_per_actor=0)
        with deployment.lab["desk"].network(), tempfile.TemporaryDirectory() as record:
            proof = uvloop.run(prover.prove_there(grounds, Path(record)))
        if not proof.passed and given.report is not None:
            _keep(deployment, given.report.with_suffix(".logs"))
    show(proof.report)
    show_verdict(proof)
    _show_losses(proof, grounds.connections_lost())
    if given.report is not None:
        given.report.parent.mkdir(parents=True, exist_ok=True)
        given.report.write_text(html(proof))
        given.report.with_suffix(".json").write_bytes(msgspec.json.format(msgspec.json.encode(proof), indent=2))
    return 0 if proof.passed else 1


def _times(each: str) -> list[str]:
    kind, _, number = each.partition("=")
    return [kind] * int(number or 1)


def _keep(deployment: Deployment, folder: Path) -> None:
    """The machines' logs, for whoever looks why a run has failed."""
    of_ray = [
        (f"{machine.name}/{path.parents[2].parent.name}-{path.name}", path.read_bytes())
        for machine in deployment.machines()
        for tmp in machine.tmp()
        for path in tmp.glob("tavola-*/ray/session_2*/logs/*")
        if path.name.startswith(("monitor", "raylet", "gcs_server"))
    ]
    for name, text in [*deployment.logs(), *of_ray]:
        kept = folder / name
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.write_bytes(text)
    print(f"the machines' logs: {folder}")


def _show_losses(proof: Proof, ended: Iterable[tuple[float, str]]) -> None:
    for kind in OF_HOSTS:
        lost = [fault for fault in proof.faults if fault.kind == kind]
        if not lost:
            continue
        (felt,) = (each.move for each in proof.recovery if each.kind == kind)
        print(f"{kind}, {len(lost)} times, of tables {sum(len(fault.rooms) for fault in lost)}:")
        print(f"  next accepted move  p50 {felt.p50:,.0f}  p99 {felt.p99:,.0f}  max {felt.max:,.0f} ms")
        noticed = [
            at - fault.at
            for fault, next_at in zip(lost, [*(each.at for each in lost[1:]), math.inf], strict=True)
            for at, url in ended
            if urlsplit(url).hostname == urlsplit(fault.url).hostname
            and fault.at <= at < min(fault.at + HEARD_S, next_at)
        ]
        print(f"  a socket to the lost host noticed after  {_spread(noticed)}")


def _spread(seconds: Iterable[float]) -> str:
    found = sorted(seconds)
    if not found:
        return "nobody had one"
    return f"p50 {statistics.median(found):.1f}  max {found[-1]:.1f} s ({len(found)})"


if __name__ == "__main__":
    sys.exit(main())
