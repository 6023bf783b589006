"""Postgres and Redis on a host of their own, open to its network: a program that obeys its standard input, a line each.

`python -m cluster.stores ADDRESS OWN_ADDRESS FOLDER` says as JSON what there is, then after each line that it is done.
Its users find Postgres at ADDRESS, which may move, and Redis at the host's own. With a last argument, `standby`, it has
neither to begin with: it is told the others' secrets by a first line, and then what Postgres to `follow`.

Nobody is told that something is committed before the standby has it on its disk (`synchronous_standby_names`), so
nothing is lost when the standby is promoted.
"""

from __future__ import annotations

import asyncio
import json
import secrets
import shutil
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import redis.asyncio

from tavola.config.settings import write_private
from tavola.stack.embedded_account import account_of, programs
from tavola.stack.embedded_postgres import EmbeddedPostgres
from tavola.stack.embedded_redis import EmbeddedRedis
from tavola.stack.processes import ChildProcess
from tavola.storage.postgres import AWAY

PORT = 5432
"""On both hosts, so that only the address moves."""
PASSWORD, SUPERUSERS_PASSWORD = "the database's password", "its superuser's password"
SETTINGS = {"listen_addresses": "'*'", "track_commit_timestamp": "on", "wal_retrieve_retry_interval": "'200ms'"}
"""The last is for a standby: after its primary was restarted it is back so soon, and commits wait for it."""
_STATE = "SELECT sync_state FROM pg_stat_replication WHERE state = 'streaming'"


class Replicated(EmbeddedPostgres):
    """As a primary, or as the standby of one."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_private(folder / "port", str(PORT))

    def know(self, told: dict[str, str]) -> None:
        """The passwords are those of the Postgres that it will follow."""
        write_private(self.password_file, told[SUPERUSERS_PASSWORD])
        write_private(self.folder / "role-password", told[PASSWORD])
        self.password = told[SUPERUSERS_PASSWORD]

    async def follow(self, address: str) -> None:
        """Become the standby of the primary there, whatever this was before."""
        await self.stop()
        fresh = self.folder / "data.new"
        for each in (self.data, fresh):
            shutil.rmtree(each, ignore_errors=True)
        source = urlsplit(self._superuser_url(PORT))
        url = urlunsplit(source._replace(netloc=source.netloc.replace("127.0.0.1", address)))
        program = programs(account_of(self.folder)) / "pg_basebackup"
        argv = [str(program), "-D", str(fresh), "-d", url, "-X", "stream", "-c", "fast", "-R"]
        copying = await asyncio.create_subprocess_exec(*argv, stdin=asyncio.subprocess.DEVNULL)
        if code := await copying.wait():
            raise RuntimeError(f"pg_basebackup ended with {code}")
        fresh.rename(self.data)
        await self.start()
        await self.say("ALTER SYSTEM RESET synchronous_standby_names", "SELECT pg_reload_conf()")

    async def promote(self) -> None:
        """On return it is the primary, and waits for no standby."""
        await self.say("SELECT pg_promote()")

    async def wait_for_standby(self) -> None:
        """From the return on no commit is answered that the standby has not."""
        await self.say("ALTER SYSTEM SET synchronous_standby_names = '*'", "SELECT pg_reload_conf()")
        while [row["sync_state"] for row in await self.say(_STATE)] != ["sync"]:  # noqa: ASYNC110
            await asyncio.sleep(0.1)

    async def say(self, *statements: str) -> list[Any]:
        """As its superuser; gives the rows of the last."""
        connection = await asyncpg.connect(self.superuser_url, ssl=False)
        try:
            for statement in statements:
                rows = list(await connection.fetch(statement))
            return rows
        finally:
            await connection.close()

    async def _answers(self, process: ChildProcess, port: int) -> str | None:
        if not (self.data / "standby.signal").exists():
            return await super()._answers(process, port)
        try:
            await self.say("SELECT 1")
        except AWAY:
            return None
        return self.superuser_url


class Stores:
    def __init__(self, address: str, folder: Path) -> None:
        self._address = address
        self._postgres = Replicated(folder / "postgres")
        self._redis = EmbeddedRedis(folder / "redis")
        self._database_url = self._redis_url = ""

    async def start(self, own_address: str) -> dict[str, str]:
        """Gives all that their users must know, and the passwords that must stand in no log. Redis is at its host's
        `own_address`."""
        self._database_url = await self._postgres.start()
        for setting, value in SETTINGS.items():
            await self._postgres.say(f"ALTER SYSTEM SET {setting} = {value}")
        with (self._postgres.data / "pg_hba.conf").open("a") as rules:
            rules.write("host all all 0.0.0.0/0 scram-sha-256\nhost replication all 0.0.0.0/0 scram-sha-256\n")
        await self.restart_postgres()
        await self._start_redis()
        return {
            "DATABASE_URL": _elsewhere(self._database_url, self._address),
            "REDIS_URL": _elsewhere(self._redis_url, own_address),
            "TAVOLA_JWT_SECRET": secrets.token_urlsafe(32),
            "RAY_AUTH_TOKEN": secrets.token_hex(32),
            PASSWORD: self._postgres.role_password,
            SUPERUSERS_PASSWORD: self._postgres.password,
            "Redis's password": self._redis.password,
        }

    def know(self, told: dict[str, str]) -> None:
        self._postgres.know(told)

    async def obey(self, words: str) -> None:
        match words.split():
            case ["restart", "postgres"]:
                await self.restart_postgres()
            case ["crash", "postgres"]:
                self._kill_postgres()
                await self.restart_postgres()
            case ["kill", "postgres"]:
                self._kill_postgres()
                await self._postgres.stop()
            case ["follow", address]:
                await self._postgres.follow(address)
            case ["wait", "for", "standby"]:
                await self._postgres.wait_for_standby()
            case ["promote"]:
                await self._postgres.promote()
            case ["restart", "redis"]:
                await self._redis.stop()
                await self._start_redis()
            case _:
                raise ValueError(words)

    def _kill_postgres(self) -> None:
        if self._postgres.process is not None:
            self._postgres.process.kill()

    async def restart_postgres(self) -> None:
        """Fast shutdown: who is connected is thrown out."""
        await self._postgres.stop()
        await self._postgres.start()

    async def stop(self) -> None:
        await asyncio.gather(self._postgres.stop(), self._redis.stop())

    async def _start_redis(self) -> None:
        self._redis_url = await self._redis.start()
        async with redis.asyncio.Redis.from_url(self._redis_url) as client:
            await client.config_set("bind", "0.0.0.0")


def _elsewhere(url: str, address: str) -> str:
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.replace("127.0.0.1", address)))


async def main(address: str, own_address: str, folder: Path, *standby: str) -> None:
    folder.mkdir(exist_ok=True)
    stores = Stores(address, folder)
    try:
        if standby:
            stores.know(json.loads(await asyncio.to_thread(sys.stdin.readline)))
            print("done", flush=True)
        else:
            print(json.dumps(await stores.start(own_address)), flush=True)
        while line := await asyncio.to_thread(sys.stdin.readline):
            await stores.obey(line.strip())
            print("done", flush=True)
    finally:
        await stores.stop()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], Path(sys.argv[3]), *sys.argv[4:]))
