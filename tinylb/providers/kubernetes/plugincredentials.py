"""Credentials from an exec plugin: U{https://kubernetes.io/docs/reference/config-api/client-authentication.v1/}."""

from __future__ import annotations

import base64
import json
import os
import re
import time
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from twisted.internet.defer import CancelledError, Deferred, succeed
from twisted.internet.interfaces import IReactorProcess, IReactorTime
from twisted.python.failure import Failure

from tinylb.addresses import quote
from tinylb.pem import PEM, BadPEM
from tinylb.providers.kubernetes.config import Cluster, Plugin, checkToken
from tinylb.providers.kubernetes.credentials import Credential, CredentialError
from tinylb.providers.kubernetes.document import InvalidDocument, Part
from tinylb.providers.kubernetes.execplugin import NoSuchProgram, PluginError, findProgram, runPlugin

EARLY = 30.0
"""Seconds before a credential expires at which it is replaced, or a tenth of its life if that is less."""

_TIMESTAMP = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.\d+)?(Z|[+-]\d\d:\d\d)", re.ASCII | re.IGNORECASE)


class PluginCredentials:
    """
    Credentials from an exec plugin. A credential is used until shortly before it expires, or until the server rejects
    it. The program runs once for all callers that wait for it.

    @param environ: the environment that the program inherits.
    @param now: wall-clock time, in seconds since the epoch, in which a credential's expiry is given.
    @raise CredentialError: when the program is not found.
    """

    error: str | None = None
    """There are no files here that could be wrong."""

    def __init__(
        self,
        reactor: IReactorProcess,
        clock: IReactorTime,
        plugin: Plugin,
        cluster: Cluster,
        environ: Mapping[str, str] = os.environ,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._reactor = reactor
        self._clock = clock
        self._plugin = plugin
        self._cluster = cluster
        self._environ = {**environ, **dict(plugin.env)}
        self._now = now
        self._credential: Credential | None = None
        self._until: float | None = None
        self._waiting: list[Deferred[Credential]] = []
        self._run: Deferred[Any] | None = None
        try:
            findProgram(plugin.command, self._environ)
        except NoSuchProgram as error:
            raise self._error(error) from error

    def get(self) -> Deferred[Credential]:
        """See L{Credentials.get}. When the last caller cancels, the program is ended."""
        if self._credential is not None and (self._until is None or self._now() < self._until):
            return succeed(self._credential)
        waiting: Deferred[Credential] = Deferred(self._cancelled)
        self._waiting.append(waiting)
        if self._run is None:
            self._start()
        return waiting

    def rejected(self, credential: Credential) -> None:
        """See L{Credentials.rejected}."""
        if credential is self._credential:
            self._credential = None

    def close(self) -> None:
        """End the program; callers that wait for it get a L{CredentialError}."""
        if self._run is not None:
            self._run.cancel()

    def _cancelled(self, waiting: Deferred[Credential]) -> None:
        if waiting in self._waiting:
            self._waiting.remove(waiting)
            if not self._waiting:
                self.close()

    def _start(self) -> None:
        try:
            environ = {**self._environ, "KUBERNETES_EXEC_INFO": self._info()}
        except BadPEM as error:
            self._tell(Failure(CredentialError(str(error))))
            return
        self._run = runPlugin(self._reactor, self._clock, self._plugin.command, self._plugin.args, environ)
        self._run.addCallback(self._take).addErrback(self._explain).addBoth(self._tell)

    def _take(self, output: bytes) -> Credential:
        credential, ends = _credentialIn(output, self._plugin)
        now = self._now()
        self._credential = credential
        self._until = None if ends is None else ends - min(EARLY, max(0.0, ends - now) / 10)
        return credential

    def _explain(self, failure: Failure) -> Failure:
        if failure.check(CancelledError):
            return Failure(CredentialError(f"{self._plugin.where}: it is not asked any more"))
        failure.trap(PluginError, InvalidDocument)
        return Failure(self._error(failure.value))

    def _error(self, error: BaseException | None) -> CredentialError:
        hint = f"; {self._plugin.installHint}" if self._plugin.installHint and isinstance(error, NoSuchProgram) else ""
        return CredentialError(f"{self._plugin.where}: {self._plugin.command}: {error}{hint}")

    def _tell(self, result: Credential | Failure) -> None:
        self._run = None
        waiting, self._waiting = self._waiting, []
        for each in waiting:
            if not each.called:  # a caller that was told may have cancelled others
                each.callback(result)

    def _info(self) -> str:
        spec: dict[str, Any] = {"interactive": False}
        if self._plugin.isTold:
            spec["cluster"] = _described(self._cluster)
        return json.dumps({"apiVersion": self._plugin.apiVersion, "kind": "ExecCredential", "spec": spec})


def _described(cluster: Cluster) -> dict[str, Any]:
    told: dict[str, Any] = {"server": cluster.server}
    if cluster.serverName:
        told["tls-server-name"] = cluster.serverName
    if not cluster.isVerifying:
        told["insecure-skip-tls-verify"] = True
    if cluster.ca is not None:
        told["certificate-authority-data"] = base64.b64encode(cluster.ca.read()).decode()
    if cluster.pluginConfig:
        told["config"] = json.loads(cluster.pluginConfig)
    return told


def _credentialIn(output: bytes, plugin: Plugin) -> tuple[Credential, float | None]:
    """
    @return: the credential that a program has given, and when it expires.
    """
    try:
        document = Part("", json.loads(output))
    except (ValueError, RecursionError):
        raise InvalidDocument("its output is not a JSON object; an ExecCredential is expected") from None
    kind, version = document.text("kind"), document.text("apiVersion")
    if kind != "ExecCredential" or version != plugin.apiVersion:
        expected = f"expected: an ExecCredential of {plugin.apiVersion}, as it is configured"
        raise InvalidDocument(f"it has given {quote(kind)} of {quote(version)}; {expected}")
    status = document.part("status")
    token, cert, key = (status.text(name) for name in ("token", "clientCertificateData", "clientKeyData"))
    if bool(cert) != bool(key):
        raise InvalidDocument("it has given a certificate or a key; expected: both, or a token")
    if not token and not cert:
        raise InvalidDocument("it has given neither a token nor a certificate and its key; one of them is expected")
    if token:
        try:
            checkToken(token)
        except ValueError as error:
            raise InvalidDocument(f"status.token: {error}") from None
    ends = _moment(status.text("expirationTimestamp"))
    own = [PEM(f"{plugin.where}: {name}", text=text.encode()) for name, text in (("certificate", cert), ("key", key))]
    return Credential(f"Bearer {token}" if token else "", *(own if cert else ())), ends


def _moment(timestamp: str) -> float | None:
    """Seconds since the epoch, of a time as in RFC 3339, which Python 3.10 cannot parse in full."""
    if not timestamp:
        return None
    found = _TIMESTAMP.fullmatch(timestamp)
    try:
        if found is None:
            raise ValueError
        return datetime.fromisoformat(found[1] + found[2].upper().replace("Z", "+00:00")).timestamp()
    except (ValueError, OverflowError):
        expected = "expected: as 2026-01-02T03:04:05Z"
        raise InvalidDocument(f"status.expirationTimestamp: is {quote(timestamp)}; {expected}") from None
