"""The result of a run: a table for people, JSON for machines."""

from __future__ import annotations

import os
import platform
from typing import TYPE_CHECKING, Any

import msgspec

from tavola.client.frames import Json
from tavola.load.checks.verdict import Verdict, Violation
from tavola.load.measure.memory import Memory, MemoryUse, Moment, grown_kb
from tavola.load.measure.outcome import EdgeDrained, EdgeKilled, RunOutcome
from tavola.load.measure.processes import Usage
from tavola.load.measure.scenario import Scenario
from tavola.load.measure.stats import Percentiles, Second

if TYPE_CHECKING:
    from rich.console import Console

SHOWN = 10
NO_SERVERS = ("clients", "bots")
"""Kinds of processes that are on the players' side: this one, and those of `tavola dev --bots`."""

AT_LEAST = "≥ "


class Cost(msgspec.Struct, frozen=True):
    """Of one kind of process, in the window. The use of those that `ended` in it is not known to the end: the
    figures of processor time are then `at_least`."""

    cpu_s: float
    us_per_action: float | None
    cores: float
    processes: int
    rss_mb: float
    ended: int = 0
    at_least: bool = False


class Footprint(msgspec.Struct, frozen=True):
    """KB of private memory by which the actors grew for each table, and the edges for each socket."""

    kb_per_table: float
    kb_per_socket: float


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
    opening_s: float
    """How long it took until all tables were open."""
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
    edge_killed: EdgeKilled | None
    edge_drained: EdgeDrained | None
    timeline: list[Second]
    costs: dict[str, Cost]
    server_us_per_action: float | None
    server_cores: float | None
    server_at_least: bool
    """Whether both are lower bounds: see Cost."""
    memory: Memory
    footprint: dict[Moment, Footprint]
    """`at rest`: tables open and nobody has played; `played`: at the end. Empty where the processes are not known."""
    client_us_per_frame: float
    checks_made: dict[str, int]
    checks_failed: dict[str, int]
    violations: list[Violation]
    refusals: dict[str, int]
    connections_lost: dict[str, int]
    resent: int
    machine: dict[str, Any]


def judge(verdict: Verdict, tables_up: int, recorded: bool = False) -> list[str]:
    """Why the run failed; empty if it did not. The `recorded` rooms are judged elsewhere."""
    why = [f"{count} violations of {check}" for check, count in sorted(verdict.failed.items())]
    if not tables_up:
        why.append("no table came up")
    if not recorded and not verdict.made["views"]:
        why.append("no view was compared with a fresh one")
    return why


def make_report(scenario: Scenario, outcome: RunOutcome) -> Report:
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
            ended=used.ended,
            at_least=used.ended > 0,
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
        opening_s=round(outcome.opening_s, 2),
        seconds=round(seconds, 2),
        actions=actions,
        actions_per_s=round(actions / seconds, 1) if seconds else 0.0,
        hands=stats.hands,
        frames=frames,
        frames_per_s=round(frames / seconds, 1) if seconds else 0.0,
        action_to_everyone_ms=stats.everyone.percentiles(),
        action_to_ack_ms=stats.acks.percentiles(),
        connection_to_current_ms={kind: each.percentiles() for kind, each in sorted(stats.connects.items())},
        edge_killed=outcome.edge_killed,
        edge_drained=outcome.edge_drained,
        timeline=stats.timeline.seconds,
        costs=costs,
        server_us_per_action=round(sum(servers) / actions * 1e6, 1) if servers and actions else None,
        server_cores=round(sum(servers) / seconds, 3) if servers and seconds else None,
        server_at_least=any(cost.at_least for kind, cost in costs.items() if kind not in NO_SERVERS),
        memory=outcome.memory,
        footprint=_footprint(outcome),
        client_us_per_frame=round(clients / frames * 1e6, 1) if frames else 0.0,
        checks_made=dict(verdict.made),
        checks_failed=dict(verdict.failed),
        violations=verdict.violations,
        refusals=dict(stats.refusals),
        connections_lost={str(code): count for code, count in stats.closes.items()},
        resent=outcome.resent,
        machine={"cpus": os.cpu_count(), "python": platform.python_version(), "system": platform.platform()},
    )


def _footprint(outcome: RunOutcome) -> dict[Moment, Footprint]:
    tables, found = outcome.stats.tables_up, dict[Moment, Footprint]()
    moments: tuple[Moment, ...] = ("at rest", "played")
    for moment in moments:
        rooms, edges = (grown_kb(outcome.memory, moment, kind) for kind in ("actors", "edges"))
        if rooms is not None and edges is not None and tables and outcome.sockets:
            found[moment] = Footprint(round(rooms / tables, 1), round(edges / outcome.sockets, 1))
    return found


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
    if report.opening_s:
        figures.add_row("tables opened", f"{report.tables:,}", f"{report.tables / report.opening_s:,.0f}/s")
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

    if (killed := report.edge_killed) is not None:
        p = killed.back_ms
        console.print(
            f"edge killed: {killed.sockets:,} sockets current again after p50 {p.p50:,.0f}, p99 {p.p99:,.0f}, max "
            f"{p.max:,.0f} ms; {killed.missing:,} missing"
        )

    if (drained := report.edge_drained) is not None:
        p = drained.gap_ms
        console.print(
            f"edge drained: {drained.sockets:,} sockets in {drained.took_s:.1f} s, each without a current view for p50 "
            f"{p.p50:,.0f}, p99 {p.p99:,.0f}, max {p.max:,.0f} ms; {drained.turned_away:,} times turned away, "
            f"{drained.missing:,} missing"
        )

    costs = Table("processor", "µs/action", "cores", "processes", "MB", box=None, pad_edge=False)
    for kind, cost in sorted(report.costs.items(), key=lambda item: (item[0] in NO_SERVERS, item[0])):
        least = AT_LEAST if cost.at_least else ""
        each = "" if cost.us_per_action is None else f"{least}{cost.us_per_action:,.0f}"
        costs.add_row(kind, each, f"{least}{cost.cores:.2f}", str(cost.processes), f"{cost.rss_mb:,.0f}")
    if report.server_us_per_action is not None:
        least = AT_LEAST if report.server_at_least else ""
        total, cores = f"{least}{report.server_us_per_action:,.0f}", f"{least}{report.server_cores:.2f}"
        costs.add_row("[bold]servers[/]", f"[bold]{total}[/]", f"[bold]{cores}[/]", "", "")
        if ended := sum(cost.ended for cost in report.costs.values()):
            costs.caption = f"≥ at least: {ended:,} processes ended meanwhile, and their last moments are not counted"
    else:
        costs.caption = "the server's processes are not known here"
    console.print(costs)
    _show_memory(console, report)
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


def _show_memory(console: Console, report: Report) -> None:
    from rich.table import Table

    moments = [moment for moment in ("empty", "at rest", "played") if moment in report.memory]
    memory = Table("memory, MB (shared pages divided)", *moments, "processes", box=None, pad_edge=False)
    known: dict[str, dict[str, MemoryUse]] = {moment: kinds for moment, kinds in report.memory.items()}
    for kind in sorted({kind for kinds in known.values() for kind in kinds}):
        held = [known[moment].get(kind, MemoryUse()) for moment in moments]
        memory.add_row(kind, *(f"{each.pss_mb:,.0f}" for each in held), str(held[-1].processes))
    console.print(memory)
    for moment, each in report.footprint.items():
        console.print(
            f"{moment:9} a table takes {each.kb_per_table:,.1f} KB of its actor, a socket {each.kb_per_socket:,.1f} KB "
            "of its edge"
        )
