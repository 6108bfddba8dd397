"""One `antiphon serve` with nano for all tests of the page, and the browser's driver."""

from collections.abc import Iterator

import pytest

pytest.importorskip("playwright")

from playwright.sync_api import Playwright, sync_playwright  # noqa: E402

from ..server.running import Running, nano_server  # noqa: E402


@pytest.fixture(scope="session")
def server() -> Iterator[Running]:
    with nano_server() as (found, _):
        yield found


@pytest.fixture(scope="session")
def playwright() -> Iterator[Playwright]:
    with sync_playwright() as found:
        yield found
