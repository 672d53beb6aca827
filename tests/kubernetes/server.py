"""
An API server that has nothing but EndpointSlices, and answers as kube-apiserver does. It can be told to misbehave.

What it goes by: "Kubernetes API Concepts" and the reference of EndpointSlice v1, both in the documentation of
Kubernetes. One thing is different: a client certificate that nobody vouches for ends the handshake, since Python
cannot leave it to the server to answer 401.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
import struct
import time
from pathlib import Path
from weakref import WeakKeyDictionary

from tests.kubernetes.answers import Answer, kindOf
from tests.kubernetes.faults import How, On
from tests.kubernetes.state import Record, State
from tests.kubernetes.wire import Connection, Request

BACKLOG = 128


class Server:
    """
    Listens, or not.

    @param address: host and port; with port C{0}, the first time that it listens decides.
    @param identity: the path of a PEM file with its key and its certificate.
    @param clientCA: that of the authority that vouches for clients.
    """

    def __init__(self, address: tuple[str, int], identity: Path, clientCA: Path | None) -> None:
        self.state = State()
        self._address = address
        self._clientCA = clientCA
        self._names: WeakKeyDictionary[object, str | None] = WeakKeyDictionary()
        self._listening: asyncio.Task[None] | None = None
        self._welcomes: set[asyncio.Task[None]] = set()
        self._held: list[socket.socket] = []
        self.identify(identity)

    def identify(self, identity: Path) -> None:
        """Who it is for those who connect from now on."""
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(identity)
        self._context.set_alpn_protocols(["http/1.1"])
        self._context.sni_callback = self._called
        if self._clientCA is not None:
            self._context.verify_mode = ssl.CERT_OPTIONAL
            self._context.load_verify_locations(self._clientCA)

    def listen(self) -> tuple[str, int]:
        """
        Accept from now on.

        @return: where.
        """
        listener = socket.socket(socket.AF_INET6 if ":" in self._address[0] else socket.AF_INET)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(self._address)
        listener.listen(BACKLOG)
        listener.setblocking(False)
        self._address = listener.getsockname()[:2]
        self._listening = asyncio.create_task(self._accept(listener))
        self.state.isListening = True
        return self._address

    async def refuse(self) -> None:
        """Listen no more. Connections stay, and each of them ends with its next answer that has an end."""
        self.state.isListening = False
        if self._listening is not None:
            self._listening.cancel()
            await asyncio.wait([self._listening])
            self._listening = None

    async def _accept(self, listener: socket.socket) -> None:
        with listener:
            while True:
                client, _ = await asyncio.get_running_loop().sock_accept(listener)
                self.state.accepted.append(time.monotonic())
                fault = self.state.faults.take(On.CONNECTION)
                if fault is None:
                    welcome = asyncio.create_task(self._welcome(client, len(self.state.accepted)))
                    self._welcomes.add(welcome)
                    welcome.add_done_callback(self._welcomes.discard)
                elif fault.how is How.CLOSE_AT_ONCE:
                    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    client.close()
                else:
                    self._held.append(client)

    async def _welcome(self, client: socket.socket, number: int) -> None:
        def makeConnection() -> Connection:
            return Connection(lambda connection: self._converse(connection, number))

        try:
            await asyncio.get_running_loop().connect_accepted_socket(makeConnection, client, ssl=self._context)
        except OSError:
            client.close()  # who does not come to terms about TLS, or does not want to any more

    def _called(self, tls: object, name: str | None, _: ssl.SSLContext) -> None:
        self._names[tls] = name

    async def _converse(self, connection: Connection, number: int) -> None:
        self.state.open += 1
        try:
            while request := await connection.read():
                record = self._record(request, connection, number)
                await Answer(self.state, request, record, connection).give()
                if not self.state.isListening:
                    break
        finally:
            self.state.open -= 1
            connection.close()

    def _record(self, request: Request, connection: Connection, number: int) -> Record:
        authorization = request.headers.get("authorization")
        record: Record = {
            "on": kindOf(request).value,
            "at": time.monotonic(),
            "connection": number,
            "method": request.method,
            "path": request.path,
            "query": request.query,
            "agent": request.headers.get("user-agent", ""),
            "token": None if authorization is None else authorization.removeprefix("Bearer "),
            "certificate": connection.certificate,
            "serverName": self._names.get(connection.tls),
            "code": None,
        }
        self.state.records.append(record)
        return record
