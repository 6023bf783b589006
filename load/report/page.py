"""The page of a run: the verdict first, then what it rests on."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from html import escape
from importlib.resources import files

from tavola.load.measure.stats import Percentiles
from tavola.load.proof.findings import PROMISES
from tavola.load.report import plots
from tavola.load.report.proof import Proof

FINDINGS_SHOWN = 100
FAULTS_TOLD = 60
"""Where there are more of them, nobody reads each; they are in the plots."""

STYLE = files("tavola.load.report").joinpath("style.css").read_text()


def html(proof: Proof) -> str:
    """The whole file."""
    report = proof.report
    length = max(1.0, proof.ended - proof.began)
    parts = [
        _verdict(proof),
        _promises(proof),
        _figures(proof),
        _findings(proof),
        _section(
            "Latency",
            "From when an action was due until the last socket of its table had it: half of all in each second (line), "
            "99 % (edge of the band), the worst (whisker). Below, what was broken when; a faint dot did nothing.",
            plots.latency(report.timeline, proof.faults, proof.began, length),
        ),
        _section(
            "Throughput",
            "Acknowledged actions a second.",
            plots.throughput(report.timeline, proof.began, length),
        ),
    ]
    if proof.faults:
        parts += [
            _section(
                "Recovery",
                "How long the next move at a table that a fault concerned had to wait: half of all, 99 %, the worst; "
                "A fault overlaps with others, so the worst may be another's.",
                plots.recovery(proof.recovery) + _recovery(proof),
            ),
            *_faults(proof),
            _section("Consequences", "Counted in the servers' own logs.", _consequences(proof)),
        ]
    legend = plots.legend(proof.samples)
    parts += [
        _section(
            "Processor", "Cores busy, by kind of process.", legend + plots.cpu(proof.samples, proof.began, length)
        ),
        _section("Memory", "Megabytes resident, by kind of process.", plots.memory(proof.samples, proof.began, length)),
        _section("Latencies", "Milliseconds.", _latencies(proof)),
        f'<div class="two">{_section("Evidence", "All that was judged.", _evidence(proof))}'
        f"{_section('The run', 'And the machine it was on.', _run(proof))}</div>",
    ]
    title = f"tavola load: {'passed' if proof.passed else 'FAILED'}"
    head = f'<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{title}</title>'
    body = f"<body><main>{''.join(parts)}</main></body>"
    return f'<!doctype html><html lang="en"><head>{head}<style>{STYLE}</style></head>{body}</html>'


def _verdict(proof: Proof) -> str:
    report = proof.report
    bitten = sum(bool(fault.bit) for fault in proof.faults)
    broken = f"; {len(proof.faults):,} faults, of which {bitten:,} hurt" if proof.faults else ""
    if proof.passed:
        untimed = "" if proof.looked.times_judged else "; P1's times were not judged"
        sign, said = "✓", f"Every promise was kept{untimed}"
    else:
        sign, said = "✗", "; ".join(proof.why)
    when = datetime.fromtimestamp(proof.began, UTC).strftime("%Y-%m-%d %H:%M UTC")
    played = f"{report.actions:,} actions at {report.tables} tables in {report.seconds:,.0f} s{broken} · {when}"
    return (
        f'<header class="{"" if proof.passed else "bad"}"><div class="sign">{sign}</div>'
        f"<div><h1>{escape(said)}</h1><p>{escape(played)}</p></div></header>"
    )


def _promises(proof: Proof) -> str:
    cards = []
    for promise, name in PROMISES.items():
        found = proof.promises[promise]
        told = "kept" if not found else f"not kept, {found:,} times"
        if promise == "P1" and not proof.looked.times_judged:
            told += "; times not judged"
        cards.append(f'<div class="promise {"bad" if found else ""}"><b>{promise} {told}</b><span>{name}</span></div>')
    return f'<div class="promises">{"".join(cards)}</div>'


def _figures(proof: Proof) -> str:
    report, everyone = proof.report, proof.report.action_to_everyone_ms
    figures = [
        (f"{report.actions_per_s:,.0f}/s", "actions"),
        (f"{everyone.p50:.1f} ms", "action → everyone has it, p50"),
        (f"{everyone.p99:,.0f} ms", "action → everyone has it, p99"),
        (f"{len(proof.faults):,}", "faults"),
        (f"{proof.looked.updates:,}", "updates in the log, replayed"),
        (f"{report.resent:,}", "commands sent again"),
        (f"{sum(report.connections_lost.values()):,}", "connections lost"),
        (f"{proof.looked.frames:,}", "frames judged"),
    ]
    each = "".join(f'<div class="figure"><strong>{value}</strong><span>{name}</span></div>' for value, name in figures)
    return f'<div class="figures">{each}</div>'


def _findings(proof: Proof) -> str:
    if not proof.findings:
        return ""
    lines = [
        f'<div class="finding"><b>{found.promise}</b> {escape(found.room)} at {found.seq}: {escape(found.what)}</div>'
        for found in proof.findings[:FINDINGS_SHOWN]
    ]
    more = len(proof.findings) - len(lines)
    return _section("Findings", "", "".join(lines) + (f'<p class="note">and {more:,} more</p>' if more > 0 else ""))


def _section(name: str, note: str, body: str) -> str:
    return f'<section><h2>{name}</h2><p class="note">{note}</p><div class="scroll">{body}</div></section>'


def _table(head: list[str], rows: list[list[str]], kind: str = "") -> str:
    top = "".join(f"<th>{escape(cell)}</th>" for cell in head)
    body = "".join(f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in rows)
    return f'<table class="{kind}"><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>'


def _recovery(proof: Proof) -> str:
    head = ["kind", "done", "hurt", "move p50", "p99", "max", "clients back p50", "p99", "max"]
    rows = [
        [each.kind, f"{each.times:,}", f"{each.bitten:,}", *_three(each.move), *_three(each.back)]
        for each in proof.recovery
    ]
    left_out = "".join(
        f'<p class="note">{count} {kind} found nothing to break</p>' for kind, count in proof.left_out.items()
    )
    return _table(head, rows) + left_out


def _faults(proof: Proof) -> list[str]:
    if len(proof.faults) > FAULTS_TOLD:
        return []
    rows = [
        [
            f"{fault.at - proof.began:,.0f} s",
            f"{fault.until - fault.at:,.1f} s",
            fault.kind,
            fault.what if fault.bit in ("", fault.what) else f"{fault.what}: {fault.bit}",
            f"{len(fault.rooms):,}" if fault.rooms else "all",
            f"{fault.waited_s:,.2f} s" if fault.waited_s is not None else "-",
            "yes" if fault.bit else "nothing shows it",
        ]
        for fault in proof.faults
    ]
    head = ["after", "for", "kind", "what was done", "tables", "longest wait there for a move", "hurt"]
    return [_section("Faults", "In their order.", _table(head, rows, "told"))]


def _three(figures: Percentiles) -> list[str]:
    if not figures.count:
        return ["-", "-", "-"]
    return [f"{value:,.0f} ms" for value in (figures.p50, figures.p99, figures.max)]


def _consequences(proof: Proof) -> str:
    return _table(["event", "times"], [[name, f"{count:,}"] for name, count in proof.consequences.items()])


def _latencies(proof: Proof) -> str:
    report = proof.report
    named = {"action → everyone has it": report.action_to_everyone_ms, "action → ack": report.action_to_ack_ms}
    named |= {f"connect → current, {kind}": each for kind, each in report.connection_to_current_ms.items()}
    rows = [
        [name, *(f"{value:,.2f}" for value in (each.p50, each.p90, each.p99, each.max)), f"{each.count:,}"]
        for name, each in named.items()
    ]
    return _table(["", "p50", "p90", "p99", "max", "of"], rows)


def _evidence(proof: Proof) -> str:
    looked = proof.looked
    rows = [
        ["rooms", looked.rooms], ["clients' histories", looked.clients], ["frames, raw", looked.frames],
        ["commands", looked.commands], ["messages on Redis", looked.messages], ["rows of the log", looked.updates],
        ["… with their commit's time", looked.commit_times], ["… replayed", looked.replayed],
        ["… in the archive alone", looked.archived], ["days of the log in the archive", looked.days],
        ["automatic actions", looked.automatic], ["bytes of servers' logs", looked.log_bytes],
    ]  # fmt: skip
    return _table(["", ""], [[str(name), f"{count:,}"] for name, count in rows])


def _run(proof: Proof) -> str:
    report = proof.report
    kinds = Counter(fault.kind for fault in proof.faults)
    rows = [
        ["game", report.game],
        ["sockets", f"{report.sockets:,}"],
        ["hands", f"{report.hands:,}"],
        ["refused", ", ".join(f"{code} {count:,}" for code, count in sorted(report.refusals.items())) or "nothing"],
        ["kinds of faults", str(len(kinds))],
        *([name, str(value)] for name, value in report.machine.items()),
    ]
    return _table(["", ""], rows)
