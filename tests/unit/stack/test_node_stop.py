"""`tavola node stop` ends what has the mark, and nobody else."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress

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
