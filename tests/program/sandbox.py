"""
A machine as the documents describe it, with its addresses, folders and programs, that has nothing to do with the real
one: namespaces of Linux for the network and the mounts.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Sequence
from contextlib import closing
from functools import cache
from pathlib import Path
from signal import SIGKILL

from tests.program.processes import PATIENCE, ROOT, SCRIPTS, Process
from tests.program.stage import Stage, Tinylb
from tests.program.standins import NAMES
from tests.program.terminal import Terminal

BACKENDS = {"cp-1": "192.0.2.11", "cp-2": "192.0.2.12", "cp-3": "192.0.2.13"}
"""Web servers at port 6443 of the addresses that the documents speak of."""

# Each is seen with all that the real one has, and what is made in it is made elsewhere.
FOLDERS = ("/etc", "/opt", "/run", "/var/lib", "/var/log")
OWN = {"hosts", "kubernetes", "logrotate.d", "resolv.conf", "systemd", "tinylb"}
MADE = ("etc/kubernetes", "etc/logrotate.d", "etc/systemd/system", "etc/tinylb", "opt/tinylb/bin", "var/lib/tinylb")

PROGRAMS = ("unshare", "nsenter", "mount", "ip", "ss", "curl", "bash")

CHECKOUT = ("Containerfile", "Makefile", "README.md", "deploy", "docs", "examples", "pyproject.toml")

SETUP = """
ip link set lo up
for address in $ADDRESSES; do ip address add "$address/32" dev lo; done
for folder in $FOLDERS; do mount --bind "$folder" "$HOST$folder"; mount --bind "$ROOT$folder" "$folder"; done
echo ready
exec cat
"""

# It says nothing of requests, and a connection that is reset is no news.
WEB = """
import http.server, sys
class Handler(http.server.SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        body = sys.argv[1].encode() + b"\\n"
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *_): pass
class Server(http.server.ThreadingHTTPServer):
    request_queue_size = 256
    def handle_error(self, *_): pass
server = Server((sys.argv[2], 6443), Handler)
print("listening", flush=True)
server.serve_forever()
"""


@cache
def whyNot() -> str | None:
    """Why there can be no such machine here; L{None} if there can."""
    missing = [each for each in PROGRAMS if shutil.which(each, path=_path()) is None]
    missing += [each for each in FOLDERS if not os.path.isdir(each)]
    if missing or os.geteuid() != 0:
        return f"this needs root, Linux's namespaces, iproute2 and curl; missing: {', '.join(missing) or 'root'}"
    trial = ["unshare", "--net", "--mount", "sh", "-ec", "ip link set lo up; mount --bind /run /run"]
    tried = subprocess.run(trial, capture_output=True, timeout=PATIENCE, env={"PATH": _path()})
    return f"there are no namespaces: {tried.stderr.decode().strip()}" if tried.returncode else None


class Sandbox:
    """
    The machine.

    @ivar home: where commands run: a folder with those files of the checkout that are for users.
    """

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._root, self._host, self._bin = (stage.folder / each for each in ("root", "host", "bin"))
        self.home = stage.folder / "tinylb"
        self._backends: dict[str, Process] = {}
        self._tinylb: Tinylb | None = None
        self._makeFolders()
        self._makePrograms()
        self._environment = {
            "PATH": f"{self._bin}:{_path()}",
            "HOME": str(self.home),
            "TERM": "dumb",
            "STANDINS_JOURNAL": str(stage.folder / "journal"),
        }
        holder = stage.run(
            "unshare",
            *("--net", "--mount", "sh", "-ec", SETUP),
            environment={
                "PATH": _path(),
                "ADDRESSES": " ".join(BACKENDS.values()),
                "FOLDERS": " ".join(FOLDERS),
                "ROOT": str(self._root),
                "HOST": str(self._host),
            },
        )
        holder.waitFor("^ready$")
        enter = 'cd "$0" && exec "$@"'
        self._inside = ["nsenter", f"--target={holder.pid}", "--net", "--mount", "sh", "-c", enter, str(self.home)]
        self.start(*BACKENDS)

    def start(self, *ids: str) -> None:
        """Backends are there, from now on."""
        for id in ids:
            self._backends[id] = self._stage.run(*self._inside, sys.executable, "-S", "-c", WEB, id, BACKENDS[id])
        for id in ids:
            self._backends[id].waitFor("listening")

    def stop(self, id: str) -> None:
        """A backend is gone."""
        self._backends.pop(id).stop(SIGKILL)

    def deploy(self, *more: str) -> None:
        """tinylb runs as its unit for systemd has it run, but for the socket, which nobody hands over."""
        units = ROOT / "deploy" / "systemd"
        spell = ", ".join(f'"{id}": "{address}:6443"' for id, address in BACKENDS.items())
        (self._root / "etc/tinylb/backends.json").write_text(f'{{"backends": {{{spell}}}}}')
        shutil.copy(units / "options", self._root / "etc/tinylb/options")
        listen = _setting(units / "tinylb.socket", "ListenStream")
        options = shlex.split(_setting(units / "options", "TINYLB_OPTIONS").strip('"'))
        host, _, port = listen.rpartition(":")
        self.serve(shlex.join(["tinylb", "run", "--listen", f"tcp:{port}:interface={host}", *options, *more]))

    def ensure(self) -> None:
        """Some tinylb runs."""
        if self._tinylb is None:
            self.deploy()

    def serve(self, command: str) -> None:
        """Run a command that is a server, until the next one is. It listens when this comes back."""
        if self._tinylb is not None:
            self._tinylb.stop()
        runner = [*self._inside, "bash", "-ec", f"exec {command}"]
        self._tinylb = self._stage.launch(runner=runner, environment=self._environment)
        self._tinylb.listening()

    def background(self, command: str) -> None:
        """Run one of the examples, which goes on to the end of the test."""
        example = self._stage.run(*self._inside, "bash", "-ec", f"exec {command}", environment=self._environment)
        example.waitFor("Listening")

    def run(self, commands: str) -> tuple[int, str]:
        """
        Run commands to their end, in a terminal of 120 columns.

        @return: the exit status of the last one, or of the first that failed; what was said.
        """
        with closing(self._terminal(commands)) as terminal:
            status = terminal.ended()
            return status, terminal.said.replace("\r\n", "\n")

    def runUntil(self, commands: str, pattern: str) -> int:
        """
        The same with a command that has no end: Ctrl-C is pressed once it has said something.

        @return: the exit status.
        """
        with closing(self._terminal(commands)) as terminal:
            terminal.waitFor(pattern)
            terminal.press("\x03")
            return terminal.ended()

    def _terminal(self, commands: str) -> Terminal:
        environment = dict(self._environment)
        if self._tinylb is not None:
            Path(environment["STANDINS_JOURNAL"]).write_text(self._tinylb.output + "\n")
            environment["STANDINS_PID"] = str(self._tinylb.pid)
        command = [*self._inside, "bash", "-eo", "pipefail", "-c", commands]
        return Terminal(*command, columns=120, lines=50, environment=environment)

    def _makeFolders(self) -> None:
        for folder in FOLDERS:
            own, host = (Path(f"{each}{folder}") for each in (self._root, self._host))
            own.mkdir(parents=True)
            host.mkdir(parents=True)
            for name in set(os.listdir(folder)) - OWN:
                (own / name).symlink_to(host / name)
        for name in (*MADE, "var/log/tinylb"):
            (self._root / name).mkdir(parents=True)
        (self._root / "etc/hosts").write_text("127.0.0.1 localhost\n")
        (self._root / "etc/resolv.conf").write_text("nameserver 127.0.0.1\n")
        self.home.mkdir()
        for name in CHECKOUT:
            source, copy = ROOT / name, self.home / name
            if source.is_dir():
                shutil.copytree(source, copy)
            elif source.exists():
                shutil.copy(source, copy)

    def _makePrograms(self) -> None:
        self._bin.mkdir()
        programs: dict[str, Sequence[str | Path]] = {
            "tinylb": (sys.executable, "-m", "tinylb"),
            "twistd": (SCRIPTS / "twistd",),
            "python": (sys.executable,),
            **{name: (sys.executable, "-m", "tests.program.standins", name) for name in NAMES},
        }
        for name, command in programs.items():
            script = self._bin / name
            script.write_text(f'#!/bin/sh\nPYTHONPATH={ROOT} exec {shlex.join(map(str, command))} "$@"\n')
            script.chmod(0o755)
        shutil.copy(self._bin / "tinylb", self._root / "opt/tinylb/bin/tinylb")


def _path() -> str:
    return os.environ.get("PATH", os.defpath) + ":/usr/sbin:/sbin"


def _setting(file: Path, name: str) -> str:
    found = re.search(rf"^{name}=(.+)$", file.read_text(), re.MULTILINE)
    assert found, f"{file} has no {name}"
    return found[1]
