"""A real browser without a window, for pages that the program writes."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser

_PROGRAMS: Final = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")


def find_browser() -> str:
    """Return the path of a Chromium; without one, or without what drives it, the test is skipped."""
    pytest.importorskip("playwright.sync_api", reason="NOT RUN: playwright is not installed")
    found = next((path for name in _PROGRAMS if (path := shutil.which(name))), None)
    if found is None:
        pytest.skip("NOT RUN: there is no Chromium here (Debian's package is chromium-headless-shell)")
    return found


@contextmanager
def open_browser() -> Iterator[Browser]:
    """Start it, and end it with the block."""
    program = find_browser()
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 - see above

    with sync_playwright() as playwright:
        # Root has no sandbox there, as in a container. The pages are our own.
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        try:
            yield browser
        finally:
            browser.close()


class Seen:
    """A page that is open, and what it has said and asked for since."""

    def __init__(self, browser: Browser, path: Path, *, scheme: str = "light", width: int = 1000) -> None:
        self.said: list[str] = []
        self.asked: list[str] = []
        options: Any = {"color_scheme": scheme, "viewport": {"width": width, "height": 900}}
        self._context = browser.new_context(**options)
        self.page = self._context.new_page()
        self.page.on("console", lambda message: self.said.append(message.text))
        self.page.on("pageerror", lambda error: self.said.append(str(error)))
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.goto(path.as_uri())

    def overflow(self) -> list[str]:
        """The elements that reach beyond the right edge without a scroll bar of their own, and the page itself."""
        found: list[str] = self.page.evaluate(
            """() => {
                const wide = document.documentElement.clientWidth + 1;
                const scrolls = (each) => each && (each.matches('.table') || scrolls(each.parentElement));
                const beyond = [...document.querySelectorAll('body *')].filter(
                    (each) => each.getBoundingClientRect().right > wide && !scrolls(each.parentElement));
                const page = document.documentElement.scrollWidth > wide ? ['the page'] : [];
                return [...page, ...beyond.map((each) => each.outerHTML.slice(0, 80))];
            }"""
        )
        return found

    def complaints(self) -> list[str]:
        """What axe-core says about contrast, structure and names."""
        from axe_playwright_python.sync_playwright import Axe  # noqa: PLC0415 - beside playwright

        # The page's own policy keeps scripts out, so this one comes in a way that no page can use.
        found = Axe().run(self.page)
        return [
            f"{each['id']}: {each['nodes'][0]['html'][:120]} {each['nodes'][0].get('failureSummary', '')}"
            for each in found.response["violations"]
        ]

    def close(self) -> None:
        """Close it."""
        self._context.close()
