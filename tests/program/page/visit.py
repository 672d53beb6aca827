"""The live page of a running tinylb in a real browser, and what the tests of it look at."""

from __future__ import annotations

import json
from contextlib import ExitStack, closing
from typing import Any

from tests.program.browser import Browser, Page
from tests.program.stage import LOOPBACK, Stage, Tinylb

ROWS = "[...document.querySelectorAll('#backends tr')]"
HEARS = "document.getElementById('hears').innerText == 'connected'"
"""Whether it hears of events; expressions, both."""


def hasHappened(pattern: str) -> str:
    """Whether an event is shown that looks like this, as an expression."""
    return f"/{pattern}/.test(document.getElementById('events').innerText)"


def hasDecided(pattern: str) -> str:
    """The same of a decision."""
    return f"/{pattern}/.test(document.getElementById('decisions').innerText)"


class Visit:
    """
    Opens live pages, and closes them with the test.

    @param browser: stays open.
    """

    def __init__(self, browser: Browser, stage: Stage) -> None:
        self._browser = browser
        self._stage = stage
        self._stack = ExitStack()

    def open(self, tinylb: Tinylb, **look: Any) -> Page:
        """The page of a running tinylb that has C{--status}, when it shows something."""
        host_port = tinylb.waitFor(r"Status at (.+)$")[1]
        page = self._stack.enter_context(closing(self._browser.open(f"http://{host_port}/", **look)))
        page.waitFor("!document.querySelector('main').hidden")
        return page

    def follow(self, *arguments: str, **look: Any) -> Page:
        """The same of one that follows the backends file."""
        return self.open(self._stage.follow("--status", LOOPBACK, "--drain", "0", *arguments), **look)

    def close(self) -> None:
        """Close them."""
        self._stack.close()


def writeMany(stage: Stage, count: int) -> None:
    """A set of so many backends, none of which is there."""
    stage.write({f"cp-{number:03}": f"127.0.0.1:{number}" for number in range(1, count + 1)})


def row(id: str) -> str:
    """The row of a backend, as an expression."""
    return f"{ROWS}.find(row => row.querySelector('.id').innerText == {json.dumps(id)})"


def waitForIds(page: Page, *expected: str) -> None:
    """Wait until it shows these backends, and no other."""
    shown = f"{ROWS}.map(row => row.querySelector('.id').innerText)"
    page.waitFor(f"JSON.stringify({shown}) == JSON.stringify({json.dumps(expected)})")


def focusOn(page: Page, selector: str) -> None:
    """Go to an element by the keyboard alone; how it is marked then must be visible."""
    isThere = f"document.activeElement.matches({json.dumps(selector)})"
    for _ in range(40):
        page.press("Tab")
        if page.evaluate(isThere):
            assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
            return
    raise AssertionError(f"{selector} cannot be reached with the keyboard")
