"""Many logs as one: by time, with the process whose an event is, across files that were full."""

from __future__ import annotations

import itertools
import json
import os
from collections.abc import Generator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tavola.config import log_file
from tavola.config.log_file import OwnFile, old
from tavola.logbook.entries import LogEntry
from tavola.logbook.merging import followed, told
from tavola.logbook.places import LogPlaces, NodeLogs, NoLogs
from tavola.logbook.reading import LogFollower, past
from tavola.logbook.telling import tell
from tavola.logs import BadTime, chosen, run

BEGIN = datetime(2026, 11, 28, tzinfo=UTC)
WORKERS = "ray/data/r/s/logs"


def text(second: float, event: str, level: str = "info") -> str:
    at = (BEGIN + timedelta(seconds=second)).isoformat(timespec="microseconds").replace("+00:00", "Z")
    return f"{at} [{level:9}] {event}\n"


def began(second: float, part: str, pid: int) -> str:
    return text(second, f"log.began                      part={part} pid={pid}")


@pytest.fixture
def stack(tmp_path: Path) -> Path:
    """A folder as one that ended left it."""
    (tmp_path / "logs").mkdir()
    (tmp_path / WORKERS).mkdir(parents=True)
    (tmp_path / "postgres").mkdir()
    edge, worker = tmp_path / "logs" / "edge-1.log", tmp_path / WORKERS / "worker-0a1b-01000000-77.out"
    old(edge).write_text(began(0, "edge-1", 5) + text(1, "room.placed  room=r_1 actor=room-actor-x"))
    edge.write_text(
        began(3, "edge-1", 5)
        + text(4, "room.decide_failed  room=r_2", "error")
        + "Traceback\n  in fails\nKeyError\n"
        + began(8, "edge-1", 6)
        + text(9, "room.placed  room=r_1 actor=room-actor-y")
    )
    worker.write_text(
        ":job_id:01000000\n" + began(0.5, "room-actor-x", 77) + text(2, "room.loaded  room=r_1")
        + text(5, "commit.failed", "warning")
    )  # fmt: skip
    worker.with_suffix(".err").write_text(text(6, "Task was destroyed  logger=asyncio", "error"))
    (tmp_path / "postgres" / "server.log").write_text("2026-11-28 00:00:07.000 UTC [7] LOG:  checkpoint starting\n")
    (tmp_path / "logs" / "games.log").write_text(text(4, "game.failed", "error"))
    return tmp_path


def seconds(entries: Iterator[LogEntry]) -> list[float]:
    return [entry.at - BEGIN.timestamp() for entry in entries]


def test_events_come_by_time_each_with_its_process(stack: Path) -> None:
    entries = list(told(LogPlaces(stack)))
    assert seconds(iter(entries)) == [0, 0.5, 1, 2, 3, 4, 5, 6, 8, 9]
    parts = {entry.at - BEGIN.timestamp(): (entry.part, entry.pid) for entry in entries}
    assert parts[1] == parts[4] == ("edge-1", 5)
    assert parts[9] == ("edge-1", 6), "started again"
    assert parts[2] == parts[6] == ("room-actor-x", 77), "a worker writes two logs"
    assert next(entry for entry in entries if entry.event == "room.decide_failed").more.endswith("fails\nKeyError")


def test_servers_are_there_when_they_are_asked_for(stack: Path) -> None:
    found = [entry for entry in told(LogPlaces(stack, everything=True)) if entry.part == "postgres"]
    assert seconds(iter(found)) == [7]


def test_a_room_a_part_a_level(stack: Path) -> None:
    def shown(room: str | None = None, part: str | None = None, level: str = "debug") -> list[float]:
        return seconds(filter(chosen(room, part, level), told(LogPlaces(stack))))

    assert shown(room="r_1") == [1, 2, 9]
    assert shown(room="r_") == []
    assert shown(part="edge-1") == shown(part="edge") == [0, 1, 3, 4, 8, 9]
    assert shown(part="room-actor") == [0.5, 2, 5, 6]
    assert shown(level="warning") == [4, 5, 6]
    assert shown(level="error", part="room-actor-x") == [6]


@pytest.mark.parametrize("since", [0.0, 1.0, 4321.0, 29_999.0])
def test_since_then_in_a_long_log(since: float, tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    log = tmp_path / "logs" / "edge-1.log"
    log.write_text(began(0, "edge-1", 5) + "".join(text(n, f"room.placed  n={n}\n  more") for n in range(1, 30_000)))
    os.utime(log, (BEGIN.timestamp() + 30_000,) * 2)
    entries = list(past(log, BEGIN.timestamp() + since))
    assert seconds(iter(entries)) == list(range(int(since), 30_000))
    assert {(entry.part, entry.pid) for entry in entries} == {("edge-1", 5)}


def test_where_no_stack_ever_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tavola.logbook.places._nodes", lambda: iter(()))
    with pytest.raises(NoLogs, match="no `tavola dev` ever ran"):
        LogPlaces(tmp_path)
    wanted = {"follow": False, "room": None, "part": None, "level": "info", "everything": False, "as_json": False}
    with pytest.raises(BadTime, match="neither 30s"):
        run(tmp_path, since="yesterday", **wanted)  # type: ignore[arg-type]


def test_a_node_has_logs_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    logs = tmp_path / "tavola-abc" / "ray" / "session_1" / "logs"
    logs.mkdir(parents=True)
    (tmp_path / "tavola-abc").chmod(0o700)
    (tmp_path / "tavola-abc" / "ray" / "session_latest").symlink_to("session_1")
    (tmp_path / "tavola-abc" / "ray" / "open" / "logs").mkdir(parents=True)
    (logs / "worker-1-2-3.out").write_text(began(0, "steward", 3))
    monkeypatch.setenv("RAY_TMPDIR", str(tmp_path))
    parts = [entry.part for entry in told(LogPlaces(tmp_path / "none"))]
    assert "steward" in parts


def test_followers_go_on_across_files_that_were_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also across two that were full between two looks."""
    monkeypatch.setattr(log_file, "LOG_BYTES", 1_000)
    (tmp_path / "logs").mkdir()
    log = tmp_path / "logs" / "edge-1.log"
    log.write_text(began(0, "edge-1", 5))
    follower = LogFollower(log, new=False)
    seen, number, anew = [], itertools.count(1), []
    fd = os.open(log, os.O_WRONLY | os.O_APPEND)
    own = OwnFile.behind(fd, [tmp_path / "logs"], lambda: anew.append(0) or began(0, "edge-1", 5))  # type: ignore[func-returns-value]
    assert own is not None
    for lines in (3, 30, 3, 28, 25, 30):
        for _ in range(lines):
            own.keep_small()
            os.write(fd, text(next(number), "room.placed").encode())
        quiet = 0
        while quiet < 4:
            found = [entry for entry in follower.more() if entry.event == "room.placed"]
            seen += found
            quiet = 0 if found else quiet + 1
    os.close(fd)
    follower.close()
    assert len(anew) > 5
    assert seconds(iter(seen)) == list(range(1, 120))
    assert {(entry.part, entry.pid) for entry in seen} == {("edge-1", 5)}


def test_processes_come_and_go_while_they_are_followed(stack: Path) -> None:
    def first(events: Generator[LogEntry, None, None], count: int) -> list[str]:
        return [entry.event for entry in itertools.islice(events, count)]

    events = followed(LogPlaces(stack), BEGIN.timestamp() + 5)
    assert first(events, 4) == ["commit.failed", "Task was destroyed", "log.began", "room.placed"]
    edge, worker = stack / "logs" / "edge-1.log", stack / WORKERS / "worker-9f-01000000-88.out"
    with edge.open("a") as file:
        file.write(text(12, "room.late"))
    worker.write_text(began(10, "room-actor-z", 88) + text(11, "room.loaded  room=r_1"))
    assert sorted(first(events, 3)) == ["log.began", "room.late", "room.loaded"]
    worker.unlink()
    edge.rename(old(edge))
    edge.write_text(began(13, "edge-1", 9) + text(14, "room.placed"))
    assert first(events, 2) == ["log.began", "room.placed"]
    events.close()


def test_what_a_nodes_actors_log_is_told_as_one_stream(tmp_path: Path) -> None:
    """From its beginning: Ray may not have begun yet."""
    node = tmp_path / "tavola-abc"
    told_lines: list[str] = []
    events = followed(NodeLogs(node), 0.0)
    logs = node / "ray" / "session_1" / "logs"
    logs.mkdir(parents=True)
    (node / "ray" / "session_latest").symlink_to("session_1")
    (logs / "raylet.out").write_text(text(1, "not.ours"))
    (logs / "worker-1-2-3.out").write_text(began(0, "room-actor-x", 3) + text(2, "room.loaded  room=r_1"))
    (logs / "worker-9f.sock.out").write_text(began(1, "pooler", 4))
    tell(itertools.islice(events, 3), told_lines.append, as_json=True)
    events.close()
    found = [json.loads(line) for line in told_lines]
    assert sorted((each["event"], each["part"]) for each in found) == [
        ("log.began", "pooler"), ("log.began", "room-actor-x"), ("room.loaded", "room-actor-x"),
    ]  # fmt: skip
    assert all(line.endswith("\n") for line in told_lines)


def test_nobody_who_reads_is_no_failure(stack: Path) -> None:
    def gone(line: str) -> None:
        raise BrokenPipeError

    tell(told(LogPlaces(stack)), gone, as_json=False)
