"""JSON merge patches as RFC 7396 section 2 has them, and what follows for a document without nulls."""

from __future__ import annotations

from typing import Any


def merge(target: Any, patch: Any) -> Any:
    """`target` with `patch` applied; neither is changed."""
    if not isinstance(patch, dict):
        return patch
    merged = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        else:
            merged[key] = merge(merged.get(key), value)
    return merged


def nulls(value: Any, at: str = "$") -> list[str]:
    """Where an object within `value` has a null member: what a merge patch could not say."""
    found: list[str] = []
    if isinstance(value, dict):
        for key, member in value.items():
            found += [f"{at}.{key}"] if member is None else nulls(member, f"{at}.{key}")
    elif isinstance(value, list):
        for index, member in enumerate(value):
            found += nulls(member, f"{at}[{index}]")
    return found
