"""One bot in one seat: a client like any other, which makes the moves that its game's bot says."""

from __future__ import annotations

import asyncio
import secrets
from contextlib import suppress
from random import Random

import structlog

from tavola.client.api import RequestRefused
from tavola.client.client import Client
from tavola.client.follower import Fault
from tavola.client.frames import Hydrated, Json, UpdateReceived
from tavola.client.room import JoinedRoom
from tavola.client.view import FullView
from tavola.games.base import Entropy, Move, random_move
from tavola.games.registry import AnyGame

log = structlog.get_logger()

THINKS_S = (0.5, 1.8)
"""How long it seems to think, at least and at most: people want to see what is done."""
TRIES = 3
"""Moves that it tries in one turn; where all are refused, the turn's time runs out."""


class _Bell:
    """Rings at whatever the room tells."""

    def __init__(self) -> None:
        self.rung = asyncio.Event()

    def updated(self, update: UpdateReceived[Json, list[Json]]) -> None:
        self.rung.set()

    def hydrated(self, frame: Hydrated[Json], before: int) -> None:
        self.rung.set()

    def faulted(self, fault: Fault) -> None: ...


class BotPlayer:
    """`play` plays until it is cancelled, or the server forbids the connection. The client brings it back after any
    loss; of several edges it takes the next where one is away."""

    def __init__(
        self, game: AnyGame, kind: str, room: str, client: Client[Json, list[Json]], chance: Random | None = None
    ) -> None:
        """`kind` is the name of one of the game's bots; one that it does not know is random."""
        self._game = game
        self._kind = kind if kind in game.bots else "random"
        self._room = room
        self._client = client
        self._chance = chance or Random()
        self._bought_at = -1
        self._answered = ""
        """The offer that it answered last."""

    async def play(self) -> None:
        """Raises RequestRefused when it cannot follow the room."""
        bell = _Bell()
        async with self._client:
            room = await self._client.join(self._room, bell)
            moved: int | None = None
            while self._client.forbidden is None:
                bell.rung.clear()
                moved = await self._act(room, moved)
                await bell.rung.wait()

    async def _act(self, room: JoinedRoom[Json, list[Json]], moved: int | None) -> int | None:
        """Moves, if it is this one's turn and not the turn `moved`; gives the last turn in which it did."""
        view = room.view
        assert isinstance(view, FullView)
        if view.busted and room.seq > self._bought_at:
            await self._buy_more(room, view)
        await self._answer(room, view)
        turn = view.turn_number
        if turn is None or turn == moved or view.turn_seat != view.my_seat or not view.legal:
            return moved
        await asyncio.sleep(self._chance.uniform(*THINKS_S))
        for attempt in range(TRIES):
            if view.turn_number != turn or not view.legal:
                break
            move = self._choose(view) if attempt == 0 else random_move(view.legal, _drawn())
            try:
                await room.command("act", move=move.name, turn=turn, **move.arguments)
                break
            except RequestRefused as refused:
                if refused.code != "illegal_move":
                    break  # The turn is over, or the room stands still; another update says what now.
                log.warning("bot.refused", game=self._game.kind, bot=self._kind, move=move.name)
        return turn

    async def _answer(self, room: JoinedRoom[Json, list[Json]], view: FullView) -> None:
        """It lets a move be taken back, and plays on where a draw is offered."""
        offer = view.data.get("offer")
        if offer is None or offer["id"] == self._answered or offer["seat_index"] == view.my_seat:
            return
        if "offers" in view.data["me"] and view.my_seat not in offer["accepted"]:
            self._answered = offer["id"]
            kind = offer["offer"]
            with suppress(RequestRefused):  # It is over by now.
                await room.command(f"answer_{kind}", accept=kind == "undo", offer=offer["id"])

    def _choose(self, view: FullView) -> Move:
        """A game's mistake costs its bot no more than to play at random."""
        try:
            return self._game.bot(self._kind, view.copy().data, _drawn())
        except Exception as error:
            log.error("bot.failed", game=self._game.kind, bot=self._kind, error=type(error).__name__)
            return random_move(view.legal, _drawn())

    async def _buy_more(self, room: JoinedRoom[Json, list[Json]], view: FullView) -> None:
        """In a game with chips: as many as the table's options let one bring."""
        options = view.data["room"]["options"]
        amount = options.get("default_buy_in") or options.get("min_buy_in")
        self._bought_at = room.seq
        if amount:
            try:
                self._bought_at = (await room.command("rebuy", amount=amount)).seq
            except RequestRefused:
                return  # Not now; it asks again at the next update.


def _drawn() -> Entropy:
    return Entropy(secrets.token_bytes(32))
