"""cluster.yaml as an operator has it: Ray's own `ray up` starts a head and a worker with it, and people play there.

Two folders stand for the machines (door.py). The values that an operator fills in are filled in, the port of Ray is
another one, and the machines have an installation already; all else is done as the file says.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import ray
import yaml  # type: ignore[import-untyped]

import kit.door
from kit.client import Api, Player, reachable
from kit.stack import FOREIGN, until
from tavola.stack.processes import STACK_MARK, free_port

pytestmark = [pytest.mark.long, pytest.mark.timeout(300)]

ROOT = Path(__file__).parents[2]
WORKER = "127.0.0.2"
ENVIRONMENT = """\
DATABASE_URL='{database_url}'
REDIS_URL='{redis_url}'
TAVOLA_JWT_SECRET='what every process of the cluster knows'
RAY_AUTH_MODE='token'
RAY_AUTH_TOKEN='{token}'
TAVOLA_PORT=$PORT_OF_ITS_EDGE
"""


class Machines:
    """Two machines in a folder, and who starts a cluster on them."""

    def __init__(self, folder: Path, database_url: str, redis_url: str) -> None:
        self.folder = folder
        self.head = str(ray.util.get_node_ip_address())  # type: ignore[no-untyped-call]
        self.urls: list[str] = []
        doors = folder / "bin"
        doors.mkdir()
        for name in ("ssh", "rsync", "crontab"):
            door = doors / name
            door.write_text(f'#!/bin/sh\nexec {sys.executable} {kit.door.__file__} {name} "$@"\n')
            door.chmod(0o755)
        for machine in (self.head, WORKER):
            home = folder / machine
            home.mkdir()
            port = free_port()
            self.urls.append(f"http://127.0.0.1:{port}")
            (home / ".bashrc").write_text(f"export PATH={doors}:$PATH PORT_OF_ITS_EDGE={port}\n")
        (folder / "key").touch()
        token = os.urandom(32).hex()
        (folder / "env").write_text(ENVIRONMENT.format(database_url=database_url, redis_url=redis_url, token=token))
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith(FOREIGN)},
            "HOME": str(folder),
            "MACHINES": str(folder),
            "PATH": f"{doors}:{os.environ['PATH']}",
            "RAY_TMPDIR": str(folder),
        }
        self.config = self._filled_in()

    def _filled_in(self) -> dict[str, Any]:
        text = (ROOT / "cluster.yaml").read_text().replace("6379", str(free_port()))
        config: dict[str, Any] = yaml.safe_load(text)
        config["provider"] |= {"head_ip": self.head, "worker_ips": [WORKER]}
        config["auth"] = {"ssh_user": "operator", "ssh_private_key": str(self.folder / "key")}
        config["file_mounts"]["~/tavola/.env"] = str(self.folder / "env")
        config["setup_commands"] = [f"ln -sfn {sys.prefix} ~/tavola/.venv"]
        (self.folder / "cluster.yaml").write_text(yaml.safe_dump(config))
        return config

    def up(self) -> None:
        told = subprocess.run(
            [f"{sys.prefix}/bin/ray", "up", "--yes", "--no-config-cache", str(self.folder / "cluster.yaml")],
            cwd=ROOT,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert told.returncode == 0, told.stdout

    def stop(self, machine: str) -> None:
        command = "cd ~/tavola && TAVOLA_STACK=$PWD .venv/bin/tavola node stop"
        subprocess.run([f"{self.folder}/bin/ssh", f"operator@{machine}", command], env=self.environment, check=True)

    def said(self, machine: str, log: str) -> str:
        path = self.folder / machine / "tavola" / log
        return path.read_text() if path.exists() else ""

    def crontab(self, machine: str) -> str:
        return (self.folder / machine / "crontab").read_text()

    def processes(self) -> list[psutil.Process]:
        """Everything that works below the folder."""
        found = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error, OSError):
                if Path(process.cwd()).is_relative_to(self.folder) and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process)
        return found


@pytest.fixture
def machines(postgres_server: str, redis_url: str) -> Iterator[Machines]:
    # Not pytest's folder: the paths of Ray's sockets would be too long.
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        made = Machines(Path(folder), postgres_server, redis_url)
        try:
            yield made
        finally:
            while left := made.processes():
                for process in left:
                    with contextlib.suppress(psutil.NoSuchProcess):
                        process.kill()
                psutil.wait_procs(left, 5)


@contextlib.contextmanager
def bystander() -> Iterator[subprocess.Popen[bytes]]:
    """Of another cluster on the same machine."""
    with subprocess.Popen(["sleep", "600"], env={**os.environ, STACK_MARK: "another"}, cwd="/") as other:
        try:
            yield other
        finally:
            other.kill()


async def test_a_head_and_a_worker(machines: Machines) -> None:
    machines.up()
    head, worker = machines.urls
    await until(lambda: reachable(head), "the head's edge")
    await until(lambda: "Ray runtime started" in machines.said(WORKER, "node.log"), "the worker's Ray")
    await until(lambda: reachable(worker), "the worker's edge")
    for machine in (machines.head, WORKER):
        [line] = machines.crontab(machine).splitlines()
        assert line.startswith("@reboot cd ")
        assert "tavola node keep" in line

    async with Api(head) as api:
        ann, bob = await api.sign_in("Ann"), await api.sign_in("Bob")
        room = (await api.ok("POST", "/api/rooms", ann, {"game": "tictactoe", "approval": "auto"}))["id"]
        await api.ok("POST", f"/api/rooms/{room}/join", bob, {"display_name": "Bob"})
    players = [Player(ann, room), Player(bob, room)]
    for seat, (player, url) in enumerate(zip(players, machines.urls, strict=True)):
        await player.follow(url)
        await player.command("take_seat", seat_index=seat)
    first, second = players
    await first.until(first.to_act, "Ann's turn")
    moved = await first.command("act", **first.passive())
    await second.until(lambda: second.seq >= moved["seq"] and second.to_act(), "Bob's turn")
    assert not first.faults + second.faults
    for player in players:
        await player.leave()

    with bystander() as other:
        # In this order it is quick: a worker's Ray waits for a head that has gone.
        machines.stop(WORKER)
        machines.stop(machines.head)
        await until(lambda: not machines.processes(), "nothing left")
        assert not machines.crontab(WORKER) + machines.crontab(machines.head), "nor after a reboot"
        assert other.poll() is None
