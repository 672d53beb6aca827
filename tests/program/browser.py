"""A real Chromium without a window, spoken to in the DevTools protocol over two pipes; no library, no port."""

from __future__ import annotations

import base64
import json
import os
import selectors
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from signal import SIGKILL
from types import TracebackType
from typing import Any

from tests.program.processes import PATIENCE

CHROMIUM = shutil.which("chromium")
"""Debian's, or L{None}."""

_SWITCHES = (
    "--headless",
    "--remote-debugging-pipe",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-dev-shm-usage",
    "--disable-extensions",
    "--disable-gpu",
    "--disable-lcd-text",  # coloured edges suit one screen, and no other on which a picture is looked at
    "--disable-sync",
    "--hide-scrollbars",
    "--lang=en-GB",
    "--password-store=basic",
)
# The protocol is on descriptors 3 and 4, to which Popen alone cannot lead: dash knows one digit, so by way of 0 and 1.
_REDIRECTED = 'exec "$@" 3<&0 4>&1 </dev/null >/dev/null'

_KEYS = {"Tab": 9, "Enter": 13, "Escape": 27, "Space": 32}


class Browser:
    """
    One browser process with a profile of its own, which is gone with it. Everything it does is bounded by
    L{PATIENCE <tests.program.processes.PATIENCE>}.
    """

    def __init__(self) -> None:
        assert CHROMIUM is not None
        self._profile = tempfile.TemporaryDirectory(prefix="tinylb-chromium-", ignore_cleanup_errors=True)
        profile = Path(self._profile.name)
        # A sandbox cannot be made by root, nor in most containers; what is shown here is our own.
        command = [CHROMIUM, *_SWITCHES, "--no-sandbox", f"--user-data-dir={profile}", "about:blank"]
        self._errors = profile / "stderr"
        with self._errors.open("wb") as errors:
            self._process = subprocess.Popen(
                ["sh", "-c", _REDIRECTED, "sh", *command],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                cwd=profile,
                env={**os.environ, "HOME": self._profile.name, "TZ": "UTC"},
                start_new_session=True,
            )
        self._selector = selectors.DefaultSelector()
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._in, self._out = self._process.stdin, self._process.stdout
        os.set_blocking(self._out.fileno(), False)
        self._selector.register(self._out, selectors.EVENT_READ)
        self._received = bytearray()
        self._calls = 0
        self._events: dict[str, list[dict[str, Any]]] = {}

    def __enter__(self) -> Browser:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def open(self, url: str, **look: Any) -> Page:
        """A tab that shows nothing of other tabs' storage or cache; for C{look} see L{Page.look}."""
        context = self.call("Target.createBrowserContext")["browserContextId"]
        target = self.call("Target.createTarget", url="about:blank", browserContextId=context)["targetId"]
        session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        page = Page(self, context, session)
        page.look(**look)
        page.go(url)
        return page

    def call(self, method: str, session: str | None = None, /, **parameters: Any) -> dict[str, Any]:
        """Give a command and wait for its result."""
        self._calls += 1
        message = {"id": self._calls, "method": method, "params": parameters}
        if session is not None:
            message["sessionId"] = session
        self._in.write(json.dumps(message).encode() + b"\0")
        self._in.flush()
        deadline = time.monotonic() + PATIENCE
        while True:
            answer = self._next(deadline, method)
            if answer.get("id") == self._calls:
                assert "error" not in answer, f"{method}: {answer['error']}"
                result: dict[str, Any] = answer["result"]
                return result
            if "sessionId" in answer:
                self._events.setdefault(answer["sessionId"], []).append(answer)

    def events(self, session: str) -> list[dict[str, Any]]:
        """What has been told of a tab so far; each is told once."""
        self.call("Browser.getVersion")  # whatever was told before is read before this answer
        return self._events.pop(session, [])

    def close(self) -> None:
        """End it with all its processes, and remove its profile."""
        try:
            os.killpg(self._process.pid, SIGKILL)
        except ProcessLookupError:
            pass
        self._process.wait(PATIENCE)
        self._selector.close()
        self._out.close()
        try:
            self._in.close()
        except BrokenPipeError:
            pass  # what it did not read
        self._profile.cleanup()

    def _next(self, deadline: float, what: str) -> dict[str, Any]:
        while b"\0" not in self._received:
            remaining = deadline - time.monotonic()
            assert remaining > 0, f"the browser does not answer {what}:\n{self._said()}"
            if self._selector.select(remaining):
                data = os.read(self._out.fileno(), 1 << 20)
                assert data, f"the browser has ended before {what}:\n{self._said()}"
                self._received += data
        message, _, rest = bytes(self._received).partition(b"\0")
        self._received[:] = rest
        told: dict[str, Any] = json.loads(message)
        return told

    def _said(self) -> str:
        return self._errors.read_text(errors="replace")[-2000:]


class Page:
    """A tab."""

    def __init__(self, browser: Browser, context: str, session: str) -> None:
        self._browser = browser
        self._context = context
        self._session = session
        for domain in ("Page", "Runtime", "Log"):
            self._call(f"{domain}.enable")
        # Where it is not the tab in front it would not draw, and nothing in it would have the focus.
        self._call("Emulation.setFocusEmulationEnabled", enabled=True)

    def look(self, *, width: int = 1100, height: int = 900, scale: float = 1, **media: str) -> None:
        """
        How big the window is, in CSS pixels, and what its user prefers.

        @param media: media features with C{_} for C{-}, such as C{prefers_color_scheme="dark"}.
        """
        features = [{"name": name.replace("_", "-"), "value": value} for name, value in media.items()]
        self._call("Emulation.setEmulatedMedia", features=features)
        self._call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=scale,
            mobile=width < 600,
        )

    def go(self, url: str) -> None:
        """Show another page, and wait until it is loaded with all that belongs to it."""
        self._call("Page.navigate", url=url)
        self.waitFor(f"location.href.startsWith({json.dumps(url)}) && document.readyState == 'complete'")

    def evaluate(self, expression: str) -> Any:
        """The value of a JavaScript expression, which may be a promise."""
        answer = self._call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, f"{expression}: {answer['exceptionDetails']}"
        return answer["result"].get("value")

    def waitFor(self, expression: str, seconds: float = PATIENCE) -> None:
        """Wait until an expression is true."""
        deadline = time.monotonic() + seconds
        while not self.evaluate(f"!!({expression})"):
            assert time.monotonic() < deadline, f"after {seconds:g} s still not: {expression}\n{self.text()}"
            time.sleep(0.01)

    def text(self) -> str:
        """All that can be read on it."""
        text: str = self.evaluate("document.body ? document.body.innerText : ''")
        return text

    def texts(self, selector: str) -> list[str]:
        """What can be read in each element that a CSS selector names."""
        texts: list[str] = self.evaluate(
            f"[...document.querySelectorAll({json.dumps(selector)})].map(each => each.innerText)"
        )
        return texts

    def measure(self) -> dict[str, float]:
        """What the browser has measured of it, such as C{TaskDuration}: seconds of CPU that it has used so far."""
        self._call("Performance.enable", timeDomain="threadTicks")
        return {each["name"]: each["value"] for each in self._call("Performance.getMetrics")["metrics"]}

    def roles(self) -> list[tuple[str, str]]:
        """Role and name of all that a screen reader finds, in order."""
        nodes = self._call("Accessibility.getFullAXTree")["nodes"]
        seen = [node for node in nodes if not node["ignored"]]
        return [(node["role"]["value"], node.get("name", {}).get("value", "")) for node in seen]

    def press(self, key: str, times: int = 1) -> None:
        """Press a key: one of L{_KEYS}."""
        text = {"Enter": "\r", "Space": " "}.get(key, "")
        name = " " if key == "Space" else key
        for _ in range(times):
            for kind in ("keyDown", "keyUp"):
                self._call(
                    "Input.dispatchKeyEvent",
                    type=kind,
                    key=name,
                    code=key,
                    text=text,
                    windowsVirtualKeyCode=_KEYS[key],
                )

    def type(self, text: str) -> None:
        """Type a text at what has the focus."""
        self._call("Input.insertText", text=text)

    def hide(self, *, isHidden: bool) -> None:
        """Put its window away, or bring it back."""
        window = self._browser.call("Browser.getWindowForTarget", self._session)["windowId"]
        self._call("Emulation.setFocusEmulationEnabled", enabled=not isHidden)
        bounds = {"windowState": "minimized" if isHidden else "normal"}
        self._browser.call("Browser.setWindowBounds", windowId=window, bounds=bounds)

    def complaints(self) -> list[str]:
        """What its console shows in red or yellow: errors, what its policy forbids, what could not be loaded."""
        found = []
        for event in self._browser.events(self._session):
            told = event["params"]
            if event["method"] == "Runtime.exceptionThrown":
                found.append(json.dumps(told["exceptionDetails"]))
            elif event["method"] == "Log.entryAdded" and told["entry"]["level"] in ("error", "warning"):
                found.append(f"{told['entry']['text']} {told['entry'].get('url', '')}")
            elif event["method"] == "Runtime.consoleAPICalled" and told["type"] in ("error", "warning", "assert"):
                found.append(json.dumps(told["args"]))
        return found

    def picture(self, *, whole: bool = False) -> bytes:
        """A picture of the window, or of the whole page, as PNG."""
        answer = self._call("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
        return base64.b64decode(answer["data"])

    def close(self) -> None:
        """Close the tab, and forget what it stored."""
        self._browser.call("Target.disposeBrowserContext", browserContextId=self._context)

    def _call(self, method: str, **parameters: Any) -> dict[str, Any]:
        return self._browser.call(method, self._session, **parameters)
