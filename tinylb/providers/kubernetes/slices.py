"""Reads EndpointSlices: https://kubernetes.io/docs/reference/kubernetes-api/service-resources/endpoint-slice-v1/"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tinylb.addresses import HostPort, InvalidAddress, quote

SERVICE = "default/kubernetes:https"
"""The API servers themselves."""

SERVICE_LABEL = "kubernetes.io/service-name"

# https://kubernetes.io/docs/concepts/overview/working-with-objects/names/
_NAME = re.compile(r"[a-z0-9]([-a-z0-9.]*[a-z0-9])?")


class UnexpectedSlice(ValueError):
    """Not an EndpointSlice as the API defines it; the message says what is wrong."""


@dataclass(frozen=True)
class Service:
    """
    Which service is followed.

    @ivar port: the port's name, or its number; L{None} for the only one.
    """

    namespace: str
    name: str
    port: str | None

    @classmethod
    def parse(cls, text: str) -> Service:
        """
        Read C{NAMESPACE/NAME[:PORTNAME]}.

        @raise ValueError: for anything else.
        """
        service, colon, port = text.partition(":")
        namespace, slash, name = service.partition("/")
        if not (slash and _NAME.fullmatch(namespace) and _NAME.fullmatch(name)) or (
            colon and not _NAME.fullmatch(port)
        ):
            raise ValueError(
                f"{quote(text)} is not NAMESPACE/NAME[:PORTNAME]; write for example default/kubernetes:https"
            )
        return cls(namespace, name, port if colon else None)

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}:{self.port}" if self.port else f"{self.namespace}/{self.name}"


class Slices:
    """
    The slices of a service, as they were listed and have changed since.

    @param service: slices of other services are ignored, should a server send them.
    """

    def __init__(self, service: Service) -> None:
        self._service = service
        self._slices: dict[str, Mapping[str, Any]] = {}

    def __len__(self) -> int:
        return len(self._slices)

    def replace(self, slices: Iterable[Any]) -> None:
        """
        Take these as all slices.

        @raise UnexpectedSlice: when one of them is not an EndpointSlice. Nothing has changed then.
        """
        former, self._slices = self._slices, {}
        try:
            for each in slices:
                self.put(each)
        except UnexpectedSlice:
            self._slices = former
            raise

    def put(self, changed: Any) -> None:
        """
        Take a slice that is new, or has changed.

        @raise UnexpectedSlice: when it is not an EndpointSlice. Nothing has changed then.
        """
        name = _nameOf(changed)
        if self._isOurs(changed):
            for _ in self._endpointsOf(changed):
                pass  # this raises before an invalid slice is taken
            self._slices[name] = changed
        else:
            self._slices.pop(name, None)

    def remove(self, removed: Any) -> None:
        """Forget a slice that is gone."""
        self._slices.pop(_nameOf(removed), None)

    def endpoints(self) -> dict[HostPort, bool]:
        """
        The addresses of the service, each with whether it takes new connections. An endpoint that is in several slices,
        as while it moves from one to another, does if one of them says so.
        """
        found: dict[HostPort, bool] = {}
        for each in self._slices.values():
            for where, isUsable in self._endpointsOf(each):
                found[where] = isUsable or found.get(where, False)
        return found

    def ports(self) -> list[tuple[str, str]]:
        """All ports, each with its name and number; a port without a name has its number as its name."""
        ports = [port for each in self._slices.values() for port in _list(each, "ports")]
        return sorted({(str(port.get("name") or port.get("port")), str(port.get("port"))) for port in ports})

    def _isOurs(self, each: Mapping[str, Any]) -> bool:
        labels = _object(_object(each, "metadata"), "labels")
        return labels.get(SERVICE_LABEL) == self._service.name

    def _endpointsOf(self, each: Mapping[str, Any]) -> Iterator[tuple[HostPort, bool]]:
        for port in self._portsOf(each):
            for endpoint in _list(each, "endpoints"):
                addresses = _list(endpoint, "addresses")
                if addresses:  # all of them lead to the same endpoint, as the reference says
                    try:
                        yield HostPort.of(str(addresses[0]), port), _isUsable(_object(endpoint, "conditions"))
                    except InvalidAddress as error:
                        raise UnexpectedSlice(f"EndpointSlice {_nameOf(each)}: {error}") from None

    def _portsOf(self, each: Mapping[str, Any]) -> list[Any]:
        wanted = self._service.port
        ports = [port for port in _list(each, "ports") if port.get("protocol", "TCP") == "TCP" and port.get("port")]
        if wanted is None:
            return [port["port"] for port in ports[:1]] if len(ports) == 1 else []
        if wanted.isdigit():
            # A slice without ports means all ports, as the reference says.
            return [int(wanted)] if not ports or any(port["port"] == int(wanted) for port in ports) else []
        return [port["port"] for port in ports if port.get("name") == wanted]


def _isUsable(conditions: Mapping[str, Any]) -> bool:
    """A condition that is not given counts as ready, as the reference says."""
    ready = conditions.get("ready") is not False
    return ready and conditions.get("serving") is not False and conditions.get("terminating") is not True


def _nameOf(each: Any) -> str:
    if not isinstance(each, Mapping):
        raise UnexpectedSlice(f"{quote(each)} is not an EndpointSlice")
    name = _object(each, "metadata").get("name")
    if not isinstance(name, str) or not name:
        raise UnexpectedSlice("an EndpointSlice has no name")
    return name


def _object(parent: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    found = parent.get(key) or {}
    if not isinstance(found, Mapping):
        raise UnexpectedSlice(f"an EndpointSlice has the {key} {quote(found)}, not an object")
    return found


def _list(parent: Mapping[str, Any], key: str) -> list[Any]:
    """A list of objects, or of strings for C{addresses}."""
    found = parent.get(key) or []
    if not isinstance(found, list) or not all(
        isinstance(each, str if key == "addresses" else Mapping) for each in found
    ):
        raise UnexpectedSlice(f"an EndpointSlice has the {key} {quote(found)}, not a list of them")
    return found
