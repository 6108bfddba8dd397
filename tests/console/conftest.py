"""`antiphon serve` with nano for tests that need a model, the page alone for the others, and the browser's driver."""

from collections.abc import Iterator

import pytest

pytest.importorskip("playwright")

from playwright.sync_api import Playwright, sync_playwright  # noqa: E402

from ..server.running import Running, nano_server  # noqa: E402
from .static import serving  # noqa: E402


@pytest.fixture(scope="session")
def server() -> Iterator[Running]:
    with nano_server() as (found, _):
        yield found


@pytest.fixture(scope="session")
def page_alone() -> Iterator[str]:
    """The address of the page without a model; what it asks for is played."""
    with serving() as address:
        yield address


@pytest.fixture(scope="session")
def playwright() -> Iterator[Playwright]:
    with sync_playwright() as found:
        yield found
