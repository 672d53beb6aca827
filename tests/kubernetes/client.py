"""A plain client of an API server, to see what it says."""

from __future__ import annotations

import json
import ssl
from collections.abc import Iterator
from http.client import HTTPResponse, HTTPSConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from tests.kubernetes.control import PATIENCE

PATH = "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices"
OURS = {"labelSelector": "kubernetes.io/service-name=kubernetes"}


class Client:
    """
    A client with one connection at a time.

    @param address: of the server, or of a balancer in front of some.
    @param ca: the certificate of who vouches for the server.
    @param identity: a PEM file with its own key and certificate.
    """

    def __init__(
        self, address: tuple[str, int], ca: Path, *, identity: Path | None = None, timeout: float = PATIENCE
    ) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(ca)
        if identity is not None:
            context.load_cert_chain(identity)
        self._connection = HTTPSConnection(*address, timeout=timeout, context=context)

    def ask(self, token: str | None = None, path: str = PATH, **query: str) -> HTTPResponse:
        """Ask, and leave the answer to be read. Without an answer the connection is closed."""
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        try:
            self._connection.request("GET", f"{path}?{urlencode({**OURS, **query})}", headers=headers)
            return self._connection.getresponse()
        except OSError:
            self.close()
            raise

    def status(self, token: str | None = None, path: str = PATH) -> int:
        """The status of an answer that is read to its end."""
        answer = self.ask(token, path)
        answer.read()
        return answer.status

    def hear(self, size: int) -> bytes:
        """So many bytes of an answer, as they are, or what there was before the end; then no more of it is heard."""
        self._connection.connect()
        self._connection.sock.sendall(f"GET {PATH} HTTP/1.1\r\n\r\n".encode())
        with self._connection.sock.makefile("rb") as answer:
            heard: bytes = answer.read(size)
        self.close()
        return heard

    def again(self) -> None:
        """
        Ask something on the connection that is there.

        @raise ConnectionError: when there is none any more.
        """
        if self._connection.sock is None:
            raise ConnectionResetError
        self.status(path="/livez")

    def list(self, **query: str) -> Any:
        """A list."""
        return json.loads(self.ask(**query).read())

    def watch(self, **query: str) -> Iterator[tuple[str, Any]]:
        """Type and object of each event."""
        return map(_parse, self.ask(watch="1", **query))

    def hurry(self, seconds: float) -> None:
        """From now on, on the connection that is there or a new one, wait no longer than this for each bit."""
        if self._connection.sock is None:
            self._connection.connect()
        self._connection.sock.settimeout(seconds)

    def close(self) -> None:
        """Close it. It may be used again, with the patience it began with."""
        self._connection.close()


def version(object: Any) -> str:
    """The resourceVersion of an object, or of a list."""
    found: str = object["metadata"]["resourceVersion"]
    return found


def _parse(line: bytes) -> tuple[str, Any]:
    event = json.loads(line)
    return event["type"], event["object"]
