"""What a stop does to connections in every state, and to those who come meanwhile."""

from __future__ import annotations

import json
import select
import signal
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from functools import partial
from typing import NamedTuple

import pytest

from tests.program.peers import Client, blackHole
from tests.program.processes import PATIENCE, waitUntil
from tests.program.stage import Stage, Tinylb
from tests.program.test_stopping import AT_ONCE, STOPS, dials, isRefused

FULL = 0.3
"""Seconds in which nothing is taken any more when there is no room."""

LAST_WORDS = bytes(range(256)) * 4096


class Ends(NamedTuple):
    """The two ends of a connection through tinylb."""

    client: socket.socket
    server: socket.socket


def fill(connection: socket.socket) -> int:
    """Send until there is no more room; how much that was."""
    sent = 0
    connection.settimeout(FULL)
    try:
        while True:
            sent += connection.send(bytes(1 << 20))
    except TimeoutError:
        connection.settimeout(PATIENCE)
        return sent


def receiveAll(connection: socket.socket) -> bytes:
    """All that comes up to the FIN."""
    received = bytearray()
    while data := connection.recv(1 << 20):
        received += data
    return bytes(received)


def awaitReset(connection: socket.socket) -> None:
    """Wait until it ends with a reset, whatever comes before."""
    try:
        receiveAll(connection)
    except ConnectionResetError:
        return
    # After a FIN nothing that is read tells of it.
    waitUntil(lambda: connection.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR), "it is reset")


class World:
    """
    A tinylb with a connection in each state.

    @ivar open: both ends may talk.
    @ivar half: the client has finished, the server has not.
    @ivar stuck: both ends have sent as much as they could, and read nothing.
    @ivar sentByClient: how much that was; C{sentByServer} likewise.
    @ivar dialling: a client whose backend does not answer.
    """

    def __init__(self, stage: Stage, stack: ExitStack, drain: float) -> None:
        self._stage, self._stack = stage, stack
        self._listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        self._listener.settimeout(PATIENCE)
        host, port = self._listener.getsockname()
        stage.write({"a": f"{host}:{port}"})
        self.tinylb: Tinylb = stage.follow("--drain", str(drain), "--dial-timeout", "60", "--attempt-delay", "60")
        self.open, self.half, self.stuck = self._join(), self._join(), self._join()
        self.half.client.shutdown(socket.SHUT_WR)
        assert receiveAll(self.half.server) == b""
        self.sentByClient, self.sentByServer = fill(self.stuck.client), fill(self.stuck.server)
        hole = stack.enter_context(blackHole())
        before = dials(hole)
        stage.writeText(json.dumps({"backends": {"hole": hole, "a": {"address": f"{host}:{port}", "tier": 1}}}))
        self.tinylb.waitForSet(2)
        self.dialling: Client = stage.client(self.tinylb)
        waitUntil(lambda: dials(hole) > before, "it dials")

    def awaitResets(self) -> None:
        """Wait until each end of each connection is reset."""
        for pair in (self.open, self.half, self.stuck):
            for end in pair:
                awaitReset(end)

    def _join(self) -> Ends:
        client = self._stage.client(self.tinylb).socket
        return Ends(client, self._stack.enter_context(self._listener.accept()[0]))


@pytest.fixture
def world(stage: Stage) -> Iterator[Callable[[float], World]]:
    """Makes one, with the seconds that connections may finish."""
    with ExitStack() as stack:
        yield lambda drain: World(stage, stack, drain)


def test_finish(world: Callable[[float], World]) -> None:
    """
    A stop refuses new clients at once, and those without a backend get none; all others finish whole: what is open,
    what is half-closed, and what is stuck until somebody reads. With the last of them the program ends.
    """
    them = world(60)
    tinylb = them.tinylb
    tinylb.signal(signal.SIGTERM)
    tinylb.waitFor("stopping; 3 connections open")
    waitUntil(lambda: isRefused(tinylb.address), "it listens no more", AT_ONCE)
    assert them.dialling.ending() == "closed"
    them.half.server.sendall(LAST_WORDS)
    them.half.server.close()
    assert receiveAll(them.half.client) == LAST_WORDS
    for one, other in (them.open, them.open[::-1]):
        one.sendall(b"last words")
        one.shutdown(socket.SHUT_WR)
        assert receiveAll(other) == b"last words"
    for end in them.stuck:
        end.shutdown(socket.SHUT_WR)
    assert len(receiveAll(them.stuck.client)) == them.sentByServer
    assert tinylb.signal(signal.SIGHUP), "it has not waited for the last one"
    assert len(receiveAll(them.stuck.server)) == them.sentByClient
    assert tinylb.ended(AT_ONCE) == 0


@pytest.mark.parametrize("drain", [0.0, 0.5])
def test_cut(world: Callable[[float], World], drain: float) -> None:
    """Who has not finished after --drain seconds, which may be none at all, is reset at both ends."""
    them = world(drain)
    stopped = time.monotonic()
    them.tinylb.signal(signal.SIGTERM)
    assert them.dialling.ending() == "closed"
    them.awaitResets()
    assert them.tinylb.ended(AT_ONCE) == 0
    assert drain <= time.monotonic() - stopped < drain + AT_ONCE


@pytest.mark.parametrize("second", STOPS)
def test_secondSignal(world: Callable[[float], World], second: signal.Signals) -> None:
    """A second signal ends all of it at once, with status 0; cut short, nothing looks complete."""
    them = world(60)
    them.tinylb.signal(signal.SIGTERM)
    them.tinylb.waitFor("stopping")
    waitUntil(lambda: isRefused(them.tinylb.address), "it listens no more")
    waitUntil(lambda: not them.tinylb.signal(second), "it ends", AT_ONCE)
    assert them.tinylb.ended() == 0
    them.awaitResets()


def isUnderWay(target: str, before: int, client: Client) -> bool:
    """Whether there are more attempts to connect to it than before; or it was too late to see that."""
    return dials(target) > before or bool(select.select([client.socket], [], [], 0)[0])


def test_dialsOfTheLastMoment(stage: Stage) -> None:
    """Who came before the stop, and gets a backend a moment later, is served to the end like the others."""
    a = stage.server("a")
    with blackHole() as hole:
        stage.writeText(json.dumps({"backends": {"hole": hole, "a": {"address": a.target, "tier": 1}}}))
        for _ in range(20):
            before = dials(hole)
            tinylb = stage.follow("--drain", "60", "--attempt-delay", "0.15")
            with closing(Client(tinylb.address)) as client:
                waitUntil(partial(isUnderWay, hole, before, client), "it dials")
                tinylb.signal(signal.SIGTERM)
                inTime = tinylb.waitFor(r"stopping; (\d) connections? open")[1] == "0"
                if client.line() == "a" and inTime:
                    assert client.echoes(b"last words")
                    client.finish()
                    assert client.ending() == "closed"
                    assert tinylb.ended(AT_ONCE) == 0
                    return
            # This machine was too slow: it had its backend before, or not soon enough after.
            assert tinylb.ended() == 0
    raise AssertionError("nobody was served")
