"""The backends file: what it may say, and one clear error for everything else."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from tinylb.addresses import HostPort, InvalidAddress, quote
from tinylb.proxyprotocol.header import VERSIONS

EXAMPLE = '{"backends": {"cp-1": "192.0.2.11:6443"}}'


class InvalidBackends(ValueError):
    """Not a valid backends file; the message says where, what is wrong, and what would be right."""


@dataclass(frozen=True)
class Entry:
    """
    What the file says of one backend; exactly one of C{address} and C{endpoint} is set.

    @ivar address: where it is, for TCP.
    @ivar endpoint: the description of a Twisted client endpoint.
    @ivar path: where in the file it stands.
    @ivar proxyProtocol: see L{IProxyProtocol <tinylb.interfaces.IProxyProtocol>}.
    """

    address: HostPort | None
    endpoint: str | None
    tier: int
    weight: int
    path: str = field(compare=False)
    proxyProtocol: str | None = None


def parseBackends(content: bytes) -> dict[str, Entry]:
    """
    @param content: the file's content; UTF-8.
    @return: the entries by id.
    @raise InvalidBackends: for anything that is not wholly valid.
    """
    return parseDocument(content)[0]


def parseDocument(content: bytes, more: tuple[str, ...] = ()) -> tuple[dict[str, Entry], dict[str, Any]]:
    """
    Like L{parseBackends}, for a file that may say more.

    @param more: keys that it may have beside the backends.
    @return: the entries by id, and the whole document.
    """
    document = _load(content)
    if not isinstance(document, dict):
        raise _wrong("$", f"is {_kind(document)}", f"an object, such as {EXAMPLE}")
    _onlyKeys("$", document, ("backends", *more))
    if "backends" not in document:
        raise _wrong("$", 'has no key "backends"', f"for example {EXAMPLE}")
    backends = document["backends"]
    if isinstance(backends, list):
        return _fromList(backends), document
    if not isinstance(backends, dict):
        raise _wrong("$.backends", f"is {_kind(backends)}", "an object of backends by id, or a list of addresses")
    return {id: _entry(_path(id), value) for id, value in backends.items()}, document


def _load(content: bytes) -> Any:
    try:
        text = content.decode("utf-8-sig")
        if not text.strip():
            raise InvalidBackends(f"is empty; JSON such as {EXAMPLE} is expected")
        return json.loads(text, object_pairs_hook=_distinct, parse_constant=_noConstant)
    except UnicodeDecodeError as error:
        raise InvalidBackends(f"byte {error.start} is not UTF-8; JSON in UTF-8 is expected") from None
    except json.JSONDecodeError as error:
        what = error.msg.removesuffix(" at").removesuffix(" starting")  # which the place would have followed
        raise InvalidBackends(
            f"line {error.lineno} column {error.colno}: {what}; JSON such as {EXAMPLE} is expected"
        ) from None
    except RecursionError:
        raise InvalidBackends(f"nested too deeply; JSON such as {EXAMPLE} is expected") from None
    except InvalidBackends:
        raise
    except ValueError as error:  # a number with too many digits for int()
        raise InvalidBackends(f"{quote(str(error))}; JSON such as {EXAMPLE} is expected") from None


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Refuse equal keys, of which the standard parser would silently keep the last."""
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise InvalidBackends(f"the key {quote(key)} stands twice in one object; each may stand once")
        found[key] = value
    return found


def _noConstant(name: str) -> Any:
    raise InvalidBackends(f"{name} is not JSON")


def _fromList(addresses: list[Any]) -> dict[str, Entry]:
    entries: dict[str, Entry] = {}
    for number, address in enumerate(addresses):
        path = f"$.backends[{number}]"
        if not isinstance(address, str):
            raise _wrong(path, f"is {_kind(address)}", 'an address such as "192.0.2.11:6443"')
        if address in entries:
            raise _wrong(path, f"repeats {quote(address)}", "each address once")
        entries[address] = Entry(_address(path, address), None, 0, 1, path)
    return entries


def _entry(path: str, value: Any) -> Entry:
    if isinstance(value, str):
        return Entry(_address(path, value), None, 0, 1, path)
    if not isinstance(value, dict):
        raise _wrong(path, f"is {_kind(value)}", 'an address such as "192.0.2.11:6443", or an object')
    _onlyKeys(path, value, ("address", "endpoint", "tier", "weight", "proxyProtocol"))
    if ("address" in value) == ("endpoint" in value):
        both = "both" if "address" in value else "neither"
        raise _wrong(path, f'has {both} of "address" and "endpoint"', "one of them")
    tier = _whole(path, value, "tier", 0)
    weight = _whole(path, value, "weight", 1)
    proxyProtocol = _proxyProtocol(path, value)
    if "endpoint" in value:
        endpoint = value["endpoint"]
        if not isinstance(endpoint, str) or not endpoint or not endpoint.isprintable():
            raise _wrong(
                f"{path}.endpoint", f"is {_kind(endpoint)}", 'a printable client endpoint such as "unix:/run/api.sock"'
            )
        return Entry(None, endpoint, tier, weight, path, proxyProtocol)
    if not isinstance(value["address"], str):
        raise _wrong(f"{path}.address", f"is {_kind(value['address'])}", 'an address such as "192.0.2.11:6443"')
    return Entry(_address(f"{path}.address", value["address"]), None, tier, weight, path, proxyProtocol)


def _address(path: str, text: str) -> HostPort:
    try:
        return HostPort.parse(text)
    except InvalidAddress as error:
        raise InvalidBackends(f"{path}: {error}") from None


def _whole(path: str, value: dict[str, Any], key: str, least: int) -> int:
    number = value.get(key, least)
    if isinstance(number, bool) or not isinstance(number, int) or number < least:
        raise _wrong(f"{path}.{key}", f"is {quote(number)}", f"a whole number from {least}")
    return number


def _proxyProtocol(path: str, value: dict[str, Any]) -> str | None:
    if "proxyProtocol" not in value:
        return None
    version = value["proxyProtocol"]
    if not isinstance(version, str) or version not in VERSIONS:
        raise _wrong(f"{path}.proxyProtocol", f"is {quote(version)}", " or ".join(map(json.dumps, VERSIONS)))
    return version


def _onlyKeys(path: str, value: dict[str, Any], known: tuple[str, ...]) -> None:
    for key in value:
        if key not in known:
            raise _wrong(path, f"has the unknown key {quote(key)}", "only " + ", ".join(map(json.dumps, known)))


def _path(id: str) -> str:
    if not id or not id.isprintable():
        raise _wrong("$.backends", f"has the id {quote(id)}", "ids of at least one character, all printable")
    return f"$.backends[{quote(id)}]"


def _kind(value: Any) -> str:
    if value is None or isinstance(value, bool) or value == "":
        return json.dumps(value)
    names = {dict: "an object", list: "a list", str: "a string", int: "a number", float: "a number"}
    return names[type(value)]


def _wrong(path: str, what: str, right: str) -> InvalidBackends:
    return InvalidBackends(f"{path} {what}; expected: {right}")
