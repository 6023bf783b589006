"""All that a machine of a cluster runs, kept: Ray, its steward and an edge, each started again when it ends, and all of
them after the machine was booted.

A shell starts each of them again. The shells have the mark by which `tavola node stop` knows them, and a stamp of
what they were started with: where nothing has changed since, nothing is started anew.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
import sysconfig
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from hashlib import sha256
from pathlib import Path

import psutil

from tavola.config.failures import Failure
from tavola.stack.processes import STACK_MARK, marked, opened_log

PROGRAM = ".venv/bin/tavola"
STAMP = "TAVOLA_KEPT"
HEADS_MEMORY = "RAY_gcs_storage_path"
AGAIN_S = {"node": 2, "steward": 1, "edge": 1}
_LOOP = 'set -a; while :; do . ./.env; "$@"; sleep {}; done'
_RAYS_SECRET = "RAY_AUTH_TOKEN"
"""Everybody on the machine may read a command, and all parts find it in `.env`."""
_NETWORK_WITHIN_S = 60.0
_HEAD_FIRST_S = 5.0
_LOCK = ".keep.lock"
_NOT_CODE = re.compile(r"^\.|^__pycache__$|\.log$|\.log\.|\.egg-info$")
"""These change while it runs."""


class NothingToKeep(Failure):
    """This is no folder of a deployment."""

    exit_code = 2


def keep(options: Sequence[str], stop: Callable[[], None]) -> None:
    """Have all of it run here, from now on and after each reboot. `options` are those of `ray start`, and `stop` ends
    what has our mark. On return shells are there that start it, and what ran before from another code or with other
    settings has ended. Raises NothingToKeep, and StillRunning."""
    here = Path.cwd()
    for needed in (".env", PROGRAM):
        if not (here / needed).exists():
            raise NothingToKeep(f"{here}: has no {needed}")
    mark = os.environ.setdefault(STACK_MARK, str(here))
    _until_there_is_a_network()
    with _alone(here):
        stamp = stamp_of(options, here, os.environ)
        if {kind for kind, of in kept(mark) if of == stamp} == {*AGAIN_S}:
            print("all of it runs already, and nothing has changed", flush=True)
        else:
            stop()
            for kind in AGAIN_S:
                _start(kind, options, stamp, here)
                if kind == "node" and "--head" in options:
                    _until_answered(_address(options))
    if not _listed(mark, _line(options, here, mark)):
        print("no crontab can be written on this machine: after a reboot nothing starts by itself", flush=True)


def forget(mark: str) -> None:
    """Nothing comes after a reboot any more."""
    _listed(mark, None)


def stamp_of(options: Sequence[str], here: Path, environment: Mapping[str, str]) -> str:
    """Of all by which a start from here would differ from another: options, settings, Ray's variables, files, and the
    packages that are installed."""
    said = sha256(repr((list(options), *_of_ray(environment).items(), sys.version)).encode())
    named = [Path(option.partition("=")[2]).expanduser() for option in options if option.startswith("--autoscaling")]
    for path in [*named, here / ".env", *_files(here)]:
        said.update(f"{path}\0".encode())
        said.update(path.read_bytes())
    said.update(repr(sorted(path.name for path in Path(sysconfig.get_path("purelib")).glob("*.dist-info"))).encode())
    return said.hexdigest()[:16]


def kept(mark: str) -> Iterator[tuple[str, str]]:
    """The parts that shells start again here, and each one's stamp."""
    for process in marked(mark):
        try:
            command, stamp = process.cmdline(), process.environ().get(STAMP)
        except psutil.Error:
            continue
        if stamp is not None and command[:2] == ["sh", "-c"] and command[3:4] == ["keep"]:
            yield command[5], stamp


def _start(kind: str, options: Sequence[str], stamp: str, here: Path) -> None:
    environment = {**os.environ, STAMP: stamp, "RAY_ADDRESS": _address(options)}
    words = [PROGRAM, kind]
    if kind == "node":
        del environment["RAY_ADDRESS"]
        words += [*options, "--block"]
        if "--head" in options:
            environment.setdefault(HEADS_MEMORY, str(here / ".tavola" / "head"))
    with opened_log(here / f"{kind}.log") as log:
        subprocess.Popen(
            ["sh", "-c", _LOOP.format(AGAIN_S[kind]), "keep", *words],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=environment,
            start_new_session=True,
        )


def _address(options: Sequence[str]) -> str:
    """Of the Ray to which this machine belongs."""
    given = dict(option.partition("=")[::2] for option in options)
    return given.get("--address") or f"localhost:{given.get('--port', '6379')}"


def _until_answered(address: str) -> None:
    """All other machines wait for the head's Ray, so it has the processor first."""
    host, _, port = address.rpartition(":")
    give_up_at = time.monotonic() + _HEAD_FIRST_S
    while time.monotonic() < give_up_at:
        with contextlib.suppress(OSError), socket.create_connection((host, int(port)), 1):
            return
        time.sleep(0.1)


def _of_ray(environment: Mapping[str, str]) -> dict[str, str]:
    return {name: environment[name] for name in sorted(environment) if name.startswith("RAY_") and name != _RAYS_SECRET}


def _files(folder: Path) -> Iterator[Path]:
    for at, folders, files in os.walk(folder):
        folders[:] = sorted(each for each in folders if not _NOT_CODE.search(each))
        yield from (Path(at, each) for each in sorted(files) if not _NOT_CODE.search(each))


@contextlib.contextmanager
def _alone(here: Path) -> Iterator[None]:
    """After a reboot the machine starts itself, and the head may start it in the same moment."""
    with open(here / _LOCK, "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _until_there_is_a_network() -> None:
    """Ray takes the address that it finds when it starts."""
    give_up_at = time.monotonic() + _NETWORK_WITHIN_S
    while all(name == "lo" or not state.isup for name, state in psutil.net_if_stats().items()):
        if time.monotonic() > give_up_at:
            return
        time.sleep(0.1)


def _line(options: Sequence[str], here: Path, mark: str) -> str:
    variables = _of_ray(os.environ) | {STACK_MARK: mark}
    words = ["env", *(f"{name}={value}" for name, value in variables.items()), PROGRAM, "node", "keep", *options]
    command = f"cd {shlex.quote(str(here))} && {shlex.join(words)} >>node.log 2>&1"
    return f"@reboot {command} {_end(mark)}".replace("%", r"\%")


def _end(mark: str) -> str:
    return f"# tavola: {mark}"


def _listed(mark: str, line: str | None) -> bool:
    """Puts a line into the user's crontab in place of the one that was there for this mark; gives whether that could be
    done: there may be no crontab, or none for this user."""
    program = shutil.which("crontab")
    if program is None:
        return False
    before = subprocess.run([program, "-l"], stdin=subprocess.DEVNULL, capture_output=True, text=True).stdout
    lines = [each for each in before.splitlines() if not each.endswith(_end(mark).replace("%", r"\%"))]
    text = "".join(f"{each}\n" for each in [*lines, *([line] if line else [])])
    return text == before or subprocess.run([program, "-"], input=text, text=True).returncode == 0
