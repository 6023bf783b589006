"""Where the users of one room are, and until when that counts. Pure arithmetic on milliseconds.

Known are: the edges on which somebody has a socket; a request that they made, which counts for a while; and the time
for which they are believed to be there although nobody has said so yet.
"""

from __future__ import annotations

from collections.abc import Container
from typing import Literal

from tavola.actors.wire.commands import UserId

Status = Literal["active", "away", "disconnected"]

UNTIL_GONE = 2**62
"""Of a socket: it counts until it is closed."""
BY_REQUEST = "a request"
UNANNOUNCED = "not known yet"
"""The room was loaded just now, and edges have yet to say who is there."""


class RoomPresence:
    """Of each user that was ever heard of here: the places where they are, and until when (ms) each of them counts."""

    def __init__(self) -> None:
        self._places: dict[UserId, dict[str, int]] = {}
        self.told: dict[UserId, Status] = {}
        """The state that was told last of each user, in a `presence` frame. Of whom nothing was said, they count as
        active."""
        self.begun = False
        """Those who belong here are known."""

    def __contains__(self, user: UserId) -> bool:
        """Whether anything was ever heard of them: somebody who was never here is not somebody who has gone."""
        return user in self._places

    def here(self, user: UserId) -> bool:
        return bool(self._places.get(user))

    def arrives(self, user: UserId, edge: str) -> None:
        """They have a socket there: from now on its end is what counts, and no request before it."""
        places = self._places.setdefault(user, {})
        places[edge] = UNTIL_GONE
        places.pop(BY_REQUEST, None)

    def leaves(self, user: UserId, edge: str) -> None:
        self._places.setdefault(user, {}).pop(edge, None)

    def stays(self, user: UserId, place: str, until: int) -> None:
        """They count as there until then. A user with a socket needs no request."""
        places = self._places.setdefault(user, {})
        if place != BY_REQUEST or UNTIL_GONE not in places.values():
            places[place] = max(until, places.get(place, 0))

    def lose(self, edge: str, until: int) -> list[UserId]:
        """The edge is gone; whoever had a socket there counts as there until then. Returns those users."""
        lost = [user for user, places in self._places.items() if places.get(edge) == UNTIL_GONE]
        for user in lost:
            self._places[user][edge] = until
        return lost

    def expire(self, user: UserId, now: int) -> None:
        """Forget the places that count no longer."""
        places = self._places.get(user, {})
        for place in [place for place, until in places.items() if until <= now]:
            del places[place]

    def forget(self, known: Container[UserId]) -> None:
        """Forget everybody who is nowhere and not among `known`."""
        for user in [user for user, places in self._places.items() if not places and user not in known]:
            del self._places[user]
        for user in [user for user in self.told if user not in known]:
            del self.told[user]
