"""JSON merge patch, RFC 7396, and what it means for two views to be equal.

A patch cannot say "this member is now null": null takes a member away. So a member that is null and one that is not
there are the same thing to somebody who merges patches, and `difference` treats them so.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

Json = Any


def merge(target: Json, patch: Json) -> Json:
    """`target` as it becomes under `patch`. Objects of `target` are changed in place; `patch` is left as it is."""
    if type(patch) is not dict:
        return patch
    if type(target) is not dict:
        target = {}
    for name, value in patch.items():
        if value is None:
            target.pop(name, None)
        elif type(value) is dict:
            target[name] = merge(target.get(name), value)
        else:
            target[name] = value
    return target


def difference(held: Json, fresh: Json, ignore: Collection[str] = (), path: str = "") -> str | None:
    """The first place where two JSON values differ, as `path: held … fresh …`; None when they are equal.

    `ignore` names members by path, `*` standing for any one name: `recent`, `seats.*.status`.
    """
    if held == fresh:
        return None
    if type(held) is dict and type(fresh) is dict:
        for name in sorted(held.keys() | fresh.keys()):
            below = f"{path}.{name}" if path else name
            if _ignored(below, ignore):
                continue
            found = difference(held.get(name), fresh.get(name), ignore, below)
            if found is not None:
                return found
        return None
    return f"{path or 'value'}: held {_short(held)}, fresh {_short(fresh)}"


def _ignored(path: str, ignore: Collection[str]) -> bool:
    if path in ignore:
        return True
    names = path.split(".")
    return any(
        pattern.count(".") == len(names) - 1
        and all(part in ("*", name) for part, name in zip(pattern.split("."), names, strict=True))
        for pattern in ignore
        if "*" in pattern
    )


def _short(value: Json) -> str:
    text = repr(value)
    return text if len(text) <= 120 else f"{text[:117]}…"
