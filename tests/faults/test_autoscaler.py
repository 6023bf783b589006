"""Ray's own autoscaler, with its provider of nodes that are processes of this machine: room actors that fill a node
bring another, and it goes when they are drained.

Those nodes have no steward, so no room is played there: the steward and its actors are the head's.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kit.damage import execute
from kit.stack import FOREIGN, until
from tavola.actors.scaling.demand import HELD, ROOM_ACTOR
from tavola.stack.processes import STACK_MARK, free_port

pytestmark = [pytest.mark.long, pytest.mark.timeout(300)]

HEAD = "f" * 51 + "00000"
CARRIED = 2
IDLE_MINUTES = 0.05
WATCH = """
import json, sys, time
import ray

ray.init(address=sys.argv[1], log_to_driver=False, configure_logging=False)
before = None
while True:
    nodes = [each for each in ray.nodes() if each["Alive"]]
    here = {each["NodeID"]: ray._private.state.available_resources_per_node().get(each["NodeID"], {}) for each in nodes}
    now = {id: resources.get(sys.argv[2], 0) for id, resources in here.items()}
    if now != before:
        print(json.dumps(now), flush=True)
    before = now
    time.sleep(0.2)
"""


class Watched:
    """How much of the resource each living node has left, as it was seen last, and all that was seen."""

    def __init__(self, watching: subprocess.Popen[bytes], file: Path) -> None:
        self._watching, self._file = watching, file

    @property
    def nodes(self) -> dict[str, float]:
        assert self._watching.poll() is None
        *_, last = ["{}", *self._file.read_text().split("\n")[:-1]]
        found: dict[str, float] = json.loads(last)
        return found


def config(address: str) -> dict[str, Any]:
    carries = {"resources": {ROOM_ACTOR: CARRIED}, "node_config": {}}
    commands = ("initialization", "setup", "head_setup", "worker_setup", "head_start_ray", "worker_start_ray")
    return {
        "cluster_name": "ours",
        "max_workers": 1,
        "idle_timeout_minutes": IDLE_MINUTES,
        "upscaling_speed": 1,
        "provider": {
            "type": "fake_multinode",
            "gcs_address": address,
            "head_node_id": HEAD,
            "use_node_id_as_ip": True,
            "disable_node_updaters": True,
            "disable_launch_config_check": True,
        },
        "auth": {"ssh_user": "nobody"},
        "head_node_type": "ray.head.default",
        "available_node_types": {
            "ray.head.default": {**carries, "max_workers": 0},
            "rooms": {
                **carries,
                "resources": {ROOM_ACTOR: CARRIED, "object_store_memory": 78643200},
                "min_workers": 0,
                "max_workers": 1,
            },
        },
        **{f"{name}_commands": [] for name in commands},
        "file_mounts": {},
        "cluster_synced_files": [],
        "file_mounts_sync_continuously": False,
        "rsync_exclude": [],
        "rsync_filter": [],
        "docker": {},
    }


@contextlib.contextmanager
def running(arguments: list[str], environment: dict[str, str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("wb") as out:
        process = subprocess.Popen([sys.executable, *arguments], env=environment, stdout=out, stderr=out)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def tavola(environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tavola", *arguments], env=environment, capture_output=True, text=True, timeout=120
    )


async def test_actors_bring_a_node_and_it_goes_when_they_are_drained(database_url: str, redis_url: str) -> None:
    address = f"127.0.0.1:{free_port()}"
    # Not pytest's folder: the paths of Ray's sockets would be too long.
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "autoscaler.json").write_text(json.dumps(config(address)))
        ours = {
            **{name: value for name, value in os.environ.items() if not name.startswith(FOREIGN)},
            "RAY_AUTH_MODE": "token",
            "RAY_AUTH_TOKEN": os.urandom(32).hex(),
            "RAY_TMPDIR": name,
            "RAY_USAGE_STATS_ENABLED": "0",
            "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
            STACK_MARK: name,
        }
        of_ray = {
            "RAY_FAKE_CLUSTER": "1",
            "AUTOSCALER_UPDATE_INTERVAL_S": "1",
            "RAY_OVERRIDE_NODE_ID_FOR_TESTING": HEAD,
        }
        of_tavola = {
            "DATABASE_URL": database_url,
            "REDIS_URL": redis_url,
            "RAY_ADDRESS": address,
            "RAY_enable_autoscaler_v2": "1",  # as `ray up` says to all that it starts
            "TAVOLA_JWT_SECRET": "what every process of the cluster knows",
            "TAVOLA_SPARES": str(CARRIED + 1),
            "TAVOLA_ROOMS_PER_ACTOR": "20",
        }
        node = [
            *("-m", "tavola", "node", "--head", f"--port={address.partition(':')[2]}", "--node-ip-address=127.0.0.1"),
            *("--num-cpus=0", f"--resources={json.dumps({ROOM_ACTOR: CARRIED})}", "--include-dashboard=false"),
            *("--object-store-memory=78643200", f"--autoscaling-config={folder / 'autoscaler.json'}", "--block"),
        ]
        try:
            with (
                running(node, ours | of_ray, folder / "node.log"),
                running(["-m", "tavola", "steward"], ours | of_tavola, folder / "steward.log"),
            ):
                await until(lambda: "started" in (folder / "node.log").read_text(), "Ray is there", 60)
                with running(["-c", WATCH, address, ROOM_ACTOR], ours, folder / "watched") as watching:
                    watched = Watched(watching, folder / "watched")
                    await until(lambda: len(watched.nodes) == 2, "another node", 120)
                    [came] = {*watched.nodes} - {HEAD}
                    assert await actors(database_url) == CARRIED, "the head is full"
                    assert watched.nodes[HEAD] == pytest.approx(CARRIED - CARRIED * HELD)
                    drained = await asyncio.to_thread(tavola, ours | of_tavola, "drain", "--within", "60", "127.0.0.1")
                    assert drained.returncode == 0, drained.stderr
                    await until(lambda: came not in watched.nodes, "it goes", 120)
                    assert {*watched.nodes} == {HEAD}
        finally:
            assert (await asyncio.to_thread(tavola, ours, "node", "stop")).returncode == 0


async def actors(database_url: str) -> int:
    [row] = await execute(database_url, "SELECT count(*) AS living FROM room_actors")
    return int(row["living"])
