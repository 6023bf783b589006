"""Postgres and Redis on a host of their own, open to its network: a program that obeys its standard input, a line each.

`python -m cluster.stores ADDRESS FOLDER` says as JSON what there is, then after each line that it is done.
"""

from __future__ import annotations

import asyncio
import json
import secrets
import sys
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import redis.asyncio

from tavola.stack.embedded_postgres import EmbeddedPostgres
from tavola.stack.embedded_redis import EmbeddedRedis


class Stores:
    def __init__(self, address: str, folder: Path) -> None:
        self._address = address
        self._postgres = EmbeddedPostgres(folder / "postgres")
        self._redis = EmbeddedRedis(folder / "redis")
        self._database_url = self._redis_url = ""

    async def start(self) -> None:
        self._database_url = await self._postgres.start()
        connection = await asyncpg.connect(self._postgres.superuser_url, ssl=False)
        for setting, value in (("listen_addresses", "'*'"), ("track_commit_timestamp", "on")):
            await connection.execute(f"ALTER SYSTEM SET {setting} = {value}")
        await connection.close()
        with (self._postgres.data / "pg_hba.conf").open("a") as rules:
            rules.write("host all all 0.0.0.0/0 scram-sha-256\n")
        await self.restart_postgres()
        await self._start_redis()

    def told(self) -> dict[str, str]:
        """All that their users must know, and the passwords that must stand in no log."""
        return {
            "DATABASE_URL": self._from_elsewhere(self._database_url),
            "REDIS_URL": self._from_elsewhere(self._redis_url),
            "TAVOLA_JWT_SECRET": secrets.token_urlsafe(32),
            "RAY_AUTH_TOKEN": secrets.token_hex(32),
            "the database's password": self._postgres.role_password,
            "its superuser's password": self._postgres.password,
            "Redis's password": self._redis.password,
        }

    async def obey(self, word: str) -> None:
        match word:
            case "restart postgres":
                await self.restart_postgres()
            case "crash postgres":
                if self._postgres.process is not None:
                    self._postgres.process.kill()
                await self.restart_postgres()
            case "restart redis":
                await self._redis.stop()
                await self._start_redis()

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

    def _from_elsewhere(self, url: str) -> str:
        parts = urlsplit(url)
        return urlunsplit(parts._replace(netloc=parts.netloc.replace("127.0.0.1", self._address)))


async def main(address: str, folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    stores = Stores(address, folder)
    try:
        await stores.start()
        print(json.dumps(stores.told()), flush=True)
        while line := await asyncio.to_thread(sys.stdin.readline):
            await stores.obey(line.strip())
            print("done", flush=True)
    finally:
        await stores.stop()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], Path(sys.argv[2])))
