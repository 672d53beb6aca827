"""Makes the provider for a source that a user has named: a file, a DNS name or a Kubernetes service."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from typing import Any

from tinylb.addresses import HostPort, InvalidAddress
from tinylb.backends import BackendSet, TCPBackend
from tinylb.clock import monotonicClock
from tinylb.interfaces import IProvider
from tinylb.providers.file import BackendsFileError, FileProvider
from tinylb.providers.layered import LayeredProvider
from tinylb.providers.state import StateFile


class SourceError(ValueError):
    """
    What was given cannot be followed; the message says what was given, what is wrong, and what would be right.

    @ivar of: which part is wrong: the C{source}, its C{service}, or the C{state} file.
    """

    def __init__(self, message: str, of: str = "source") -> None:
        super().__init__(message)
        self.of = of


def follow(reactor: Any, kind: str, value: str, *, service: str | None, mayBeMissing: bool) -> IProvider:
    """
    A provider that follows a source.

    @param kind: C{file}, a backends file; C{dns}, the addresses of a name; C{srv}, the SRV records of a name; or
        C{kubernetes}, the EndpointSlices of a service.
    @param value: a path; C{HOST:PORT}; a name; the path of a kubeconfig, or C{in-cluster}.
    @param service: with C{kubernetes}: C{NAMESPACE/NAME[:PORTNAME]}; by default the API servers themselves.
    @param mayBeMissing: whether a file that is not there is waited for.
    @raise SourceError: when the source cannot be followed, for a reason that does not go away by itself.
    """
    try:
        if kind == "file":
            return _file(reactor, value, mayBeMissing)
        if kind == "kubernetes":
            return _kubernetes(reactor, value, service, mayBeMissing)
        # Imported only where names are followed: it costs time and memory.
        from tinylb.providers.dns import DNSProvider, SRVProvider

        if kind == "srv":
            return SRVProvider(reactor, value)
        if not re.fullmatch("[^:/]+:[0-9]+", value) and not value.startswith("["):
            raise SourceError(f"{value}: not HOST:PORT; write for example api.example.com:6443")
        where = HostPort.parse(value)
        return DNSProvider(reactor, where.host, where.port)
    except InvalidAddress as error:
        raise SourceError(f"{value}: {error}") from None


def _file(reactor: Any, path: str, mayBeMissing: bool) -> IProvider:
    provider = FileProvider(reactor, path)
    try:
        provider.load()
    except BackendsFileError as error:
        if not (error.isMissing and mayBeMissing):
            raise SourceError(str(error)) from None
    return provider


def _kubernetes(reactor: Any, config: str, service: str | None, mayBeMissing: bool) -> IProvider:
    try:
        from tinylb.providers.kubernetes import KubernetesProvider
        from tinylb.providers.kubernetes.access import WrongAccess, inClusterAccess, kubeconfigAccess
        from tinylb.providers.kubernetes.slices import SERVICE
    except ImportError as error:
        raise SourceError(f"{config}: {error}; pip install 'tinylb[kubernetes]' for Kubernetes") from None
    clock = monotonicClock(reactor)
    try:
        if config == "in-cluster":
            access = inClusterAccess(reactor, clock)
        else:
            access = kubeconfigAccess(reactor, clock, config, mayBeMissing=mayBeMissing)
    except WrongAccess as error:
        raise SourceError(str(error)) from None
    try:
        return KubernetesProvider(reactor, access, SERVICE if service is None else service)
    except ValueError as error:
        raise SourceError(f"{service}: {error}", of="service") from None


def readFixed(texts: Iterable[str]) -> dict[str, HostPort]:
    """
    The addresses of fixed backends, by id.

    @param texts: C{[ID=]HOST:PORT} each.
    @raise SourceError: when one of them is not that, or an id comes twice.
    """
    found: dict[str, HostPort] = {}
    for text in texts:
        id, equals, address = text.rpartition("=")
        if not equals:
            id = address
        if not id or not id.isprintable():
            raise SourceError(f"{text}: the id is empty or not printable; expected: ID=HOST:PORT")
        if id in found:
            raise SourceError(f"{text}: the id {id} is given twice; each may be given once")
        try:
            found[id] = HostPort.parse(address)
        except InvalidAddress as error:
            raise SourceError(f"{text}: {error}") from None
    return found


def fixedBackends(reactor: Any, addresses: Mapping[str, HostPort]) -> BackendSet:
    """The set of these fixed backends."""
    return BackendSet({id: TCPBackend(reactor, where.host, where.port) for id, where in addresses.items()})


def layered(
    reactor: Any, source: IProvider, standby: BackendSet, statePath: str | None, notThis: str | None
) -> IProvider:
    """
    A source with its standby backends and its state file, if it has either.

    @param notThis: a file that the state file must not be.
    @raise SourceError: when no state file can be written there.
    """
    if not standby and statePath is None:
        return source
    if statePath is not None:
        _checkState(statePath, notThis)
    state = None if statePath is None else StateFile(reactor, statePath)
    return LayeredProvider(reactor, source, standby, state=state)


def _checkState(path: str, notThis: str | None) -> None:
    if not path or "\0" in path:
        raise SourceError(f"{path}: not a path; a file is expected, such as /var/lib/tinylb/state.json", of="state")
    if notThis is not None and os.path.realpath(path) == os.path.realpath(notThis):
        raise SourceError(f"{path}: this is the file that is followed; a file of its own is expected", of="state")
    if os.path.exists(path) and not os.path.isfile(path):
        raise SourceError(f"{path}: not a regular file, and nothing else may be replaced", of="state")
