"""Fixtures of the tests that have an API server."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import pytest
import pytest_twisted
from twisted.internet.interfaces import IReactorTime

from tests.integration.kubernetes.following import SERVICE, Following, Quick
from tests.kubernetes.client import Client
from tests.kubernetes.control import ApiServer
from tests.kubernetes.kubeconfig import writeKubeconfig
from tests.kubernetes.shapes import items

if TYPE_CHECKING:
    from tests.certificates import Authority

HOSTS = ("127.0.0.1", "::1", "localhost", "kubernetes.default.svc")
"""For whom the server's certificate is."""


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    """It vouches for the server and for clients. The test is skipped where TLS is not installed."""
    certificates = pytest.importorskip("tests.certificates", reason="TLS is not installed")
    made: Authority = certificates.Authority(tmp_path)
    return made


@pytest.fixture
def server(authority: Authority) -> Iterator[ApiServer]:
    """It has the slice of a cluster with three control planes, and the one of another service."""
    identity = authority.issue("server", HOSTS)
    with closing(ApiServer(identity, clientCA=authority.certificate)) as server:
        server.begin(*items("kubeadm"), *items("mirrored"))
        yield server


@pytest.fixture
def client(server: ApiServer, authority: Authority) -> Iterator[Client]:
    """A client of it."""
    with closing(Client(server.address, authority.certificate)) as client:
        yield client


class Follow(Protocol):
    """Follows the test's server until the test is over; see L{Following}."""

    def __call__(self, path: Path = ..., service: str = ..., **options: Any) -> Following: ...


@pytest.fixture
def kubeconfig(server: ApiServer, authority: Authority, tmp_path: Path) -> Path:
    """Leads to the server, and trusts it."""
    return writeKubeconfig(tmp_path / "kubeconfig", server.url, authority.certificate)


@pytest_twisted.async_yield_fixture
async def follow(kubeconfig: Path) -> AsyncIterator[Follow]:
    """Any number of providers, for whom time runs fast unless they get another clock."""
    started: list[Following] = []
    quick = Quick()

    def follow(
        path: Path = kubeconfig, service: str = SERVICE, clock: IReactorTime | None = quick, **options: Any
    ) -> Following:
        started.append(Following(path, service, clock=clock, **options))
        return started[-1]

    yield follow
    for each in started:
        await each.close()
    quick.stop()
