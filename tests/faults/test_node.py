"""`tavola node` is `ray start`, except that its workers are forked."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile

import pytest

from tavola.processes import free_port

pytestmark = [pytest.mark.long, pytest.mark.timeout(300)]

LOOPBACK = {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0", "RAY_USAGE_STATS_ENABLED": "0", "RAY_AUTH_MODE": "disabled"}
"""The first, despite its name: whether Ray takes the machine's outward address for 127.0.0.1."""
AN_ACTOR = """
import os, sys
import psutil, ray

@ray.remote(num_cpus=0)
class Actor:
    def family(self):
        return " ".join(psutil.Process().parent().cmdline())

ray.init(address=sys.argv[1], log_to_driver=False, configure_logging=False)
print(ray.get(Actor.remote().family.remote(), timeout=60))
"""


def test_workers_are_forked() -> None:
    address = f"127.0.0.1:{free_port()}"
    environment = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")} | LOOPBACK
    # Not pytest's folder: the paths of Ray's sockets would be too long.
    with tempfile.TemporaryDirectory() as folder:
        options = f"--head --node-ip-address=127.0.0.1 --port={address.partition(':')[2]} --include-dashboard=false"
        node = subprocess.Popen(
            [sys.executable, "-m", "tavola", "node", *options.split(), f"--temp-dir={folder}", "--block"],
            env=environment,
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            assert node.stdout is not None
            assert any("Ray runtime started" in line for line in node.stdout)
            told = subprocess.run(
                [sys.executable, "-c", AN_ACTOR, address], env=environment, capture_output=True, text=True, timeout=120
            )
            assert "fork_server" in told.stdout, told.stderr
        finally:
            node.send_signal(signal.SIGTERM)
            node.communicate(timeout=60)
