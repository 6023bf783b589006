"""The result of a run with a verdict."""

from __future__ import annotations

import msgspec

from tavola.load.faults.injector import Injected
from tavola.load.measure.sampler import Sample
from tavola.load.measure.stats import Percentiles
from tavola.load.proof.checker import Looked
from tavola.load.proof.findings import Finding
from tavola.load.report.report import SHOWN, Report


class Recovery(msgspec.Struct, frozen=True):
    """After faults of one kind, in ms: how long the next move of a room had been waited for; how long clients that lost
    their connection were away."""

    kind: str
    times: int
    bitten: int
    move: Percentiles
    back: Percentiles


class Proof(msgspec.Struct, kw_only=True):
    """`passed` is the verdict. `report` has the figures of the run itself."""

    passed: bool
    why: list[str]
    promises: dict[str, int]
    """Findings by promise; those without any are there too."""
    findings: list[Finding]
    looked: Looked
    faults: list[Injected]
    left_out: dict[str, int]
    recovery: list[Recovery]
    consequences: dict[str, int]
    """The events in the servers' logs."""
    samples: list[Sample]
    tables: dict[str, int]
    """Rooms by their number in the run."""
    began: float
    ended: float
    report: Report


def show_verdict(proof: Proof) -> None:
    """Prints what was judged, and how."""
    from rich.console import Console
    from rich.table import Table

    console = Console(highlight=False)
    if proof.recovery:
        table = Table("after", "done", "hurt", "next move p50", "p99", "max ms", box=None, pad_edge=False)
        for each in proof.recovery:
            felt = (f"{value:,.0f}" for value in (each.move.p50, each.move.p99, each.move.max))
            table.add_row(each.kind, str(each.times), str(each.bitten), *felt)
        console.print(table)
        told = ", ".join(f"{name} {count:,}" for name, count in proof.consequences.items())
        console.print(f"servers   {told}", style="dim")
    looked = proof.looked
    console.print(
        f"judged    {looked.frames:,} frames of {looked.clients:,} clients, {looked.messages:,} messages on Redis,"
        f" {looked.updates:,} rows of the log ({looked.replayed:,} replayed), in {looked.rooms} rooms"
    )
    if looked.days:
        console.print(f"          {looked.archived:,} of them in the archive alone: {looked.days} days of the log went")
    for finding in proof.findings[:SHOWN]:
        console.print(f"[red]✗[/] {finding}", soft_wrap=True)
    if len(proof.findings) > SHOWN:
        console.print(f"… and {len(proof.findings) - SHOWN:,} more", style="red")
    verdict = "[bold green]passed[/]" if proof.passed else "[bold red]FAILED[/]: " + "; ".join(proof.why)
    console.print(f"[bold]verdict[/]   {verdict}")
