"""
Stand-ins for programs that the documents name and that cannot be run in a test, such as C{python -m
tests.program.standins systemctl reload tinylb}. Each checks whether what it is asked for is there, and says what is
not.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from tests.program.processes import ROOT

UNITS = ROOT / "deploy" / "systemd"
INSTALLED = Path("/etc/systemd/system")
LEVELS = {"warning": ("warn", "error", "critical"), "err": ("error", "critical")}


def systemctl(*arguments: str) -> None:
    """The unit must be one of ours, and able to do that; a reload signals tinylb."""
    verb, *rest = arguments
    units = [each for each in rest if not each.startswith("-")]
    if verb == "daemon-reload":
        expect(not rest, "daemon-reload takes nothing")
        return
    expect(verb in ("enable", "start", "stop", "restart", "reload", "status", "show", "cat"), f"no such verb: {verb}")
    expect(units, f"{verb} of what?")
    for unit in units:
        text = _unit(unit)
        expect(verb != "enable" or "[Install]" in text, f"{unit} has no [Install] section")
        expect(verb != "reload" or "ExecReload=" in text, f"{unit} has no ExecReload=")
    if verb == "reload" and "STANDINS_PID" in os.environ:
        os.kill(int(os.environ["STANDINS_PID"]), signal.SIGHUP)


def systemdAnalyze(*arguments: str) -> None:
    """Of our units only."""
    verb, *units = arguments
    expect(verb in ("security", "verify"), f"no such verb: {verb}")
    for unit in units:
        _unit(unit)


def journalctl(*arguments: str) -> None:
    """Shows what the tinylb that runs has logged."""
    rest = list(arguments)
    shown: Sequence[str] = ("info", "warn", "error", "critical")
    most = 0
    while rest:
        option = rest.pop(0)
        if option == "-u":
            _unit(rest.pop(0))
        elif option == "-p":
            shown = LEVELS[rest.pop(0)]
        elif option == "-n":
            most = int(rest.pop(0))
        else:
            expect(option == "--since", f"no such option: {option}")
            rest.pop(0)
    lines = Path(os.environ["STANDINS_JOURNAL"]).read_text().splitlines()
    for line in [each for each in lines if each.split()[1:2] and each.split()[1] in shown][-most:]:
        print(line)


def kubectl(*arguments: str) -> None:
    """A manifest must be there, and be one; what is asked for must be in one of ours."""
    words = [each for each in arguments if not each.startswith("-")]
    manifests = "\n".join(path.read_text() for path in (ROOT / "deploy" / "kubernetes").glob("*.yaml"))
    for option, value in pairwise(arguments):
        if option == "-f":
            _manifest(Path(value))
        elif option == "-k":
            for each in _manifest(Path(value) / "kustomization.yaml")["resources"]:
                _manifest(Path(value) / each)
        elif option in ("-n", "-l") and "endpointslices" not in words:
            expect(value.rpartition("=")[2] in manifests, f"{value} is in no manifest")
    for kind, slash, name in (word.partition("/") for word in words):
        if slash and kind in ("daemonset", "pod", "configmap"):
            expect(re.search(rf"\bname: {re.escape(name)}$", manifests, re.MULTILINE), f"there is no {kind}/{name}")


def podman(*arguments: str) -> None:
    """A build needs its file; what is to run must be what C{tinylb run} understands."""
    verb, *rest = arguments
    file = (Path(rest[-1]) if verb == "build" else Path()) / "Containerfile"
    expect(verb in ("build", "run"), f"no such verb: {verb}")
    expect(file.exists() and 'ENTRYPOINT ["tinylb", "run"]' in file.read_text(), f"there is no {file} of that kind")
    if verb == "run":
        from tinylb.cli.run import RunOptions

        image = next(number for number, each in enumerate(rest) if re.fullmatch(r"(localhost/)?tinylb(:\S+)?", each))
        RunOptions().parseOptions(rest[image + 1 :])


def pip(*arguments: str) -> None:
    """What is installed must be tinylb, with extras that it has."""
    verb, *packages = arguments
    expect(verb == "install", f"no such verb: {verb}")
    project = (ROOT / "pyproject.toml").read_text()
    for package in packages:
        found = re.fullmatch(r"(?:tinylb|\.)(?:\[([a-z,]+)\])?", package)
        expect(found, f"{package} is something else")
        for extra in (found[1] or "").split(",") if found else ():
            expect(not extra or re.search(rf"^{extra} = \[", project, re.MULTILINE), f"there is no extra {extra}")


def python3(*arguments: str) -> None:
    """An environment gets a pip that is a stand-in, and tinylb; all else is Python's."""
    if arguments[:2] != ("-m", "venv"):
        os.execv(real("python3"), ["python3", *arguments])
    folder = Path(arguments[2]) / "bin"
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("pip", "tinylb", "twistd"):
        shutil.copy(str(shutil.which(name)), folder / name)
    (folder / "activate").write_text(f"PATH={folder.resolve()}:$PATH\n")


def make(*targets: str) -> None:
    """There must be such a target; nothing is made."""
    subprocess.run([real("make"), "-n", *targets], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)


NAMES: dict[str, Callable[..., None]] = {
    "journalctl": journalctl,
    "kubectl": kubectl,
    "make": make,
    "pip": pip,
    "podman": podman,
    "python3": python3,
    "systemctl": systemctl,
    "systemd-analyze": systemdAnalyze,
}


def expect(what: object, otherwise: str) -> None:
    """End, if that is not so."""
    if not what:
        sys.exit(otherwise)


def real(name: str) -> str:
    """The program that one of us stands for: we come first in the path."""
    found = shutil.which(name, path=os.environ["PATH"].partition(":")[2])
    expect(found, f"there is no {name}")
    return str(found)


def _unit(name: str) -> str:
    """The text of a unit, where it has been installed or where it comes from."""
    file = name if re.search(r"\.(service|socket)$", name) else f"{name}.service"
    for folder in (INSTALLED, UNITS):
        if (folder / file).exists():
            return (folder / file).read_text()
    sys.exit(f"Unit {file} not found.")


def _manifest(path: Path) -> Any:
    import yaml

    expect(path.exists(), f"there is no {path}")
    documents = list(yaml.safe_load_all(path.read_text()))
    for document in documents:
        expect({"apiVersion", "kind"} <= set(document), f"{path} is no manifest")
    return documents[0]


if __name__ == "__main__":
    NAMES[sys.argv[1]](*sys.argv[2:])
