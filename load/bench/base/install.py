"""Packages of the peers, from npm and PyPI by name and version, into a cache of our own: never into .venv."""

from __future__ import annotations

import asyncio
import shutil
import sys
from asyncio.subprocess import DEVNULL, PIPE, STDOUT
from collections.abc import Callable, Sequence
from hashlib import sha256
from pathlib import Path

import msgspec

from tavola.config.failures import Failure

PEERS = Path(__file__).resolve().parent.parent / "peers"
ROOT = PEERS.parents[2]
NODE, PYTHON = PEERS / "node", PEERS / "python"
NODE_AT_LEAST = 20


class CannotInstall(Failure):
    """`what` is missing or could not be installed; the message says why, and what to do."""


class Cache(msgspec.Struct, frozen=True):
    """Where the packages are; `folder` is absolute. `node_program` is the interpreter."""

    folder: Path
    node_program: str

    @property
    def node(self) -> Path:
        """Our own JavaScript, beside `node_modules`."""
        return self.folder / "node"

    @property
    def python(self) -> Path:
        return self.folder / "venv" / "bin" / "python"


async def installed(folder: Path, *, python: bool, say: Callable[[str], None]) -> Cache:
    """Installs what is not there yet, the peer in Python only when it is needed. Raises CannotInstall."""
    cache = Cache(folder, await _interpreter(folder / "interpreter", say))
    await _demand_node(cache.node_program)
    if await _packages(NODE / "package.json", cache.node):
        say("installed the peers from npm")
    for part in ("client", "server"):
        shutil.rmtree(cache.node / part, ignore_errors=True)
        shutil.copytree(NODE / part, cache.node / part)
    if python:
        await _environment(cache, say)
    return cache


async def _interpreter(folder: Path, say: Callable[[str], None]) -> str:
    """The Node that npm has as a package; where it cannot be installed, the one in PATH."""
    try:
        if await _packages(NODE / "interpreter" / "package.json", folder):
            say("installed Node from npm")
        program = folder / "node_modules" / ".bin" / "node"
        await _do([program, "--version"], ROOT)
        return str(program.resolve())
    except (CannotInstall, OSError) as error:
        found = _program("node")
        say(f"using {found}: Node does not come from npm here ({str(error).splitlines()[0]})")
        return found


async def _packages(manifest: Path, folder: Path) -> bool:
    """Whether anything had to be done to install it there."""
    wanted, stamp = _laid_out(manifest, folder), folder / "installed"
    if _is(stamp, wanted):
        return False
    await _do([_program("npm"), "install", "--no-package-lock", "--no-audit", "--no-fund", "--loglevel=error"], folder)
    stamp.write_text(_digest(wanted))
    return True


def _laid_out(manifest: Path, folder: Path) -> bytes:
    """The manifest, which is in the folder now."""
    wanted = manifest.read_bytes()
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "package.json").write_bytes(wanted)
    return wanted


async def _environment(cache: Cache, say: Callable[[str], None]) -> None:
    requirements, constraints = PYTHON / "requirements.txt", ROOT / "constraints.txt"
    wanted = requirements.read_bytes() + constraints.read_bytes()
    venv = cache.python.parent.parent
    stamp = venv / "installed"
    if _is(stamp, wanted):
        return
    say("installing the peer in Python …")
    await _do([sys.executable, "-m", "venv", "--clear", venv], cache.folder)
    pip: list[str | Path] = [cache.python, "-m", "pip", "install", "-q", "--disable-pip-version-check"]
    await _do([*pip, "-c", constraints, "-r", requirements], cache.folder)
    stamp.write_text(_digest(wanted))


async def _demand_node(program: str) -> None:
    version = (await _do([program, "--version"], ROOT)).strip()
    if int(version.lstrip("v").partition(".")[0]) < NODE_AT_LEAST:
        raise CannotInstall(f"the players need Node {NODE_AT_LEAST} or later; {program} is {version}")


def _program(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        raise CannotInstall(f"{name} is not in PATH: the players, and two of the peers, need Node and npm")
    return found


async def _do(argv: Sequence[str | Path], cwd: Path) -> str:
    """The program's output. Raises CannotInstall when it failed."""
    process = await asyncio.create_subprocess_exec(*map(str, argv), cwd=cwd, stdin=DEVNULL, stdout=PIPE, stderr=STDOUT)
    try:
        out, _ = await process.communicate()
    except asyncio.CancelledError:
        process.terminate()
        await process.wait()
        raise
    text = out.decode(errors="replace")
    if process.returncode != 0:
        raise CannotInstall(f"{' '.join(map(str, argv))}: exit code {process.returncode}\n{text[-2000:]}".rstrip())
    return text


def _digest(data: bytes) -> str:
    return sha256(data).hexdigest()


def _is(stamp: Path, wanted: bytes) -> bool:
    return stamp.exists() and stamp.read_text() == _digest(wanted)
