"""What came out of a run: a table for people, JSON for machines."""

from __future__ import annotations

import os
import platform
from typing import TYPE_CHECKING, Any

import msgspec

from load.checks import Verdict, Violation
from load.frames import Json
from load.outcome import Outcome
from load.processes import Usage
from load.scenario import Scenario
from load.stats import Percentiles, Second

if TYPE_CHECKING:
    from load.proof.prove import Proof

SHOWN = 10
NO_SERVERS = ("clients", "bots")
"""Kinds of processes that are on the players' side: this one, and those of `tavola dev --bots`."""


class Cost(msgspec.Struct, frozen=True):
    """Of one kind of process, in the window."""

    cpu_s: float
    us_per_action: float | None
    cores: float
    processes: int
    rss_mb: float


class Report(msgspec.Struct, kw_only=True):
    """`passed` is the verdict. Latencies are in milliseconds, costs by kind of process; `clients` is this program."""

    passed: bool
    why: list[str]
    game: str
    options: Json
    check: str
    tables: int
    tables_checked: int
    sockets: int
    seconds: float
    actions: int
    actions_per_s: float
    hands: int
    frames: int
    frames_per_s: float
    action_to_everyone_ms: Percentiles
    action_to_ack_ms: Percentiles
    connection_to_current_ms: dict[str, Percentiles]
    """From the beginning of a connection until the view was current again: by `resumed` (with `after`) or `whole`, and
    `at rest` (before anybody played) or `under load`."""
    timeline: list[Second]
    costs: dict[str, Cost]
    server_us_per_action: float | None
    client_us_per_frame: float
    checks_made: dict[str, int]
    checks_failed: dict[str, int]
    violations: list[Violation]
    refusals: dict[str, int]
    connections_lost: dict[str, int]
    resent: int
    machine: dict[str, Any]


def judge(verdict: Verdict, tables_up: int, recorded: bool = False) -> list[str]:
    """Why the run failed; empty if it did not. What was `recorded` is judged elsewhere."""
    why = [f"{count} violations of {check}" for check, count in sorted(verdict.failed.items())]
    if not tables_up:
        why.append("no table came up")
    if not recorded and not verdict.made["views"]:
        why.append("no view was compared with a fresh one")
    return why


def make_report(scenario: Scenario, outcome: Outcome) -> Report:
    stats, verdict, usage, seconds = outcome.stats, outcome.verdict, outcome.usage, outcome.seconds
    frames = outcome.frames
    why = judge(verdict, stats.tables_up, scenario.record is not None)
    actions = stats.actions
    costs = {
        kind: Cost(
            cpu_s=round(used.cpu_s, 3),
            us_per_action=round(used.cpu_s / actions * 1e6, 1) if actions else None,
            cores=round(used.cpu_s / seconds, 3) if seconds else 0.0,
            processes=used.processes,
            rss_mb=round(used.rss_mb, 1),
        )
        for kind, used in usage.items()
    }
    servers = [used.cpu_s for kind, used in usage.items() if kind not in NO_SERVERS]
    clients = usage.get("clients", Usage()).cpu_s
    return Report(
        passed=not why,
        why=why,
        game=", ".join(dict.fromkeys(scenario.games)),
        options=scenario.room(0)["options"],
        check=scenario.check,
        tables=stats.tables_up,
        tables_checked=sum(scenario.checked(table) for table in range(stats.tables_up)),
        sockets=outcome.sockets,
        seconds=round(seconds, 2),
        actions=actions,
        actions_per_s=round(actions / seconds, 1) if seconds else 0.0,
        hands=stats.hands,
        frames=frames,
        frames_per_s=round(frames / seconds, 1) if seconds else 0.0,
        action_to_everyone_ms=stats.everyone.percentiles(),
        action_to_ack_ms=stats.acks.percentiles(),
        connection_to_current_ms={kind: each.percentiles() for kind, each in sorted(stats.connects.items())},
        timeline=stats.timeline.seconds,
        costs=costs,
        server_us_per_action=round(sum(servers) / actions * 1e6, 1) if servers and actions else None,
        client_us_per_frame=round(clients / frames * 1e6, 1) if frames else 0.0,
        checks_made=dict(verdict.made),
        checks_failed=dict(verdict.failed),
        violations=verdict.violations,
        refusals=dict(stats.refusals),
        connections_lost={str(code): count for code, count in stats.closes.items()},
        resent=outcome.resent,
        machine={"cpus": os.cpu_count(), "python": platform.python_version(), "system": platform.platform()},
    )


def as_json(report: Report) -> bytes:
    return msgspec.json.format(msgspec.json.encode(report), indent=2)


def show(report: Report) -> None:
    """Prints it."""
    from rich.console import Console
    from rich.table import Table

    console = Console(highlight=False)
    verdict = "[bold green]passed[/]" if report.passed else "[bold red]FAILED[/]: " + "; ".join(report.why)
    console.print()
    console.print(f"[bold]tavola load[/] {verdict}")
    depth = "every table" if report.check == "full" else f"{report.tables_checked} of {report.tables} tables"
    console.print(
        f"{report.tables} tables of {report.game}, {report.sockets} sockets, {report.seconds:g} s; "
        f"checked in full: {depth}",
        style="dim",
    )
    figures = Table(box=None, pad_edge=False, show_header=False)
    figures.add_row("actions", f"{report.actions:,}", f"{report.actions_per_s:,.0f}/s")
    figures.add_row("hands", f"{report.hands:,}", "")
    figures.add_row("frames", f"{report.frames:,}", f"{report.frames_per_s:,.0f}/s")
    console.print(figures)

    latency = Table("latency, ms", "p50", "p90", "p99", "max", "of", box=None, pad_edge=False)
    for name, p in (
        ("action → everyone has it", report.action_to_everyone_ms),
        ("action → ack", report.action_to_ack_ms),
        *((f"connect → current, {kind}", p) for kind, p in report.connection_to_current_ms.items()),
    ):
        latency.add_row(name, f"{p.p50:.2f}", f"{p.p90:.2f}", f"{p.p99:.2f}", f"{p.max:.2f}", f"{p.count:,}")
    console.print(latency)

    costs = Table("processor", "µs/action", "cores", "processes", "MB", box=None, pad_edge=False)
    for kind, cost in sorted(report.costs.items(), key=lambda item: (item[0] in NO_SERVERS, item[0])):
        each = "" if cost.us_per_action is None else f"{cost.us_per_action:,.0f}"
        costs.add_row(kind, each, f"{cost.cores:.2f}", str(cost.processes), f"{cost.rss_mb:,.0f}")
    if report.server_us_per_action is not None:
        costs.add_row("[bold]servers[/]", f"[bold]{report.server_us_per_action:,.0f}[/]", "", "", "")
    else:
        costs.caption = "the server's processes are not known here"
    console.print(costs)
    console.print(f"clients   {report.client_us_per_frame:g} µs a frame, playing and checking included", style="dim")
    made = ", ".join(f"{check} {count:,}" for check, count in sorted(report.checks_made.items()))
    console.print(f"checks    {made or 'none'}")
    if report.refusals:
        console.print("refused   " + ", ".join(f"{code} {count:,}" for code, count in sorted(report.refusals.items())))
    if report.connections_lost or report.resent:
        lost = ", ".join(f"{code} {count:,}" for code, count in sorted(report.connections_lost.items()))
        console.print(f"lost      {lost or 'no connection'}; {report.resent:,} commands sent again")
    for violation in report.violations[:SHOWN]:
        where = f"{violation.room} at {violation.seq}, {violation.bot}"
        console.print(f"[red]✗[/] {violation.check}: {where}: {violation.message}", markup=True, soft_wrap=True)
    more = sum(report.checks_failed.values()) - min(SHOWN, len(report.violations))
    if more > 0:
        console.print(f"… and {more:,} more", style="red")


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
    for finding in proof.findings[:SHOWN]:
        console.print(f"[red]✗[/] {finding}", soft_wrap=True)
    if len(proof.findings) > SHOWN:
        console.print(f"… and {len(proof.findings) - SHOWN:,} more", style="red")
    verdict = "[bold green]passed[/]" if proof.passed else "[bold red]FAILED[/]: " + "; ".join(proof.why)
    console.print(f"[bold]verdict[/]   {verdict}")
