"""`tavola node stop` ends what has the mark, and nobody else."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress

import pytest

from tavola.stack.processes import STACK_MARK

STOP = [sys.executable, "-m", "tavola", "node", "stop"]
UNMARKED = {name: value for name, value in os.environ.items() if name != STACK_MARK}


@contextmanager
def sleeper(environment: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """A shell that starts its child again whenever that ends, as cluster.yaml has edges started."""
    # It says so once it and its child are there.
    loop = "while :; do echo; sleep 600; done"
    with subprocess.Popen(["sh", "-c", loop], env=environment, stdout=subprocess.PIPE, start_new_session=True) as shell:
        try:
            assert shell.stdout is not None
            shell.stdout.readline()
            yield shell
        finally:
            with suppress(ProcessLookupError):
                os.killpg(shell.pid, signal.SIGKILL)


def test_only_what_has_the_mark_ends() -> None:
    mine = f"/test/{os.getpid()}"
    with ExitStack() as all_of_them:
        marked, other, none = (
            all_of_them.enter_context(sleeper(environment))
            for environment in ({**UNMARKED, STACK_MARK: mine}, {**UNMARKED, STACK_MARK: f"{mine}/2"}, UNMARKED)
        )
        subprocess.run(STOP, env={**UNMARKED, STACK_MARK: mine}, check=True)
        assert marked.wait(10) == -signal.SIGTERM
        assert other.poll() is None
        assert none.poll() is None


def test_without_a_mark_it_ends_nobody() -> None:
    refused = subprocess.run(STOP, env=UNMARKED, capture_output=True, text=True)
    assert refused.returncode == 2
    assert refused.stderr.startswith("tavola: TAVOLA_STACK: ")


WORKER = """
import os, signal, sys, time

import psutil

def told(*_):
    time.sleep(0.5)
    runs = psutil.Process(int(sys.argv[1])).status() != psutil.STATUS_ZOMBIE
    print("drained" if runs else "too late", flush=True)
    os._exit(0)

signal.signal(signal.SIGTERM, told)
print(flush=True)
time.sleep(600)
"""


@pytest.mark.parametrize("head_is_there", [True, False])
def test_what_a_worker_needs_runs_until_it_is_drained(head_is_there: bool) -> None:
    marked = {**UNMARKED, STACK_MARK: f"/test/{os.getpid()}/worker"}
    fork_server = [sys.executable, "-c", "import time; time.sleep(600)"]
    with socket.create_server(("127.0.0.1", 0)) as head, subprocess.Popen(fork_server, env=marked) as needed:
        address = f"--address=127.0.0.1:{head.getsockname()[1]}"
        if not head_is_there:
            head.close()
        worker = [sys.executable, "-c", WORKER, str(needed.pid), "node", address]
        with subprocess.Popen(worker, env=marked, stdout=subprocess.PIPE, text=True) as node:
            try:
                assert node.stdout is not None
                assert node.stdout.readline() == "\n"
                subprocess.run(STOP, env=marked, check=True)
                assert needed.wait(10) == -signal.SIGTERM
                assert (node.stdout.read() == "drained\n") == head_is_there
            finally:
                for each in (node, needed):
                    each.kill()
