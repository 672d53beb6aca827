"""
A web server as a process of its own, which can be told to misbehave.

It answers C{/} with its name and anything else with the status that it was told. It takes commands from standard
input, a line each, and says C{done} on standard output after each. It ends with its standard input.
"""

from __future__ import annotations

import argparse
import asyncio
import ctypes
import socket
import ssl
import struct
import sys
from contextlib import suppress

BACKLOG = 1024
FLAP = 0.1
# How long it takes until those whose handshake has begun are in the queue of the listener.
SETTLE = 0.01

# socket(7); Python has no name for it.
SO_ATTACH_FILTER = 26
# Drops each segment with SYN and without ACK, as in "tcpdump -ddd": load byte 13, and 0x12, is it 2?, drop, keep.
NO_NEW_CLIENTS = ((0x30, 0, 0, 13), (0x54, 0, 0, 0x12), (0x15, 0, 1, 0x02), (0x06, 0, 0, 0), (0x06, 0, 0, 0xFFFFFFFF))


class Conversation(asyncio.Protocol):
    """HTTP/1.1 with a client, one request after the other."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._received = b""
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The TLS handshake, if there is one, is over."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._server.open += 1

    def connection_lost(self, exc: Exception | None) -> None:
        """The end, of whatever kind."""
        self._server.open -= 1

    def data_received(self, data: bytes) -> None:
        """Requests have no body."""
        *heads, self._received = (self._received + data).split(b"\r\n\r\n")
        for head in heads:
            self._answer(head)

    def _answer(self, head: bytes) -> None:
        status, body = self._server.respond(head.split()[1].partition(b"?")[0].decode())
        if self._server.isMute:
            return
        isLast = b"\nconnection: close" in head.lower()
        headers = f"Content-Length: {len(body)}\r\n" + ("Connection: close\r\n" if isLast else "")
        self._transport.write(f"HTTP/1.1 {status} As told\r\n{headers}\r\n{body}".encode())
        if isLast:
            self._transport.close()


class Server:
    """
    Listens, or not.

    @ivar isMute: whether it accepts and never answers.
    @ivar open: how many connections there are, those that it accepted while mute not among them.
    """

    def __init__(self, name: str, address: tuple[str, int], tls: ssl.SSLContext | None) -> None:
        self.isMute = False
        self.open = 0
        self._name = name
        self._address = address
        self._tls = tls
        self._status = 200
        self._checks = 0
        self._visits = 0
        self._accepted = 0
        self._held: list[socket.socket] = []
        self._listener: socket.socket | None = None
        self._isFlapping = False
        self._flapping: asyncio.Task[None]
        self._welcomes: set[asyncio.Task[None]] = set()

    def respond(self, path: str) -> tuple[int, str]:
        """Status and body."""
        if path == "/":
            self._visits += 1
            return 200, f"{self._name}\n"
        self._checks += 1
        return self._status, ""

    async def obey(self, command: str, *arguments: str) -> str:
        """Do as told."""
        if command == "readyz":
            self._status = int(arguments[0])
        elif command == "mute":
            self.isMute = True
        elif command == "listen":
            self.listen()
        elif command == "refuse":
            await self._refuse()
        elif command == "flap":
            self._isFlapping = True
            self._flapping = asyncio.create_task(self._flap())
        elif command == "steady":
            self._isFlapping = False
            await self._flapping
        else:
            assert command == "report", command
        return f"accepted={self._accepted} checks={self._checks} visits={self._visits} open={self.open}"

    def listen(self) -> None:
        """Accept from now on."""
        self._listener = socket.socket()
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._listener.bind(self._address)
        self._listener.listen(BACKLOG)
        self._listener.setblocking(False)
        asyncio.get_running_loop().add_reader(self._listener, self._acceptAll)

    async def _refuse(self) -> None:
        """
        Listen no more, and lose nobody: closing a listener resets whoever is in its queue. So nobody new is let into
        the queue, and who is there already is accepted.
        """
        assert self._listener is not None
        program = b"".join(struct.pack("HBBI", *instruction) for instruction in NO_NEW_CLIENTS)
        memory = ctypes.create_string_buffer(program)
        filter = struct.pack("@HP", len(NO_NEW_CLIENTS), ctypes.addressof(memory))
        with suppress(PermissionError):  # not everybody may; then one who comes just before the end is reset
            self._listener.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, filter)
        await asyncio.sleep(SETTLE)
        self._acceptAll()
        asyncio.get_running_loop().remove_reader(self._listener)
        self._listener.close()
        self._listener = None

    async def _flap(self) -> None:
        while self._isFlapping:
            await self._refuse()
            await asyncio.sleep(FLAP)
            self.listen()
            await asyncio.sleep(FLAP)

    def _acceptAll(self) -> None:
        assert self._listener is not None
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return  # nobody is left, or who was there has gone
            self._accepted += 1
            if self.isMute:
                self._held.append(connection)
            else:
                welcome = asyncio.create_task(self._welcome(connection))
                self._welcomes.add(welcome)
                welcome.add_done_callback(self._welcomes.discard)

    async def _welcome(self, connection: socket.socket) -> None:
        connection.setblocking(False)
        loop = asyncio.get_running_loop()
        try:
            await loop.connect_accepted_socket(lambda: Conversation(self), connection, ssl=self._tls)
        except OSError:
            connection.close()  # who was only probing, or does not come to terms about TLS


def makeContext(pem: str, clientCA: str | None) -> ssl.SSLContext:
    """What a server needs for TLS; clients need a certificate where there is a C{clientCA}."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    if clientCA is not None:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(clientCA)
    return context


async def main() -> None:
    """Serve until standard input ends."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name")
    parser.add_argument("host")
    parser.add_argument("port", type=int)
    parser.add_argument("--tls", help="PEM file with key and certificate")
    parser.add_argument("--client-ca", help="PEM file of whom clients' certificates have to be from")
    options = parser.parse_args()
    tls = makeContext(options.tls, options.client_ca) if options.tls else None
    server = Server(options.name, (options.host, options.port), tls)
    server.listen()
    print("Listening", flush=True)
    commands = asyncio.StreamReader()
    protocol = asyncio.StreamReaderProtocol(commands)
    await asyncio.get_running_loop().connect_read_pipe(lambda: protocol, sys.stdin)
    while line := await commands.readline():
        print("done", await server.obey(*line.decode().split()), flush=True)


if __name__ == "__main__":
    asyncio.run(main())
