"""What a request to an API server needs, under one configuration: URL, TLS settings and headers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IOpenSSLClientConnectionCreator, IReactorProcess, IReactorTime
from twisted.python.failure import Failure

from tinylb.addresses import quote
from tinylb.pem import PEM, BadPEM
from tinylb.providers.kubernetes.config import Cluster, Config, InvalidConfig, User
from tinylb.providers.kubernetes.credentials import Credential, CredentialError, Credentials, GivenCredentials

if TYPE_CHECKING:
    from tinylb.tls import ClientTLS

INSTALL = "pip install 'tinylb[kubernetes]' for Kubernetes"


class AccessError(Exception):
    """The API server cannot be asked at present; the message is one line that says why."""


@dataclass(frozen=True)
class Session:
    """
    What a request needs.

    @ivar server: the URL that paths are appended to, without a slash at its end; it may have a path of its own.
    @ivar tls: for connections; another object whenever a certificate or setting has changed. L{None}: the server is
        asked in the clear.
    @ivar headers: by name, as C{twisted.web.http_headers.Headers} takes them.
    @ivar credential: what is shown to the server.
    """

    server: str
    tls: IOpenSSLClientConnectionCreator | None
    headers: Mapping[str, Sequence[str]] = field(repr=False)
    credential: Credential = field(default=Credential(), repr=False, compare=False)


class Way:
    """
    Access to a server under one configuration; another configuration needs another L{Way}.

    @param clock: monotonic.
    @raise InvalidConfig: when a library that it needs is not installed, or the server's name cannot be a host's.
    @raise BadPEM: when a certificate or key cannot be used.
    @raise CredentialError: when there cannot be a credential.
    """

    def __init__(self, reactor: IReactorProcess, clock: IReactorTime, config: Config) -> None:
        self.config = config
        self._tls = _tls(config.cluster, config.user.cert, config.user.key) if config.cluster.isSecure else None
        self._credentials = _credentials(reactor, clock, config)
        self._own: tuple[Credential, ClientTLS] | None = None

    @property
    def error(self) -> str | None:
        """What is wrong with a file that has changed; what was read of it before stays in use."""
        ofFiles = None if self._tls is None else self._tls.error
        return ofFiles or self._credentials.error

    def session(self) -> Deferred[Session]:
        """
        @return: fires with what a request needs now, or fails with L{AccessError}.
        """
        return self._credentials.get().addCallback(self._session).addErrback(_explain)

    def rejected(self, session: Session) -> None:
        """The server has answered 401."""
        self._credentials.rejected(session.credential)

    def close(self) -> None:
        """End a plugin that runs."""
        self._credentials.close()

    def _session(self, credential: Credential) -> Session:
        cluster = self.config.cluster
        headers = dict(self.config.user.impersonation)
        if credential.authorization:
            headers["Authorization"] = (credential.authorization,)
        try:
            tls = self._tlsFor(credential)
        except BadPEM:
            self._credentials.rejected(credential)
            raise
        return Session(cluster.server, None if tls is None else tls(cluster.host), headers, credential)

    def _tlsFor(self, credential: Credential) -> ClientTLS | None:
        if credential.cert is None:
            return self._tls
        if self._own is None or self._own[0] is not credential:
            self._own = credential, _tls(self.config.cluster, credential.cert, credential.key)
        return self._own[1]


def _tls(cluster: Cluster, cert: PEM | None, key: PEM | None) -> ClientTLS:
    try:
        from tinylb.tls import ClientTLS
    except ImportError as error:
        raise InvalidConfig(f"{cluster.server}: {error}; {INSTALL}") from None
    tls = ClientTLS(cluster.ca, cert, key, serverName=cluster.serverName or None, isVerifying=cluster.isVerifying)
    try:
        tls(cluster.host)
    except UnicodeError:
        name = cluster.serverName or cluster.host
        raise InvalidConfig(f"{cluster.server}: {quote(name)} is not a name that a host can have") from None
    return tls


def _credentials(reactor: IReactorProcess, clock: IReactorTime, config: Config) -> Credentials:
    """A token or password goes before a plugin. As with kubectl, nothing is shown in the clear."""
    cluster, user = config.cluster, config.user
    if not cluster.isSecure:
        return GivenCredentials(User())
    if user.plugin is None or user.token or user.tokenFile or user.username:
        return GivenCredentials(user)
    from tinylb.providers.kubernetes.plugincredentials import PluginCredentials

    return PluginCredentials(reactor, clock, user.plugin, cluster)


def _explain(failure: Failure) -> Failure:
    if failure.check(BadPEM, CredentialError):
        return Failure(AccessError(failure.getErrorMessage()))
    return failure
