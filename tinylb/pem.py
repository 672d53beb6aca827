"""Certificates and keys in PEM: where they were given, and what is there."""

from __future__ import annotations

from dataclasses import dataclass, field

from tinylb.files import Stamp, Unreadable, contentOf, stampOf


class BadPEM(Exception):
    """It is of no use; the message names where it was given, and says what would be right."""

    def __init__(self, pem: PEM, what: str) -> None:
        super().__init__(f"{pem.where}: {what}")


class MissingKey(BadPEM):
    """There is a certificate, and no key."""


@dataclass(frozen=True)
class PEM:
    """
    Something in PEM, either in a file or as it stands.

    @ivar where: as error messages name it: who has given it, and the path of a file.
    @ivar path: of the file, which may change.
    @ivar text: what it is, where there is no file.
    """

    where: str
    path: str | None = None
    text: bytes = field(default=b"", repr=False)

    def read(self) -> bytes:
        """
        What is there now.

        @raise BadPEM: when that cannot be read.
        """
        if self.path is None:
            return self.text
        try:
            return contentOf(self.path)
        except Unreadable as error:
            raise BadPEM(self, f"{error}; a PEM file is expected") from error

    def stamp(self) -> Stamp:
        """Another one when it has changed."""
        return None if self.path is None else stampOf(self.path)
