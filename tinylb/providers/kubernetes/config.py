"""Where an API server is, and who we are there: what a kubeconfig says, or a pod's service account."""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import urlsplit

from tinylb.pem import PEM


class InvalidConfig(Exception):
    """It cannot be used; the message, one line, says where it was given, what is wrong, and what would be right."""


@dataclass(frozen=True)
class Cluster:
    """
    The server.

    @ivar server: its URL, without a slash at its end.
    @ivar ca: whom to believe; L{None} for the system's.
    @ivar serverName: what its certificate has to name, and what it is told, instead of the host; or nothing.
    @ivar isVerifying: whether its certificate is looked at.
    @ivar pluginConfig: what stands there for plugins, as JSON.
    """

    server: str
    ca: PEM | None = None
    serverName: str = ""
    isVerifying: bool = True
    pluginConfig: str = ""

    @property
    def isSecure(self) -> bool:
        """Whether it is asked over TLS."""
        return self.server.startswith("https:")

    @property
    def host(self) -> str:
        """Its name or address, without brackets."""
        return urlsplit(self.server).hostname or ""


@dataclass(frozen=True)
class Plugin:
    """
    A program that is asked for a credential.

    @ivar where: it was given, for error messages.
    @ivar command: a path, or a name to be found in C{PATH}.
    @ivar env: names and values that it gets beside our own.
    @ivar isTold: whether it is told of the cluster.
    """

    where: str
    command: str
    args: tuple[str, ...]
    env: tuple[tuple[str, str], ...] = field(repr=False)
    apiVersion: str
    installHint: str
    isTold: bool


@dataclass(frozen=True)
class User:
    """
    Who we are.

    @ivar tokenFile: a path; while there is something in it, it goes before C{token}.
    @ivar tokenWhere: it was given, for error messages.
    @ivar password: of C{username}.
    @ivar impersonation: headers, by which the server is asked to take us for another one.
    """

    token: str = field(default="", repr=False)
    tokenFile: str = ""
    tokenWhere: str = ""
    username: str = ""
    password: str = field(default="", repr=False)
    cert: PEM | None = None
    key: PEM | None = None
    impersonation: tuple[tuple[str, tuple[str, ...]], ...] = ()
    plugin: Plugin | None = None


@dataclass(frozen=True)
class Config:
    """The way to a server."""

    cluster: Cluster
    user: User


def checkToken(token: str) -> None:
    """
    See to it that a token can be sent, as U{RFC 6750, section 2.1<https://www.rfc-editor.org/rfc/rfc6750#section-2.1>}.

    @raise ValueError: when it is empty, has blanks, or what is not ASCII; it does not say the token.
    """
    if not token or not all("!" <= each <= "~" for each in token):
        raise ValueError("no token: it is empty, or has blanks or other characters that none has")
