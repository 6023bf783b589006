"""`tavola dev` that cannot start says why: the log that holds the cause, and the last lines of it."""

from __future__ import annotations

import asyncio
import os
import subprocess
from pathlib import Path

import pytest

from kit.stack import FOREIGN, Stack, until
from tavola.stack.local_ray import LocalRay
from tavola.stack.processes import PYTHON


def test_a_database_that_does_not_start(tmp_path: Path) -> None:
    """The folder in the place of its data is no database."""
    (tmp_path / "postgres" / "data").mkdir(parents=True)
    told = failed(tmp_path)
    assert (tmp_path / ".gitignore").read_text() == "*\n", "no secret goes into a project's history"
    log = tmp_path / "postgres" / "server.log"
    first, named, *lines = told.splitlines()
    assert first.startswith("tavola: PostgreSQL did not start: it ended with exit code ")
    assert named == f"  {log} ends:"
    assert lines
    assert [line.strip() for line in lines] == [line.strip() for line in log.read_text().splitlines()[-len(lines) :]]


AWAY = {
    "DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none",
    "REDIS_URL": "redis://127.0.0.1:1",
    "RAY_ADDRESS": "127.0.0.1:1",
    "TAVOLA_JWT_SECRET": "s" * 32,
}


@pytest.mark.parametrize("part", ["dev", "edge", "steward", "bots"])
def test_a_database_that_does_not_answer(tmp_path: Path, part: str) -> None:
    arguments: dict[str, list[str | Path]] = {
        "dev": ["--port", "0", "--data-dir", tmp_path],
        "bots": ["--url", "http://127.0.0.1:1"],
    }
    told = failed_with(part, *arguments.get(part, []), **AWAY)
    (line,) = told.splitlines()
    assert line.startswith("tavola: the database does not answer (ConnectionRefusedError")


def test_a_redis_that_was_given_and_does_not_answer(tmp_path: Path) -> None:
    stack = Stack(tmp_path / "data", edges=1, REDIS_URL="redis://127.0.0.1:1")
    try:
        stack.start()
        asyncio.run(until(lambda: "! REDIS_URL: does not answer" in stack.output.read_text(), "it is told"))
    finally:
        stack.stop()


def test_what_ray_wrote_can_be_read_after_its_stop(tmp_path: Path) -> None:
    """Where the folder lies so deep that Ray works elsewhere, too."""
    for name in ("short", "d" * 80):
        ray = LocalRay(tmp_path / name)
        asyncio.run(come_and_go(ray))
        assert "raylet" in (ray.folder / "data/r/s/logs/raylet.out").read_text()
        assert not ray.data.is_symlink()


async def come_and_go(ray: LocalRay) -> None:
    async with ray:
        assert ray.data.is_symlink() is (len(ray.folder.name) > 50)


def failed(folder: Path) -> str:
    """The last words of a `tavola dev` on this folder."""
    return failed_with("dev", "--port", "0", "--data-dir", folder)


def failed_with(*arguments: str | Path, **settings: str) -> str:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(FOREIGN)} | settings
    command: list[str | Path] = [*PYTHON, "-m", "tavola", *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 1, done.stdout + done.stderr
    return done.stderr
