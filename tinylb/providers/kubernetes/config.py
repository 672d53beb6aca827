"""The address of an API server and our credentials there, as a kubeconfig or a pod's service account gives them."""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import urlsplit

from tinylb.pem import PEM


class InvalidConfig(Exception):
    """The configuration cannot be used; the message, one line, says where, what is wrong, and what would be right."""


@dataclass(frozen=True)
class Cluster:
    """
    The server.

    @ivar server: its URL, without a slash at its end.
    @ivar ca: the CA to trust; L{None} for the system's.
    @ivar serverName: the name that its certificate must have, and that is sent to it, instead of the host; or empty.
    @ivar isVerifying: whether its certificate is verified.
    @ivar pluginConfig: the cluster's configuration for plugins, as JSON.
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

    @ivar where: where it was given, for error messages.
    @ivar command: a path, or a name to be found in C{PATH}.
    @ivar env: names and values that are added to our own environment.
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
    Our credentials, and whom the server is to take us for.

    @ivar tokenFile: a path; a token in the file goes before C{token}.
    @ivar tokenWhere: where C{tokenFile} was given, for error messages.
    @ivar password: of C{username}.
    @ivar impersonation: headers that ask the server to take us for another user.
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
    """A server, and our credentials there."""

    cluster: Cluster
    user: User


def checkToken(token: str) -> None:
    """
    Check that a token can be sent; see U{RFC 6750, section 2.1<https://www.rfc-editor.org/rfc/rfc6750#section-2.1>}.

    @raise ValueError: when it is empty, has blanks, or is not ASCII; the message does not have the token.
    """
    if not token or not all("!" <= each <= "~" for each in token):
        raise ValueError("no token: it is empty, or has blanks or other characters that none has")
