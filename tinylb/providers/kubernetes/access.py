"""Access to an API server, looked up before each request: its URL, TLS settings and our credentials."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Protocol

from twisted.internet.defer import Deferred, fail
from twisted.internet.interfaces import IReactorProcess, IReactorTime
from twisted.logger import Logger

from tinylb.addresses import HostPort, InvalidAddress
from tinylb.files import Missing
from tinylb.pem import PEM, BadPEM
from tinylb.providers.kubernetes.config import Cluster, Config, InvalidConfig, User
from tinylb.providers.kubernetes.credentials import CredentialError
from tinylb.providers.kubernetes.session import INSTALL, AccessError, Session, Way

__all__ = ["SERVICE_ACCOUNT", "Access", "AccessError", "Session", "WrongAccess", "inClusterAccess", "kubeconfigAccess"]

SERVICE_ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount"

_TROUBLE = (InvalidConfig, BadPEM, CredentialError)


class WrongAccess(AccessError):
    """What was given cannot be used, for a reason that does not go away by itself; found when an L{Access} is made."""


class Access(Protocol):
    """The way to an API server."""

    @property
    def name(self) -> str:
        """What was given: the absolute path of a kubeconfig, or C{in-cluster}. It never changes."""

    @property
    def source(self) -> str:
        """The server's URL at present, for people."""

    @property
    def error(self) -> str | None:
        """What is wrong with a file that has changed, in one line; what was read of it before stays in use."""

    def session(self) -> Deferred[Session]:
        """
        Called before every request: files that have changed are read again.

        @return: fires with what the request needs, or fails with L{AccessError}. Cancelling it ends a plugin that no
            other request waits for.
        """

    def rejected(self, session: Session) -> None:
        """The server has answered 401: a credential that was kept for later requests is not used again."""

    def close(self) -> None:
        """End a plugin that runs. L{session} may be called again later."""


def kubeconfigAccess(
    reactor: IReactorProcess, clock: IReactorTime, path: str | os.PathLike[str], *, mayBeMissing: bool = False
) -> Access:
    """
    Access by the current context of a kubeconfig file. The file is followed: each session is what the file says then.

    @param clock: monotonic.
    @param mayBeMissing: whether the file, and files that it names, may still have to be created. Until then there is
        no session, and the source is the path.
    @raise WrongAccess: when the file cannot be used.
    """
    path = os.path.abspath(path)
    try:
        from tinylb.providers.kubernetes.kubeconfig import KubeconfigFile
    except ImportError as error:
        raise WrongAccess(f"{path}: {error}; {INSTALL}") from None
    return _Access(reactor, clock, path, KubeconfigFile(path).read, mayBeMissing)


def inClusterAccess(
    reactor: IReactorProcess,
    clock: IReactorTime,
    environ: Mapping[str, str] = os.environ,
    folder: str | os.PathLike[str] = SERVICE_ACCOUNT,
) -> Access:
    """
    Access by a pod's service account: U{https://kubernetes.io/docs/tasks/run-application/access-api-from-pod/}.

    @raise WrongAccess: when this is not a pod, or has no service account.
    """
    host, port = environ.get("KUBERNETES_SERVICE_HOST", ""), environ.get("KUBERNETES_SERVICE_PORT", "")
    if not host or not port:
        raise WrongAccess(
            "in-cluster: KUBERNETES_SERVICE_HOST or KUBERNETES_SERVICE_PORT is not set, so this is no pod; give a "
            "kubeconfig file"
        )
    try:
        address = HostPort.parse(f"[{host}]:{port}" if ":" in host else f"{host}:{port}")
    except InvalidAddress as error:
        raise WrongAccess(f"in-cluster: KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT: {error}") from None
    ca, token = (os.path.join(folder, name) for name in ("ca.crt", "token"))
    config = Config(
        Cluster(f"https://{address}", PEM(f"in-cluster: CA {ca}", ca)),
        User(tokenFile=token, tokenWhere=f"in-cluster: token {token}"),
    )
    return _Access(reactor, clock, "in-cluster", lambda: config, mayBeMissing=False)


class _Access:
    """
    Follows a configuration. A new one that cannot be used is not taken; it is tried again with each session, as the
    files that it names may still come.

    @param read: gives the present configuration; an equal one as long as that has not changed. It raises
        L{InvalidConfig}.
    """

    _log = Logger()

    def __init__(
        self,
        reactor: IReactorProcess,
        clock: IReactorTime,
        name: str,
        read: Callable[[], Config],
        mayBeMissing: bool,
    ) -> None:
        self._reactor = reactor
        self._clock = clock
        self._name = name
        self._read = read
        self._way: Way | None = None
        self._error: str | None = None
        try:
            self._follow()
        except _TROUBLE as error:
            if not (mayBeMissing and isinstance(error.__cause__, Missing)):
                raise WrongAccess(str(error)) from None
            self._error = str(error)

    @property
    def name(self) -> str:
        """See L{Access.name}."""
        return self._name

    @property
    def source(self) -> str:
        """See L{Access.source}."""
        return self._name if self._way is None else self._way.config.cluster.server

    @property
    def error(self) -> str | None:
        """See L{Access.error}."""
        return self._error or (None if self._way is None else self._way.error)

    def session(self) -> Deferred[Session]:
        """See L{Access.session}."""
        hasFormer = self._way is not None
        try:
            self._follow()
        except _TROUBLE as error:
            self._failed(str(error))
        else:
            if hasFormer and self._error is not None:
                self._log.info("{where} is in use again", where=self._name)
            self._error = None
        if self._way is None:
            return fail(AccessError(str(self._error)))
        return self._way.session()

    def rejected(self, session: Session) -> None:
        """See L{Access.rejected}."""
        if self._way is not None:
            self._way.rejected(session)

    def close(self) -> None:
        """See L{Access.close}."""
        if self._way is not None:
            self._way.close()

    def _follow(self) -> None:
        """Take the present configuration, or raise if it cannot be used."""
        config = self._read()
        former = self._way
        if former is None or config != former.config:
            self._way = Way(self._reactor, self._clock, config)
            if former is not None:
                former.close()

    def _failed(self, error: str) -> None:
        if error != self._error and self._way is not None:
            self._log.error("{error}; what was read before stays in use", error=error)
        self._error = error
