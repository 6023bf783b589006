"""`tavola dev` as a newcomer has it: it stops whole, comes back after kill -9, mends itself, minds its own business."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

READY_S = 60.0
STOP_S = 10.0

pytestmark = pytest.mark.slow


class Dev:
    """One `tavola dev` on a data folder."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.folder = folder
        self.output = folder.with_suffix(".out")
        foreign = ("DATABASE_URL", "REDIS_", "RAY_", "TAVOLA_")
        environment = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
        with self.output.open("wb") as out:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tavola", "dev", "--data-dir", str(folder), *options],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                env=environment,
                start_new_session=True,
            )

    @property
    def said(self) -> str:
        return self.output.read_text()

    @property
    def stack(self) -> dict[str, Any]:
        stack: dict[str, Any] = json.loads((self.folder / "stack.json").read_text())
        return stack

    def ready(self) -> "Dev":
        until(lambda: "Tavola is ready" in self.said or self.process.poll() is not None, READY_S, "ready")
        assert self.process.poll() is None, self.said
        return self

    def stop(self, sign: signal.Signals) -> None:
        self.process.send_signal(sign)
        assert self.process.wait(STOP_S) == 0, self.said


@pytest.fixture
def dev(tmp_path: Path) -> Iterator[Callable[..., Dev]]:
    """Starts stacks, and ends what a failed test leaves of them."""
    begun: list[Dev] = []

    def start(*options: str, name: str = "data") -> Dev:
        begun.append(Dev(tmp_path / name, *options))
        return begun[-1]

    yield start
    for each in begun:
        each.process.kill()
        each.process.wait()
    for process in belonging_to(tmp_path):
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()


def belonging_to(folder: Path) -> list[psutil.Process]:
    """Every living process that works below the folder or was told of it: known by other means than the product's."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if process.pid == os.getpid() or process.status() == psutil.STATUS_ZOMBIE:
                continue
            told = Path(f"/proc/{process.pid}/environ").read_bytes() + Path(f"/proc/{process.pid}/cmdline").read_bytes()
            if Path(process.cwd()).is_relative_to(folder) or f"{folder}".encode() in told:
                found.append(process)
    return found


def until(holds: Callable[[], object], seconds: float, what: str) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, f"not {what} within {seconds} s"
        time.sleep(0.05)


def answers(url: str) -> bool:
    with contextlib.suppress(httpx.HTTPError):
        return httpx.get(f"{url}/readyz", trust_env=False, timeout=5).status_code == 200
    return False


def test_a_stop_ends_all_of_it_and_a_start_is_the_same_again(dev: Callable[..., Dev]) -> None:
    one = dev("--port", "0").ready()
    folder, stack = one.folder, one.stack
    kinds = {process.name().split(":")[0] for process in belonging_to(folder)}
    assert {"postgres", "redis-server", "gcs_server", "raylet", "ray"} <= kinds, (
        "the test knows a stack when it sees it"
    )
    assert (folder / "stack.json").stat().st_mode & 0o077 == 0
    assert answers(stack["url"])

    one.stop(signal.SIGINT)
    assert belonging_to(folder) == []
    assert not (folder / "stack.json").exists()

    again = dev("--port", "0").ready()
    for name in ("DATABASE_URL", "REDIS_URL", "RAY_ADDRESS", "TAVOLA_JWT_SECRET"):
        assert again.stack["environment"][name] == stack["environment"][name]
    again.stop(signal.SIGTERM)
    assert belonging_to(folder) == []


@pytest.mark.long
def test_everything_listens_on_loopback(dev: Callable[..., Dev]) -> None:
    one = dev("--port", "0", "--edges", "2").ready()
    assert len(one.stack["urls"]) == 2
    listening = {
        (process.name(), connection.laddr.ip)
        for process in belonging_to(one.folder)
        for connection in process.net_connections("inet")
        if connection.status == psutil.CONN_LISTEN or connection.type == socket.SOCK_DGRAM
    }
    assert {name.split(":")[0] for name, _ in listening} >= {"postgres", "redis-server", "gcs_server", "raylet", "ray"}
    assert {ip for _, ip in listening} <= {"127.0.0.1", "::ffff:127.0.0.1"}
    one.stop(signal.SIGTERM)


@pytest.mark.long
def test_after_kill_9_the_next_start_ends_what_was_left(dev: Callable[..., Dev]) -> None:
    one = dev("--port", "0").ready()
    stack, before = one.stack, belonging_to(one.folder)
    # Stopped processes cannot follow their parent.
    for process in before:
        if process.pid != one.process.pid:
            process.suspend()
    one.process.kill()
    one.process.wait()
    left = {process.pid for process in belonging_to(one.folder)}
    assert len(left) >= 8

    two = dev("--port", "0").ready()
    assert not left & {process.pid for process in belonging_to(one.folder)}
    assert two.stack["environment"] == {**stack["environment"], "TAVOLA_PORT": two.stack["environment"]["TAVOLA_PORT"]}
    two.stop(signal.SIGINT)
    assert belonging_to(one.folder) == []


@pytest.mark.long
def test_after_kill_9_nothing_outlives_its_parent_for_long(dev: Callable[..., Dev]) -> None:
    one = dev("--port", "0").ready()
    one.process.kill()
    until(
        lambda: {p.name() for p in belonging_to(one.folder)} <= {"ray::DashboardAgent", "ray::RuntimeEnvAgent"}, 20, ""
    )


@pytest.mark.long
def test_two_side_by_side(dev: Callable[..., Dev]) -> None:
    """Begun in the same moment, on the default port."""
    one, two = dev(name="one"), dev(name="two")
    one.ready(), two.ready()
    for name in ("DATABASE_URL", "REDIS_URL", "RAY_ADDRESS"):
        assert one.stack["environment"][name] != two.stack["environment"][name]
    assert one.stack["url"] != two.stack["url"]
    one.stop(signal.SIGINT)
    assert belonging_to(one.folder) == []
    assert answers(two.stack["url"])
    two.stop(signal.SIGINT)


@pytest.mark.long
def test_a_folder_has_one_stack(dev: Callable[..., Dev]) -> None:
    one = dev("--port", "0").ready()
    second = dev("--port", "0")
    assert second.process.wait(STOP_S) == 1
    assert second.said.count("\n") == 1
    assert second.said.startswith("tavola: another `tavola dev` runs on")
    assert answers(one.stack["url"])
    one.stop(signal.SIGTERM)


def test_a_port_that_was_asked_for_and_is_taken(dev: Callable[..., Dev]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        one = dev("--port", str(port))
        assert one.process.wait(STOP_S) == 2
        assert one.said == f"tavola: TAVOLA_PORT: {port} on 127.0.0.1 is taken by another program\n"


@pytest.mark.long
def test_what_dies_is_started_again(dev: Callable[..., Dev]) -> None:
    one = dev("--port", "0").ready()
    stack = one.stack
    for kind in ("edges", "redis", "postgres", "ray"):
        [victim] = one.stack["pids"][kind]
        psutil.Process(victim).kill()
        until(lambda: one.stack["pids"][kind] not in ([], [victim]), READY_S, f"{kind} started again")  # noqa: B023
        until(lambda: answers(stack["url"]), READY_S, f"ready again at the same address after {kind}")
        assert one.stack["environment"] == stack["environment"]
    assert one.said.count("ended (SIGKILL), starting it again") >= 4
    one.stop(signal.SIGINT)
    assert belonging_to(one.folder) == []


def _names(folder: Path) -> set[str]:
    """Of the processes that belong to it, but for those that end just then."""
    names = set()
    for process in belonging_to(folder):
        with contextlib.suppress(psutil.NoSuchProcess):
            names.add(process.name())
    return names


def test_a_stop_in_the_middle_of_a_start(dev: Callable[..., Dev]) -> None:
    one = dev("--port", "0")
    until(lambda: "raylet" in _names(one.folder), READY_S, "begun")
    one.stop(signal.SIGTERM)
    assert "Tavola is ready" not in one.said
    assert belonging_to(one.folder) == []
