"""
An authoritative DNS server as a process of its own. It reads its zone from standard input, as a line of JSON, answers
each line with what it has been asked so far, and ends with its standard input.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from twisted.internet.error import CannotListenError
from twisted.internet.stdio import StandardIO
from twisted.names import dns, server
from twisted.protocols.basic import LineOnlyReceiver

ROOT = Path(__file__).parents[1]

LARGEST = 512
"""Bytes in a datagram, see RFC 1035."""

CODES = {"SERVFAIL": dns.ESERVER, "REFUSED": dns.EREFUSED}


class NameServer:
    """
    The process.

    @param host: the address where it listens.
    @param port: the port where it listens; by default a free one.
    @param inside: a command that runs another command, which is given to it.
    """

    def __init__(self, host: str = "127.0.0.1", port: int = 0, inside: Sequence[str] = ()) -> None:
        self.host = host
        self._process = subprocess.Popen(
            [*inside, sys.executable, "-m", "tests.nameserver", host, str(port)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        self.port: int = self._hear()

    def publish(self, *records: str, failing: Mapping[str, str] | None = None) -> None:
        """
        Replace the zone.

        @param records: such as C{api.example 60 A 192.0.2.1}.
        @param failing: what to do instead of answering, by questions such as C{api.example AAAA}: C{SERVFAIL},
            C{REFUSED}, or C{SILENCE}.
        """
        self._tell({"records": records, "failing": failing or {}})

    def asked(self, question: str) -> int:
        """How often it was asked a question such as C{udp api.example AAAA}."""
        return int(self._tell({}).get(question, 0))

    def freeze(self) -> None:
        """Stop the process for now: questions get no answer."""
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let the process go on."""
        self._process.send_signal(signal.SIGCONT)

    def close(self) -> None:
        """Kill the process: questions are refused."""
        self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            assert stream is not None
            stream.close()

    def _tell(self, what: object) -> Any:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(what).encode() + b"\n")
        self._process.stdin.flush()
        return self._hear()

    def _hear(self) -> Any:
        assert self._process.stdout is not None
        return json.loads(self._process.stdout.readline())


def parsed(record: str) -> dns.RRHeader:
    """A record from its text in a zone."""
    name, lifetime, kind, *data = record.split()
    number = getattr(dns, kind)
    arguments = [int(each) if each.isdigit() else each.rstrip(".") for each in data]
    payload = getattr(dns, f"Record_{kind}")(*arguments, ttl=int(lifetime))
    return dns.RRHeader(name, number, dns.IN, int(lifetime), payload, auth=True)


def aliasOf(record: Any) -> str:
    """Where a CNAME leads."""
    name: bytes = record.payload.name.name
    return name.decode()


class Authority(server.DNSServerFactory):
    """Answers from its records, following aliases, and counts what it is asked."""

    noisy = False

    def __init__(self) -> None:
        server.DNSServerFactory.__init__(self)
        self.asked: Counter[str] = Counter()
        self.failing: Mapping[str, str] = {}
        self.records: list[dns.RRHeader] = []

    def handleQuery(self, message: dns.Message, protocol: Any, address: Any) -> None:
        """Answer, fail or stay silent, as C{failing} has it."""
        query = message.queries[0]
        name = query.name.name.lower().decode()
        question = f"{name} {dns.QUERY_TYPES[query.type]}"
        self.asked[f"{'tcp' if address is None else 'udp'} {question}"] += 1
        fails = self.failing.get(question)
        if fails == "SILENCE":
            return
        found, code = self._find(name, query.type)
        if fails is not None:
            found, code = [], CODES[fails]
        reply = self._responseFromMessage(message, code, found)
        reply.auth = True
        self.sendReply(protocol, reply, address)

    def _find(self, name: str, kind: int) -> tuple[list[dns.RRHeader], int]:
        found: list[dns.RRHeader] = []
        seen: set[str] = set()
        while name not in seen:
            seen.add(name)
            mine = [record for record in self.records if record.name.name.decode() == name]
            if not mine:
                return found, dns.ENAME
            found += [record for record in mine if record.type in (kind, dns.CNAME)]
            name = next((aliasOf(record) for record in mine if record.type == dns.CNAME), name)
        return found, dns.OK


class Datagrams(dns.DNSDatagramProtocol):
    """Truncates messages that are too long, and says so in them."""

    def writeMessage(self, message: dns.Message, address: tuple[str, int]) -> None:
        """Write a message."""
        message.maxSize = LARGEST
        super().writeMessage(message, address)


class Commands(LineOnlyReceiver):
    """The commands on standard input."""

    delimiter = b"\n"
    MAX_LENGTH = 1 << 24

    def __init__(self, authority: Authority) -> None:
        self._authority = authority

    def lineReceived(self, line: bytes) -> None:
        """Take a new zone, if the line has one, and answer with what was asked."""
        told = json.loads(line)
        if told:
            self._authority.records = [parsed(record) for record in told["records"]]
            self._authority.failing = told["failing"]
        print(json.dumps(self._authority.asked), flush=True)

    def connectionLost(self, reason: object = None) -> None:
        """End the process: the test has closed its standard input."""
        from twisted.internet import reactor

        reactor.stop()


def listen(reactor: Any, authority: Authority, host: str, port: int) -> int:
    """Listen on a port, over UDP and TCP alike; return its number."""
    while True:
        listening = reactor.listenTCP(port, authority, interface=host)
        number: int = listening.getHost().port
        try:
            reactor.listenUDP(number, Datagrams(authority, reactor), interface=host)
        except CannotListenError:
            listening.stopListening()
            if port:
                raise
        else:
            return number


def main(host: str, port: int) -> None:
    """Run until standard input ends."""
    from twisted.internet import reactor

    authority = Authority()
    print(listen(reactor, authority, host, port), flush=True)
    StandardIO(Commands(authority))
    reactor.run()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
