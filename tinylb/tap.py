"""The command line: C{twistd tinylb} and C{twist tinylb}."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from typing import Any

from twisted.application.service import IService
from twisted.internet.protocol import Factory
from twisted.logger import Logger
from twisted.python.usage import Options as TwistedOptions
from twisted.python.usage import UsageError

from tinylb import attachments
from tinylb.health import options as health
from tinylb.limits import clientsFor, raiseDescriptorLimit
from tinylb.policy import POLICIES
from tinylb.program import Process, Program
from tinylb.providers import options as providers
from tinylb.serverendpoints import serverEndpoint
from tinylb.service import LoadBalancerService
from tinylb.systemd import notifier
from tinylb.usage import count, installedVersion, seconds, wrongUsage

GRACE = 0.25
"""Seconds for which a stop lets dials that are under way go on; nearly all are over by then."""

NARROWEST = 60
"""The fewest columns of the help text. Twisted cannot format it in less than 30."""


class Options(TwistedOptions):
    """Options of the program. Wrong usage ends it with one line and status 1, without the help text."""

    command = "twistd tinylb"
    """How the program was called, for messages."""

    synopsis = "[options]"
    longdesc = (
        "Balances connections over a live set of backends, for example: "
        "twistd -n tinylb --listen tcp:6443:interface=127.0.0.1 --backends-file backends.json"
    )

    optParameters = [
        ["policy", None, "round-robin", "How the next backend is picked: " + " or ".join(POLICIES) + "."],
        ["dial-timeout", None, "10", "Seconds that one client may wait for a backend in all."],
        ["attempt-delay", None, "0.25", "Seconds to wait for one backend before the next is tried in parallel."],
        [
            "half-close-timeout",
            None,
            "300",
            "Seconds without data after which a half-closed connection ends; 0 = none.",
        ],
        ["idle-timeout", None, "0", "Seconds without data after which a connection ends; 0 = none."],
        ["keepalive", None, "30", "Dead peers are found after about twice this many seconds; 0 = off."],
        [
            "max-connections",
            None,
            None,
            "Close clients beyond this number at once; by default what the descriptor limit allows.",
        ],
        ["drain", None, "5", "Seconds that open connections have to finish when a stop is asked for."],
        *providers.PARAMETERS,
        *health.PARAMETERS,
    ]

    def __init__(self) -> None:
        TwistedOptions.__init__(self)
        self.ineffective: list[str] = []
        self["listen"] = []
        self["backend"] = []
        for name in (*providers.FOLLOWED, *attachments.GIVEN):
            self[name] = None

    def opt_listen(self, description: str) -> None:
        """Twisted server endpoint to listen on, such as tcp:6443:interface=127.0.0.1; may be repeated."""
        self["listen"].append(description)

    def opt_backends_file(self, path: str) -> None:
        """Follow a JSON file of backends."""
        providers.give(self, "backends-file", path)

    def opt_dns(self, address: str) -> None:
        """Follow the addresses of a name, given as HOST:PORT."""
        providers.give(self, "dns", address)

    def opt_srv(self, name: str) -> None:
        """Follow the SRV records of a name, such as _https._tcp.example.com."""
        providers.give(self, "srv", name)

    def opt_kubernetes(self, config: str) -> None:
        """Follow the EndpointSlices of a service; the value is a kubeconfig file, or in-cluster."""
        providers.give(self, "kubernetes", config)

    def opt_backend(self, backend: str) -> None:
        """A fixed backend, [ID=]HOST:PORT; may be repeated. With a source, it serves while no backend of that can."""
        self["backend"].append(backend)

    def opt_status(self, description: str) -> None:
        """Endpoint for the status page, metrics and API; tcp:9090 alone listens on loopback."""
        attachments.give(self, "status", description)

    def opt_access_log(self, path: str) -> None:
        """Write a line of JSON for each connection that has ended; - is standard output."""
        attachments.give(self, "access-log", path)

    def opt_version(self) -> None:
        """Print the version and exit."""
        print(f"tinylb {installedVersion()}")
        raise SystemExit(0)

    def getUsage(self, width: int | None = None) -> str:
        """The help text. Twisted takes the width from COLUMNS, and fails where that is empty or very small."""
        return str(TwistedOptions.getUsage(self, width or max(NARROWEST, shutil.get_terminal_size().columns)))

    def parseOptions(self, options: Sequence[str] | None = None) -> None:
        """Parse, and check all that can be checked without touching anything."""
        try:
            TwistedOptions.parseOptions(self, options)
        except UsageError as error:
            raise wrongUsage(f"{error}; '{self.command} --help' lists the options") from None

    def parseArgs(self, *arguments: str) -> None:
        """There are no arguments beside the options."""
        if arguments:
            raise wrongUsage(f"{arguments[0]!r} is not an option; '{self.command} --help' lists them")

    def postOptions(self) -> None:
        """Check the values of the options, and parse them in place."""
        for name in ("dial-timeout", "attempt-delay"):
            self[name] = seconds(name, self[name], least=0.001)
        for name in ("half-close-timeout", "idle-timeout", "keepalive", "drain"):
            self[name] = seconds(name, self[name], least=0)
        if self["max-connections"] is not None:
            self["max-connections"] = count("max-connections", self["max-connections"])
        self.ineffective = health.checkOptions(self)
        if self["policy"] not in POLICIES:
            raise wrongUsage(f"--policy {self['policy']}: there is no such policy; expected: {' or '.join(POLICIES)}")
        if not self["listen"]:
            raise wrongUsage("--listen is missing; give for example --listen tcp:6443:interface=127.0.0.1")
        providers.checkSources(self)


def makeService(options: Options) -> IService:
    """The program as a service, from the parsed options. It ends with one line if it cannot start."""
    from twisted.internet import reactor

    Factory.noisy = False  # of the factories around ours, such as the one behind haproxy: endpoints
    descriptors = raiseDescriptorLimit()
    statusConnections = attachments.statusConnections(options, descriptors)
    most = clientsFor(descriptors, others=statusConnections)
    asked = options["max-connections"]
    if asked is not None and asked > most:
        Logger(namespace="tinylb").warn(
            "--max-connections {asked} is lowered to {most}: the limit of open descriptors is {descriptors}",
            asked=asked,
            most=most,
            descriptors=descriptors,
        )
    if options.ineffective:
        Logger(namespace="tinylb").warn(
            "{options}: no effect without --check; backends are not checked", options=", ".join(options.ineffective)
        )
    balancer = LoadBalancerService(
        [serverEndpoint(reactor, "listen", description) for description in options["listen"]],
        providers.providerOf(reactor, options),
        reactor=reactor,
        drain=options["drain"],
        grace=GRACE,
        policy=POLICIES[options["policy"]](),
        dialTimeout=options["dial-timeout"],
        attemptDelay=options["attempt-delay"],
        halfCloseTimeout=options["half-close-timeout"],
        idleTimeout=options["idle-timeout"],
        keepalive=options["keepalive"],
        maxConnections=most if asked is None else min(asked, most),
        onDown=options["on-down"],
    )
    checks = health.healthChecks(options, balancer.balancer)
    accessLog = attachments.accessLogOf(reactor, options, balancer)
    return Program(
        reactor,
        balancer,
        options["listen"],
        _process(options),
        passing=_present(checks),
        lasting=_present(accessLog, notifier(reactor, balancer)),
        status=attachments.statusOf(reactor, options, balancer, accessLog, statusConnections),
    )


def _present(*services: IService | None) -> list[IService]:
    return [service for service in services if service is not None]


def _process(options: Options) -> Process:
    """twistd becomes a daemon unless it is told not to; twist, which has no such option, never does."""
    runner: Mapping[str, Any] = options.parent or {}
    return Process(pidfile=runner.get("pidfile"), isSilent=not runner.get("nodaemon", True))
