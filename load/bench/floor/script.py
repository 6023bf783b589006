"""The script for pgbench: our own commit, with the values of a real move. Pure.

Text goes as parameters of prepared statements, as long as ours. The values that change from commit to commit
(`seq`, the command's id) are made of pgbench's counter; a batch has one action of each of its rooms.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from importlib.resources import files
from typing import Any

import msgspec

from tavola.storage.packing import pack

EPOCH = 1
STATE = ("room_id", "epoch", "prev", "seq", "state", "at")
LOG = ("room_id", "seq", "user_id", "command_id", "entropy", "body", "at", "versions", "key", "mark", "answer")
PARAMETERS = (*(f"state_{name}" for name in STATE), *(f"log_{name}" for name in LOG))
"""Of our commit. In this order they are numbered, those that a statement has."""
VERSIONS = 257
"""The first ones."""
_COMMAND_ID = "lpad(:seq::text, 32, '0')"
_KEY = "(lpad(to_hex({room}), 16, '0') || substr(md5(:seq::text), 1, 16))"


class RecordedMove(msgspec.Struct, frozen=True):
    """`move.json`: a room's state after a move, and its row of the log."""

    state: str
    row: dict[str, Any]


class Script(msgspec.Struct, frozen=True):
    """`text` is pgbench's file, `variables` its `-D`."""

    text: str
    variables: dict[str, str]


def rooms(batch: int) -> list[str]:
    """Ids as long as real ones; other batches have others."""
    return [f"r_{batch:06x}{number:010x}" for number in range(batch)]


def script(batch: int, move: RecordedMove) -> Script:
    """So many actions in one statement: of one, the statement for one."""
    row, names = move.row, rooms(batch)
    body = "\\x" + body_of(row).hex()
    log = [row["user_id"], None, row["entropy"], body]
    if batch == 1:
        counted = {3: ":seq - 1", 4: ":seq", 8: _COMMAND_ID, 12: f"decode({_KEY.format(room=1)}, 'hex')", 14: "NULL"}
        values = [names[0], EPOCH, None, None, move.state, row["at"], *log, VERSIONS, None, 1, None]
        return _script(query("commit_one"), values, counted)
    at, user, _, entropy, packed = ([value] * batch for value in (row["at"], *log))
    seqs = _filled(":seq::bigint", batch)
    keys = f"ARRAY(SELECT decode({_KEY.format(room='number')}, 'hex') FROM generate_series(1, {batch}) number)"
    counted = {3: _filled("(:seq - 1)::bigint", batch), 4: seqs, 8: seqs, 10: _filled(_COMMAND_ID, batch), 15: keys}
    counted[17] = _filled("NULL::text", batch)
    values = [names, [EPOCH] * batch, None, None, [move.state] * batch, at]
    values += [names, None, user, None, entropy, packed, at, [VERSIONS] * batch, None, [1] * batch, None]
    return _script(query("commit"), values, counted)


def body_of(row: dict[str, Any]) -> bytes:
    """As long as the body of a row with these columns."""
    texts = [row[name] or "null" for name in ("command", "answer", "events", "patch", "outside", "private")]
    text = f"[{msgspec.json.encode(row['user_name']).decode()},{row['game']},{row['hand']},{','.join(texts)}]"
    return pack(text.encode(), rooms(1)[0], row["user_id"], "", row["at"])


def _script(query: str, values: Sequence[Any], counted: dict[int, str]) -> Script:
    """`values` are `$1`, `$2` and so on, but for those that are `counted`."""
    given = {number: _text(value) for number, value in enumerate(values, 1) if number not in counted}
    # pgbench has no empty variables.
    placed = {number: f":p{number}" if text else "''" for number, text in given.items()} | counted
    variables = {f"p{number}": text for number, text in given.items() if text}
    statement = re.sub(r"\$(\d+)", lambda found: placed[int(found[1])], query)
    return Script(f"\\set seq :seq + 1\n{statement};\n", {"seq": "0", **variables})


def _filled(value: str, batch: int) -> str:
    return f"array_fill({value}, ARRAY[{batch}])"


def _text(value: Any) -> str:
    """As Postgres reads a value, or an array of them."""
    if not isinstance(value, list):
        return str(value)
    return "{" + ",".join('"' + re.sub(r'(["\\])', r"\\\1", str(each)) + '"' for each in value) + "}"


def query(name: str) -> str:
    """One of storage's statements for a commit, without its comments, its parameters as `$1`, `$2` and so on."""
    text = files("tavola.storage").joinpath("sql", "commit.sql").read_text()
    found = re.search(rf"^-- name: {name}\n(.*?)(?=^-- name: |\Z)", text, flags=re.MULTILINE | re.DOTALL)
    assert found is not None, f"storage has no query {name}"
    text = re.sub(r"^--.*\n", "", found[1], flags=re.MULTILINE).strip()
    named = re.compile(r"(?<!:):([a-z]\w*)")
    used = set(named.findall(text))
    numbers = {name: number for number, name in enumerate((name for name in PARAMETERS if name in used), 1)}
    return named.sub(lambda token: f"${numbers[token[1]]}", text)
