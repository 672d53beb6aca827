"""
Many connections that say little. C{crowd PORT} reads commands, a line each, and answers each with a line:

    open COUNT          open that many more; each has said 64 bytes and got them back
    close               reset them all
    rename FROM TO      rename a file, and wait until all are reset; the answer is JSON
"""

from __future__ import annotations

import errno
import json
import os
import select
import socket
import struct
import sys
import time

from benchmarks.ports import HOST

MESSAGE = b"." * 64
AT_ONCE = 64
PATIENCE = 15.0
RESET_ON_CLOSE = struct.pack("ii", 1, 0)


class Crowd:
    """The connections, all to one port."""

    def __init__(self, port: int) -> None:
        self._address = (HOST, port)
        self._members: list[socket.socket] = []

    def obey(self, command: str, *arguments: str) -> str:
        """What to answer."""
        if command == "open":
            return self.open(int(arguments[0]))
        if command == "close":
            return self.close()
        return self.rename(*arguments)

    def open(self, count: int) -> str:
        """They come in bunches, so that no backlog overflows."""
        while count:
            bunch = [socket.create_connection(self._address, PATIENCE) for _ in range(min(count, AT_ONCE))]
            for member in bunch:
                member.sendall(MESSAGE)
            for member in bunch:
                missing = len(MESSAGE)
                while missing:
                    missing -= len(member.recv(missing)) or sys.exit("A connection was closed")
            self._members += bunch
            count -= len(bunch)
        return "opened"

    def close(self) -> str:
        """By resets: thousands of ports that linger would be in the way of what comes next."""
        for member in self._members:
            member.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
            member.close()
        self._members.clear()
        return "closed"

    def rename(self, source: str, destination: str) -> str:
        """Seconds from the rename until the first and the last member was reset, and how many were."""
        poller = select.epoll()
        for member in self._members:
            # The kernel reports errors and hang-ups without being asked. Each is told of once.
            poller.register(member, select.EPOLLRDHUP | select.EPOLLONESHOT)
        count = len(self._members)
        seen: list[float] = []
        begun = time.monotonic()
        os.rename(source, destination)
        while len(seen) < count and time.monotonic() - begun < PATIENCE:
            told = poller.poll(1.0, count)
            seen += [time.monotonic() - begun] * len(told)
        poller.close()
        errors = [member.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) for member in self._members]
        self.close()
        times = {"first": min(seen, default=None), "last": max(seen, default=None)}
        return json.dumps({**times, "seen": len(seen), "resets": errors.count(errno.ECONNRESET)})


def main() -> None:
    """See above."""
    crowd = Crowd(int(sys.argv[1]))
    for line in sys.stdin:
        try:
            print(crowd.obey(*line.split()), flush=True)
        except OSError as error:
            sys.exit(f"{line.strip()}: {error}")


if __name__ == "__main__":
    main()
