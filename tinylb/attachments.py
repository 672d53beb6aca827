"""The command line's attachments: the status endpoint and the access log."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from tinylb.accesslog import AccessLog
from tinylb.serverendpoints import kindOf, serverEndpoint
from tinylb.service import LoadBalancerService
from tinylb.usage import wrongUsage
from tinylb.wording import wordingOf

if TYPE_CHECKING:
    from tinylb.status.service import StatusService

PARAMETERS = [
    ["status", None, None, "Server endpoint of the status page, metrics and API; tcp:9090 alone means loopback."],
    ["access-log", None, None, "File of one JSON object a line for each ended connection; - is standard output."],
]


def accessLogOf(reactor: Any, options: Mapping[str, Any], balancer: LoadBalancerService) -> AccessLog | None:
    """The access log that was asked for, observing the balancer already; L{None} where none was."""
    path = options["access-log"]
    if path is None:
        return None
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
            f"--status {description}: it would be everybody's, and nobody asks who its clients are; expected for "
            "example tcp:9090, which is loopback's"
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
