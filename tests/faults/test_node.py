"""`tavola node` is `ray start`, except that its workers are forked, know none of our secrets, that nobody else enters
its folder, and that `tavola logs` reads what actors say there."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import psutil
import pytest

from tavola.stack.processes import free_port

pytestmark = [pytest.mark.long, pytest.mark.timeout(300)]

LOOPBACK = {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0", "RAY_USAGE_STATS_ENABLED": "0", "RAY_AUTH_TOKEN": "t" * 32}
"""The first, despite its name: whether Ray takes the machine's outward address for 127.0.0.1."""
AN_ACTOR = """
import os, sys
import psutil, ray

@ray.remote(num_cpus=0)
class Actor:
    def family(self):
        import structlog
        from tavola.config import logs

        logs.configure("room-actor-1", "json")
        structlog.get_logger().info("room.loaded", room="r_1")
        return " ".join(psutil.Process().parent().cmdline()), "TAVOLA_JWT_SECRET" in os.environ

ray.init(address=sys.argv[1], log_to_driver=False, configure_logging=False)
print(ray.get(Actor.remote().family.remote(), timeout=60))
"""


def test_workers_are_forked() -> None:
    address = f"127.0.0.1:{free_port()}"
    environment = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")} | LOOPBACK
    secret = {"TAVOLA_JWT_SECRET": "which an actor is told, not its environment"}
    # Not pytest's folder: the paths of Ray's sockets would be too long.
    with tempfile.TemporaryDirectory() as folder:
        options = f"--head --node-ip-address=127.0.0.1 --port={address.partition(':')[2]} --include-dashboard=false"
        node = subprocess.Popen(
            [sys.executable, "-m", "tavola", "node", *options.split(), "--block"],
            env={**environment, **secret, "RAY_TMPDIR": folder, "TAVOLA_LOG_FORMAT": "json"},
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            assert node.stdout is not None
            assert any("Ray runtime started" in line for line in node.stdout)
            told = subprocess.run(
                [sys.executable, "-c", AN_ACTOR, address],
                env={**environment, "RAY_AUTH_MODE": "token"},
                capture_output=True,
                text=True,
                timeout=120,
            )
            assert "fork_server" in told.stdout, told.stderr
            assert told.stdout.endswith(", False)\n")
            [private] = Path(folder).iterdir()
            assert stat.S_IMODE(private.stat().st_mode) == 0o700
            assert {"forks", "ray"} <= {path.name for path in private.iterdir()}
            logs = subprocess.run(
                [sys.executable, "-m", "tavola", "logs", "--data-dir", f"{folder}/none", "--room", "r_1", "--json"],
                env={**environment, "RAY_TMPDIR": folder},
                capture_output=True,
                text=True,
            )
            events = [json.loads(line) for line in logs.stdout.splitlines()]
            assert ("room-actor-1", "room.loaded") in [(event["part"], event["event"]) for event in events], logs.stderr
            # The node's own output has them too, as one stream.
            streamed = (json.loads(line) for line in node.stdout if line.startswith("{"))
            told_here = next(event for event in streamed if event["event"] == "room.loaded")
            assert (told_here["part"], told_here["level"], told_here["room"]) == ("room-actor-1", "info", "r_1")
            [teller] = [each for each in psutil.Process(node.pid).children() if "telling" in " ".join(each.cmdline())]
        finally:
            node.send_signal(signal.SIGTERM)
            node.communicate(timeout=60)
        _, staying = psutil.wait_procs([teller], timeout=60)
        assert not staying, "it ends with the node"


def test_a_folder_that_ray_would_open_is_refused(tmp_path: Path) -> None:
    refused = subprocess.run(
        [sys.executable, "-m", "tavola", "node", "--head", f"--temp-dir={tmp_path}"], capture_output=True, text=True
    )
    assert refused.returncode == 2
    assert refused.stderr.startswith("tavola: --temp-dir: ")
