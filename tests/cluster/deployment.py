"""A deployment on the lab's hosts, as docs/howto/cluster.md has it: cluster.yaml filled in, `ray up`, edges to play at.

Somebody sits at the host `desk`, with a checkout. `stores` has Postgres and Redis. `head` and the workers have what
`ray up` brings them, and no way to a package index: pip there is given a folder of wheels.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import yaml  # type: ignore[import-untyped]

from cluster.lab import NETWORK, ROOT, USER, USER_ID, Host, Lab
from kit.stack import NO_LIMITS
from tavola.storage.postgres import QUERIES

WORKERS = ("one", "two")
MACHINES = ("head", *WORKERS)
DATABASE = f"{NETWORK}.100"
"""The address of the deployment's Postgres, on whichever host."""
PREPARED = Path.home() / ".cache" / "tavola-lab"
"""Fetched and installed by pip, once for each set of packages: outside of the checkout."""
SETTINGS = {**NO_LIMITS, "RAY_AUTH_MODE": "token", "TAVOLA_HOST": "0.0.0.0", "TAVOLA_CONNECTIONS_PER_ADDRESS": "0"}
NAMES = ("DATABASE_URL", "REDIS_URL", "TAVOLA_JWT_SECRET", "RAY_AUTH_TOKEN")
"""Of what the stores tell, what belongs into `.env`."""
PIP = "[global]\nno-index = true\nfind-links = /srv/wheels\n"
ONE_MACHINE_MORE_S = 120.0


class Deployment:
    """One cluster. `installed`: the machines find the packages installed, in a folder that all of them read."""

    def __init__(self, lab: Lab, told: dict[str, str], *, installed: bool, **settings: str) -> None:
        self.lab = lab
        self.secrets = {name: value for name, value in told.items() if name not in ("DATABASE_URL", "REDIS_URL")}
        self.database_url, self.redis_url = told["DATABASE_URL"], told["REDIS_URL"]
        self.urls = {name: f"http://{lab[name].address}:8000" for name in MACHINES}
        self._desk = lab["desk"]
        self._settings = {**{name: told[name] for name in NAMES}, **SETTINGS}
        self.change_settings(**settings)
        self.config = self._filled_in(installed)
        self._write("cluster.yaml", yaml.safe_dump(self.config, sort_keys=False))
        for machine in self.machines():
            pip = machine.home / ".config" / "pip" / "pip.conf"
            pip.parent.mkdir(parents=True, exist_ok=True)
            pip.write_text(PIP)

    def change_settings(self, **settings: str) -> None:
        """At the desk; the next `ray up` brings them out."""
        self._settings |= settings
        self._write("tavola-cluster.env", "".join(f"{name}='{value}'\n" for name, value in self._settings.items()))

    def machines(self) -> list[Host]:
        return [self.lab[name] for name in MACHINES]

    def up(self) -> str:
        """As a person types it; gives what they are told. On return all edges are ready, and all stewards."""
        told = self._desk.ssh(f"cd {ROOT} && .venv/bin/ray up --yes ~/cluster.yaml", within_s=600)
        for name in MACHINES:
            self.until_ready(name)
        until(lambda: self.nodes() == {*MACHINES}, "the steward of each machine", ONE_MACHINE_MORE_S)
        return told

    def nodes(self) -> set[str]:
        """The machines that start room actors now."""
        with self._desk.network():
            addresses = asyncio.run(_beating(self.database_url))
        return {name for name in MACHINES if self.lab[name].address in addresses}

    def until_ready(self, name: str, within_s: float = ONE_MACHINE_MORE_S) -> float:
        """Waits for an edge; how long that was."""
        began = time.monotonic()
        until(lambda: self.ready(name), f"the edge of {name}", within_s, lambda: self.said(name))
        return time.monotonic() - began

    def ready(self, name: str) -> bool:
        with self._desk.network(), contextlib.suppress(httpx.HTTPError):
            return httpx.get(f"{self.urls[name]}/readyz", timeout=2.0).status_code == 200
        return False

    def exec(self, command: str, within_s: float = 60.0) -> str:
        """`ray exec`, as the page has it."""
        return self._desk.ssh(f"cd {ROOT} && .venv/bin/ray exec ~/cluster.yaml '{command}'", within_s=within_s)

    def logs(self) -> list[tuple[str, bytes]]:
        """All that its processes have written down on their machines, also before a loss of power."""
        found = []
        for machine in self.machines():
            files = [*(machine.home / "tavola").glob("*.log")]
            for tmp in machine.tmp():
                for sessions in tmp.glob("tavola-*/ray"):
                    files += [*(sessions / "session_latest").parent.glob("session_2*/logs/worker-*")]
            found += [(f"{machine.name}/{path.name}", path.read_bytes()) for path in sorted(files) if path.is_file()]
        return found

    def said(self, name: str) -> str:
        """The end of each of a machine's logs."""
        texts = [f"== {path}\n{text.decode(errors='replace')[-1500:]}" for path, text in self.logs()]
        return "\n".join(each for each in texts if each.startswith(f"== {name}/"))

    def _filled_in(self, installed: bool) -> dict[str, Any]:
        config: dict[str, Any] = yaml.safe_load((ROOT / "cluster.yaml").read_text())
        config["provider"] |= {
            "head_ip": self.lab["head"].address,
            "worker_ips": [self.lab[name].address for name in WORKERS],
        }
        assert config["auth"] == {"ssh_user": USER, "ssh_private_key": "~/.ssh/id_ed25519"}
        if installed:
            config["setup_commands"] = ["ln -sfn /srv/venv ~/tavola/.venv"]
        return config

    def _write(self, name: str, text: str) -> None:
        """Into the home of who sits at the desk, for nobody else to read."""
        path = self._desk.home / name
        path.write_text(text)
        path.chmod(0o600)
        owner = self._desk.home.stat()
        os.chown(path, owner.st_uid, owner.st_gid)


class StoresHost:
    """The host with Postgres and Redis, or with a standby of that Postgres, and who turns them off and on there."""

    def __init__(self, host: Host, address: str | None = None, *, follows: dict[str, str] | None = None) -> None:
        """Postgres is found at `address`, or at the host's own. A standby is told what is told of the Postgres that it
        `follows`."""
        self.host = host
        words = f"{address or host.address} {host.address} ~/stores{' standby' if follows else ''}"
        self._program = host.start(f"cd {ROOT}/tests && ../.venv/bin/python -m cluster.stores {words}")
        self.told: dict[str, str] = follows or json.loads(self._heard())
        if follows:
            self.do(json.dumps(follows))

    def do(self, word: str) -> None:
        """`restart postgres`, `restart redis`: what `Stores.obey` knows. On return it has been done."""
        assert self._program.stdin is not None
        self._program.stdin.write(f"{word}\n")
        if (heard := self._heard()) != "done\n":
            raise RuntimeError(f"the stores: {heard}")

    def stop(self) -> None:
        assert self._program.stdin is not None
        self._program.stdin.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._program.wait(10)
        self._program.kill()
        self._program.wait()
        assert self._program.stdout is not None
        self._program.stdout.close()

    def _heard(self) -> str:
        assert self._program.stdout is not None
        heard = self._program.stdout.readline()
        if not heard.startswith(("{", "done")):
            raise RuntimeError(f"the stores: {heard}{self._program.stdout.read()}")
        return heard


class DeploymentStores:
    """The stores of a deployment. Postgres has an address that moves to the standby's host with its promotion, as where
    one takes it over by VRRP or from a cloud: whoever has a connection to the lost one hears nothing but refusals."""

    def __init__(self, lab: Lab) -> None:
        self._lab = lab
        lab.give(DATABASE, "stores")
        self._redis = self._primary = StoresHost(lab["stores"], DATABASE)
        self._standby: StoresHost | None = None
        self.told = self._primary.told

    def do(self, word: str) -> None:
        """As `StoresHost.do`."""
        (self._redis if "redis" in word else self._primary).do(word)

    def have_standby(self) -> None:
        """On return no commit is answered that the standby has not on its disk."""
        if self._standby is None:
            self._standby = StoresHost(self._lab["standby"], DATABASE, follows=self.told)
        self._standby.do(f"follow {self._primary.host.address}")
        self._primary.do("wait for standby")

    def promote(self, away_s: float) -> None:
        """The primary is killed, and after so long its standby takes its place. On return it is there, alone."""
        assert self._standby is not None
        self._primary.do("kill postgres")
        time.sleep(away_s)
        self._standby.do("promote")
        self._lab.give(DATABASE, self._standby.host.name)
        self._primary, self._standby = self._standby, self._primary

    def stop(self) -> None:
        for each in {self._redis, self._primary, *([self._standby] if self._standby is not None else [])}:
            each.stop()


@contextlib.contextmanager
def deployed(
    *, installed: bool = True, standby: bool = False, **settings: str
) -> Iterator[tuple[Deployment, DeploymentStores]]:
    """A cluster that is up, with more settings if need be, and with a `standby` of its Postgres."""
    developers = ("stores", *(["standby"] if standby else []), "desk")
    with Lab(*MACHINES, developers=developers, srv=prepared(installed=installed)) as lab:
        stores = DeploymentStores(lab)
        try:
            if standby:
                stores.have_standby()
            deployment = Deployment(lab, stores.told, installed=installed, **settings)
            deployment.up()
            yield deployment, stores
        finally:
            stores.stop()


def prepared(*, installed: bool) -> Path:
    """The folder for `/srv`: wheels and, if it is to be `installed`, what the machines' own pip made of them."""
    asked = b"".join((ROOT / name).read_bytes() for name in ("pyproject.toml", "constraints.txt"))
    folder = PREPARED / hashlib.sha256(asked + sys.version.encode()).hexdigest()[:16]
    wheels = folder / "wheels"
    if not wheels.exists():
        folder.mkdir(parents=True, exist_ok=True)
        fresh = Path(tempfile.mkdtemp(dir=folder))
        argv = [sys.executable, "-m", "pip", "download", "-q", "-d", str(fresh), "-c", "constraints.txt"]
        subprocess.run([*argv, "setuptools>=77", "wheel", "."], cwd=ROOT, check=True)
        fresh.chmod(0o755)
        fresh.rename(wheels)
    if installed and not (folder / "venv").exists():
        with Lab("mason", srv=folder) as lab:
            _install(lab["mason"], folder / "venv")
    return folder


def _install(mason: Host, place: Path) -> None:
    """By cluster.yaml's own commands, on a machine like those that will read it."""
    config: dict[str, Any] = yaml.safe_load((ROOT / "cluster.yaml").read_text())
    for there, here in config["file_mounts"].items():
        source, target = ROOT / here, mason.home / there.removeprefix("~/")
        target.parent.mkdir(exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, symlinks=True, ignore=shutil.ignore_patterns(*config["rsync_exclude"]))
        elif source.exists():
            shutil.copy(source, target)
    (mason.home / ".config" / "pip").mkdir(parents=True)
    (mason.home / ".config" / "pip" / "pip.conf").write_text(PIP)
    subprocess.run(["chown", "-R", str(USER_ID), mason.home], check=True)
    for command in config["setup_commands"]:
        mason.ssh(command, within_s=600)
    fresh = Path(tempfile.mkdtemp(dir=place.parent))
    shutil.copytree(mason.home / "tavola" / ".venv", fresh / "venv", symlinks=True)
    (fresh / "venv").rename(place)
    fresh.rmdir()


async def _beating(url: str) -> set[str]:
    connection = await asyncpg.connect(url, ssl=False, timeout=10)
    try:
        return {row["address"] for row in await connection.fetch(QUERIES["beating_nodes"].text)}
    finally:
        await connection.close(timeout=2)


def until(holds: Callable[[], bool], what: str, within_s: float, said: Callable[[], str] = str) -> None:
    give_up_at = time.monotonic() + within_s
    while not holds():
        if time.monotonic() > give_up_at:
            raise TimeoutError(f"{what}: not within {within_s:.0f} s\n{said()}")
        time.sleep(0.1)
