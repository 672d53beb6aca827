"""Makes server endpoints from their descriptions on the command line."""

from __future__ import annotations

import re
from typing import Any

from twisted.internet.endpoints import serverFromString
from twisted.internet.interfaces import IStreamServerEndpoint

from tinylb.usage import oneLine, wrongUsage
from tinylb.wording import wordingOf

BACKLOG = 1024
"""The backlog of endpoints that have one, unless another is given."""

# The parameters in the order of Twisted's parsers, as positional ones have no name. The other kinds have a listening
# socket already, or a syntax of their own.
_PARAMETERS = {
    "tcp": ("port", "interface", "backlog"),
    "tcp6": ("port", "backlog", "interface"),
    "unix": ("address", "mode", "backlog"),
    "ssl": ("port", "privateKey", "certKey", "sslmethod", "interface", "backlog"),
    "tls": ("path", "port", "backlog", "interface"),
}
_INHERITED = re.compile("(haproxy:)?systemd:", re.IGNORECASE)
_BEFORE_ANY = re.compile("haproxy:", re.IGNORECASE)


def serverEndpoint(reactor: Any, option: str, description: str, *, isPrivate: bool = False) -> IStreamServerEndpoint:
    """
    The endpoint that a description stands for; wrong usage ends the program.

    @param option: the option that the description was given by.
    @param isPrivate: whether it is for this machine alone if it names no interface, and a UNIX socket for its owner and
        group if it names no mode.
    """
    defaults = {"backlog": str(BACKLOG)}
    if isPrivate:
        # Twisted's defaults are every interface, and 666, whatever the umask is.
        defaults |= {"interface": r"\:\:1" if kindOf(description) == "tcp6" else "127.0.0.1", "mode": "660"}
    complete = description + "".join(
        f":{parameter}={value}" for parameter, value in defaults.items() if _isOpen(description, parameter)
    )
    try:
        return IStreamServerEndpoint(serverFromString(reactor, complete))
    except ImportError as error:
        raise wrongUsage(f"--{option} {description}: {oneLine(error)}; pip install 'tinylb[tls]' for TLS") from None
    except Exception as error:  # a parser may come from any plugin, and raise anything
        if isinstance(error, OSError) and error.filename is not None:  # such as that of a key
            raise wrongUsage(f"--{option} {description}: {error.filename}: {wordingOf(error)}") from None
        if isinstance(error, LookupError) and _INHERITED.match(description):
            wrong = "systemd has handed over no such socket; start tinylb by its socket unit, or listen on, for example"
        else:
            wrong = f"not a server endpoint ({oneLine(error)}); expected for example"
        example = "tcp:9090" if isPrivate else "tcp:6443:interface=127.0.0.1"
        raise wrongUsage(f"--{option} {description}: {wrong} {example}") from None


def kindOf(description: str) -> str:
    """The first word of a description, in lower case, as Twisted is not always case-sensitive."""
    return description.partition(":")[0].lower()


def _isOpen(description: str, parameter: str) -> bool:
    """Whether a description is of a kind that has the parameter, and does not set it."""
    kind, *arguments = re.sub(r"\\.", "_", _BEFORE_ANY.sub("", description, count=1)).split(":")
    known = _PARAMETERS.get(kind.lower(), ())
    # An empty place says nothing: Twisted refuses a description that sets the parameter by its name as well.
    values = [argument for argument in arguments if "=" not in argument]
    inPlace = {name for name, value in zip(known, values, strict=False) if value}
    isNamed = any(argument.startswith(f"{parameter}=") for argument in arguments)
    return parameter in known and parameter not in inPlace and not isNamed
