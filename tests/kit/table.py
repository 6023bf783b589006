"""A table in a running stack: seated players, somebody who watches, and what must hold of all that they saw."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any

import msgspec

from kit.client import Api, Json, Player, reachable
from kit.stack import Owner, Stack, Truth, until
from tavola.actors.past import replay
from tavola.actors.room import codec

CARD = re.compile(r'"((?:[2-9TJQKA][cdhs])+)"')
BUY_IN = 1000
HOLDEM = {
    "turn_seconds": 120,
    "timebank_seconds": 0,
    "timebank_refill_seconds": 0,
    "auto_start": False,
    "next_hand_seconds": 600,
    "default_buy_in": BUY_IN,
}
"""One hand, begun by the host, and time enough for a slow machine."""
HOLD_COMMITS = "LOCK TABLE commands IN SHARE MODE"
"""While a transaction of the test's holds this, commits wait in Postgres, before they have begun."""


class Table:
    def __init__(self, stack: Stack, truth: Truth, room: str, players: list[Player], watchers: list[Player]) -> None:
        """`players` in the order of their seats."""
        self.stack, self.truth, self.room = stack, truth, room
        self.players, self.watchers = players, watchers
        self.acked: list[Json] = []
        """Each ack with the user whose command it answers."""

    @property
    def everybody(self) -> list[Player]:
        return [*self.players, *self.watchers]

    @property
    def host(self) -> Player:
        return self.players[0]

    async def owner(self) -> Owner:
        return await self.truth.owner(self.room)

    # Play

    def to_act(self) -> Player | None:
        """The player whose turn it is, as they know themselves."""
        newest = max(player.seq for player in self.players)
        return next((p for p in self.players if p.seq == newest and p.to_act()), None)

    async def next_to_act(self) -> Player:
        player: Player = await until(self.to_act, "somebody's turn")
        return player

    async def move(self) -> Json:
        """One passive move; everybody has seen it on return."""
        player = await self.next_to_act()
        ack = await player.command("act", **player.passive())
        self.note(player, ack)
        await self.all_at(ack["seq"])
        return ack

    def note(self, player: Player, ack: Json) -> None:
        assert ack["type"] == "ack", ack
        self.acked.append({**ack, "user": player.who.user})

    async def all_at(self, seq: int) -> None:
        for each in self.everybody:
            await each.until(lambda each=each: each.seq >= seq, f"number {seq}")  # type: ignore[misc]

    async def play_to_the_end(self) -> None:
        """Until the hand is complete."""
        while not any(event["kind"] == "hand_complete" for event in self.host.events):
            await self.move()
        assert {event["kind"] for event in self.host.events} >= {"hand_started", "pot_distributed"}

    # Checks

    async def check(self) -> None:
        """Everything that no fault may break: numbers, log, chips, cards, and that the log gives the state."""
        owner = await self.owner()
        await self.all_at(owner.seq)
        self.check_numbers()
        await self.check_log()
        self.check_chips()
        self.check_cards()
        await self.check_replay()

    def check_numbers(self) -> None:
        """Each saw each number once, in order, after one full view; who may see the same saw the same."""
        for each in self.everybody:
            assert each.faults == [], each.who.name
            assert each.hydrations == 1, each.who.name
            assert each.numbers == list(range(each.numbers[0], each.seq + 1)), each.who.name
        for one in self.everybody:
            for other in self.everybody:
                if one.who.user == other.who.user:
                    both = one.updates.keys() & other.updates.keys()
                    assert all(one.updates[seq] == other.updates[seq] for seq in both), one.who.name

    async def check_log(self) -> list[Any]:
        """The log has every number once and every command once, at the number that was acknowledged; and what anybody
        was told is what it says."""
        rows = await self.truth.rows("SELECT * FROM actions WHERE room_id = $1 ORDER BY seq", self.room)
        seq = await self.truth.value("SELECT seq FROM game_states WHERE room_id = $1", self.room)
        assert [row["seq"] for row in rows] == list(range(1, seq + 1))
        epochs = [row["epoch"] for row in rows]
        assert epochs == sorted(epochs)
        commands = Counter((row["user_id"], row["command_id"]) for row in rows if row["user_id"])
        assert set(commands.values()) <= {1}
        at = {(row["user_id"], row["command_id"]): row["seq"] for row in rows}
        for ack in self.acked:
            assert at[ack["user"], ack["id"]] == ack["seq"], ack
        for each in self.everybody:
            for seq, told in each.told.items():
                row = rows[seq - 1]
                assert told["at"] == row["at"], (each.who.name, seq)
                logged = [event["kind"] for event in json.loads(row["events"])]
                if each in self.watchers:
                    assert [event["kind"] for event in told["events"]] == logged, seq
        return rows

    def check_chips(self) -> None:
        for player in self.players:
            view = player.view
            pots = view["game"]["hand"]["pots"]
            there = sum(s["chips"] + s["bet"] for s in view["seats"].values()) + sum(p["amount"] for p in pots)
            assert there == BUY_IN * len(view["seats"])

    def check_cards(self) -> None:
        """Over all frames of all: nobody was shown another's hole cards before everybody was."""
        hands = {player.who.user: set(player.cards) for player in self.players}
        assert sum(map(len, hands.values())) == 2 * len(self.players)
        judged = 0
        for each in self.everybody:
            hidden = set().union(*(cards for user, cards in hands.items() if user != each.who.user))
            for text in each.frames:
                hidden -= _shown(json.loads(text))
                seen = {card for word in CARD.findall(text) for card in re.findall("..", word)}
                assert not seen & hidden, f"{each.who.name} saw {seen & hidden} in {text}"
                judged += 1
        assert judged > len(self.everybody)

    async def check_replay(self) -> None:
        """The log, replayed from the room's first checkpoint, gives the stored state."""
        start = await self.truth.rows("SELECT seq, state FROM kept_states WHERE room_id = $1 ORDER BY seq", self.room)
        [stored] = await self.truth.rows("SELECT seq, state FROM game_states WHERE room_id = $1", self.room)
        rows = await self.truth.rows(  # Up to that state: the room may go on between the two queries.
            "SELECT * FROM history WHERE room_id = $1 AND seq > $2 AND seq <= $3 ORDER BY seq",
            self.room,
            start[0]["seq"],
            stored["seq"],
        )
        assert start[0]["seq"] + len(rows) == stored["seq"]
        again = replay.replay(codec.restore(start[0]["state"]), rows)
        assert not isinstance(again, replay.Difference), again
        assert msgspec.json.decode(msgspec.json.encode(again.table)) == json.loads(stored["state"])


def _shown(value: Any) -> set[str]:
    """The cards that a frame shows to everybody."""
    match value:
        case {"kind": "cards_shown", "hole_cards": [*cards]}:
            return set(cards)
        case dict():
            return set().union(*map(_shown, value.values()))
        case list():
            return set().union(*map(_shown, value))
        case _:
            return set()


async def open_room(api: Api, host: Any, game: str = "holdem", approval: str = "auto", **options: Any) -> str:
    options = {**HOLDEM, **options} if game == "holdem" else options
    body = {"game": game, "options": options, "approval": approval}
    return str((await api.ok("POST", "/api/rooms", host, body))["id"])


async def _any_edge(stack: Stack) -> str:
    for url in stack.urls:
        if await reachable(url):
            return url
    return ""


@asynccontextmanager
async def table(
    stack: Stack,
    *,
    seats: int = 3,
    edges: Iterable[int] = (0,),
    start: bool = True,
    kind: type[Player] = Player,
    door: str | None = None,
    **options: Any,
) -> AsyncIterator[Table]:
    """A hand of hold'em under way. Players (of that `kind`) take turns in being at one of `edges`; on each edge is one
    watcher, the same user everywhere. With a `door`, a proxy's address, all come by that. Afterwards everybody leaves,
    so that nothing goes on at the table."""
    places = [door] if door is not None else [stack.urls[edge] for edge in edges]
    async with stack.truth() as truth, Api(places[0], kind.tls) as api:
        who = [await api.sign_in(name) for name in ("Ada", "Ben", "Cleo", "Dan", "Eve", "Fay")[:seats]]
        eye = await api.sign_in("Eye")
        room = await open_room(api, who[0], **options)
        for each in (*who[1:], eye):
            await api.ok("POST", f"/api/rooms/{room}/join", each, {"display_name": each.name})
        players = [kind(each, room) for each in who]
        watchers = [kind(eye, room) for _ in places]
        made = Table(stack, truth, room, players, watchers)
        try:
            for index, player in enumerate(players):
                await player.follow(places[index % len(places)])
                made.note(player, await player.command("take_seat", seat_index=index))
            await api.ok("POST", f"/api/rooms/{room}/spectate", eye)
            for watcher, url in zip(watchers, places, strict=True):
                await watcher.follow(url)
            if start:
                ack = await players[0].command("start")
                made.note(players[0], ack)
                await made.all_at(ack["seq"])
            yield made
        finally:
            for player in made.everybody:
                await player.leave()
            async with Api(await until(lambda: _any_edge(stack), "an edge")) as last:
                for each in who:
                    await last.request("POST", f"/api/rooms/{room}/leave", each)
