"""While one server is broken in whatever way, new clients are served by the others, and soon."""

from __future__ import annotations

import math
import time
from collections import Counter

import pytest

from tests.program.health.cluster import Backend, Cluster
from tests.program.health.namespaces import Namespace, needsNamespaces
from tests.program.health.visitors import CONNECTIONS, SOON, Load, ask, needsCurl, needsWrk, serving, visit
from tests.program.peers import blackHole
from tests.program.processes import waitUntil
from tests.program.stage import Tinylb

pytestmark = [needsCurl, needsWrk]

CHECKS = ("--check", "http:/readyz", "--check-interval", "0.2", "--check-timeout", "1", "--fall", "2")


def isServing(tinylb: Tinylb, backend: Backend) -> bool:
    """Whether a backend gets its share of the new connections. None of them fails, whoever it is for."""
    return backend.name in serving(tinylb, 4)


def test_refusing(cluster: Cluster) -> None:
    """A server that refuses connections costs nobody his, with any number of clients at once."""
    cluster.backend("good")
    cluster.backend("bad").tell("refuse")
    tinylb = cluster.balance()
    load = Load(cluster.stage, tinylb, 1)
    assert serving(tinylb, 50) == ["good"] * 50
    load.succeeds()
    tinylb.waitFor(r"Backend bad \(.*\) is resting: connection refused; it rests for \d.\d s")


def test_refusingFromNowOn(cluster: Cluster) -> None:
    """Nor does one that begins to refuse them, and accepts them again, while there are many clients."""
    good, bad = cluster.backend("good"), cluster.backend("bad")
    tinylb = cluster.balance()
    load = Load(cluster.stage, tinylb, 3)
    waitUntil(lambda: good.count("visits") and bad.count("visits"), "both serve")
    bad.tell("refuse")
    tinylb.waitFor("Backend bad .* is resting")
    assert serving(tinylb, 20) == ["good"] * 20
    bad.tell("listen")
    waitUntil(lambda: isServing(tinylb, bad), "it gets connections again")
    tinylb.waitFor("Backend bad .* is ready: it accepts connections again")
    load.succeeds()


def test_neverAnswering(cluster: Cluster) -> None:
    """A server that accepts and says nothing is not ready by the checks, and gets no client from then on."""
    cluster.backend("good")
    mute = cluster.backend("mute")
    mute.tell("mute")
    tinylb = cluster.balance(*CHECKS)
    tinylb.waitFor(r"Backend mute .* is not-ready: check: no answer within 1 s; 1 ready$")
    load = Load(cluster.stage, tinylb, 1)
    assert serving(tinylb, 50) == ["good"] * 50
    load.succeeds()


@pytest.mark.parametrize("where", ["full queue", pytest.param("lost packets", marks=needsNamespaces)])
def test_blackHole(cluster: Cluster, where: str) -> None:
    """
    Where connecting leads to nothing at all, a client waits for --attempt-delay and no longer. Then it is tried again
    by one client after each rest, of 1, 2, 4... seconds at the least, and the others do not wait at all.
    """
    delay = 1.0
    cluster.backend("good")
    with Namespace() if where == "lost packets" else blackHole() as hole:
        if isinstance(hole, Namespace):
            hole.losePackets()
        target = hole if isinstance(hole, str) else hole.target
        tinylb = cluster.balance("--attempt-delay", str(delay), hole=target)
        begun = time.monotonic()
        waits = visit(tinylb, 2).seconds
        assert sum(each >= delay for each in waits) == 1

        def isTriedAgain() -> bool:
            waits.extend(visit(tinylb, 40, atOnce=8).seconds)
            return sum(each >= delay for each in waits) > 1

        waitUntil(isTriedAgain, "a rest is over")
        rests = int(math.log2(1 + time.monotonic() - begun))
        assert sum(each >= delay for each in waits) <= 1 + rests
        assert max(waits) < delay + SOON
        tinylb.waitFor("Backend hole .* is resting: no answer while another backend connected")
        load = Load(cluster.stage, tinylb, 1)
        assert serving(tinylb, 20) == ["good"] * 20
        result = load.result()
    assert (result.cut, result.failed) == (0, 0)
    assert result.longest < delay + SOON
    # Were half of them sent into the hole, each of wrk's connections would make two requests a second.
    assert result.requests > 10 * 2 * CONNECTIONS


@needsNamespaces
def test_lostPackets(cluster: Cluster) -> None:
    """
    A server from which no packet comes any more is dead by the checks: its connections are aborted, and new ones go
    elsewhere. When packets come again, so do clients.
    """
    with Namespace() as namespace:
        cluster.backend("good")
        far = cluster.backend("far", inside=namespace.inside, address=namespace.address)
        tinylb = cluster.balance(*CHECKS, "--attempt-delay", "0.2")
        staying, opened = cluster.client(tinylb, "good"), cluster.client(tinylb, "far")
        namespace.losePackets()
        load = Load(cluster.stage, tinylb, 3)
        assert serving(tinylb, 20) == ["good"] * 20
        tinylb.waitFor("Backend far .* is dead: check: no connection within 1 s.*; 1 connection ended$")
        assert opened.ending() == "reset"
        assert serving(tinylb, 20) == ["good"] * 20
        load.succeeds()
        namespace.keepPackets()
        waitUntil(lambda: isServing(tinylb, far), "it gets connections again")
        tinylb.waitFor("Backend far .* is ready")
        assert ask(staying) == "good"


def test_paused(cluster: Cluster) -> None:
    """
    A server that hangs, its listener still open, is not ready first: nothing happens to its connections. When it has
    been silent for 3 x --fall checks it is dead, and they are aborted. It serves again when it goes on.
    """
    cluster.backend("good")
    stuck = cluster.backend("stuck")
    tinylb = cluster.balance(*CHECKS)
    staying, opened = cluster.client(tinylb, "good"), cluster.client(tinylb, "stuck")
    stuck.pause()
    tinylb.waitFor(r"Backend stuck .* is not-ready: check: no answer within 1 s; 1 ready$")
    load = Load(cluster.stage, tinylb, 1)
    assert serving(tinylb, 30) == ["good"] * 30
    tinylb.waitFor("Backend stuck .* is dead: check: no answer within 1 s.*; 1 ready; 1 connection ended$")
    assert opened.ending() == "reset"
    assert serving(tinylb, 30) == ["good"] * 30
    load.succeeds()
    stuck.resume()
    tinylb.waitFor("Backend stuck .* is ready: check: HTTP 200")
    assert Counter(serving(tinylb, 10)) == {"good": 5, "stuck": 5}
    assert ask(staying) == "good"


@pytest.mark.parametrize("checks", [(), CHECKS], ids=["no checks", "checks"])
def test_killed(cluster: Cluster, checks: tuple[str, ...]) -> None:
    """
    Of a server that is killed only those feel it who are on it at that moment. It is started again, and gets
    connections again.
    """
    good, victim = cluster.backend("good"), cluster.backend("victim")
    tinylb = cluster.balance(*checks)
    staying = cluster.client(tinylb, "good")
    load = Load(cluster.stage, tinylb, 3)
    waitUntil(lambda: good.count("visits") and victim.count("visits"), "both serve")
    victim.kill()
    after = Load(cluster.stage, tinylb, 1)
    assert serving(tinylb, 30) == ["good"] * 30
    tinylb.waitFor("Backend victim .* is (resting|dead)")
    victim.start()
    waitUntil(lambda: isServing(tinylb, victim), "it gets connections again")
    tinylb.waitFor("Backend victim .* is ready")
    after.succeeds()
    result = load.result()
    # Each of wrk's connections may have been on it, once.
    assert result.cut <= CONNECTIONS
    assert result.failed == 0
    assert result.longest < SOON
    assert ask(staying) == "good"


@pytest.mark.parametrize("checks", [(), CHECKS], ids=["no checks", "checks"])
def test_flapping(cluster: Cluster, checks: tuple[str, ...]) -> None:
    """A server that refuses connections every other tenth of a second is tried now and then, at nobody's cost."""
    cluster.backend("good")
    flapping = cluster.backend("flapping")
    tinylb = cluster.balance(*checks)
    flapping.tell("flap")
    load = Load(cluster.stage, tinylb, 2)
    tinylb.waitFor("Backend flapping .* is resting")
    serving(tinylb, 100)
    load.succeeds()
    flapping.tell("steady")
    waitUntil(lambda: isServing(tinylb, flapping), "it gets connections again")
