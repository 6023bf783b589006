"""The terminal's part of `tavola dev --reload`: it says that a game was saved, or what is wrong with it."""

import asyncio

from rich.text import Text

from tavola.games.registry.reload import LOOK_S, Reloader
from tavola.stack.progress import StartProgress


async def tell_saved(reloader: Reloader, progress: StartProgress) -> None:
    """Until cancelled."""
    told = None
    while True:
        await asyncio.sleep(LOOK_S)
        if reloader.saved() is not None:
            progress.say("  saved: in the next round of every room")
        elif reloader.fault is not told and reloader.fault is not None:
            progress.say(Text(f"\n{reloader.fault}\n  ! rooms go on with the code of before", "red"))
        told = reloader.fault
