"""One browser and one stack for all tests here; both end with the session. Without Chromium the tests are skipped."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest
from playwright.async_api import Browser, async_playwright, expect

from kit.browser import CHROMIUM, Balancer
from kit.stack import ADMIN_SECRET, Stack

expect.set_options(timeout=20_000)


@pytest.fixture(scope="session")
async def browser(anyio_backend: object) -> AsyncIterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine: apt-get install chromium")
    async with async_playwright() as playwright:
        # The sandbox needs rights that containers do not give; what runs here is ours.
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        await browser.close()


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Two edges, and actors with room for all: who plays here shall not wait for a process to start."""
    folder = tmp_path_factory.mktemp("browser") / "data"
    stack = Stack(folder, edges=2, TAVOLA_ROOMS_PER_ACTOR="100", TAVOLA_ADMIN_SECRET=ADMIN_SECRET)
    try:
        stack.start()
        yield stack
    finally:
        stack.stop()


@pytest.fixture
async def balancer(stack: Stack) -> AsyncIterator[Balancer]:
    """The address that people come by: the first edge while it answers, else the second."""
    balancer = Balancer(stack.urls)
    await balancer.start()
    yield balancer
    await balancer.stop()
