"""Names that are followed at a real server."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest_twisted
from twisted.internet.tcp import Connection

from tests.integration.bench import Bench
from tests.integration.dnsworld import ServerAt, World
from tests.integration.servers import Server
from tests.integration.sockets import Ending, eventually, reactor
from tinylb import CloseReason, PairClosed
from tinylb.clock import monotonicClock
from tinylb.providers.dns import DNSProvider, SRVProvider
from tinylb.providers.dns.datagrams import Datagrams

PROMISE = 0.5
"""Seconds from the renewal to the reset of those whose address is gone."""


@pytest_twisted.async_yield_fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """Name servers for one test."""
    world = World(tmp_path)
    yield world
    await world.close()


@pytest_twisted.ensureDeferred
async def test_host(world: World) -> None:
    """The addresses of a name, behind an alias, are followed."""
    server = world.server()
    server.publish("api.example 1 CNAME lb.example", "lb.example 1 A 127.0.0.1", "lb.example 1 AAAA ::1")
    world.configure([server])
    following = world.follow(DNSProvider, "api.example", 6443)
    await following.becomes("127.0.0.1:6443", "[::1]:6443")
    server.publish("api.example 1 A 127.0.0.2", "api.example 1 A 127.0.0.3")
    await following.becomes("127.0.0.2:6443", "127.0.0.3:6443")
    assert len(following.sets) == 2


@pytest_twisted.ensureDeferred
async def test_service(world: World) -> None:
    """So are the servers of a service, with their tiers and weights."""
    server = world.server()
    addresses = ["a.example 1 A 127.0.0.1", "a.example 1 AAAA ::1", "b.example 1 A 127.0.0.2"]
    services = ["_s._tcp.example 1 SRV 0 3 6443 a.example", "_s._tcp.example 1 SRV 1 0 443 b.example"]
    server.publish(*services, *addresses)
    world.configure([server])
    following = world.follow(SRVProvider, "_s._tcp.example")
    await following.becomes("127.0.0.1:6443", "127.0.0.2:443", "[::1]:6443")
    assert [(each.tier, each.weight) for each in following.members.members] == [(0, 3), (1, 1), (0, 3)]
    server.publish(services[1], *addresses)
    await following.becomes("127.0.0.2:443")
    server.publish("_s._tcp.example 1 SRV 0 0 0 .")
    await following.becomes()
    assert following.error is None


@pytest_twisted.ensureDeferred
async def test_removedAddress(world: World, bench: Bench) -> None:
    """
    The connections to an address that has left are reset within half a second of the renewal; those to others stay.
    """
    first = bench.add(Server("127.0.0.1"))
    assert isinstance(first.address, tuple)
    port = first.address[1]
    servers = {"127.0.0.1": first}
    for host in ("127.0.0.2", "::1"):
        servers[host] = bench.add(ServerAt(host, port))
    names = world.server()
    records = ["api.example 1 A 127.0.0.1", "api.example 1 A 127.0.0.2", "api.example 1 AAAA ::1"]
    names.publish(*records)
    world.configure([names])
    provider = DNSProvider(reactor, "api.example", port, resolver=world.resolver())
    balanced = await bench.balance(provider=provider)
    await balanced.service.whenReady()
    joined = {host: await bench.joinBy(balanced, server) for host, server in servers.items()}
    ends = joined["127.0.0.2"].client.receiveToEnd(), joined["127.0.0.2"].serving.receiveToEnd()
    before = names.asked("udp api.example A")
    names.publish(records[0], records[2])
    await eventually(lambda: names.asked("udp api.example A") > before, "it is renewed")
    await eventually(lambda: bool(balanced.told(PairClosed)), "a pair is closed", within=PROMISE)
    (closed,) = balanced.told(PairClosed)
    assert closed.reason is CloseReason.TARGET_REMOVED
    for end in ends:
        assert await end == (b"", Ending.RESET)
    for host in ("127.0.0.1", "::1"):
        await joined[host].client.send(b"still here")
        assert await joined[host].serving.receive(10) == b"still here"


@pytest_twisted.ensureDeferred
async def test_killed(world: World) -> None:
    """A server that was killed is missed, and takes nothing away; when it is back, it is heard again."""
    server = world.server()
    server.publish("api.example 1 A 127.0.0.1")
    world.configure([server])
    following = world.follow(DNSProvider, "api.example", 6443)
    await following.becomes("127.0.0.1:6443")
    server.close()
    await following.fails("A and AAAA of api.example: 127.0.0.1 is not there (connection refused)")
    world.server().publish("api.example 1 A 127.0.0.2")
    await following.becomes("127.0.0.2:6443")
    await following.isWell()


@pytest_twisted.ensureDeferred
async def test_silent(world: World) -> None:
    """A server that is silent takes nothing away, and when it speaks again, it is heard."""
    server = world.server()
    server.publish("api.example 1 A 127.0.0.1")
    world.configure([server])
    following = world.follow(DNSProvider, "api.example", 6443)
    await following.becomes("127.0.0.1:6443")
    server.freeze()
    await following.fails("A and AAAA of api.example: 127.0.0.1 does not answer")
    server.thaw()
    await following.isWell()
    assert following.sets == [["127.0.0.1:6443"]]


@pytest_twisted.ensureDeferred
async def test_nextServer(world: World) -> None:
    """Whoever does not answer, for whatever reason, is passed over for the next server."""
    first, second = world.server("127.0.0.1"), world.server("127.0.0.2")
    records = "api.example 1 A 127.0.0.1", "api.example 1 AAAA ::1"
    second.publish(*records)
    world.configure([first, second])
    for failure in ("SERVFAIL", "REFUSED", "SILENCE"):
        first.publish(failing={"api.example A": failure, "api.example AAAA": failure})
        following = world.follow(DNSProvider, "api.example", 6443)
        await following.becomes("127.0.0.1:6443", "[::1]:6443")
        assert following.error is None
        await following.close()
    first.close()
    following = world.follow(DNSProvider, "api.example", 6443)
    await following.becomes("127.0.0.1:6443", "[::1]:6443")


@pytest_twisted.ensureDeferred
async def test_allServersFail(world: World) -> None:
    """When none is left, the error says of each what it did; the name's other family is renewed all the same."""
    first, second = world.server("127.0.0.1"), world.server("127.0.0.2")
    zone = ("api.example 1 A 127.0.0.1",)
    first.publish(*zone, failing={"api.example AAAA": "SERVFAIL"})
    second.publish(*zone, failing={"api.example AAAA": "REFUSED"})
    world.configure([first, second])
    following = world.follow(DNSProvider, "api.example", 6443)
    await following.fails("AAAA of api.example: 127.0.0.1 has failed (SERVFAIL), 127.0.0.2 refuses to answer (REFUSED)")
    assert following.sets == [["127.0.0.1:6443"]]


@pytest_twisted.ensureDeferred
async def test_noSuchName(world: World) -> None:
    """That there is no such name is an answer, and no other server is asked."""
    first, second = world.server("127.0.0.1"), world.server("127.0.0.2")
    second.publish("api.example 1 A 127.0.0.1")
    world.configure([first, second])
    following = world.follow(DNSProvider, "api.example", 6443)
    await following.fails("api.example does not exist (NXDOMAIN)")
    assert second.asked("udp api.example A") == 0


@pytest_twisted.ensureDeferred
async def test_longAnswer(world: World) -> None:
    """An answer that is too long for a datagram is asked for by a connection, of the server that has it."""
    first, second = world.server("127.0.0.1"), world.server("127.0.0.2")
    first.publish(failing={"api.example A": "SERVFAIL", "api.example AAAA": "SERVFAIL"})
    addresses = [f"127.0.0.{number}" for number in range(1, 101)]
    second.publish(*(f"api.example 1 A {address}" for address in addresses))
    world.configure([first, second])
    following = world.follow(DNSProvider, "api.example", 6443)
    await following.becomes(*sorted(f"{address}:6443" for address in addresses))
    assert second.asked("tcp api.example A") >= 1
    assert first.asked("tcp api.example A") == 0


@pytest_twisted.ensureDeferred
async def test_overIPv6(world: World) -> None:
    """A server may have an IPv6 address; a connection goes there, too."""
    server = world.server("::1")
    addresses = [f"127.0.0.{number}" for number in range(1, 101)]
    server.publish(*(f"api.example 1 A {address}" for address in addresses))
    world.configure([server])
    following = world.follow(DNSProvider, "api.example", 6443)
    await following.becomes(*sorted(f"{address}:6443" for address in addresses))


@pytest_twisted.ensureDeferred
async def test_configurationComesLater(world: World) -> None:
    """A node that boots before its network has its servers later; they are asked as soon as they are named."""
    server = world.server("127.0.0.2")
    server.publish("api.example 1 A 127.0.0.1")
    following = world.follow(DNSProvider, "api.example", 6443)
    await following.fails("127.0.0.1 is not there (connection refused)")
    world.configuration.write_text(
        "# nobody's: nameserver 127.0.0.3\nnameserver\nnameserver x\nnameserver y\nnameserver z\nsearch example\n"
    )
    with world.configuration.open("a") as file:
        file.write("nameserver\t127.0.0.2 # the one\n")
    await following.becomes("127.0.0.1:6443")


@pytest_twisted.ensureDeferred
async def test_threeServers(world: World) -> None:
    """As with the system's own resolver, the first three servers are asked, and no more."""
    server = world.server()
    server.publish("api.example 1 A 127.0.0.1")
    world.configure(["127.0.0.11", "127.0.0.12", "127.0.0.13", server])
    world.configuration.write_text(f"#nameserver 127.0.0.10\n{world.configuration.read_text()}")
    following = world.follow(DNSProvider, "api.example", 6443)
    await following.fails("127.0.0.11 is not there", "127.0.0.12 is not there", "127.0.0.13 is not there")
    assert server.asked("udp api.example A") == 0


@pytest_twisted.ensureDeferred
async def test_hosts(world: World) -> None:
    """What the hosts file says of a name is all there is; when it says nothing any more, the servers are asked."""
    server = world.server()
    server.publish("api.example 1 A 127.0.0.1", "api.example 1 AAAA ::1")
    world.configure([server])
    world.hosts.write_text(
        "127.0.0.7 x # api.example\n127.0.0.9 api API.example # api\n127.0.0.8 xapi.example\n\nbad api.example\n"
    )
    following = world.follow(DNSProvider, "api.example", 6443)
    await following.becomes("127.0.0.9:6443")
    assert server.asked("udp api.example A") == 0
    os.unlink(world.hosts)
    await following.becomes("127.0.0.1:6443", "[::1]:6443")


@pytest_twisted.ensureDeferred
async def test_endsAtOnce(world: World) -> None:
    """With the last watcher a lookup that is under way ends at once: no socket is open, and nothing is scheduled."""
    server = world.server()
    world.configure([server])
    server.freeze()
    before = set(reactor.getReaders())
    following = world.follow(DNSProvider, "api.example", 6443)
    assert sum(isinstance(reader, Datagrams) for reader in reactor.getReaders()) == 2
    await following.close()
    assert set(reactor.getReaders()) == before
    assert [*reactor.getDelayedCalls(), *monotonicClock(reactor).getDelayedCalls()] == []


@pytest_twisted.ensureDeferred
async def test_nothingHeld(world: World) -> None:
    """Between two renewals no socket is open, to read from or to write to."""
    server = world.server()
    server.publish(*(f"api.example 60 A 127.0.0.{number}" for number in range(1, 101)))
    world.configure([server])
    following = world.follow(DNSProvider, "api.example", 6443)
    await eventually(lambda: len(following.sets) == 1, "a set")
    assert server.asked("tcp api.example A") == 1

    def sockets() -> list[object]:
        everything = reactor.getReaders() + reactor.getWriters()
        return [each for each in everything if isinstance(each, (Datagrams, Connection))]

    await eventually(lambda: not sockets(), "no sockets")


@pytest_twisted.ensureDeferred
async def test_refresh(world: World) -> None:
    """Told to look again it asks at once, however long the records hold, and what is said then is in force."""
    server = world.server()
    server.publish("api.example 300 A 127.0.0.1")
    world.configure([server])
    following = world.follow(DNSProvider, "api.example", 6443)
    await following.becomes("127.0.0.1:6443")
    server.publish("api.example 300 A 127.0.0.2")
    following.provider.refresh()
    await following.becomes("127.0.0.2:6443")
    question = "udp api.example A"
    asked = server.asked(question)
    for _ in range(1000):
        following.provider.refresh()
    await eventually(lambda: server.asked(question) > asked, "it is asked")
    server.publish("api.example 300 A 127.0.0.3")
    following.provider.refresh()  # while the answer of before may still be on its way
    await following.becomes("127.0.0.3:6443")
    assert server.asked(question) - asked <= 3
    assert following.error is None
