"""Records this release's games: `python tests/corpus/record.py 0.1`. Two thousand of them, in some ten seconds.

A release's file is written once, before it is released, and never again: what it stored is in databases by then.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from kit.corpus import FOLDER, recorded, write

GAMES = {"holdem": 1000, "tictactoe": 1000}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("release", help="its number, such as 0.1")
    path = FOLDER / f"{parser.parse_args().release}.jsonl.xz"
    write(path, (recorded(seed, kind) for kind, count in GAMES.items() for seed in range(count)))
    print(f"{path}: {sum(GAMES.values())} games, {path.stat().st_size} bytes")


if __name__ == "__main__":
    main()
