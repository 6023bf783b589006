"""`tavola new`: a project of one game, that plays at once. Its files are those of `tavola/template`, with names put
in."""

from __future__ import annotations

import keyword
import re
import sys
from pathlib import Path

from tavola.config.failures import Failure
from tavola.games.registry import GAMES
from tavola.games.registry.discovery import KIND

TEMPLATE = Path(__file__).parent / "template"
FILES = {
    "pyproject.toml": "pyproject.toml",
    "README.md": "README.md",
    "game.py": "{package}/game.py",
    "test_game.py": "tests/test_game.py",
}
"""Of the template → in the project."""


class CannotMake(Failure):
    """There is something in the way, or the name is none."""

    exit_code = 2


def make(name: str, folder: Path) -> list[Path]:
    """Writes the project `name` into `folder`, and gives its files. Raises CannotMake; then nothing was written."""
    package = name.lower().replace("-", "_")
    if not KIND.fullmatch(package) or keyword.iskeyword(package) or package in sys.stdlib_module_names:
        raise CannotMake(f"{name!r} cannot be the name of a package and a game: say one such as connect-four")
    if package in {*GAMES, "tavola", "tests"}:
        raise CannotMake(f"{name!r} is a name of Tavola's own")
    if folder.exists() and any(folder.iterdir()):
        raise CannotMake(f"{folder} is not empty")
    words = package.split("_")
    names = {
        "NAME": package.replace("_", "-"),
        "PACKAGE": package,
        "KIND": package,
        "CLASS": "".join(word.capitalize() for word in words),
        "TITLE": " ".join(words).capitalize(),
    }
    written = [folder / package / "__init__.py"]
    texts = {written[0]: f'"""{names["TITLE"]}, a game for Tavola."""\n'}
    for source, place in FILES.items():
        text = (TEMPLATE / f"{source}.txt").read_text()
        texts[folder / place.format(package=package)] = re.sub("|".join(names), lambda found: names[found[0]], text)
    for path, text in texts.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return [*texts]


def run(name: str, folder: Path | None) -> None:
    """Makes it, and says how to go on."""
    place = folder or Path(name)
    files = make(name, place)
    for path in files:
        print(f"written   {path}")
    game = next(path for path in files if path.name == "game.py")
    package = game.parent.name
    [line] = [line for line in game.read_text().splitlines() if re.match(r"class \w+\(Game\[", line)]
    named = f"{package}.game:{line.split()[1].partition('(')[0]}"
    print(f"\ncd {place}\ntavola dev --game {named}       # and open a table of it in a browser\ntavola check {named}")
