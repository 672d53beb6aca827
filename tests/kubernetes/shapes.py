"""EndpointSlices: in the shapes that real clusters have them, and as a test needs them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.kubernetes.store import API_VERSION, KIND, Object

FOLDER = Path(__file__).parent / "shapes"
"""Answers of an API server as the files have them: lists, and single lines of a watch."""

HTTPS: Object = {"name": "https", "port": 6443, "protocol": "TCP"}
"""The port of the API servers."""

SERVICE_LABEL = "kubernetes.io/service-name"


def shape(name: str) -> Any:
    """What is in one of the files."""
    return json.loads((FOLDER / f"{name}.json").read_text())


def items(name: str) -> list[Object]:
    """The objects of a list."""
    found: list[Object] = shape(name)["items"]
    return found


def endpoint(*addresses: str, **conditions: bool | None) -> Object:
    """One endpoint; its addresses are as good as one another."""
    return {"addresses": list(addresses), "conditions": conditions}


def endpointSlice(
    *endpoints: str | Object,
    name: str = "kubernetes",
    service: str = "kubernetes",
    namespace: str = "default",
    addressType: str = "IPv4",
    ports: Sequence[Object] | None = (HTTPS,),
) -> Object:
    """
    A slice of a service.

    @param endpoints: addresses of those that are ready, or what L{endpoint} makes. Without any there is C{null}, as
        in answers of servers, which cannot store an empty list.
    """
    found = [endpoint(each, ready=True) if isinstance(each, str) else each for each in endpoints]
    return {
        "kind": KIND,
        "apiVersion": API_VERSION,
        "metadata": {
            "name": name,
            "namespace": namespace,
            "uid": f"5d6cb2c4-7ae9-4d29-9ffb-{len(name):012x}",
            "generation": 1,
            "creationTimestamp": "2026-11-02T09:14:07Z",
            "labels": {SERVICE_LABEL: service},
        },
        "addressType": addressType,
        "endpoints": found or None,
        "ports": None if ports is None else list(ports),
    }
