"""The health checks' part of the command line."""

from __future__ import annotations

import re
from collections.abc import MutableMapping
from typing import Any

from tinylb.balancer import LoadBalancer
from tinylb.health.checks import HealthChecks
from tinylb.health.http import HTTPCheck
from tinylb.health.tcp import TCPCheck
from tinylb.interfaces import IHealthCheck
from tinylb.pem import PEM, BadPEM, MissingKey
from tinylb.usage import count, seconds, wrongUsage

_CA = (
    "PEM file of the authorities to trust in https checks; by default the system's, or the cluster's with --kubernetes."
)
PARAMETERS = [
    [
        "check",
        None,
        None,
        "Check every backend: tcp, http:/PATH or https:/PATH, such as https:/readyz; by default off.",
    ],
    ["check-interval", None, None, "Seconds from one check of a backend to the next; by default 2."],
    ["check-timeout", None, None, "Seconds that a check may take; by default 1."],
    ["check-ca", None, None, _CA],
    ["check-cert", None, None, "PEM file of the client certificate for https checks."],
    ["check-key", None, None, "PEM file of the key of --check-cert, unless that file has the key in it."],
    ["rise", None, None, "Good checks in a row that make a backend ready again; by default 2."],
    ["fall", None, None, "Bad checks in a row that make a backend not ready, or dead; by default 3."],
    ["on-down", None, None, "What happens to open connections of a dead backend: abort (the default) or keep."],
]
_DEFAULTS = {"check-interval": "2", "check-timeout": "1", "rise": "2", "fall": "3", "on-down": "abort"}

# Two slashes would begin a URL with a host, and every backend would be asked for that host.
_KIND = re.compile(r"tcp|(https?):(/(?!/)[!-~]*)")
_FILES = ("check-ca", "check-cert", "check-key")


def checkOptions(options: MutableMapping[str, Any]) -> list[str]:
    """
    Parse the values of the options, in place; wrong usage ends the program.

    @return: the options that were given and have no effect, as nothing is checked.
    """
    given = [name for name in _DEFAULTS if options[name] is not None]
    for name in _DEFAULTS.keys() - given:
        options[name] = _DEFAULTS[name]
    for name in ("check-interval", "check-timeout"):
        options[name] = seconds(name, options[name], least=0.01)
    for name in ("rise", "fall"):
        options[name] = count(name, options[name], example=3)
    if options["on-down"] not in ("abort", "keep"):
        raise wrongUsage(f"--on-down {options['on-down']}: there is no such action; expected: abort or keep")
    kind = options["check"]
    if kind is not None and not _KIND.fullmatch(kind):
        raise wrongUsage(
            f"--check {kind}: not a check; expected: tcp, http:/PATH or https:/PATH, for example https:/readyz"
        )
    for name in _FILES:
        if options[name] is not None and not (kind or "").startswith("https:"):
            raise wrongUsage(
                f"--{name} {options[name]}: of use with an https check only, such as --check https:/readyz"
            )
    if options["check-key"] is not None and options["check-cert"] is None:
        raise wrongUsage(f"--check-key {options['check-key']}: the certificate is missing; add --check-cert FILE")
    return [f"--{name}" for name in given] if kind is None else []


def healthChecks(options: MutableMapping[str, Any], balancer: LoadBalancer) -> HealthChecks | None:
    """The checks that were asked for; L{None} if none were."""
    if options["check"] is None:
        return None
    return HealthChecks(
        balancer,
        _check(options),
        interval=options["check-interval"],
        timeout=options["check-timeout"],
        rise=options["rise"],
        fall=options["fall"],
    )


def _check(options: MutableMapping[str, Any]) -> IHealthCheck:
    if options["check"] == "tcp":
        return TCPCheck()
    scheme, path = options["check"].split(":", 1)
    if scheme == "http":
        return HTTPCheck(path)
    try:
        from tinylb.tls import ClientTLS
    except ImportError as error:
        raise wrongUsage(f"--check {options['check']}: {error}; pip install 'tinylb[tls]' for TLS") from None
    ca, cert, key = (_file(name, options[name]) for name in _FILES)
    serverName, isVerifying = None, True
    if ca is None and options["kubernetes"] is not None:
        # The servers of a cluster have certificates from the cluster's own authority, which the system does not know.
        from tinylb.providers.kubernetes.authority import clusterOf

        cluster = clusterOf(options["kubernetes"])
        if cluster is not None:
            ca, serverName, isVerifying = cluster.ca, cluster.serverName or None, cluster.isVerifying
    try:
        return HTTPCheck(path, ClientTLS(ca, cert, key, serverName=serverName, isVerifying=isVerifying))
    except MissingKey as error:
        raise wrongUsage(f"{error}, with the key in it or in --check-key FILE") from None
    except BadPEM as error:
        raise wrongUsage(str(error)) from None


def _file(name: str, path: str | None) -> PEM | None:
    return None if path is None else PEM(f"--{name} {path}", path)
