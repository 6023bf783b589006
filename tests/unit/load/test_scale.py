"""The model of what so many tables take: fitted to three measured sizes it foretells a fourth; and what ends first."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from kit.examples import ROOT
from tavola.actors.cluster.steward import CLEARED_AT_ONCE, CLEARING_ROUND_S
from tavola.actors.host.teller import TELL_S
from tavola.load.bench.scale.ends import ActionFigures, Deployed, Has, Limit, limits
from tavola.load.bench.scale.measured import PARTS, Size, read, write
from tavola.load.bench.scale.model import Model, PartLine, Point, busy, fitted, off, points
from tavola.load.bench.scale.page import BUSY_US, ends, foretold, markdown

WITHIN = 0.15


def size(tables: int, cores: float, seconds: float = 10.0) -> Size:
    """All of it the edges'."""
    return Size(
        tables=tables, seats=2, every_s=3.0, rooms_per_actor=500, seconds=seconds, actions=100,
        cpu_s={"edges": cores * seconds}, opening_cpu_s={}, opening_s=1.0, players_cpu_s=1.0, wal_bytes=1, full_pages=0,
        log_bytes=1, command_bytes=1, statements=1, redis_commands=1, connections=1, p50_ms=1.0, p99_ms=2.0,
        elsewhere=0.0,
    )  # fmt: skip


def test_three_measured_sizes_foretell_the_fourth() -> None:
    measured = points(read())
    assert [point.tables for point in measured[:4]] == [100, 200, 400, 800]
    *known, fourth = measured[:4]
    model = fitted(known, read()[0].every_s)
    assert abs(off(model, fourth)) < WITHIN
    assert {part for part in PARTS if abs(model.lines[part].at(800) / fourth.cores[part] - 1) > WITHIN} == set()


def test_the_fourth_is_beyond_what_it_was_fitted_to_and_a_wrong_model_is_seen() -> None:
    *known, fourth = points(read())[:4]
    assert fourth.tables >= 2 * max(point.tables for point in known)
    flat = Model({part: PartLine(known[-1].cores[part], 0.0) for part in PARTS}, 3.0)
    assert abs(off(flat, fourth)) > WITHIN


def test_of_several_measurements_the_middle_one_counts() -> None:
    [found] = points([size(100, 0.1), size(100, 0.9), size(100, 0.2)])
    assert found.cores["edges"] == pytest.approx(0.2)
    assert found.cores["redis"] == 0.0


def test_a_line_is_found_again() -> None:
    model = fitted(points([size(tables, 0.05 + 0.001 * tables) for tables in (100, 200, 400)]), 3.0)
    assert model.lines["edges"].base == pytest.approx(0.05)
    assert model.lines["edges"].a_table == pytest.approx(0.001)
    assert model.cores(800) == pytest.approx(0.85)
    assert model.action_us("edges") == pytest.approx(3000.0)


def test_no_table_gives_back_processor_and_nothing_at_rest_does() -> None:
    falling = fitted(points([size(100, 0.5), size(200, 0.4)]), 3.0)
    assert falling.lines["edges"] == pytest.approx(PartLine(0.45, 0.0))
    steep = fitted(points([size(100, 0.1), size(200, 0.4)]), 3.0)
    assert steep.lines["edges"].base == 0.0
    assert steep.cores(100) > 0


def test_one_size_is_not_enough() -> None:
    with pytest.raises(ValueError, match="one size"):
        fitted([Point(100, dict.fromkeys(PARTS, 0.1))] * 2, 3.0)


def test_the_page_has_the_tables_of_what_was_measured() -> None:
    page = (ROOT / "docs" / "explanation" / "scale.md").read_text().splitlines()
    assert [line for line in markdown(read()).splitlines() if line not in page] == []


def test_an_action_costs_less_where_a_part_has_no_rest() -> None:
    model, _ = foretold(read())
    assert all(model.action_us(part) > us for part, us in BUSY_US.items())
    hurried = busy(model, BUSY_US)
    assert hurried.action_us("redis") == pytest.approx(BUSY_US["redis"])
    assert hurried.lines["ray"] == model.lines["ray"]
    assert [limit.name for limit in ends(hurried, read()) if limit.tables < 23_000] == []


def test_what_is_measured_is_kept(tmp_path: Path) -> None:
    write(read(), tmp_path / "sizes.json")
    assert read(tmp_path / "sizes.json") == read()
    assert msgspec.json.decode((tmp_path / "sizes.json").read_bytes())[0]["tables"] == 100


LINES = {
    **{part: PartLine(0.01, 0.0) for part in PARTS},
    "postgres": PartLine(0.02, 1e-4),
    "redis": PartLine(0.0, 1e-5),
}
MODEL = Model(LINES, 3.0)
HAS = Has()
FIGURES = ActionFigures(
    log_bytes=300, command_bytes=100, wal_bytes=1500, told_message_us=35, told_room_us=0.4, opening_postgres_ms=8
)


def the(name: str, has: Has = HAS, plan: Deployed | None = None) -> Limit:
    """The one limit whose name has this word."""
    [limit] = [each for each in limits(MODEL, FIGURES, plan or Deployed(), has) if name in each.name]
    return limit


def test_the_first_to_end_is_the_first() -> None:
    found = [limit.tables for limit in limits(MODEL, FIGURES, Deployed(), HAS)]
    assert found == sorted(found)
    assert len(found) == 10


def test_where_a_part_ends_it_is_asked_for_all_it_has() -> None:
    for limit in limits(MODEL, FIGURES, Deployed(), HAS):
        assert limit.asked(limit.tables) == pytest.approx(limit.has, rel=1e-3)


def test_some_are_known_by_heart() -> None:
    """By hand: 200 MB a second of WAL are 133,333 actions of 1,500 bytes, at one in three seconds of 400,000 tables."""
    assert the("WAL").tables == pytest.approx(400_000, rel=1e-3)
    assert the("removed", has=HAS._replace(removed_a_second=10)).tables == pytest.approx(18_000, rel=1e-3)
    disk = 30e12 / (86_400 / 3 * (300 * 30 + 100 * 8))
    assert the("disk").tables == pytest.approx(disk, rel=1e-3)


def test_twice_as_much_carries_twice_as_many() -> None:
    twice = HAS._replace(wal_bytes_a_second=400e6)
    assert the("WAL", has=twice).tables == pytest.approx(2 * the("WAL").tables, rel=1e-3)
    assert the("WAL", plan=Deployed(every_s=6.0)).tables == pytest.approx(2 * the("WAL").tables, rel=1e-3)


def test_fewer_actors_tell_an_edge_less_often() -> None:
    larger = Deployed(rooms_per_actor=5_000)
    assert the("hears", plan=larger).tables > 2 * the("hears").tables
    assert the("connections", plan=larger).tables > the("connections").tables


def test_what_never_ends_says_so() -> None:
    assert Limit("nothing", "", 1.0, lambda tables: 0.0).tables == float("inf")


def test_its_constants_are_those_of_the_code() -> None:
    assert Has().cleared_a_second == CLEARED_AT_ONCE / CLEARING_ROUND_S
    assert Deployed().tell_s == TELL_S
