"""A real browser, in which tests look at the pages that people look at."""

import shutil
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Page


@pytest.fixture
def page() -> Iterator["Page"]:
    """An empty page of a browser that is there for one test.

    While it is open, this thread runs Playwright's event loop: no other may start here, as Prefect's client would.
    """
    from playwright.sync_api import sync_playwright

    with (
        sync_playwright() as playwright,
        playwright.chromium.launch(executable_path=_program(), args=["--no-sandbox"]) as browser,  # else not as root
    ):
        yield browser.new_page(viewport={"width": 1400, "height": 900})


def missing_browser() -> str | None:
    """What must be installed before there can be a page, if anything."""
    return None if _program() else "needs the browser chromium on PATH (on Debian: apt install chromium)"


def _program() -> str | None:
    return shutil.which("chromium")
