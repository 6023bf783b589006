"""PgBouncer, Debian's, in transaction mode before a Postgres."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import unquote, urlsplit, urlunsplit

import asyncpg
import pytest

from kit.stack import until
from tavola.stack.processes import free_port

PROGRAM = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
needs_pgbouncer = pytest.mark.skipif(PROGRAM is None, reason="there is no pgbouncer (apt install pgbouncer)")
CONFIG = """
[databases]
* = host={host} port={port}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {listen}
unix_socket_dir =
auth_type = scram-sha-256
auth_file = {folder}/users
pool_mode = transaction
default_pool_size = {size}
max_client_conn = 500
"""


@contextmanager
def pgbouncer(url: str, size: int) -> Iterator[str]:
    """A URL that leads through it to the database at `url`; it opens `size` connections there at most."""
    assert PROGRAM is not None
    parts = urlsplit(url)
    assert parts.username
    with tempfile.TemporaryDirectory() as name:
        folder, listen = Path(name), free_port()
        folder.chmod(0o755)  # As root it runs as somebody else.
        (folder / "users").write_text(f'"{parts.username}" "{unquote(parts.password or "")}"\n')
        config = CONFIG.format(host=parts.hostname, port=parts.port, listen=listen, folder=folder, size=size)
        (folder / "pgbouncer.ini").write_text(config)
        user = ["-u", "nobody"] if os.geteuid() == 0 else []
        with subprocess.Popen([PROGRAM, *user, folder / "pgbouncer.ini"], stderr=subprocess.DEVNULL) as server:
            try:
                netloc = f"{parts.netloc.rpartition('@')[0]}@127.0.0.1:{listen}"
                yield urlunsplit(parts._replace(netloc=netloc, query="pgbouncer=true"))
            finally:
                server.terminate()


async def answering(url: str) -> None:
    """On return it lets people in."""

    async def connected() -> bool:
        try:
            await (await asyncpg.connect(url.partition("?")[0], ssl=False, timeout=5)).close()
        except OSError:
            return False
        return True

    await until(connected, "PgBouncer listens")
