"""Server endpoints, of the descriptions on the command line."""

from __future__ import annotations

import re
from typing import Any

from twisted.internet.endpoints import serverFromString
from twisted.internet.interfaces import IStreamServerEndpoint

from tinylb.usage import oneLine, wrongUsage

BACKLOG = 1024
"""Of those that take one, unless another is given."""

# The others have a listening socket already, or a syntax of their own.
_WITH_BACKLOG = re.compile("(haproxy:)?(tcp|tcp6|unix|ssl|tls):", re.IGNORECASE)
_INHERITED = re.compile("(haproxy:)?systemd:", re.IGNORECASE)
# What listens on every interface unless it is told otherwise.
_LOOPBACK = {"tcp": "127.0.0.1", "ssl": "127.0.0.1", "tls": "127.0.0.1", "tcp6": r"\:\:1"}


def serverEndpoint(reactor: Any, option: str, description: str, *, isPrivate: bool = False) -> IStreamServerEndpoint:
    """
    What a description stands for; wrong usage ends the program.

    @param option: the option that has it.
    @param isPrivate: whether it is for this machine alone if it names no interface, and a UNIX socket for its owner and
        group if it names no mode.
    """
    complete = description
    if isPrivate and not _namesInterface(description):
        complete += f":interface={_LOOPBACK[kindOf(description)]}"
    if isPrivate and kindOf(description) == "unix" and ":mode=" not in description:
        complete += ":mode=660"  # Twisted's own is 666, whatever the umask is
    if _WITH_BACKLOG.match(description) and ":backlog=" not in description:
        complete += f":backlog={BACKLOG}"
    try:
        return IStreamServerEndpoint(serverFromString(reactor, complete))
    except ImportError as error:
        raise wrongUsage(f"--{option} {description}: {oneLine(error)}; pip install 'tinylb[tls]' for TLS") from None
    except Exception as error:  # whatever an endpoint's parser, which may be anybody's, finds wrong
        if isinstance(error, LookupError) and _INHERITED.match(description):
            wrong = "systemd has handed over no such socket; start tinylb by its socket unit, or listen on, for example"
        else:
            wrong = f"not a server endpoint ({oneLine(error)}); expected for example"
        example = "tcp:9090" if isPrivate else "tcp:6443:interface=127.0.0.1"
        raise wrongUsage(f"--{option} {description}: {wrong} {example}") from None


def kindOf(description: str) -> str:
    """Its first word; Twisted does not always mind the case."""
    return description.partition(":")[0].lower()


def _namesInterface(description: str) -> bool:
    """By a keyword, in its place, or because it is of a kind that has none."""
    _, *arguments = re.split(r"(?<!\\):", description)
    isInItsPlace = sum("=" not in argument for argument in arguments) > 1
    isNamed = any(argument.startswith("interface=") for argument in arguments)
    return isNamed or isInItsPlace or kindOf(description) not in _LOOPBACK
