"""The command line's attachments: the status endpoint and the access log."""

from __future__ import annotations

import os
from collections.abc import Mapping, MutableMapping
from typing import TYPE_CHECKING, Any

from tinylb.accesslog import AccessLog
from tinylb.serverendpoints import kindOf, serverEndpoint
from tinylb.service import LoadBalancerService
from tinylb.usage import wrongUsage
from tinylb.wording import wordingOf

if TYPE_CHECKING:
    from tinylb.status.service import StatusService

GIVEN = ("status", "access-log")
"""The options that ask for them; each may be given once."""

_OTHERS = ("backends-file", "kubernetes", "state-file", "check-ca", "check-cert", "check-key")
"""The options with files that the access log must not be: its lines would ruin them."""


def give(options: MutableMapping[str, Any], name: str, value: str) -> None:
    """Note the value of an option; wrong usage ends the program."""
    if options[name] is not None:
        raise wrongUsage(f"--{name} {value}: --{name} {options[name]} is given already; there can be only one")
    options[name] = value


def accessLogOf(reactor: Any, options: Mapping[str, Any], balancer: LoadBalancerService) -> AccessLog | None:
    """The access log that was asked for, observing the balancer already; L{None} where none was."""
    path = options["access-log"]
    if path is None:
        return None
    for name in _OTHERS:
        other = options[name]
        if other is not None and path != "-" and os.path.realpath(path) == os.path.realpath(other):
            raise wrongUsage(f"--access-log {path}: this is the file of --{name}; a file of its own is expected")
    try:
        log = AccessLog(reactor, path)
    except OSError as error:
        raise wrongUsage(
            f"--access-log {path}: {wordingOf(error)}; expected: a file in a folder that exists, or - for "
            "standard output"
        ) from None
    balancer.balancer.observers.append(log)
    return log


def statusOf(
    reactor: Any,
    options: Mapping[str, Any],
    balancer: LoadBalancerService,
    accessLog: AccessLog | None,
    connections: int,
) -> tuple[StatusService, str] | None:
    """
    The service that was asked for, and the description of its endpoint; L{None} where none was.

    @param connections: see L{statusConnections}.
    """
    description = options["status"]
    if description is None:
        return None
    if kindOf(description) == "haproxy":
        raise wrongUsage(
            f"--status {description}: haproxy: cannot be used for the status endpoint; expected for example tcp:9090, "
            "which listens on loopback"
        )
    endpoint = serverEndpoint(reactor, "status", description, isPrivate=True)
    # Imported here, so that only processes with a status endpoint pay for it.
    from tinylb.metrics import Metrics
    from tinylb.status.service import StatusService

    metrics = Metrics(balancer, accessLog=accessLog)
    return StatusService(reactor, endpoint, balancer, metrics=metrics, connections=connections), description


def statusConnections(options: Mapping[str, Any], descriptors: int) -> int:
    """How many connections the status endpoint may have: where descriptors are few, a fixed part of their number."""
    if options["status"] is None:
        return 0
    from tinylb.status.connections import MOST

    return max(1, min(MOST, descriptors // 16))
