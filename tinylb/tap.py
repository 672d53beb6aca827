"""The command line: C{twistd tinylb} and C{twist tinylb}."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from twisted.application.service import IService
from twisted.internet.endpoints import serverFromString
from twisted.internet.interfaces import IStreamServerEndpoint
from twisted.internet.protocol import Factory
from twisted.logger import Logger
from twisted.python.usage import Options as TwistedOptions
from twisted.python.usage import UsageError

from tinylb.accesslog import AccessLog
from tinylb.health import options as health
from tinylb.limits import clientsFor, raiseDescriptorLimit
from tinylb.linefile import wordingOf
from tinylb.policy import POLICIES
from tinylb.program import Process, Program
from tinylb.providers import options as providers
from tinylb.service import LoadBalancerService
from tinylb.systemd import notifier
from tinylb.usage import count, oneLine, seconds, wrongUsage

if TYPE_CHECKING:
    from tinylb.status.service import StatusService

BACKLOG = 1024
GRACE = 0.25
"""Seconds for which a stop lets dials that are under way go on; nearly all are over by then."""

# The endpoints that take a backlog; others have a listening socket already, or a syntax of their own.
_WITH_BACKLOG = re.compile("(haproxy:)?(tcp|tcp6|unix|ssl|tls):", re.IGNORECASE)
# What listens on every interface unless it is told otherwise.
_LOOPBACK = {"tcp": "127.0.0.1", "ssl": "127.0.0.1", "tls": "127.0.0.1", "tcp6": r"\:\:1"}


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
        ["policy", None, "round-robin", "How the next backend is picked: " + ", ".join(POLICIES) + "."],
        ["dial-timeout", None, "10", "Seconds that one client may wait for a backend in all."],
        ["attempt-delay", None, "0.25", "Seconds to wait for one backend before trying the next beside it."],
        ["half-close-timeout", None, "300", "Idle limit of a half-closed connection in seconds; 0 = none."],
        ["idle-timeout", None, "0", "Idle limit of a connection in seconds; 0 = none."],
        ["keepalive", None, "30", "Seconds; a peer that vanished is found after about twice that. 0 = off."],
        ["max-connections", None, None, "Refuse clients beyond this number; by default from the descriptor limit."],
        ["drain", None, "5", "Seconds that open connections may finish after a stop is asked for."],
        ["status", None, None, "Server endpoint of the status page, metrics and API; tcp:9090 alone means loopback."],
        ["access-log", None, None, "File of one JSON object a line for each ended connection; - is standard output."],
        *providers.PARAMETERS,
        *health.PARAMETERS,
    ]

    def __init__(self) -> None:
        TwistedOptions.__init__(self)
        self.ineffective: list[str] = []
        self["listen"] = []
        self["backend"] = []
        for name in providers.FOLLOWED:
            self[name] = None

    def opt_listen(self, description: str) -> None:
        """Twisted server endpoint to listen on, such as tcp:6443:interface=127.0.0.1; may be repeated."""
        self["listen"].append(description)

    def opt_backends_file(self, path: str) -> None:
        """JSON file of backends, followed while running."""
        providers.give(self, "backends-file", path)

    def opt_dns(self, address: str) -> None:
        """HOST:PORT; follow the addresses of a name."""
        providers.give(self, "dns", address)

    def opt_srv(self, name: str) -> None:
        """Follow the SRV records of a name, such as _https._tcp.example.com."""
        providers.give(self, "srv", name)

    def opt_kubernetes(self, config: str) -> None:
        """Follow EndpointSlices; a kubeconfig file, or in-cluster."""
        providers.give(self, "kubernetes", config)

    def opt_backend(self, backend: str) -> None:
        """
        A fixed backend, [ID=]HOST:PORT; may be repeated. Beside what is followed it serves until that is known, and
        when nobody else can.
        """
        self["backend"].append(backend)

    def opt_version(self) -> None:
        """Print the version and exit."""
        from importlib.metadata import version

        print(f"tinylb {version('tinylb')}")
        raise SystemExit(0)

    def parseOptions(self, options: Sequence[str] | None = None) -> None:
        """Parse, and check all that can be checked without touching anything."""
        try:
            TwistedOptions.parseOptions(self, options)
        except UsageError as error:
            raise wrongUsage(f"{error}; '{self.command} --help' lists the options") from None

    def parseArgs(self, *arguments: str) -> None:
        """There are none."""
        if arguments:
            raise wrongUsage(f"{arguments[0]!r} is not an option; '{self.command} --help' lists them")

    def postOptions(self) -> None:
        """Replace texts by what they mean."""
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
    """The program as a service, of the parsed options. It ends with one line if it cannot start."""
    from twisted.internet import reactor

    Factory.noisy = False  # those around ours, such as the one behind haproxy: endpoints
    descriptors = raiseDescriptorLimit()
    most = clientsFor(descriptors, others=0 if options["status"] is None else _statusConnections())
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
        [_endpoint(reactor, "listen", description) for description in options["listen"]],
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
    accessLog = _accessLog(reactor, options["access-log"], balancer)
    return Program(
        reactor,
        balancer,
        options["listen"],
        _process(options),
        passing=_present(checks),
        lasting=_present(accessLog, notifier(reactor, balancer)),
        status=_status(reactor, options["status"], balancer, accessLog),
    )


def _present(*services: IService | None) -> list[IService]:
    return [service for service in services if service is not None]


def _accessLog(reactor: Any, path: str | None, balancer: LoadBalancerService) -> AccessLog | None:
    if path is None:
        return None
    try:
        log = AccessLog(reactor, path)
    except OSError as error:
        raise wrongUsage(
            f"--access-log {path}: {wordingOf(error)}; expected: a file in a folder that exists, or - for "
            "standard output"
        ) from None
    balancer.balancer.observers.append(log)
    return log


def _statusConnections() -> int:
    from tinylb.status.connections import MOST

    return MOST


def _status(
    reactor: Any, description: str | None, balancer: LoadBalancerService, accessLog: AccessLog | None
) -> tuple[StatusService, str] | None:
    if description is None:
        return None
    # Only who wants it pays for it: twisted.web takes 3 MB.
    from tinylb.metrics import Metrics
    from tinylb.status.service import StatusService

    complete, kind = description, description.partition(":")[0]
    if kind in _LOOPBACK and ":interface=" not in description:
        complete += f":interface={_LOOPBACK[kind]}"
    metrics = Metrics(balancer, accessLog=accessLog)
    return StatusService(reactor, _endpoint(reactor, "status", complete), balancer, metrics=metrics), description


def _process(options: Options) -> Process:
    """twistd becomes a daemon unless it is told not to; twist, which has no such option, never does."""
    runner: Mapping[str, Any] = options.parent or {}
    return Process(pidfile=runner.get("pidfile"), isSilent=not runner.get("nodaemon", True))


def _endpoint(reactor: Any, option: str, description: str) -> IStreamServerEndpoint:
    complete = description
    if _WITH_BACKLOG.match(description) and ":backlog=" not in description:
        complete += f":backlog={BACKLOG}"
    try:
        return IStreamServerEndpoint(serverFromString(reactor, complete))
    except ImportError as error:
        raise wrongUsage(f"--{option} {description}: {oneLine(error)}; pip install 'tinylb[tls]' for TLS") from None
    except LookupError:
        if not description.startswith("systemd:"):
            raise
        raise wrongUsage(
            f"--{option} {description}: systemd has handed over no such socket; start tinylb by its socket unit, or "
            "listen on, for example, tcp:6443:interface=127.0.0.1"
        ) from None
    except Exception as error:  # whatever an endpoint's parser, which may be anybody's, finds wrong
        raise wrongUsage(
            f"--{option} {description}: not a server endpoint ({oneLine(error)}); "
            "expected for example tcp:6443:interface=127.0.0.1"
        ) from None
