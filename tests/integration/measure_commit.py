"""The processor's time of a commit, of this release against another one:

    python tests/integration/measure_commit.py CHECKOUT [MOVES] [GAME …]

CHECKOUT is a worktree of the other release with an environment of its own (`.venv`): f2a8251, say, whose log had four
columns of text. Each release has a process with a host (no Ray, no Redis, nothing published) and a database of its own
on one Postgres, and plays the same games there: in turn, a few hundred moves each, over and over, so that both have
the machine's moods. Told are the µs a move of each host's process and of Postgres, all its processes together: with
one move in flight, which is a commit each, and with one in each of the rooms at once. The median of the pairs'
quotients says more than the sums.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOMS = 40
PAIRS = 8
GAMES = {"tictactoe": 2, "holdem": 6}
"""Each with how many play in a room."""


# In either release: only what both have, whatever it is called


def _module(*names: str) -> Any:
    for name in names:
        try:
            return importlib.import_module(name)
        except ModuleNotFoundError:
            continue
    raise ModuleNotFoundError(" or ".join(names))


class Play:
    """Rooms of one host in which the same is played."""

    def __init__(self, hosts: Any, commands: Any, messages: Any, games: Any, table: Any) -> None:
        self._hosts, self._commands, self._games, self._table = hosts, commands, games, table
        self._attend = getattr(messages, "ReportPresence", None) or messages.Attend
        self._rooms: list[tuple[Any, Any]] = []
        self.played = self.refused = 0

    async def opens(self, database: Any, game: str) -> None:
        commands = self._commands
        self._rooms = []
        for _ in range(ROOMS):
            room = await self._hosts.open_room(database, game)
            epoch = await self._hosts.place(database, room)
            self._rooms.append((room, epoch))
            for seat in range(GAMES[game]):
                user = "host" if seat == 0 else f"u{seat}"
                if seat:
                    await self._does(epoch, user, commands.RequestJoin(id="join", room=room, display_name=user))
                await self._does(epoch, user, commands.TakeSeat(id="sit", room=room, seat_index=seat))
            here = ("host", *(f"u{seat}" for seat in range(1, GAMES[game])))
            await self._table.ask(self._attend(epoch, room, "an edge", here))
            await self._does(epoch, "host", commands.Start(id="start", room=room))

    async def _does(self, epoch: Any, user: str, command: Any) -> None:
        await self._table.does(epoch, user, command)

    async def moves(self, count: int, together: bool) -> None:
        """`count` moves, one after the other or one in each room at once."""
        if not together:
            for number in range(count):
                await self._move(*self._rooms[number % ROOMS])
            return
        for _ in range(count // ROOMS):
            await asyncio.gather(*(self._move(*room) for room in self._rooms))

    async def _move(self, room: Any, epoch: Any) -> None:
        loaded = self._table.host.rooms.get(room, epoch)
        state = loaded.room
        self.played += 1
        id, turn = f"move {self.played}", state.table.turn
        if turn is None:
            text = "between two rounds, while nobody is to act"
            self._table.time.ms += 1000
            await self._does(epoch, "host", self._commands.Chat(id=id, room=room, text=text))
            await self._table.rouse(epoch, room)
            return
        game = self._games[state.info.game]
        options = state.info.options
        [first, *others] = game.legal(state.table.game, options, turn.seat)
        chosen = next((each for each in others if each["move"] in ("call", "check")), first)
        arguments = (
            {"cell": chosen["cell"]["choices"][self.played % 7 % len(chosen["cell"]["choices"])]}
            if ("cell" in chosen)
            else {}
        )
        act = self._commands.Act(id=id, room=room, move=chosen["move"], turn=turn.number, arguments=arguments)
        answer = await self._table.deliver(epoch, state.table.seats[turn.seat].user, act)
        self.refused += "Refus" in type(answer).__name__  # A turn ran out meanwhile.


async def player(url: str) -> None:
    """Does what is said to it, a line at a time, and says what it took."""
    hosts = _module("kit.hosts")
    commands = _module("tavola.actors.wire.commands", "actors.commands")
    messages = _module("tavola.actors.wire.messages", "actors.messages")
    games = _module("tavola.games.registry", "games").GAMES
    hosts.Published.publish = lambda *_: None
    hosts.Published.publish_presence = lambda *_: None
    migrate = getattr(_module("tavola.storage.migrate", "storage.postgres"), "migrate")  # noqa: B009
    await migrate(url)
    async with hosts.connected(url) as database, hosts.hosting(database, "a", capacity=10_000) as table:
        play = Play(hosts, commands, messages, games, table)
        while line := await asyncio.to_thread(sys.stdin.readline):
            asked = json.loads(line)
            if "game" in asked:
                await database_beats(url)
                await play.opens(database, asked["game"])
            spent = time.process_time()
            await play.moves(asked.get("moves", 0), asked.get("together", False))
            print("took", time.process_time() - spent, flush=True)
            assert play.refused <= play.played // 10, "refusals are no commits"


async def database_beats(url: str) -> None:
    """The actor lives."""
    import asyncpg

    connection = await asyncpg.connect(url, ssl=False)
    await connection.execute("UPDATE room_actors SET alive_at = now() + interval '1 hour'")
    await connection.close()


# The one that compares


class Release:
    def __init__(self, name: str, checkout: Path, url: str) -> None:
        self.name = name
        environment = {**os.environ, "PYTHONPATH": f"{checkout}:{checkout / 'tests'}"}
        python = checkout / ".venv" / "bin" / "python"
        self._process = subprocess.Popen(
            [python, Path(__file__).resolve(), "--player", url],
            cwd=checkout,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    async def does(self, **asked: Any) -> float:
        """The seconds of its process."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(asked) + "\n")
        self._process.stdin.flush()
        while line := await asyncio.to_thread(self._process.stdout.readline):
            if line.startswith("took "):
                return float(line.split()[1])
        raise AssertionError(f"{self.name} ended")

    def ends(self) -> None:
        self._process.terminate()
        self._process.wait()


def postgres_s(pid: int) -> float:
    """The seconds of all of Postgres's processes that live."""
    spent = 0
    for each in (pid, *map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split())):
        spent += int(Path(f"/proc/{each}/schedstat").read_text().split()[0])
    return spent / 1e9


async def compared(releases: list[Release], postmaster: int, game: str, moves: int, *, together: bool) -> None:
    spent: dict[str, list[tuple[float, float]]] = {release.name: [] for release in releases}
    for number in range(PAIRS):
        for release in releases if number % 2 else reversed(releases):
            before = postgres_s(postmaster)
            mine = await release.does(moves=moves, together=together)
            spent[release.name].append((mine / moves * 1e6, (postgres_s(postmaster) - before) / moves * 1e6))
    print(f"{game}, {'one in each of the rooms at once' if together else 'one in flight'}:")
    for name, took in spent.items():
        host, database = (statistics.median(column) for column in zip(*took, strict=True))
        print(f"  {name:12} host {host:6.0f}, Postgres {database:6.0f}, both {host + database:6.0f} µs a move")
    one, other = (spent[release.name] for release in releases)
    for what, of in (("host", lambda t: t[0]), ("Postgres", lambda t: t[1]), ("both", sum)):
        quotients = [of(a) / of(b) for a, b in zip(one, other, strict=True)]
        low, middle, high = statistics.quantiles(quotients, n=4)
        print(f"  {what:12} {middle:.2f} of the other ({low:.2f} to {high:.2f}: half of the {PAIRS} pairs)", flush=True)


async def main(checkout: Path, moves: int, games: list[str]) -> None:
    import asyncpg

    from tavola.stack.embedded_postgres import EmbeddedPostgres

    with tempfile.TemporaryDirectory(prefix="tavola-commit-") as folder:
        server = EmbeddedPostgres(Path(folder))
        releases: list[Release] = []
        try:
            await server.start()
            connection = await asyncpg.connect(server.superuser_url, ssl=False)
            for name, where in (("this", Path(__file__).resolve().parents[2]), ("the other", checkout)):
                database = name.replace(" ", "_")
                await connection.execute(f"CREATE DATABASE {database}")
                url = f"{server.superuser_url.rpartition('/')[0]}/{database}"
                releases.append(Release(name, where, url))
            await connection.close()
            postmaster = int((server.data / "postmaster.pid").read_text().split()[0])
            for game in games:
                for release in releases:
                    await release.does(game=game, moves=moves)
                for together in (False, True):
                    await compared(releases, postmaster, game, moves, together=together)
        finally:
            for release in releases:
                release.ends()
            await server.stop()


if __name__ == "__main__":
    import uvloop

    if sys.argv[1] == "--player":
        uvloop.run(player(sys.argv[2]))
    else:
        sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
        asked = sys.argv[2:]
        uvloop.run(main(Path(sys.argv[1]).resolve(), int(asked[0]) if asked else 400, asked[1:] or list(GAMES)))
