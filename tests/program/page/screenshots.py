"""
Makes the pictures of the live page that are in the docs: C{python -m tests.program.page.screenshots}

It starts backends on 127.0.0.11 and up, tinylb in front of them, and clients; some of the backends come into trouble. A
minute later the charts are full.
"""

from __future__ import annotations

import json
import random
import shutil
import socket
import socketserver
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

from tests.program.browser import Browser, Page
from tests.program.page.visit import Visit
from tests.program.processes import ROOT
from tests.program.stage import Stage, Tinylb

PORT = 6443
HOST = "127.0.0.{}"
MINUTE = 64.0

LOOKS: dict[str, Mapping[str, object]] = {
    "page-light": {"height": 1190},
    "page-dark": {"height": 1190, "prefers_color_scheme": "dark"},
    "page-phone": {"width": 360, "height": 780, "scale": 2},
}


class _Answering(socketserver.StreamRequestHandler):
    """Answers a request line with so many bytes as it asks for; C{/readyz} with how the server is."""

    server: ApiServer

    def handle(self) -> None:
        try:
            while line := self.rfile.readline(1000).split():
                if line[:2] == [b"GET", b"/readyz"]:
                    self.wfile.write(b"HTTP/1.1 %s\r\nContent-Length: 0\r\n\r\n" % self.server.status)
                    return
                self.wfile.write(b"x" * int(line[0]))
        except OSError:
            pass  # the client was first


class ApiServer(socketserver.ThreadingTCPServer):
    """A backend with an address of its own."""

    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False

    def __init__(self, number: int) -> None:
        super().__init__((HOST.format(number), PORT), _Answering)
        self.status = b"200 OK"
        self.target = f"{HOST.format(number)}:{PORT}"
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()

    def stop(self) -> None:
        """Listen no more."""
        self.shutdown()
        self.server_close()


def talk(tinylb: Tinylb, until: float, number: int) -> None:
    """A client that connects again and again, and asks for more at some times than at others."""
    chance = random.Random(number)
    while time.monotonic() < until:
        try:
            with closing(socket.create_connection(tinylb.address, 5)) as client:
                for _ in range(chance.randint(5, 40)):
                    size = int(chance.paretovariate(1.2) * (3000 if (until - time.monotonic()) % 20 < 10 else 12000))
                    client.sendall(b"%d %s\n" % (min(size, 400_000), b"?" * chance.randint(10, 900)))
                    client.recv(1 << 20, socket.MSG_WAITALL if size < 1000 else 0)
                    time.sleep(chance.expovariate(5))
        except OSError:
            time.sleep(0.05)


def stageIt(stage: Stage) -> Tinylb:
    """A lively state: some are well, one is dead, one is not ready, one stands by, one has left."""
    servers = [ApiServer(number) for number in range(11, 17)]
    targets: dict[str, object] = {f"cp-{number}": server.target for number, server in enumerate(servers[:5], 1)}
    targets["standby"] = {"address": servers[5].target, "tier": 1, "weight": 2}
    write(stage, {**targets, "cp-old": f"{HOST.format(20)}:{PORT}"})
    check = ("--check", "http:/readyz", "--check-interval", "0.5")
    status = ("--status", f"tcp:9090:interface={HOST.format(10)}")
    tinylb = stage.balance("--backends-file", stage.file.name, *status, *check)
    until = time.monotonic() + MINUTE + 10
    for number in range(16):
        threading.Thread(target=talk, args=(tinylb, until, number), daemon=True).start()
    timeline = {
        8: lambda: write(stage, targets),
        20: servers[3].stop,
        33: lambda: setattr(servers[1], "status", b"500 Internal Server Error"),
        41: lambda: setattr(servers[1], "status", b"200 OK"),
        50: lambda: setattr(servers[4], "status", b"503 Service Unavailable"),
    }
    for seconds, change in timeline.items():
        timer = threading.Timer(seconds, change)
        timer.daemon = True
        timer.start()
    return tinylb


def write(stage: Stage, backends: Mapping[str, object]) -> None:
    """Replace the backends file."""
    stage.writeText(json.dumps({"backends": backends}))


@contextmanager
def place() -> Iterator[Path]:
    """A folder whose name looks well in a picture, where that can be had."""
    folder = Path("/run/tinylb")
    try:
        folder.mkdir()
    except OSError:
        with tempfile.TemporaryDirectory() as other:
            yield Path(other)
    else:
        try:
            yield folder
        finally:
            shutil.rmtree(folder)


def main() -> None:
    """Make the pictures."""
    folder = ROOT / "docs"
    with ExitStack() as stack:
        stage = stack.enter_context(closing(Stage(stack.enter_context(place()))))
        browser = stack.enter_context(Browser())
        visit = stack.enter_context(closing(Visit(browser, stage)))
        tinylb = stageIt(stage)
        pages: dict[str, Page] = {name: visit.open(tinylb, **look) for name, look in LOOKS.items()}
        begun = time.monotonic()
        while time.monotonic() - begun < MINUTE:
            for page in pages.values():
                page.evaluate("true")
            time.sleep(0.1)
        for name, page in pages.items():
            picture = folder / f"{name}.png"
            picture.write_bytes(page.picture())
            print(picture, file=sys.stderr)
        tinylb.stop()


if __name__ == "__main__":
    main()
