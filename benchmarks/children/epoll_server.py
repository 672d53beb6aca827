"""
A server with as little to do as possible: C{epoll_server PORT echo} sends back what it gets, C{epoll_server PORT http}
answers requests where no nginx is there to do it.
"""

from __future__ import annotations

import re
import select
import socket
import sys
from collections.abc import Callable

from benchmarks.ports import HOST

_SIZE = re.compile(rb"GET /(\d+) ")
_CLOSE = b"Connection: close\r\n"


def echo(data: bytes) -> tuple[bytes, bool]:
    """What is sent back, and whether the connection is over then."""
    return data, False


def http(data: bytes) -> tuple[bytes, bool]:
    """The path of a request is the size of its answer. wrk sends one request at a time, in one piece."""
    found = _SIZE.match(data)
    if found is None:
        return b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", True
    size, isOver = int(found[1]), _CLOSE in data
    # wrk takes a connection that is closed without a word for an error.
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n%b\r\n" % (size, _CLOSE * isOver) + b"x" * size, isOver


def serve(listener: socket.socket, answer: Callable[[bytes], tuple[bytes, bool]]) -> None:
    """
    Until the process is ended. Sockets block: what is readable is read without waiting, and a peer of this kind reads
    its answer.
    """
    poller = select.epoll()
    poller.register(listener, select.EPOLLIN)
    connections: dict[int, socket.socket] = {}
    while True:
        for descriptor, _ in poller.poll():
            connection = connections.get(descriptor)
            if connection is None:
                accepted, _ = listener.accept()
                accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                connections[accepted.fileno()] = accepted
                poller.register(accepted, select.EPOLLIN)
                continue
            try:
                data = connection.recv(65536)
                reply, isOver = answer(data) if data else (b"", True)
                connection.sendall(reply)
            except OSError:
                isOver = True
            if isOver:
                del connections[descriptor]
                connection.close()


def main() -> None:
    """See above."""
    port, kind = sys.argv[1:]
    with socket.create_server((HOST, int(port)), backlog=1024) as listener:
        serve(listener, {"echo": echo, "http": http}[kind])


if __name__ == "__main__":
    main()
