"""The side of systemd in sd_notify(3): it receives what a service tells."""

from __future__ import annotations

import socket
import time

PATIENCE = 20.0
"""Seconds that a message may take."""


class Manager:
    """
    Receives the messages of a service.

    @ivar name: the value of C{NOTIFY_SOCKET}: a path, or C{@} and a name in the abstract namespace.
    @ivar environment: the variables for the service.
    """

    def __init__(self, name: str, watchdog: float = 0) -> None:
        self.name = name
        self.environment = {"NOTIFY_SOCKET": name, "WATCHDOG_USEC": str(int(watchdog * 1e6))}
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(name.replace("@", "\0", 1))
        self._socket.settimeout(PATIENCE)

    def hear(self) -> str:
        """The next message."""
        return self._socket.recv(4096).decode()

    def hearAll(self) -> list[str]:
        """The messages that have come so far."""
        messages = []
        self._socket.setblocking(False)
        try:
            while True:
                messages.append(self.hear())
        except BlockingIOError:
            return messages
        finally:
            self._socket.settimeout(PATIENCE)

    def waitFor(self, line: str) -> None:
        """Wait until a message has this line."""
        heard: list[str] = []
        deadline = time.monotonic() + PATIENCE
        while line not in heard:
            assert time.monotonic() < deadline, f"{line} is not among {heard}"
            heard += self.hear().split("\n")

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()
