"""The client that others build on: of `tavola`, and alone as `tavola_client`. Imports nothing of ours.

    async with Tavola("http://127.0.0.1:8000") as tavola:
        await tavola.sign_in("Ada")
        found = await tavola.request("POST", "/api/matchmake", {"game": "tictactoe"})
        room = await tavola.room(found["id"])
        await room.command("request_join", display_name="Ada")
        await room.command("take_seat", seat_index=0)
        async for update in room.updates():
            for move in room.view.legal[:1]:
                await room.act(move["move"], cell=move["cell"]["choices"][0])

`PlainTavola` is the same for programs without asyncio. `wire` has the types of all that travels. It imports relatively,
as it has two names.
"""

from .api import ClientIdentity, RequestRefused
from .plain import PlainRoom, PlainTavola
from .room import TooSlow
from .tavola import FollowedRoom, Tavola

__all__ = [
    "ClientIdentity", "FollowedRoom", "PlainRoom", "PlainTavola", "RequestRefused", "Tavola", "TooSlow",
]  # fmt: skip
