"""Which origins a request may come from."""

from __future__ import annotations

import pytest
from starlette.requests import HTTPConnection

from tavola.edge.identity.origins import Origins


def connection(origin: str | None) -> HTTPConnection:
    headers = [(b"host", b"play.example")] + ([(b"origin", origin.encode())] if origin is not None else [])
    return HTTPConnection({"type": "http", "headers": headers})


@pytest.mark.parametrize(
    ("origin", "allowed"),
    [
        (None, True),
        ("https://play.example", True),
        ("https://evil.example", False),
        ("null", False),
        ("", False),
        ("http://[", False),
        ("https://play.example.evil.example", False),
    ],
)
def test_without_a_list_it_is_ones_own(origin: str | None, allowed: bool) -> None:
    assert Origins(()).allow(connection(origin)) is allowed


def test_a_list_is_all_there_is() -> None:
    origins = Origins(("https://site.example",))
    assert origins.allow(connection("https://site.example"))
    assert not origins.allow(connection("https://play.example"))


@pytest.mark.parametrize(
    ("framing", "site", "elsewhere"),
    [
        ((), None, False),
        ((), "same-origin", False),
        ((), "same-site", False),
        ((), "none", False),
        ((), "cross-site", True),
        (("https://portal.example",), "same-origin", True),
    ],
)
def test_where_the_cookie_must_be_for_other_sites(framing: tuple[str, ...], site: str | None, elsewhere: bool) -> None:
    headers = [(b"sec-fetch-site", site.encode())] if site else []
    request = HTTPConnection({"type": "http", "headers": headers})
    assert Origins((), framing).elsewhere(request) is elsewhere
