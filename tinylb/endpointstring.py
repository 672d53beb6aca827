"""Balanced endpoints as strings: C{tinylb:file=b.json}, for Twisted's C{clientFromString}."""

from __future__ import annotations

import math
from typing import Any

from tinylb.endpoint import BalancedEndpoint
from tinylb.interfaces import IProvider
from tinylb.policy import POLICIES
from tinylb.providers.sources import SourceError, fixedBackends, follow, layered, readFixed
from tinylb.value import Value

_EXPECTED = "expected for example tinylb:file=backends.json"
_SOURCES = ("file", "dns", "srv", "kubernetes")
_NUMBERS = {"dialTimeout": 10, "attemptDelay": 0.25}
_KNOWN = (*_SOURCES, "service", "backends", "state", "policy", *_NUMBERS, "onDown")


def parseBalanced(reactor: Any, /, *words: str, **given: str) -> BalancedEndpoint:
    """
    Make an endpoint of what follows C{tinylb:}, all of it C{NAME=VALUE}; a colon in a value is written C{\\:}.

    One source: C{file}, C{dns} (C{HOST\\:PORT}), C{srv} or C{kubernetes} (and C{service}). Beside it, or alone,
    C{backends} (C{[ID\\=]HOST\\:PORT}, with commas between them); beside it C{state}. They mean what the program's
    options mean. C{policy}, C{dialTimeout}, C{attemptDelay} and C{onDown} are those of L{BalancedEndpoint}.

    @raise ValueError: for anything else; it says what would be right.
    """
    for word in filter(None, words):
        raise _wrong(word, f"not NAME=VALUE; {_EXPECTED}, and \\: for a colon in a value")
    for name, value in given.items():
        if name not in _KNOWN:
            raise _wrong(f"{name}={value}", f"there is no {name}; expected: {', '.join(_KNOWN)}")
    options: dict[str, Any] = {name: _seconds(name, given[name]) for name in _NUMBERS if name in given}
    if "policy" in given:
        options["policy"] = POLICIES[_oneOf("policy", given["policy"], tuple(POLICIES))]()
    if "onDown" in given:
        options["onDown"] = _oneOf("onDown", given["onDown"], ("abort", "keep"))
    return BalancedEndpoint(reactor, _provider(reactor, given), **options)


def _provider(reactor: Any, given: dict[str, str]) -> IProvider:
    sources = [name for name in _SOURCES if name in given]
    if len(sources) > 1:
        raise _wrong(f"{sources[1]}={given[sources[1]]}", f"{sources[0]}= is followed already; one source can be")
    if "service" in given and "kubernetes" not in given:
        raise _wrong(f"service={given['service']}", "of use with kubernetes= only")
    try:
        fixed = fixedBackends(reactor, readFixed(filter(None, given.get("backends", "").split(","))))
    except SourceError as error:
        raise ValueError(f"tinylb:backends={error}") from None
    if not sources and not fixed:
        raise _wrong("", f"no backends; {_EXPECTED}")
    if not sources and "state" in given:
        raise _wrong(f"state={given['state']}", f"of use with a source only: {', '.join(_SOURCES)}")
    if not sources:
        return Value(fixed)
    name, state = sources[0], given.get("state")
    hasMore = bool(fixed) or state is not None
    isFile = name in ("file", "kubernetes")
    try:
        source = follow(reactor, name, given[name], service=given.get("service"), mayBeMissing=hasMore)
        return layered(reactor, source, fixed, state, given[name] if isFile else None)
    except SourceError as error:
        raise ValueError(f"tinylb:{name if error.of == 'source' else error.of}={error}") from None


def _seconds(name: str, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0.001 <= value < math.inf:
        raise _wrong(
            f"{name}={text}", f"not a number of seconds from 0.001; expected for example {name}={_NUMBERS[name]}"
        )
    return value


def _oneOf(name: str, value: str, known: tuple[str, ...]) -> str:
    if value not in known:
        raise _wrong(f"{name}={value}", f"there is no such choice; expected: {' or '.join(known)}")
    return value


def _wrong(what: str, why: str) -> ValueError:
    return ValueError(f"tinylb:{what}: {why}" if what else f"tinylb: {why}")
