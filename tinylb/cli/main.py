"""The console command C{tinylb}: its arguments and its exit status."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from io import TextIOWrapper
from typing import NoReturn

from tinylb.cli.failure import CUT, FINE, INTERRUPTED, CommandFailed
from tinylb.cli.screen import Screen
from tinylb.usage import count, seconds, wrongUsage

STATUSES = """
exit status:
  0  all is well; a stop that was asked for
  1  wrong usage; a file that is not valid; what cannot be reached, or cannot start
  2  status: no backend is usable, or somewhere no clients are accepted;
     check --dial: some backends cannot be reached
"""

LONGEST = 86400.0
"""The longest timeout, in seconds. The system refuses one that is very long."""

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
        from importlib.metadata import PackageNotFoundError, version

        try:
            Screen.of().write(f"tinylb {version('tinylb')}\n")
        except PackageNotFoundError:
            raise wrongUsage("this tinylb is not installed, so nobody knows its version") from None
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
        epilog=f"'tinylb COMMAND --help' tells more of each.\n{STATUSES}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", nargs=0, action=_Version, help="print the version and exit")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True, parser_class=_Parser)

    commands.add_parser("run", help="balance, in the foreground; the options are those of twistd tinylb")

    check = _command(commands, "check", "see whether a backends file is valid, and its backends can be reached")
    check.add_argument("file", metavar="FILE", help="the backends file; - is standard input")
    check.add_argument("--dial", action="store_true", help="try to connect to each backend")

    status = _command(commands, "status", "show the live state of a running tinylb", WHERE)
    _whose(status)
    status.add_argument("--watch", action="store_true", help="go on showing it, once a second, until interrupted")

    explain = _command(commands, "explain", "show its latest decisions, the newest first", WHERE)
    _whose(explain)
    explain.add_argument(
        "-n", "--latest", metavar="N", help="only so many; by default those that fit on the screen, or all into a pipe"
    )
    return parser


def _help(command: str) -> str:
    return f"'{command} --help' lists what there is"


def _command(commands: argparse._SubParsersAction[_Parser], name: str, what: str, more: str = "") -> _Parser:
    command = commands.add_parser(
        name,
        help=what,
        description=f"{what[0].upper()}{what[1:]}.\n{more}",
        epilog=STATUSES,
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
