"""Servers that answer each question in one and the same way, and see how connections end."""

from __future__ import annotations

import ssl
import threading
from pathlib import Path

from tests.integration.servers import Server
from tests.integration.sockets import Ending, Peer, connect


class Responder(Server):
    """
    Takes connections in threads. A question ends with an empty line.

    @param answer: what is said to it; L{None} for nothing.
    @param context: for TLS, or L{None}.
    @ivar isClosing: whether it closes the connection behind its answer, or waits for the other end to do so.
    @ivar isPatient: whether it waits for a question.
    @ivar questions: so far.
    @ivar accepted: how many connections there have been, and C{endings}: how they ended.
    """

    def __init__(
        self, answer: bytes | None, *, where: str | Path = "127.0.0.1", context: ssl.SSLContext | None = None
    ) -> None:
        super().__init__(where)
        self.answer = answer
        self.isClosing = False
        self.isPatient = True
        self.questions: list[bytes] = []
        self.accepted = 0
        self.endings: list[Ending] = []
        self._context = context
        self._isOver = False
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def close(self) -> None:
        """Stop, and close all connections."""
        self._isOver = True
        connect(self.address).close()
        self._threads[0].join()
        super().close()
        for thread in self._threads[1:]:
            thread.join()

    def _accept(self) -> None:
        while True:
            try:
                peer = self.acceptNow()
            except TimeoutError:
                continue
            if self._isOver:
                return
            self.accepted += 1
            thread = threading.Thread(target=self._converse, args=(peer,))
            self._threads.append(thread)
            thread.start()

    def _converse(self, peer: Peer) -> None:
        try:
            if self._context is not None:
                secure = self._context.wrap_socket(
                    peer.socket, server_side=True, do_handshake_on_connect=False, suppress_ragged_eofs=False
                )
                peer.socket = secure  # which is the one to close from now on, whatever comes of the handshake
                if not self._isOver:
                    secure.do_handshake()
            question = b""
            while self.isPatient and not question.endswith(b"\r\n\r\n"):
                data = peer.socket.recv(1 << 16)
                if not data:
                    break
                question += data
            if question:
                self.questions.append(question)
            if self.answer is not None:
                peer.socket.sendall(self.answer)
            if not self.isClosing:
                while peer.socket.recv(1 << 16):
                    pass
            self.endings.append(Ending.FIN)
        except OSError:
            self.endings.append(Ending.RESET)
        finally:
            peer.close()
