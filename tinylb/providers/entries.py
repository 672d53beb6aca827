"""Makes backends from the entries of a backends file, and entries from backends."""

from __future__ import annotations

import re
from typing import Any

from twisted.internet import endpoints

from tinylb.addresses import HostPort, quote
from tinylb.backends import EndpointBackend, Member, TCPBackend
from tinylb.interfaces import IBackend
from tinylb.providers.backendsfile import Entry, InvalidBackends


def backendOf(reactor: Any, entry: Entry) -> IBackend:
    """
    The backend that an entry describes.

    @raise InvalidBackends: when its endpoint is not a client endpoint.
    """
    if entry.address is not None:
        return TCPBackend(
            reactor,
            entry.address.host,
            entry.address.port,
            tier=entry.tier,
            weight=entry.weight,
            proxyProtocol=entry.proxyProtocol,
        )
    description = entry.endpoint or ""
    try:
        endpoint = endpoints.clientFromString(reactor, description)
        target = _target(description)
    except Exception as error:  # a third party's endpoint parser may raise anything
        raise InvalidBackends(
            f"{entry.path}.endpoint: {quote(description)} is not a client endpoint ({quote(str(error))}); "
            'expected: for example "unix:/run/api.sock"'
        ) from None
    return EndpointBackend(
        target,
        endpoint,
        tier=entry.tier,
        weight=entry.weight,
        description=description,
        proxyProtocol=entry.proxyProtocol,
    )


def written(member: Member, backend: IBackend) -> dict[str, Any] | None:
    """
    What a file says of a backend; L{None} where its endpoint's description is not known.

    @param member: the backend's attributes, as the set has read them.
    """
    said: dict[str, Any]
    if isinstance(backend, TCPBackend):
        said = {"address": member.target}
    elif isinstance(backend, EndpointBackend) and backend.description is not None:
        said = {"endpoint": backend.description}
    else:
        return None
    if member.proxyProtocol is not None:
        said["proxyProtocol"] = member.proxyProtocol
    return {**said, "tier": member.tier, "weight": member.weight}


def _target(description: str) -> str:
    """A plain TCP endpoint leads to the same target as the address that it spells out."""
    found = re.match(r"tcp:(?:host=)?([^:=\\]+):(?:port=)?([0-9]+)(?::|$)", description)
    return str(HostPort.parse(f"{found[1]}:{found[2]}")) if found else description
