"""The part of the command line that says where the backends come from."""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import Any

from tinylb.interfaces import IProvider
from tinylb.providers.sources import SourceError, fixedBackends, follow, layered, readFixed
from tinylb.usage import wrongUsage
from tinylb.value import Value

_SERVICE = "The service to follow with --kubernetes, NAMESPACE/NAME[:PORTNAME]; by default default/kubernetes:https."
PARAMETERS = [
    ["kubernetes-service", None, None, _SERVICE],
    ["state-file", None, None, "Remember the last known backends in this file, for the next start."],
]
FOLLOWED = {"backends-file": "file", "dns": "dns", "srv": "srv", "kubernetes": "kubernetes"}
"""The options that give a source to follow, with its kind."""


def give(options: MutableMapping[str, Any], name: str, value: str) -> None:
    """Note that an option gives a source; wrong usage ends the program."""
    former = next((each for each in FOLLOWED if options[each] is not None), None)
    if former == name == "backends-file":
        raise wrongUsage(f"--{name} {value}: one is followed already; put all backends into one file")
    if former is not None:
        raise wrongUsage(
            f"--{name} {value}: --{former} {options[former]} is followed already; give one source, and "
            "--backend for fixed backends beside it"
        )
    options[name] = value


def checkSources(options: MutableMapping[str, Any]) -> None:
    """Check all that can be checked without touching anything; wrong usage ends the program."""
    isFollowing = any(options[name] is not None for name in FOLLOWED)
    if not isFollowing and not options["backend"]:
        raise wrongUsage("no backends; give --backends-file FILE, or --backend HOST:PORT for fixed ones")
    if options["state-file"] is not None and not isFollowing:
        raise wrongUsage(
            f"--state-file {options['state-file']}: fixed backends need not be remembered; of use with "
            "--backends-file, --dns, --srv or --kubernetes only"
        )
    if options["kubernetes-service"] is not None and options["kubernetes"] is None:
        raise wrongUsage(f"--kubernetes-service {options['kubernetes-service']}: of use with --kubernetes CONFIG only")
    try:
        options["backend"] = readFixed(options["backend"])
    except SourceError as error:
        raise wrongUsage(f"--backend {error}") from None


def providerOf(reactor: Any, options: MutableMapping[str, Any]) -> IProvider:
    """The provider that the options ask for; wrong usage ends the program."""
    fixed = fixedBackends(reactor, options["backend"])
    name = next((each for each in FOLLOWED if options[each] is not None), None)
    if name is None:
        return Value(fixed)
    value, state = options[name], options["state-file"]
    # With other backends to begin with, a file that is missing is waited for.
    hasMore = bool(fixed) or state is not None
    isFile = name in ("backends-file", "kubernetes")
    try:
        source = follow(reactor, FOLLOWED[name], value, service=options["kubernetes-service"], mayBeMissing=hasMore)
        return layered(reactor, source, fixed, state, value if isFile else None)
    except SourceError as error:
        option = {"source": name, "service": "kubernetes-service", "state": "state-file"}[error.of]
        raise wrongUsage(f"--{option} {error}") from None
