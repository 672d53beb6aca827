"""Reads values of the expected types from parsed JSON or YAML, with clear errors."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping

from tinylb.addresses import quote


class InvalidDocument(ValueError):
    """A document is not as expected; the message says where, what is wrong, and what would be right."""


class Part:
    """
    An object in the document. A value that is null or missing is read as an empty one.

    @param path: where it is, for error messages.
    """

    def __init__(self, path: str, value: object) -> None:
        if not isinstance(value, dict):
            raise _wrong(path, value, "an object")
        self.path = path
        self._value: Mapping[object, object] = value

    def __contains__(self, key: str) -> bool:
        return self._value.get(key) is not None

    def text(self, key: str) -> str:
        """A string."""
        value = self._given(key, "")
        if not isinstance(value, str):
            raise _wrong(self.at(key), value, "a string (in YAML, quotes make one)")
        return value

    def line(self, key: str) -> str:
        """A string without control characters."""
        value = self.text(key)
        if value and not value.isprintable():
            raise _wrong(self.at(key), value, "printable characters")
        return value

    def data(self, key: str) -> bytes:
        """What a string in base64 stands for."""
        try:
            return base64.b64decode("".join(self.text(key).split()), validate=True)
        except (binascii.Error, ValueError):
            raise InvalidDocument(f"{self.at(key)}: not base64, which is expected") from None

    def flag(self, key: str) -> bool:
        """True or false."""
        value = self._given(key, False)
        if not isinstance(value, bool):
            raise _wrong(self.at(key), value, "true or false")
        return value

    def part(self, key: str, path: str = "") -> Part:
        """
        An object.

        @param path: how error messages name it, if there is a plainer way.
        """
        return Part(path or self.at(key), self._given(key, {}))

    def parts(self, key: str) -> list[Part]:
        """A list of objects."""
        return [Part(f"{self.at(key)}[{number}]", each) for number, each in enumerate(self._list(key))]

    def lines(self, key: str) -> tuple[str, ...]:
        """A list of strings."""
        for number, each in enumerate(self._list(key)):
            if not isinstance(each, str):
                raise _wrong(f"{self.at(key)}[{number}]", each, "a string (in YAML, quotes make one)")
        return tuple(str(each) for each in self._list(key))

    def names(self) -> list[str]:
        """All keys."""
        return [str(key) for key in self._value]

    def at(self, key: str) -> str:
        """Where the value of a key is."""
        return f"{self.path}.{key}" if self.path else key

    def json(self, key: str) -> str:
        """Anything, as JSON."""
        try:
            return json.dumps(self._value.get(key))
        except (TypeError, ValueError):
            raise InvalidDocument(f"{self.at(key)}: has a value that JSON cannot express") from None

    def _given(self, key: str, otherwise: object) -> object:
        value = self._value.get(key)
        return otherwise if value is None else value

    def _list(self, key: str) -> list[object]:
        value = self._given(key, [])
        if not isinstance(value, list):
            raise _wrong(self.at(key), value, "a list")
        return value


def _wrong(path: str, value: object, right: str) -> InvalidDocument:
    """The error for a wrong value. It does not show a number, which may be a password."""
    kinds = {dict: "an object", list: "a list", int: "a number", float: "a number", type(None): "null"}
    if isinstance(value, (str, bool)):
        kind = quote(value) if isinstance(value, str) else str(value).lower()
    else:
        kind = kinds.get(type(value), f"a {type(value).__name__}")
    return InvalidDocument(f"{path or 'the file'}: is {kind}; expected: {right}")
