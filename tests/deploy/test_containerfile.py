"""The Containerfile, as it can be read without building an image."""

from __future__ import annotations

import json
import re
from pathlib import Path

from tests.deploy.files import ROOT, optionsOf

INSTRUCTION = re.compile(r"^([A-Z]+) ((?:.*\\\n)*.+)$", re.MULTILINE)
TEXT = (ROOT / "Containerfile").read_text()
BUILD, FINAL = TEXT.split("\nFROM ")[1:]


def values(instruction: str, stage: str) -> list[str]:
    """What a stage says with an instruction."""
    return [value for name, value in INSTRUCTION.findall(stage) if name == instruction]


def test_base() -> None:
    """Both stages begin with the same image, of one exact version."""
    (base,) = values("ARG", TEXT)
    assert re.fullmatch(r"BASE=docker\.io/library/python:\d+\.\d+\.\d+-slim-[a-z]+", base)
    assert BUILD.startswith("${BASE} AS build\n")
    assert FINAL.startswith("${BASE}\n")


def test_user() -> None:
    """It runs as nobody in particular, by number: Kubernetes cannot tell of a name that it is not root."""
    (user,) = values("USER", FINAL)
    assert re.fullmatch(r"([1-9]\d*):\1", user)


def test_command() -> None:
    """What follows the image's name are options of tinylb; it is stopped with the signal that it expects."""
    (entrypoint,) = values("ENTRYPOINT", FINAL)
    assert json.loads(entrypoint) == ["tinylb", "run"]
    assert values("STOPSIGNAL", FINAL) == ["SIGTERM"]


def test_example() -> None:
    """The example at its top is one that tinylb understands."""
    found = re.search(r"^# podman run .* tinylb:\S+ (.+)$", TEXT, re.MULTILINE)
    assert found
    assert optionsOf(found[1].split())["backend"]


def test_sources() -> None:
    """The build gets all that pyproject.toml names, and nothing that is left out of the build's context."""
    copied = {name for value in values("COPY", BUILD) for name in value.split()[:-1]}
    named = re.findall(
        r'"([^"]+)"', "".join(re.findall(r"^(?:readme|license-files|only-include) = .+$", pyproject(), re.MULTILINE))
    )
    for name in (*named, "pyproject.toml"):
        assert copied & {name, *map(str, Path(name).parents)}, f"{name} is not copied"
    kept = {line.removeprefix("!") for line in ignored().splitlines() if line.startswith("!")}
    assert copied == kept
    assert all((ROOT / name).exists() for name in copied)


def test_ignored() -> None:
    """Whatever is not named is left out."""
    assert "\n*\n" in ignored()


def test_primed() -> None:
    """Twisted's cache of plugins is written when the image is built: in a container nobody may."""
    (command,) = values("RUN", BUILD)
    assert "/opt/tinylb/bin/twistd --help" in command.split("&&")[-1]


def ignored() -> str:
    """What is left out of the build's context; podman and buildah read this file, too."""
    return (ROOT / ".dockerignore").read_text()


def pyproject() -> str:
    """What the package is made of."""
    return (ROOT / "pyproject.toml").read_text()
