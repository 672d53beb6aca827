"""Tiers, weights and the policy: who gets how many of the new connections."""

from __future__ import annotations

from collections import Counter
from itertools import groupby

import pytest

from tests.program.health.cluster import Cluster
from tests.program.health.visitors import needsCurl, serving
from tests.program.processes import waitUntil

pytestmark = needsCurl

CHECKS = ("--check", "http:/readyz", "--check-interval", "0.1")


@pytest.mark.parametrize("checks", [(), CHECKS], ids=["no checks", "checks"])
def test_tiers(cluster: Cluster, checks: tuple[str, ...]) -> None:
    """The next tier serves only while the first one cannot. No connection fails, on the way there nor back."""
    best, standby = cluster.backend("best"), cluster.backend("standby")
    cluster.write({best: {"tier": 0}, standby: {"tier": 1}})
    tinylb = cluster.stage.follow(*checks)
    assert serving(tinylb, 20) == ["best"] * 20
    best.tell("refuse")
    assert serving(tinylb, 20) == ["standby"] * 20
    best.tell("listen")
    waitUntil(lambda: serving(tinylb, 2)[-1] == "best", "new connections return")
    tinylb.waitFor("Backend best .* is ready")
    assert serving(tinylb, 20) == ["best"] * 20


def test_tierThatIsNotReady(cluster: Cluster) -> None:
    """A tier whose servers are all not ready gives way to the next, too; within a tier they take turns."""
    first, second, standby = (cluster.backend(name) for name in ("first", "second", "standby"))
    cluster.write({first: {}, second: {"tier": 0}, standby: {"tier": 7}})
    tinylb = cluster.stage.follow(*CHECKS)
    assert Counter(serving(tinylb, 10)) == {"first": 5, "second": 5}
    first.tell("readyz 500")
    tinylb.waitFor("Backend first .* is not-ready")
    assert serving(tinylb, 10) == ["second"] * 10
    second.tell("readyz 500")
    tinylb.waitFor("Backend second .* is not-ready")
    assert serving(tinylb, 10) == ["standby"] * 10
    first.tell("readyz 200")
    tinylb.waitFor("Backend first .* is ready")
    assert serving(tinylb, 10) == ["first"] * 10


def test_weights(cluster: Cluster) -> None:
    """Of 30 connections weights of 1 and 2 make 10 and 20, well mixed."""
    light, heavy = cluster.backend("light"), cluster.backend("heavy")
    cluster.write({light: {}, heavy: {"weight": 2}})
    who = serving(cluster.stage.follow(), 30)
    assert Counter(who) == {"light": 10, "heavy": 20}
    assert max(len(list(run)) for _, run in groupby(who)) <= 2


def test_leastConnections(cluster: Cluster) -> None:
    """A server that has fewer open connections for its weight gets the next one."""
    old, new = cluster.backend("old"), cluster.backend("new")
    cluster.write({old: {}})
    tinylb = cluster.stage.follow("--policy", "least-connections")
    for _ in range(4):
        cluster.client(tinylb, "old")
    cluster.write({old: {}, new: {"weight": 2}})
    tinylb.waitForSet(2)
    for _ in range(7):
        assert serving(tinylb, 1) == ["new"]
        assert cluster.client(tinylb, "new")
    assert (old.count("open"), new.count("open")) == (4, 7)
