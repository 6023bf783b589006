"""Parts that are forked by a server which has imported what they need: real processes."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from kit.stack import until
from tavola.stack import forks as forks_module
from tavola.stack.forks import Forks, NotForked

PART = """
import os, sys, time
import shelve_of_ours
print(sys.argv[1:], os.environ.get("GIVEN"), os.environ.get("ITS_OWN"), os.getppid(), shelve_of_ours.IMPORTED_BY)
sys.stdout.flush()
if "wait" in sys.argv:
    time.sleep(60)
sys.exit(3)
"""
IMPORTED = "import os\nIMPORTED_BY = os.getpid()\n"
A_GAME = """
import os
from pathlib import Path
from tavola.games.tictactoe import TicTacToe

with open(Path(__file__).with_name("loaded_by"), "a") as told:
    print(os.getpid(), file=told)

class Mine(TicTacToe):
    kind = "mine"
"""
LEAVES = """
import asyncio, os, signal, sys
from pathlib import Path
from tavola.stack.forks import Forks

async def main():
    forks = Forks(["shelve_of_ours"], log=Path("server.log"), environment=dict(os.environ))
    part = await forks.fork("part", ["wait"], log=Path("part.log"), env=dict(os.environ), when_we_die=signal.SIGTERM)
    print(part.pid, forks.pid, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)

asyncio.run(main())
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "part.py").write_text(PART)
    (tmp_path / "shelve_of_ours.py").write_text(IMPORTED)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    return tmp_path


@pytest.fixture
def forks(folder: Path) -> Iterator[Forks]:
    forks = Forks(["shelve_of_ours"], log=folder / "server.log", environment={**os.environ, "ITS_OWN": "yes"})
    yield forks
    forks.end()


async def told(forks: Forks, folder: Path, *arguments: str) -> list[str]:
    """Of a part that has ended: what it said."""
    log = folder / "part.log"
    before = len(log.read_text()) if log.exists() else 0
    environment = {**os.environ, "GIVEN": "a value"}
    part = await forks.fork("part", arguments, log=log, env=environment, when_we_die=signal.SIGTERM)
    assert part.wait() == 3
    assert part.poll() == part.returncode == 3
    return log.read_text()[before:].rsplit(maxsplit=3)


async def test_a_part_is_our_child_and_shares_what_was_imported(forks: Forks, folder: Path) -> None:
    assert await told(forks, folder, "one", "two") == [
        "['one', 'two'] a value",
        "None",
        str(os.getpid()),
        str(forks.pid),
    ]


async def test_a_server_that_was_killed_is_started_again_and_its_parts_go_on(forks: Forks, folder: Path) -> None:
    part = await forks.fork("part", ["wait"], log=folder / "1", env=os.environ, when_we_die=signal.SIGTERM)
    server = forks.pid
    assert server is not None
    os.kill(server, signal.SIGKILL)
    assert (await told(forks, folder))[-1] == str(forks.pid) != str(server)
    assert part.poll() is None
    part.kill()
    assert part.wait() == -signal.SIGKILL


async def test_where_other_code_lies_on_the_disk_it_is_started_again(
    forks: Forks, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await told(forks, folder)
    before = forks.pid
    await told(forks, folder)
    assert forks.pid == before
    monkeypatch.setattr(forks_module, "seen_on_disk", lambda environment: "other code")
    assert (await told(forks, folder))[-1] == str(forks.pid) != str(before)


async def test_one_that_cannot_import_says_where_it_is_told_why(forks: Forks, folder: Path) -> None:
    (folder / "shelve_of_ours.py").write_text("raise ValueError('no shelf')")
    with pytest.raises(NotForked, match=r"part could not be forked, see .*server\.log"):
        await told(forks, folder)
    assert "ValueError: no shelf" in (folder / "server.log").read_text()
    (folder / "shelve_of_ours.py").write_text(IMPORTED)
    assert (await told(forks, folder))[-1] == str(forks.pid)


async def test_games_are_loaded_although_more_is_asked_for_meanwhile(forks: Forks, folder: Path) -> None:
    (folder / "slow.py").write_text("import time\ntime.sleep(0.2)\n")
    (folder / "a_game.py").write_text(A_GAME)
    environment = {**os.environ, "TAVOLA_GAMES": "a_game:Mine", "TAVOLA_GAMES_PATH": str(folder)}
    both = Forks(["slow", "shelve_of_ours"], log=folder / "2.log", environment=environment, games=True)
    try:
        await both.begin()
        await both.load(["slow"], {"MORE": "1"})
        await told(both, folder)
        assert (folder / "loaded_by").read_text().split() == [str(both.pid)]
    finally:
        both.end()


async def test_workers_of_games_that_only_it_is_told_of_find_a_server_that_is_up_to_date(folder: Path) -> None:
    (folder / "a_game.py").write_text(A_GAME)
    environment = {**os.environ, "TAVOLA_GAMES": "a_game:Mine", "TAVOLA_GAMES_PATH": str(folder)}
    assert "TAVOLA_GAMES" not in os.environ
    forks = Forks([], log=folder / "2.log", environment=environment, games=True)
    try:
        await forks.begin()
        forks.listen(str(folder / "door"))
        look = "from tavola.config.code_mark import seen_on_disk; print(seen_on_disk())"
        worker = await asyncio.create_subprocess_exec(
            sys.executable, "-P", "-c", look, env=environment, stdout=asyncio.subprocess.PIPE
        )
        looked, _ = await worker.communicate()
        assert (folder / "door.code").read_text() == looked.decode().strip()
    finally:
        forks.end()


async def test_nothing_of_a_parts_environment_is_left_in_the_server(forks: Forks, folder: Path) -> None:
    """Others are forked of it, which are told less."""
    secret = "a-secret-" + os.urandom(8).hex()
    part = await forks.fork(
        "part", ["wait"], log=folder / "1", env={**os.environ, "SECRET": secret}, when_we_die=signal.SIGTERM
    )
    assert forks.pid is not None
    try:
        assert holds(part.pid, secret), "one can be found in a process that has it"
        assert not holds(forks.pid, secret)
    finally:
        part.kill()
        part.wait()


def holds(pid: int, text: str) -> bool:
    """Whether it stands anywhere in the memory that the process can write to."""
    with open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
        for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
            place, rights, *_ = line.split()
            begins, ends = (int(number, 16) for number in place.split("-"))
            if rights.startswith("rw") and "[v" not in line:
                memory.seek(begins)
                if text.encode() in memory.read(ends - begins):
                    return True
    return False


async def test_a_server_is_forked_from_another_one(forks: Forks, folder: Path) -> None:
    (folder / "second.py").write_text("import shelve_of_ours\n")
    second = Forks(["second"], log=folder / "2.log", environment={**os.environ, "RAY_X": "1"}, base=forks)
    try:
        said = await told(second, folder)
        assert said[-1] == str(forks.pid) != str(second.pid)
        assert psutil.Process(second.pid).ppid() == os.getpid()
    finally:
        second.end()


async def test_all_of_it_ends_with_whoever_began_it(folder: Path) -> None:
    done = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-c", LEAVES],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    for pid in map(int, done.stdout.split()):
        await until(lambda pid=pid: not psutil.pid_exists(pid), f"process {pid} ended")  # type: ignore[misc]
