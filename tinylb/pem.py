"""Certificates and keys in PEM: where they were given, and their content."""

from __future__ import annotations

from dataclasses import dataclass, field

from tinylb.files import Stamp, Unreadable, contentOf, expecting, stampOf


class BadPEM(Exception):
    """
    A PEM cannot be used; the message names where it was given, and says what would be right.

    @ivar where: see L{PEM}.
    """

    def __init__(self, pem: PEM, what: str) -> None:
        super().__init__(f"{pem.where}: {what}")
        self.where = pem.where


class MissingKey(BadPEM):
    """There is a certificate, but no key."""


@dataclass(frozen=True)
class PEM:
    """
    Something in PEM, either in a file or given as text.

    @ivar where: how error messages name it: what has given it, and the path of a file.
    @ivar path: the file's, which may change.
    @ivar text: the content, where there is no file.
    """

    where: str
    path: str | None = None
    text: bytes = field(default=b"", repr=False)

    def read(self) -> bytes:
        """
        The present content.

        @raise BadPEM: when it cannot be read.
        """
        if self.path is None:
            return self.text
        try:
            return contentOf(self.path)
        except Unreadable as error:
            raise BadPEM(self, expecting(error, "a PEM file")) from error

    def stamp(self) -> Stamp:
        """A stamp that is another one when the file has changed."""
        return None if self.path is None else stampOf(self.path)
