"""Fixtures of the tests of health, with the program as a whole."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.program.health.cluster import HOST, Cluster
from tests.program.stage import Stage

if TYPE_CHECKING:
    from tests.certificates import Authority


@pytest.fixture
def cluster(stage: Stage) -> Iterator[Cluster]:
    """Servers and tinylb."""
    cluster = Cluster(stage)
    yield cluster
    cluster.close()


@pytest.fixture
def makeAuthority(stage: Stage) -> Callable[[str], Authority]:
    """Makes one, of that name, who vouches for servers and clients."""
    certificates = pytest.importorskip("tests.certificates", reason="TLS is not installed")
    return partial(certificates.Authority, stage.folder)


@pytest.fixture
def authority(makeAuthority: Callable[[str], Authority]) -> Authority:
    """Whom checks believe."""
    return makeAuthority("authority")


@pytest.fixture
def pem(authority: Authority) -> Path:
    """The key and the certificate of a server on this host."""
    return authority.issue("server", [HOST])
