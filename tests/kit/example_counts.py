"""How many random examples a property is tried on: `make test` has little time, `make long` plays thousands."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import pytest
from hypothesis import HealthCheck, settings

Test = TypeVar("Test", bound=Callable[..., None])

PROFILE = settings().max_examples
"""The number of examples in Hypothesis' profile: 100, unless pytest is given `--hypothesis-profile=long`
(tests/conftest.py)."""


def examples(count: int) -> Callable[[Test], Test]:
    """Try the property `count` times; where the profile asks for more, as often as that, which makes it a long test."""

    def decorated(test: Test) -> Test:
        every = list(HealthCheck)
        tried = settings(max_examples=max(count, PROFILE), deadline=None, suppress_health_check=every)(test)
        return pytest.mark.long(pytest.mark.timeout(600)(tried)) if count < PROFILE else tried

    return decorated
