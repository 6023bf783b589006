"""load.bench.peers and load.bench.floor: what is pure of them, and the reading of a child that measures."""

from __future__ import annotations

import asyncio
import os
import re
import sys
from pathlib import Path
from typing import NamedTuple

import msgspec
import pytest

from tavola.load.bench.base.cost import elsewhere, spent, used
from tavola.load.bench.base.figure import Figure, Group
from tavola.load.bench.base.reports import Measured, NoResult, child, measured
from tavola.load.bench.floor.postgres import HERE, seconds_of
from tavola.load.bench.floor.script import RecordedMove, rooms, script
from tavola.load.bench.peers.page import HEADINGS, as_json, markdown, row
from tavola.load.bench.peers.pairs_page import compared, pairs_markdown, pairs_text
from tavola.load.bench.peers.python.game import Json, opened, play
from tavola.load.bench.peers.ratios import order, ratio
from tavola.load.bench.peers.systems import KEYS, PLAYED, chosen, in_pairs
from tavola.load.measure.stats import Percentiles

LATENCY = Percentiles(1000, 1.0, 2.0, 3.0, 4.0)
MOVE = msgspec.json.decode((HERE / "move.json").read_bytes(), type=RecordedMove)


def figure(
    name: str, tables: int, group: Group = "durable", *, played: bool = True, pace: float = 0.0, us: float = 400
) -> Figure:
    return Figure(
        name=name,
        group=group,
        tables=tables,
        pace=pace,
        seconds=2.0,
        actions=1000,
        cpu_s={"postgres": us / 4000, "server": us * 3 / 4000, "redis": 0.0},
        clients_cpu_s=1.0,
        latency_ms=LATENCY,
        ack_ms=LATENCY if played else None,
    )


def test_an_action_costs_what_all_servers_used() -> None:
    one = figure("Peer", 200)
    assert one.us_per_action == pytest.approx(400)
    assert one.actions_per_s == 500
    assert one.clients_cores == 0.5
    assert list(one.parts) == ["server", "postgres"]
    assert list(one.parts.values()) == pytest.approx([300, 100])


def test_the_table_has_the_floor_first_and_then_goes_by_tables() -> None:
    figures = [figure("Ours", 1), figure("Ours", 200), figure("Peer", 1), figure("pgbench", 50, "floor", played=False)]
    lines = markdown(figures).splitlines()
    assert lines[0] == "| " + " | ".join(HEADINGS) + " |"
    assert [line.split(" | ")[:2] for line in lines[2:]] == [
        ["| pgbench", "50"],
        ["| Ours, durable", "1"],
        ["| Peer, durable", "1"],
        ["| Ours, durable", "200"],
    ]
    assert {line.count("|") for line in lines} == {len(HEADINGS) + 1}


def test_what_is_in_memory_is_told_apart() -> None:
    assert [row(figure("Peer", 1, group))[0] for group in ("memory", "durable", "floor")] == [
        "Peer, in memory",
        "Peer, durable",
        "Peer",
    ]


def test_the_figures_can_be_read_by_machines() -> None:
    told = msgspec.json.decode(as_json([figure("Peer", 200)]))
    assert told["figures"][0]["us_per_action"] == 400.0
    assert told["machine"]["cpus"] == os.cpu_count()


def test_systems_are_chosen_by_their_keys() -> None:
    assert chosen("") == set(KEYS)
    assert chosen("ours, colyseus-pg") == {"ours", "colyseus-pg"}
    assert {system.key for system in PLAYED} < set(KEYS)
    with pytest.raises(ValueError, match="there is no colyseum"):
        chosen("colyseum")


def test_the_other_tavola_or_ours_is_what_others_are_compared_with(tmp_path: Path) -> None:
    assert [system.key for system in in_pairs({"ours"}, tmp_path)] == ["against", "ours"]
    assert [system.key for system in in_pairs({"colyseus-pg", "ours"}, None)] == ["ours", "colyseus-pg"]
    assert [system.key for system in in_pairs({"ours", "again"}, None)] == ["ours", "again"]
    assert "again" not in [system.key for system in in_pairs(set(KEYS), None)]
    with pytest.raises(ValueError, match="two systems"):
        in_pairs({"ours", "postgres"}, None)


def test_systems_take_turns_forwards_and_backwards() -> None:
    assert order(2, 3) == [0, 1, 1, 0, 0, 1]
    assert order(3, 2) == [0, 1, 2, 2, 1, 0]


def test_what_the_machine_does_to_both_of_a_pair_cancels_out() -> None:
    moods = [1.0, 1.5, 0.9, 3.0, 1.1, 1.2, 0.8, 2.0]
    found = ratio([330 * mood for mood in moods], [300 * mood for mood in moods])
    assert (found.of_medians, found.low, found.high) == pytest.approx((1.1, 1.1, 1.1))
    noisy = ratio([300, 330, 310, 320, 400, 290], [300, 310, 320, 330, 310, 300])
    assert noisy.low < noisy.of_medians < noisy.high
    assert str(ratio([110.0], [100.0])) == "1.100 (1.100 to 1.100)"
    with pytest.raises(ValueError, match="2 and 1 slices"):
        ratio([1.0, 2.0], [1.0])


def test_slices_are_compared_with_the_first_system_in_whole_pairs() -> None:
    slices = [figure(name, tables, "ours", us=us) for tables in (200, 1) for name, us in (("A", 400), ("B", 300))]
    slices += [figure("B", 200, us=320), figure("A", 200, "ours", us=400), figure("B", 200, us=9000)]
    found = compared(slices)
    assert [(each.name, each.tables, each.slices) for each in found] == [
        ("A", 200, 2),
        ("B", 200, 2),
        ("A", 1, 1),
        ("B", 1, 1),
    ]
    assert found[0].us_ratio is None
    assert found[1].us_per_action == pytest.approx(310)
    assert found[1].us_ratio is not None
    assert found[1].us_ratio.of_medians == pytest.approx(310 / 400)
    assert "to the first: µs/action 0.775 (0.750 to 0.800)" in pairs_text(found)
    assert len({line.count("|") for line in pairs_markdown(found).splitlines()}) == 1


def test_the_human_pace_comes_last_and_says_so() -> None:
    figures = [figure("Ours", 1000, pace=1 / 3), figure("Ours", 200)]
    lines = markdown(figures).splitlines()
    assert [line.split(" | ")[1] for line in lines[2:]] == ["200", "1,000 at 0.333/s"]


def test_what_was_used_is_by_kind() -> None:
    assert used({"server": 1.0}, {"server": 1.5, "postgres": 0.25}) == {"server": 0.5, "postgres": 0.25}
    assert used({"server": 1.0}, {"server": 0.5}) == {"server": 0.0}
    assert set(spent({"ours": [os.getpid()], "again": [os.getpid()], "gone": [2**22 + 1]})) == {"ours"}


class Times(NamedTuple):
    """As psutil gives them."""

    user: float
    system: float
    idle: float
    iowait: float
    steal: float


def test_what_others_had_of_the_machine_is_told() -> None:
    before, after = Times(10, 5, 100, 1, 0), Times(16, 7, 108, 2, 3)
    assert elsewhere(before, after, ours_s=7.0) == pytest.approx(4 / 20)
    assert elsewhere(before, before, ours_s=0.0) == 0.0


@pytest.mark.parametrize("batch", [1, 20])
def test_pgbench_is_given_our_statement(batch: int) -> None:
    made = script(batch, MOVE)
    assert made.text.startswith("\\set seq :seq + 1\n")
    assert ("unnest" in made.text) == (batch > 1)
    assert "$" not in made.text
    assert not [line for line in made.text.splitlines() if line.startswith("--")]
    asked = set(re.findall(r"(?<!:):([a-z]\w*)", made.text))
    assert asked == made.variables.keys(), "all of them are given, and no more"
    assert all(made.variables.values()), "pgbench takes no empty ones"


def test_arrays_are_written_as_postgres_reads_them() -> None:
    variables = script(2, MOVE).variables
    assert variables["p1"] == "{" + ",".join(f'"{room}"' for room in rooms(2)) + "}"
    assert variables["p2"] == '{"1","1"}'
    quoted = MOVE.state.replace('"', '\\"')
    assert variables["p5"] == f'{{"{quoted}","{quoted}"}}'


def test_no_batch_has_a_room_of_another() -> None:
    assert len({*rooms(1), *rooms(20), *rooms(50)}) == 71


def test_pgbench_tells_each_transaction_in_microseconds() -> None:
    assert seconds_of("0 1 512 0 1760000000 12\n0 2 2048 0 1760000000 999\n") == [0.000512, 0.002048]


def test_the_peer_in_python_plays_by_the_rules() -> None:
    state: Json = opened()
    for seat, cell in ((0, 0), (1, 3), (0, 1), (1, 4)):
        after = play(state, seat, {"move": "mark", "cell": cell, "turn": state["turn"]["number"]})
        assert not isinstance(after, str)
        state = after[0]
    assert play(state, 1, {"move": "mark", "cell": 5, "turn": 5}) == "not_your_turn"
    assert play(state, 0, {"move": "mark", "cell": 3, "turn": 5}) == "illegal_move"
    assert play(state, 0, {"move": "mark", "cell": 2, "turn": 4}) == "stale_turn"
    won = play(state, 0, {"move": "mark", "cell": 2, "turn": 5})
    assert not isinstance(won, str)
    assert [event["kind"] for event in won[1]] == ["player_action", "game_complete", "game_started"]
    assert won[1][1]["winner"] == 0
    assert won[0] == {"number": 2, "board": [None] * 9, "turn": {"number": 6, "seat_index": 1}}


def measure(program: str, folder: Path) -> Measured:
    return asyncio.run(
        measured(
            "a child",
            [sys.executable, "-c", program],
            roots=lambda: {"us": [os.getpid()]},
            within_s=0.0,
            logs=[folder / "log"],
        )
    )


def test_a_child_says_what_it_measured(tmp_path: Path) -> None:
    program = """print('{"event": "open"}\\n{"event": "begin"}\\n{"event": "end", "actions": 3, "seconds": 1.5}')"""
    found = measure(program, tmp_path)
    assert (found.said.actions, found.said.seconds) == (3, 1.5)
    assert set(found.cpu_s) == {"us"}


def test_a_child_is_asked_again_and_again(tmp_path: Path) -> None:
    program = """import sys
print('{"event": "open"}', flush=True)
for line in sys.stdin:
    print('{"event": "begin"}\\n{"event": "end", "seconds": 1.0, "actions": ' + line.strip() + '}', flush=True)
    print('{"event": "rest"}', flush=True)
"""

    async def run() -> list[int]:
        argv = [sys.executable, "-c", program]
        async with child("a child", argv, roots=lambda: {"us": [os.getpid()]}, logs=[tmp_path / "log"]) as one:
            await one.until("open", 0.0)
            counts = []
            for asked in (3, 5):
                counts.append((await one.measure(0.0, asked)).said.actions)
                await one.until("rest", 0.0)
            await one.leave()
            return counts

    assert asyncio.run(run()) == [3, 5]


@pytest.mark.parametrize(
    ("program", "why"),
    [
        ("import sys; sys.exit('no port')", "exit code 1\nno port"),
        ("""print('{"event": "begin"}')""", "exit code 0"),
        ("""print('{"event": "begin"}\\n{"event": "end", "actions": 0}')""", "nothing could be done"),
    ],
)
def test_a_child_without_a_result_says_why(program: str, why: str, tmp_path: Path) -> None:
    with pytest.raises(NoResult, match=why):
        measure(program, tmp_path)
