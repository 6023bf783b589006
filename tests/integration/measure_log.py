"""Measures what a move costs in bytes: plays hold'em and tic-tac-toe on stacks of their own, then asks Postgres how
large the tables of history and their indexes have become.

    python tests/integration/measure_log.py [SECONDS] [GAME …]

A move is a row of the log: also joins, seats, new hands and timeouts. A checkpoint is counted by itself.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any

import asyncpg
import uvloop

sys.path.insert(0, str(Path(__file__).parents[1]))

from tavola.load.run.stack import own_stack
from tavola.stack.processes import PYTHON

SECONDS = 20.0
TABLES = {"holdem": 40, "tictactoe": 100}
TREES = """
-- Every table of history with its rows and its indexes, partitions together with what they are parts of.
SELECT coalesce(whole.relname, t.relname) AS tree,
       CASE WHEN i.oid IS NULL THEN 'rows' ELSE coalesce(whole_index.relname, i.relname) END AS part,
       sum(CASE WHEN i.oid IS NULL THEN pg_table_size(t.oid) ELSE pg_relation_size(i.oid) END)::bigint AS bytes
FROM pg_class t
LEFT JOIN pg_inherits h ON h.inhrelid = t.oid LEFT JOIN pg_class whole ON whole.oid = h.inhparent
CROSS JOIN LATERAL (
    SELECT NULL::oid AS oid, NULL::name AS relname
    UNION ALL SELECT i.oid, i.relname FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid WHERE x.indrelid = t.oid
) i
LEFT JOIN pg_inherits hi ON hi.inhrelid = i.oid LEFT JOIN pg_class whole_index ON whole_index.oid = hi.inhparent
WHERE t.relkind = 'r' AND t.relnamespace = 'public'::regnamespace AND coalesce(whole.relname, t.relname) = ANY($1)
GROUP BY 1, 2 ORDER BY 1, 2 DESC
"""
LOG = ("actions", "log", "commands")
"""Of these a move has its rows. `actions` was the log until 0007."""
HISTORY = (*LOG, "checkpoints", "hands", "games")
"""The tables that grow with play."""


async def main(seconds: float, games: list[str]) -> None:
    for game in games:
        async with own_stack(1, 50) as (stack, folder):
            argv = [*PYTHON, "-m", "tavola", "load", "--url", stack.url, "--tables", str(TABLES[game])]
            argv += ["--game", game, "--seconds", str(seconds), "--data-dir", str(folder)]
            load = await asyncio.create_subprocess_exec(*argv, stdout=asyncio.subprocess.DEVNULL)
            assert await load.wait() == 0, "the load found something wrong"
            connection = await asyncpg.connect(stack.environment["DATABASE_URL"], ssl=False)
            await report(connection, game)
            await connection.close()


async def report(connection: Any, game: str) -> None:
    moves = await connection.fetchval("SELECT sum(seq)::bigint FROM game_states")
    kept = await connection.fetchval("SELECT count(*) FROM checkpoints")
    print(f"{game}: {moves:,} moves, {kept:,} checkpoints")
    total, checkpoints = 0.0, 0
    for row in await connection.fetch(TREES, list(HISTORY)):
        total += row["bytes"] / moves if row["tree"] in LOG else 0
        checkpoints += row["bytes"] if row["tree"] == "checkpoints" else 0
        print(f"  {row['tree']:12} {row['part']:28} {row['bytes'] / moves:8.1f} bytes a move")
    print(f"  {'a move: log, commands and their indexes':41} {total:8.1f}")
    print(f"  {'a checkpoint and its index':41} {checkpoints / kept:8.1f}")


if __name__ == "__main__":
    given = sys.argv[1:]
    uvloop.run(main(float(given[0]) if given else SECONDS, given[1:] or list(TABLES)))
