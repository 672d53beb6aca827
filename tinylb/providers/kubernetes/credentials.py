"""What we show an API server: a token, a password or a certificate. Tokens are read again from their file."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from typing import Protocol

from twisted.internet.defer import Deferred, succeed
from twisted.logger import Logger

from tinylb.files import Unreadable, contentOf, expecting
from tinylb.pem import PEM
from tinylb.providers.kubernetes.config import User, checkToken


class CredentialError(Exception):
    """There is no credential; the message is one line that names what was given, and says why."""


@dataclass(frozen=True)
class Credential:
    """
    What is shown with one request.

    @ivar authorization: the value of the C{Authorization} header; empty for none.
    @ivar cert: our certificate, with C{key}, where it is not in the L{User}.
    """

    authorization: str = field(default="", repr=False)
    cert: PEM | None = None
    key: PEM | None = None


class Credentials(Protocol):
    """A source of credentials."""

    @property
    def error(self) -> str | None:
        """What is wrong with a file that has changed; what was read of it before is still in use."""

    def get(self) -> Deferred[Credential]:
        """
        @return: fires with what is in force now, or fails with L{CredentialError}.
        """

    def rejected(self, credential: Credential) -> None:
        """The server has rejected a credential."""

    def close(self) -> None:
        """End what runs."""


class GivenCredentials:
    """
    A token, a password, or nothing, as for a user with a certificate. The file of a token is read each time, as tokens
    are renewed.

    @raise CredentialError: when the file has no token at the beginning, and no other token was given.
    """

    _log = Logger()

    def __init__(self, user: User) -> None:
        self._user = user
        self._error: str | None = None
        self._token = user.token
        if user.tokenFile:
            try:
                self._token = self._readToken()
            except CredentialError:
                if not self._token:
                    raise

    @property
    def error(self) -> str | None:
        """See L{Credentials.error}."""
        return self._error

    def get(self) -> Deferred[Credential]:
        """See L{Credentials.get}."""
        if self._user.tokenFile:
            self._refresh()
        return succeed(Credential(self._authorization()))

    def rejected(self, credential: Credential) -> None:
        """See L{Credentials.rejected}."""

    def close(self) -> None:
        """See L{Credentials.close}."""

    def _authorization(self) -> str:
        if self._token:
            return f"Bearer {self._token}"
        if self._user.username or self._user.password:
            both = f"{self._user.username}:{self._user.password}".encode()
            return f"Basic {base64.b64encode(both).decode()}"
        return ""

    def _refresh(self) -> None:
        try:
            self._token = self._readToken()
        except CredentialError as error:
            if str(error) != self._error:
                self._error = str(error)
                self._log.error("{error}; the token that was read before stays in use", error=self._error)
        else:
            if self._error is not None:
                self._log.info("{where} is in use again", where=self._user.tokenWhere)
            self._error = None

    def _readToken(self) -> str:
        where = self._user.tokenWhere
        try:
            token = contentOf(self._user.tokenFile).decode("ascii").strip()
            checkToken(token)
        except Unreadable as error:
            raise CredentialError(f"{where}: {expecting(error, 'a file with a token')}") from error
        except ValueError:
            raise CredentialError(f"{where}: has no token, or more than that; one on one line is expected") from None
        return token
