"""
A client that waits: C{pinger PORT SECONDS} sends 64 bytes over one connection, waits until they are back, and so on. It
prints how long that took, in microseconds.
"""

from __future__ import annotations

import gc
import json
import socket
import sys
import time
from collections.abc import Iterator

from benchmarks.ports import HOST

MESSAGE = b"." * 64
WARM_UP = 0.2


def ping(connection: socket.socket, seconds: float) -> Iterator[int]:
    """Nanoseconds, of one round trip after the other."""
    now = time.perf_counter_ns()
    until = now + int(seconds * 1e9)
    while now < until:
        sent = now
        connection.send(MESSAGE)
        missing = len(MESSAGE)
        while missing:
            missing -= len(connection.recv(missing)) or sys.exit("The connection was closed")
        now = time.perf_counter_ns()
        yield now - sent


def main() -> None:
    """See above."""
    port, seconds = int(sys.argv[1]), float(sys.argv[2])
    with socket.create_connection((HOST, port)) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        gc.disable()  # so that nothing is in the tail that is not the balancer's
        warmUp = len(list(ping(connection, WARM_UP)))
        times = sorted(ping(connection, seconds))
    percentiles = {f"p{percent}": times[len(times) * percent // 100] / 1000 for percent in (50, 90, 99)}
    print(json.dumps({"count": len(times) + warmUp, "least": times[0] / 1000, **percentiles}))


if __name__ == "__main__":
    main()
