"""`tavola games`: the games that can be played here, each with its version, and where it comes from."""

import json

from rich.console import Console
from rich.table import Table

from tavola.config.settings import completed
from tavola.games.registry.discovery import install

COLUMNS = ("game", "title", "version", "from")


def show(*, as_json: bool) -> None:
    """Raises GameNotLoaded."""
    settings = completed()
    found = install(settings.games, settings.games_path)
    rows = [(each.game.kind, each.game.title, each.game.version, each.origin) for each in found]
    if as_json:
        print(json.dumps([dict(zip(COLUMNS, row, strict=True)) for row in rows], indent=2))
        return
    table = Table(*COLUMNS, box=None, header_style="bold")
    for row in rows:
        table.add_row(*map(str, row))
    console = Console()
    if not console.is_terminal:
        console.width = 240
    console.print(table)
