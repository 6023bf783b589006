"""The task of a run."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import msgspec

from tavola.client.frames import Json

AT_ONCE: dict[str, Json] = {
    "holdem": {"next_hand_seconds": 0},
    "tictactoe": {"rematch_seconds": 0},
    "auction": {"pause_seconds": 0},
    "chess": {"rematch_seconds": 0},
    "hearts": {"pause_seconds": 0},
}
"""Options that leave out a game's pauses, for tables that are there to be measured."""


class Scenario(msgspec.Struct, frozen=True, kw_only=True):
    """`think_s` is the shortest and the longest time a bot thinks. At each of `tables` tables `bots` sit,
    or watch when there are more of them than seats, and `spectators` watch.

    The run ends after `hands` hands at every table or after `seconds`, whichever is given, counted from when all
    tables are up. `ramp_s` spreads the opening of the tables, `opened_at_once` are under way at a time. Bots are spread
    over `urls`. At the end every command must find its answer within `answers_within_s`.

    Without `rate` arrival is closed: whoever has the turn thinks, then acts, and a slow server is asked for less. With
    it arrival is open: each table has so many actions a second due, at random moments that do not wait for the server,
    and latency counts from then. `churn` is what else the players do, as `load.bots.churn.parse` gives it.
    `options` are the game's; with several `games`, each one's by its name.
    Tables are numbered from `first` on.

    At the end the bots leave their rooms, unless it is `abandoned`: a server that is stopped afterwards needs nobody to
    leave, and ten thousand who leave at once take it a while.

    The bots of checked tables write down what they see and do in the folder `record`, if it is given.
    """

    urls: tuple[str, ...]
    tables: int = 1
    first: int = 0
    bots: int = 6
    spectators: int = 0
    games: tuple[str, ...] = ("holdem",)
    options: Json = {}
    think_s: tuple[float, float] = (0.0, 0.0)
    rate: float | None = None
    churn: dict[str, float] = {}
    hands: int | None = None
    seconds: float | None = None
    ramp_s: float = 0.0
    opened_at_once: int = 16
    answers_within_s: float = 20.0
    seed: int = 0
    record: Path | None = None
    check: Literal["full", "sample"] = "full"
    sample: int = 10
    """Of a sample, one table in so many is checked."""
    abandoned: bool = False
    kill_edge: bool = False
    """In the middle the last of `urls`, an edge of the stack on `data_dir`, is killed."""
    drain_edge: bool = False
    """In the middle that one is asked to end; all sockets are its own until then."""
    data_dir: Path | None = None

    @property
    def sockets(self) -> int:
        return self.tables * (self.bots + self.spectators)

    def urls_of(self, socket: int) -> list[str]:
        """The addresses in the order in which a socket tries them."""
        *others, last = self.urls
        if not self.drain_edge:
            first = socket % len(self.urls)
            return [*self.urls[first:], *self.urls[:first]]
        first = socket % len(others)
        return [last, *others[first:], *others[:first]]

    def checked(self, table: int) -> bool:
        """Whether the bots of a table check everything that they see: all of them, or those of a sample."""
        return self.check == "full" or table % self.sample == 0

    def game(self, table: int) -> str:
        """They take turns."""
        return self.games[table % len(self.games)]

    def room(self, table: int) -> Json:
        """The body of `POST /api/rooms`."""
        game = self.game(table)
        chosen = self.options if len(set(self.games)) == 1 else self.options.get(game, {})
        return {
            "game": game,
            "name": f"Load {table}",
            "options": {**AT_ONCE.get(game, {}), **chosen},
            "visibility": "private",
            "approval": "auto",
        }


def think(text: str) -> tuple[float, float]:
    """`250` or `100-400` (milliseconds) as seconds. Raises ValueError."""
    least, dash, most = text.partition("-")
    low = float(least) / 1000
    high = float(most) / 1000 if dash else low
    if not 0 <= low <= high:
        raise ValueError("give milliseconds, or the least and the most of them: 250, 100-400")
    return low, high
