"""The live page shows what is, in a real browser."""

from __future__ import annotations

import json
import re
import shutil
import threading
import time
from contextlib import closing
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from signal import SIGKILL

from tests.program.browser import Browser
from tests.program.page.visit import HEARS, Visit, hasDecided, hasHappened, row, waitForIds
from tests.program.peers import freePort, parseAddress
from tests.program.processes import ROOT
from tests.program.stage import LOOPBACK, Stage
from tinylb.status.feed import LISTENERS

NOTICES = "document.getElementById('notices').innerText"


def test_shown(stage: Stage, visit: Visit) -> None:
    """It shows each backend with target, state and open connections, and has nothing to complain of in its console."""
    servers = stage.servers("a", "b")
    tinylb = stage.follow("--status", LOOPBACK)
    clients = [stage.client(tinylb) for _ in range(4)]
    assert all(client.line() for client in clients)
    page = visit.open(tinylb)
    waitForIds(page, "a", "b")
    for id, server in servers.items():
        page.waitFor(f"{row(id)}.cells[2].innerText == '2'")
        text = page.evaluate(f"{row(id)}.innerText")
        assert server.target in text
        assert "ready" in text
        assert "tier 0, weight 1" in text
    assert page.evaluate("document.title").startswith("ready · tinylb 127.0.0.1:")
    assert str(stage.file) in page.texts("#source")[0]
    assert "Open connections\n4" in page.text()
    assert not page.complaints()


def test_removed(stage: Stage, visit: Visit) -> None:
    """A backend that was removed is gone from the page within a second of the rename; one that came is there."""
    servers = stage.servers("a", "b")
    page = visit.follow()
    page.waitFor(HEARS)
    waitForIds(page, "a", "b")
    for ids in (["b"], ["a", "b"], ["a"], ["a", "b"], ["b"]):
        begun = time.monotonic()
        stage.write({id: servers[id] for id in ids})
        waitForIds(page, *ids)
        assert time.monotonic() - begun < 1
    page.waitFor(hasDecided("it is not in set 2"))
    assert not page.complaints()


def test_removedUnheard(stage: Stage, visit: Visit) -> None:
    """The same where no events can be had, as too many others listen; when one leaves, events come."""
    servers = stage.servers("a", "b")
    tinylb = stage.follow("--status", LOOPBACK)
    where = parseAddress(tinylb.waitFor(r"Status at (.+)$")[1])
    listeners = [stage.client(where) for _ in range(LISTENERS)]
    for listener in listeners:
        listener.send(b"GET /api/events HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert listener.line() == "HTTP/1.1 200 OK"
    page = visit.open(tinylb)
    waitForIds(page, "a", "b")
    begun = time.monotonic()
    stage.write({"b": servers["b"]})
    waitForIds(page, "b")
    assert time.monotonic() - begun < 1
    listeners[0].close()
    page.waitFor(HEARS)
    assert stage.nameOf(tinylb) == "b"
    page.waitFor(hasHappened("is at b"))


def test_reconnects(stage: Stage, visit: Visit) -> None:
    """When tinylb is gone the page says so, and that what it shows is old; when it is back it goes on by itself."""
    servers = stage.servers("a", "b")
    address = f"tcp:{freePort()}:interface=127.0.0.1"
    tinylb = stage.follow("--status", address)
    page = visit.open(tinylb)
    tinylb.stop(SIGKILL)
    page.waitFor(f"{NOTICES}.startsWith('No connection to tinylb; trying again. What is shown is from ')")
    assert page.evaluate("document.title").startswith("no connection")
    assert page.evaluate("getComputedStyle(document.querySelector('main')).filter") == "grayscale(1)"
    waitForIds(page, "a", "b")
    stage.write({"a": servers["a"]})
    tinylb = stage.follow("--status", address)
    waitForIds(page, "a")
    assert page.evaluate(NOTICES) == ""
    assert page.evaluate("document.title").startswith("ready")
    assert page.evaluate("getComputedStyle(document.querySelector('main')).filter") == "none"
    page.waitFor(hasDecided("it is in set 1"))
    page.waitFor(HEARS)
    stage.write(servers)
    page.waitFor(hasHappened("set 2: added b"))


def test_dead(stage: Stage, visit: Visit) -> None:
    """Who is in trouble comes first, with its state, the cause and since when; and it is among the decisions."""
    servers = stage.servers("a", "b", "c")
    page = visit.follow("--check", "tcp", "--check-interval", "0.1")
    page.waitFor(HEARS)
    servers["c"].close()
    waitForIds(page, "c", "a", "b")
    text = page.evaluate(f"{row('c')}.innerText")
    assert "dead" in text
    assert "refused" in text
    assert re.search(r"for \d\s+s", text)
    assert "2 of 3\n" in page.text()
    page.waitFor(hasDecided(r"c\s+dead"))
    assert page.evaluate(NOTICES) == ""
    for id in "ab":
        servers[id].close()
    page.waitFor(f"{NOTICES} == 'No backend is ready. Each new client is tried with all of them.'")


def test_allRest(stage: Stage, visit: Visit) -> None:
    """Without checks no backend is ever dead. Where clients can reach none of them, the page says so all the same."""
    for server in stage.servers("a", "b").values():
        server.close()
    tinylb = stage.follow("--status", LOOPBACK)
    page = visit.open(tinylb)
    waitForIds(page, "a", "b")
    assert page.evaluate(NOTICES) == ""
    assert stage.nameOf(tinylb) == ""
    page.waitFor(f"{NOTICES} == 'No backend is ready. Each new client is tried with all of them.'")
    assert page.evaluate("document.title").startswith("not ready")


def test_sameTarget(stage: Stage, visit: Visit) -> None:
    """Ids that lead to the same target say so, and name each other."""
    server = stage.server("x")
    stage.write({**dict.fromkeys("abcde", server), "f": stage.server("y")})
    page = visit.follow()
    waitForIds(page, *"abcdef")
    tags = {id: page.evaluate(f"{row(id)}.querySelector('.tags').innerText") for id in "adf"}
    assert tags == {
        "a": "tier 0, weight 1, same target as b, c and 2 more",
        "d": "tier 0, weight 1, same target as a, b and 2 more",
        "f": "tier 0, weight 1",
    }
    stage.write({"a": server, "b": server})
    page.waitFor(f"{row('a')}.innerText.includes('same target as b') && !{row('a')}.innerText.includes('more')")


def test_usedOtherwise(stage: Stage, visit: Visit) -> None:
    """When a target is used otherwise, who and how is among the events and decisions, and in its row."""
    servers = stage.servers("a", "b")
    page = visit.follow()
    page.waitFor(HEARS)
    changed = {"address": servers["b"].target, "weight": 2, "proxyProtocol": "v1"}
    stage.writeText(json.dumps({"backends": {"a": servers["a"].target, "b": changed}}))
    page.waitFor(hasHappened(r"set 2: changed b \(weight 2, PROXY protocol v1\)"))
    page.waitFor(hasDecided(r"b\s+changed\s+weight 2, PROXY protocol v1"))
    assert page.evaluate(f"{row('b')}.querySelector('.tags').innerText") == "tier 0, weight 2, PROXY v1"
    stage.write({})
    page.waitFor(hasHappened("set 3: removed a, b"))


def test_strangeAnswer(stage: Stage, visit: Visit) -> None:
    """An answer that it cannot show does not end it: it says so, marks what it shows as old, and goes on asking."""
    stage.servers("a")
    page = visit.follow()
    page.waitFor(HEARS)
    page.evaluate("{const real = fetch; window.healed = () => { window.fetch = real; };}")
    page.evaluate("window.fetch = async () => new Response('{}'), 0")
    page.waitFor(f"{NOTICES}.includes('its answer is not understood')")
    assert page.evaluate("document.title").startswith("no connection")
    page.evaluate("healed()")
    page.waitFor(f"{NOTICES} == ''")
    page.waitFor(HEARS)
    assert page.evaluate("document.title").startswith("ready")


def test_emptySet(stage: Stage, visit: Visit) -> None:
    """Without a usable backend the title and the top of the page say so, and how many clients that has cost."""
    stage.write({})
    tinylb = stage.follow("--status", LOOPBACK)
    page = visit.open(tinylb)
    assert page.evaluate("document.title").startswith("not ready")
    assert "they are closed at once" in page.evaluate(NOTICES)
    assert "The set is empty" in page.text()
    assert stage.nameOf(tinylb) == ""
    page.waitFor("document.getElementById('totals').innerText.includes('1 no-backends')")
    stage.servers("a")
    waitForIds(page, "a")
    assert page.evaluate(NOTICES) == ""
    assert not page.complaints()


def test_sourceInTrouble(stage: Stage, visit: Visit) -> None:
    """When the source is in trouble the page tells what is wrong, until it is right again; the set stays."""
    servers = stage.servers("a")
    page = visit.follow()
    stage.writeText('{"backends": ')
    page.waitFor(f"{NOTICES}.includes('line 1 column')")
    waitForIds(page, "a")
    stage.write(servers)
    page.waitFor(f"{NOTICES} == ''")


def test_withoutScript(browser: Browser, tmp_path: Path) -> None:
    """When a part of its script has not come it says so, and what to do; nobody is told to wait."""
    folder = shutil.copytree(ROOT / "tinylb" / "status" / "page", tmp_path / "page")
    (folder / "charts.js").unlink()
    handler = partial(SimpleHTTPRequestHandler, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        with closing(browser.open(f"http://127.0.0.1:{server.server_port}/")) as page:
            page.waitFor("document.body.innerText.includes('has not come')")
            assert "connecting" not in page.text()
        server.shutdown()


def test_traffic(stage: Stage, visit: Visit) -> None:
    """What flows is shown in figures that move and charts that grow, and each connection in a line as it happens."""
    stage.servers("a")
    tinylb = stage.follow("--status", LOOPBACK)
    page = visit.open(tinylb)
    page.waitFor(HEARS)
    client = stage.client(tinylb)
    assert client.line() == "a"
    page.waitFor(hasHappened("is at a"))
    cells = f"{row('a')}.cells"
    page.waitFor(f"{cells}[2].innerText == '1'")
    deadline = time.monotonic() + 20
    while page.evaluate(f"{cells}[4].querySelector('.line').getAttribute('d')") in (None, ""):
        assert client.echoes(b"x" * 100_000)
        assert time.monotonic() < deadline, "the chart shows nothing"
    client.close()
    page.waitFor(hasHappened("has left a, client-closed, after .* to it, .* back"))
    page.waitFor(f"{cells}[2].innerText == '0' && {cells}[4].innerText == '0\\u00a0B/s'")
    assert not page.complaints()


def test_hidden(stage: Stage, visit: Visit) -> None:
    """Nothing is asked for while nobody looks on; it goes on when somebody does."""
    servers = stage.servers("a", "b")
    page = visit.follow()
    page.waitFor(HEARS)
    page.hide(isHidden=True)
    page.waitFor(f"document.hidden && !({HEARS})")
    stage.write({"a": servers["a"]})
    page.waitFor(f"performance.now() > {page.evaluate('performance.now()')} + 2000")
    assert page.texts("#backends .id") == ["a", "b"]
    page.hide(isHidden=False)
    waitForIds(page, "a")
    page.waitFor(HEARS)
