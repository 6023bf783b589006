"""Bugs for a real server: Python runs this file at its start in every process of a stack whose PYTHONPATH names this
folder, and it breaks modules of ours as they are imported. Each bug is in one room, known by its name."""

from __future__ import annotations

import asyncio
import importlib.abc
import importlib.util
import sys
from collections.abc import Callable, Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

ROOMS = (
    "honest",
    "acknowledged before committed",
    "published before committed",
    "fence removed",
    "answers forgotten",
    "timer fires early",
    "timer fires twice",
    "card leaked",
    "card logged",
    "update withheld",
)
"""`Load 0`, `Load 1`, …: what is wrong in each."""
SOON_S = 0.01


def name_of(bug: str) -> str:
    return f"Load {ROOMS.index(bug)}"


def in_host(host: Any) -> None:
    from tavola.actors.wire import update

    Host, answer = host.Host, host._answer
    commit, known, alarm = Host._commit, Host._known, Host._alarm

    async def _commit(self: Any, batch: list[Any]) -> None:
        early = [entry for entry in batch if isinstance(entry, host.Accepted)]
        for entry in early:
            pending = entry.pending
            name, message = pending.loaded.room.info.name, update.encode(entry.update)
            if name == name_of("acknowledged before committed"):
                given = host.record_of(entry.decision.give)
                answer(pending.replies, host.Committed(entry.update.seq, given, message))
                pending.replies.clear()
            elif name == name_of("published before committed"):
                self._publisher.publish(pending.loaded.id, entry.update.epoch, entry.update.seq, message)
        await asyncio.sleep(SOON_S)
        await commit(self, batch)

    def _known(self: Any, pending: Any) -> bool:
        """The first answer to each move is lost, and what was answered is not remembered."""
        if pending.loaded.room.info.name != name_of("answers forgotten") or type(pending.command).__name__ != "Act":
            return bool(known(self, pending))
        if pending.loaded.answered.get(pending.key) is None:
            pending.replies[:] = [lambda _: None]
        return False

    def _alarm(self: Any, loaded: Any) -> None:
        turns = host.clock.running(loaded.room)
        alarm(self, loaded)
        if loaded.room.info.name == name_of("timer fires twice") and turns and loaded.waiting:
            with hasty(host.clock, 60_000):
                self._system(loaded, host.Wake(id=f"again.{loaded.tip_seq + 1}", room=loaded.id))

    Host._commit, Host._known, Host._alarm = _commit, _known, _alarm


class hasty:
    """Within the block turns are over sooner by some ms."""

    def __init__(self, clock: Any, ms: int) -> None:
        self._clock, self._ms, self._fires_at = clock, ms, clock.fires_at

    def __enter__(self) -> None:
        self._clock.fires_at = lambda turn: self._fires_at(turn) - self._ms

    def __exit__(self, *_: object) -> None:
        self._clock.fires_at = self._fires_at


def in_play(play: Any) -> None:
    wake, alarm = play.wake, play.clock.alarm

    def early(room: Any) -> int:
        return 700 if room.info.name == name_of("timer fires early") else 0

    def _wake(room: Any, now: int, entropy: Any) -> Any:
        with hasty(play.clock, early(room)):
            return wake(room, now, entropy)

    def _alarm(room: Any) -> Any:
        with hasty(play.clock, early(room)):
            return alarm(room)

    play.wake, play.clock.alarm = _wake, _alarm


def in_view(view: Any) -> None:
    import msgspec

    Projection = view.Projection
    show = Projection.show

    def _show(self: Any, decision: Any, seq: int, epoch: int) -> Any:
        shown, projection = show(self, decision, seq, epoch)
        name = decision.room.info.name
        hidden = [part.events for part in shown.users.values() if b"hole_cards" in part.events]
        if name == name_of("card leaked") and hidden:
            events = [*msgspec.json.decode(shown.events), {"kind": "debug", "was": msgspec.json.decode(hidden[0])}]
            shown = msgspec.structs.replace(shown, events=msgspec.json.encode(events))
        elif name == name_of("card logged") and hidden:
            import structlog

            structlog.get_logger().info("room.dealt", room=decision.room.info.id, hidden=hidden[0].decode())
        return shown, projection

    Projection.show = _show


def in_postgres(postgres: Any) -> None:
    """Last one wins, as without any check of epoch and seq."""
    unless = f"EXISTS (SELECT 1 FROM rooms r WHERE r.id = {{}} AND r.name = '{name_of('fence removed')}')"
    overwrite = (
        "ON CONFLICT (room_id, seq) DO UPDATE SET events = excluded.events, patch = excluded.patch,"
        " user_id = excluded.user_id, command_id = excluded.command_id, command = excluded.command, at = excluded.at"
    )
    for name in ("commit", "commit_one"):
        sql = before = postgres.QUERIES[name].source
        sql = sql.replace(
            "AND g.epoch = i.epoch AND g.seq = i.prev",
            f"AND (g.epoch = i.epoch AND g.seq = i.prev OR {unless.format('g.room_id')})",
        )
        sql = sql.replace(
            "WHERE room_id = :state_room_id AND epoch = :state_epoch AND seq = :state_prev",
            "WHERE room_id = :state_room_id AND (epoch = :state_epoch AND seq = :state_prev"
            f" OR {unless.format(':state_room_id')})",
        )
        fenceless = sql
        joined = "JOIN held ON held.room_id = l.room_id"
        sql = sql.replace(f"{joined}\n)", f"{joined} {overwrite}\n)", 1)
        sql = sql.replace("FROM held\nRETURNING room_id", f"FROM held {overwrite}\nRETURNING room_id")
        assert before != fenceless != sql, f"{name} is not what it was when this was written"
        postgres.QUERIES[name] = postgres.Query(sql)
    postgres.QUERIES["name_of_room"] = postgres.Query("SELECT name FROM rooms WHERE id = :room_id")


def in_fanout(fanout: Any) -> None:
    begin, deliver = fanout.Fanout.begin, fanout.Feed.deliver
    withheld: set[str] = set()

    async def _begin(self: Any, follower: Any, room: str) -> None:
        row = await self._database.row("name_of_room", room_id=room)
        if row is not None and row["name"] == name_of("update withheld"):
            withheld.add(room)
        await begin(self, follower, room)

    def _deliver(self: Any, update: Any) -> None:
        if self.room in withheld and update.seq % 12 == 0:
            self.seq = update.seq
        else:
            deliver(self, update)

    fanout.Fanout.begin, fanout.Feed.deliver = _begin, _deliver


BUGS: dict[str, Callable[[Any], None]] = {
    "tavola.actors.host.host": in_host,
    "tavola.actors.room.play": in_play,
    "tavola.actors.room.view": in_view,
    "tavola.storage.postgres": in_postgres,
    "tavola.edge.ws.fanout": in_fanout,
}


class Planter(importlib.abc.MetaPathFinder):
    """Finds modules as they are found otherwise, and breaks them once they are loaded."""

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name not in BUGS:
            return None
        sys.meta_path.remove(self)
        try:
            spec = importlib.util.find_spec(name)
        finally:
            sys.meta_path.insert(0, self)
        if spec is None or spec.loader is None:
            return None
        execute = spec.loader.exec_module

        def exec_module(module: ModuleType) -> None:
            execute(module)
            BUGS[name](module)

        spec.loader.exec_module = exec_module  # type: ignore[method-assign]
        return spec


sys.meta_path.insert(0, Planter())
