"""A server that gives the answers that a test tells it to give, in HTTP or anything else."""

from __future__ import annotations

import json
import socket
import threading
from pathlib import Path

from tests.program.processes import PATIENCE


class WebServer:
    """
    Answers each connection's request with the same bytes, and closes.

    @param path: of a UNIX socket to listen on, instead of a port.
    @ivar answer: what it says; L{None} for nothing at all.
    @ivar requests: the first lines of all requests so far.
    """

    def __init__(self, answer: bytes | None, path: Path | None = None) -> None:
        self.answer = answer
        self.requests: list[str] = []
        self._socket = socket.socket(socket.AF_INET if path is None else socket.AF_UNIX)
        self._socket.bind(("127.0.0.1", 0) if path is None else str(path))
        self._socket.listen(64)
        self.url = f"unix:{path}" if path is not None else f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        self._waiting: list[socket.socket] = []
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def close(self) -> None:
        """Listen no more."""
        self._socket.shutdown(socket.SHUT_RDWR)
        self._thread.join(PATIENCE)
        self._socket.close()
        for each in self._waiting:
            each.close()

    def _serve(self) -> None:
        while True:
            try:
                connection = self._socket.accept()[0]
            except OSError:
                return
            connection.settimeout(PATIENCE)
            request = b""
            try:
                while b"\r\n\r\n" not in request and (more := connection.recv(65536)):
                    request += more
                self.requests.append(request.partition(b"\r\n")[0].decode())
                if self.answer is None:
                    self._waiting.append(connection)
                    continue
                connection.sendall(self.answer)
            except OSError:
                pass  # whoever asked has left
            connection.close()


def page(content: object, status: str = "200 OK") -> bytes:
    """An answer in HTTP; what is not bytes becomes JSON."""
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    return b"HTTP/1.1 %s\r\nContent-Length: %d\r\n\r\n%s" % (status.encode(), len(body), body)
