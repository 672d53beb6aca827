"""The units for systemd: systemd understands them, they fit together, and what they forbid is not needed."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.deploy.files import DEPLOY, GRACE, optionsOf
from tests.program.processes import run

UNITS = DEPLOY / "systemd"
FOLDERS = {
    "StateDirectory": "/var/lib",
    "LogsDirectory": "/var/log",
    "RuntimeDirectory": "/run",
    "ConfigurationDirectory": "/etc",
}
"""What systemd makes for the service, and where."""

MOST_EXPOSED = 1.5
"""By systemd's own measure, from 0 to 10."""

NEEDED = {
    "the relay": {"accept4", "getsockopt", "pipe2", "recvfrom", "sendto", "setsockopt", "shutdown", "splice"},
    "the event loop": {"epoll_create1", "epoll_ctl", "epoll_wait", "epoll_pwait"},
    "the clock": {"timerfd_create", "timerfd_settime"},
    "a file that is followed": {"inotify_init", "inotify_init1", "inotify_add_watch"},
    "a file that is written": {"fsync", "ftruncate", "rename", "unlink"},
    "lookups of names, and all that may take its time": {"clone", "clone3", "futex", "poll"},
    "a plugin for credentials": {"dup2", "execve", "kill", "setsid", "wait4"},
    "the limit of descriptors": {"prlimit64"},
}
"""System calls, and what would not work without them."""

analyze = shutil.which("systemd-analyze")
needsSystemd = pytest.mark.skipif(analyze is None, reason="systemd is not installed")


def settings(path: Path) -> dict[str, list[str]]:
    """All the values of each setting, whatever its section."""
    found: dict[str, list[str]] = {}
    for line in path.read_text().splitlines():
        if line and line[0] not in "#[":
            name, _, value = line.partition("=")
            found.setdefault(name, []).append(value)
    return found


SERVICE = settings(UNITS / "tinylb.service")
SOCKET = settings(UNITS / "tinylb.socket")


def environments() -> dict[str, str]:
    """The options that the file for them gives: those in force, and those that are proposed instead."""
    found = re.findall(r'^(#?)TINYLB_OPTIONS="(.*)"$', (UNITS / "options").read_text(), re.MULTILINE)
    return {"proposed" if mark else "in force": options for mark, options in found}


OPTIONS = environments()


def command(environment: Mapping[str, str]) -> list[str]:
    """What systemd starts: a variable that stands alone becomes as many words as it has."""
    (line,) = SERVICE["ExecStart"]
    words: list[str] = []
    for word in shlex.split(line):
        words += environment[word[1:]].split() if word.startswith("$") else [word]
    return words


def analyzed(*arguments: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    """What systemd-analyze says."""
    assert analyze is not None
    return run([analyze, "--no-pager", *arguments], cwd)


@needsSystemd
def test_verified(tmp_path: Path) -> None:
    """systemd has nothing to say against the units. A kubelet, and tinylb itself, need not be there for that."""
    for name in ("tinylb.service", "tinylb.socket"):
        text = (UNITS / name).read_text().replace("/opt/tinylb/bin/tinylb", sys.executable)
        (tmp_path / name).write_text(text)
    dropIn = tmp_path / "tinylb.service.d"
    dropIn.mkdir()
    shutil.copy(UNITS / "kubernetes.conf", dropIn)
    units = [tmp_path / "tinylb.service", tmp_path / "tinylb.socket"]
    verified = analyzed("verify", "--man=no", *units, cwd=tmp_path)
    about = [line for line in verified.stderr.splitlines() if "tinylb" in line]
    assert (verified.returncode, about) == (0, [])


@needsSystemd
def test_exposure(tmp_path: Path) -> None:
    """By systemd's own measure there is little that the service could do to the machine."""
    unit = UNITS / "tinylb.service"
    security = analyzed("security", "--offline=yes", f"--threshold={int(MOST_EXPOSED * 10)}", unit, cwd=tmp_path)
    if "unrecognized option" in security.stderr:
        pytest.skip("this systemd-analyze is too old to look at a file")
    assert security.returncode == 0, security.stdout[-200:] + security.stderr


@needsSystemd
@pytest.mark.parametrize("need", NEEDED)
def test_systemCalls(tmp_path: Path, need: str) -> None:
    """The system calls that tinylb lives on are let through."""
    allowed, forbidden = (value.lstrip("~").split() for value in SERVICE["SystemCallFilter"])
    assert SERVICE["SystemCallFilter"][1].startswith("~")
    calls = members(tmp_path, allowed) - members(tmp_path, forbidden)
    assert sorted(NEEDED[need] - calls) == []


def members(folder: Path, names: list[str]) -> set[str]:
    """The system calls in these sets of systemd's, and in the sets that those hold."""
    found: set[str] = set()
    for name in names:
        shown = analyzed("syscall-filter", name, cwd=folder)
        lines = [line.strip() for line in shown.stdout.splitlines()[1:]]
        inner = [line for line in lines if line.startswith("@")]
        found |= {line for line in lines if line and line[0] not in "#@"} | (members(folder, inner) if inner else set())
    return found


@pytest.mark.parametrize("which", OPTIONS)
def test_options(which: str) -> None:
    """tinylb understands its options, those beside the unit as well; files are where systemd lets it write."""
    program, run, *arguments = command({"TINYLB_OPTIONS": OPTIONS[which]})
    assert (program, run) == ("/opt/tinylb/bin/tinylb", "run")
    options = optionsOf(arguments)
    for name in ("state-file", "access-log"):
        assert any(options[name].startswith(f"{folder}/tinylb/") for folder in FOLDERS.values())


def test_folders() -> None:
    """The folders that it uses are made for it."""
    assert {name: SERVICE[name] for name in FOLDERS} == {name: ["tinylb"] for name in FOLDERS}


def test_credentials() -> None:
    """The kubeconfig is looked for where systemd puts it."""
    (credential,) = settings(UNITS / "kubernetes.conf")["LoadCredential"]
    name = credential.partition(":")[0]
    options = optionsOf([*OPTIONS["proposed"].split(), "--listen=tcp:0"])
    assert options["kubernetes"] == f"/run/credentials/tinylb.service/{name}"


def test_socket() -> None:
    """It listens on the socket that is kept for it, under the name that it has there, and on nothing but loopback."""
    (name,) = SOCKET["FileDescriptorName"]
    assert f"systemd:domain=INET:name={name}" in command({"TINYLB_OPTIONS": ""})
    assert SERVICE["Requires"] == ["tinylb.socket"]
    assert all(address.startswith("127.0.0.1:") for address in SOCKET["ListenStream"])


def test_stop() -> None:
    """It is given more time to stop than connections are given to finish."""
    drain = optionsOf(command({"TINYLB_OPTIONS": OPTIONS["in force"]})[2:])["drain"]
    assert float(SERVICE["TimeoutStopSec"][0]) >= drain + GRACE


def test_order() -> None:
    """It is there for the kubelet, and does not wait for the network."""
    assert SERVICE["Before"] == ["kubelet.service"]
    assert "network-online.target" not in (UNITS / "tinylb.service").read_text()
