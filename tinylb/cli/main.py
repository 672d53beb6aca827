"""The console command C{tinylb}: its arguments and its exit status."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from io import TextIOWrapper
from typing import NoReturn

from tinylb.cli.failure import CUT, FINE, INTERRUPTED, CommandFailed
from tinylb.cli.screen import Screen
from tinylb.usage import count, installedVersion, seconds, wrongUsage

STATUSES = {
    "tinylb": (
        "all is well, or tinylb was told to stop",
        "wrong usage; the file is not valid; tinylb cannot be reached, or cannot start",
        "status: no backend is usable, or a listener accepts no clients;\n"
        "       check --dial: some backends cannot be reached",
    ),
    "check": (
        "the file is valid; with --dial: and all its backends can be reached",
        "wrong usage, or the file is not valid",
        "with --dial: the file is valid, and some backends cannot be reached",
    ),
    "status": (
        "a backend is usable, and all listeners accept clients",
        "wrong usage, or tinylb cannot be reached",
        "no backend is usable, or a listener accepts no clients",
    ),
    "explain": ("tinylb has answered", "wrong usage, or tinylb cannot be reached"),
}
"""What the exit statuses from 0 on mean, by command."""

LONGEST = 86400.0
"""The longest timeout, in seconds. The system refuses one that is very long."""

_EXPLAIN = "show which backends of a running tinylb are picked and passed over, and its latest decisions"

WHERE = """
URL is where --status of tinylb run listens: http://HOST:PORT, HOST:PORT, :PORT, or unix:/PATH for a UNIX socket.
"""


class _Parser(argparse.ArgumentParser):
    """Reports wrong usage in one line, as everywhere in tinylb."""

    def error(self, message: str) -> NoReturn:
        """See L{argparse.ArgumentParser.error}."""
        raise wrongUsage(f"{message}; {_help(self.prog)}")


class _Version(argparse.Action):
    """Looks the version up only when it is asked for, as that takes time."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> NoReturn:
        Screen.of().write(f"tinylb {installedVersion()}\n")
        raise SystemExit(FINE)


def main(arguments: Sequence[str] | None = None) -> int:
    """
    Run the command that the arguments name.

    @param arguments: by default those of the process.
    @return: the exit status. L{SystemExit} is raised where there is one line to print.
    """
    given = sys.argv[1:] if arguments is None else arguments
    try:
        if given[:1] == ["run"]:
            # Its options are those of the plugin, which has a parser of its own.
            return _run(given[1:])
        screen = Screen.of()
        try:
            return _otherwise(given)
        finally:
            screen.write("")  # flushes the help that argparse has printed
    except CommandFailed as error:
        raise wrongUsage(str(error)) from None
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        return CUT


def _run(arguments: Sequence[str]) -> int:
    from tinylb.cli.starting import answerSignals, fillStandardStreams

    answerSignals()
    fillStandardStreams()
    from tinylb.cli.run import run

    return run(arguments)


def _otherwise(arguments: Sequence[str]) -> int:
    parsed, strange = _parser().parse_known_args(arguments)
    if strange:  # argparse itself would refer to the help of tinylb, which does not list the command's options
        raise wrongUsage(f"unrecognized arguments: {' '.join(strange)}; {_help(f'tinylb {parsed.command}')}")
    timeout = min(LONGEST, seconds("timeout", parsed.timeout, least=0.001))
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a terminal that cannot show a name gets question marks for it
    # Each command imports only what it needs itself.
    if parsed.command == "check":
        from tinylb.cli.check import check

        return check(parsed.file, dials=parsed.dial, timeout=timeout, asJSON=parsed.json)
    if parsed.command == "status":
        from tinylb.cli.status import status

        return status(parsed.url, watches=parsed.watch, timeout=timeout, asJSON=parsed.json)
    from tinylb.cli.explain import explain

    latest = None if parsed.latest is None else count("latest", parsed.latest, 20)
    return explain(parsed.url, latest=latest, timeout=timeout, asJSON=parsed.json)


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="tinylb",
        description="A load balancer for stream connections over a live set of backends.",
        epilog=f"'tinylb COMMAND --help' tells more of each.\n{_statuses('tinylb')}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", nargs=0, action=_Version, help="print the version and exit")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True, parser_class=_Parser)

    commands.add_parser("run", help="balance, in the foreground; the options are those of twistd tinylb")

    check = _command(commands, "check", "say whether a backends file is valid, and whether its backends can be reached")
    check.add_argument("file", metavar="FILE", help="a backends file; - is standard input")
    check.add_argument("--dial", action="store_true", help="try to connect to each backend")

    status = _command(commands, "status", "show the state of a running tinylb", WHERE)
    _whose(status)
    status.add_argument("--watch", action="store_true", help="show it again every second, until interrupted")

    explain = _command(commands, "explain", _EXPLAIN, WHERE)
    _whose(explain)
    explain.add_argument(
        "-n",
        "--latest",
        metavar="N",
        help="at most N entries in each of the two parts; by default as many as fit the screen",
    )
    return parser


def _help(command: str) -> str:
    return f"see '{command} --help'"


def _statuses(command: str) -> str:
    meanings = {str(number): meaning for number, meaning in enumerate(STATUSES[command])}
    meanings[str(INTERRUPTED)] = "interrupted by Ctrl-C"
    meanings[str(CUT)] = "the program that read the output has gone"
    return "\nexit status:\n" + "".join(f"  {number:<5}{meaning}\n" for number, meaning in meanings.items())


def _command(commands: argparse._SubParsersAction[_Parser], name: str, what: str, more: str = "") -> _Parser:
    command = commands.add_parser(
        name,
        help=what,
        description=f"{what[0].upper()}{what[1:]}.\n{more}",
        epilog=_statuses(name),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    command.add_argument("--json", action="store_true", help="print JSON")
    command.add_argument("--timeout", metavar="SECONDS", default="5", help="how long an answer may take; 5 by default")
    return command


def _whose(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "url", metavar="URL", nargs="?", default="http://127.0.0.1:9090", help="by default http://127.0.0.1:9090"
    )
