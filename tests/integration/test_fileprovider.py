"""The file provider on a real filesystem, with word from the kernel and without."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_twisted
from twisted.internet.defer import Deferred
from twisted.internet.task import LoopingCall

from tests.integration.sockets import eventually, reactor
from tinylb import FileProvider

NOTIFIED = 0.5
"""Seconds from a change to the new set. Promised are 0.1; a busy machine may take longer."""

UNNOTIFIED = 5.0
"""The same where the filesystem does not notify, as promised."""

onlyWithNotification = pytest.mark.skipif(sys.platform != "linux", reason="inotify is Linux's")


def content(*ids: str) -> str:
    """A backends file with these ids."""
    return json.dumps({"backends": dict.fromkeys(ids, "192.0.2.1:6443")})


def replace(path: Path, *ids: str) -> None:
    """Put another file in the place of this one, in one step."""
    draft = path.with_suffix(".draft")
    draft.write_text(content(*ids))
    os.rename(draft, path)


class Following:
    """
    Follows a file with the ids C{first}.

    @ivar sets: the ids of each set that was published.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.sets: list[list[str]] = []
        self.provider = FileProvider(reactor, path)
        self._watcher = self.provider.watch()
        self._following = Deferred.fromCoroutine(self._follow())

    async def becomes(self, *ids: str, within: float) -> None:
        """Wait until these are the ids."""
        await eventually(lambda: self.sets[-1:] == [[*ids]], f"{ids} after {self.sets}", within)

    async def close(self) -> None:
        """Follow it no more."""
        self._watcher.close()
        await self._following

    async def _follow(self) -> None:
        async for backends in self._watcher:
            self.sets.append(list(backends))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A backends file, in a folder that is made for it."""
    path = tmp_path / "folder" / "backends.json"
    path.parent.mkdir()
    path.write_text(content("first"))
    return path


@pytest_twisted.async_yield_fixture
async def following(path: Path) -> AsyncIterator[Following]:
    """A provider that follows the file, and has published its first set."""
    following = Following(path)
    assert following.sets == [["first"]]
    yield following
    await following.close()


@onlyWithNotification
@pytest_twisted.ensureDeferred
async def test_renamed(following: Following) -> None:
    """A file that takes the other one's place is in force at once, and the next one that does so is, too."""
    for id in ("second", "third", "fourth"):
        replace(following.path, id)
        await following.becomes(id, within=NOTIFIED)


@onlyWithNotification
@pytest_twisted.ensureDeferred
async def test_writtenInPlace(following: Following) -> None:
    """A file that is written in place is in force at once."""
    for id in ("second", "third"):
        following.path.write_text(content(id))
        await following.becomes(id, within=NOTIFIED)


@onlyWithNotification
@pytest_twisted.ensureDeferred
async def test_configMap(path: Path) -> None:
    """The symbolic link that is swapped when a Kubernetes ConfigMap changes is seen at once, again and again."""
    folder = path.parent
    path.unlink()
    for number, id in enumerate(("first", "second", "third")):
        (folder / f"..{number}").mkdir()
        (folder / f"..{number}" / path.name).write_text(content(id))
    (folder / "..data").symlink_to("..0")
    path.symlink_to(Path("..data", path.name))
    following = Following(path)
    for number, id in enumerate(("second", "third"), 1):
        (folder / "..fresh").symlink_to(f"..{number}")
        os.rename(folder / "..fresh", folder / "..data")
        shutil.rmtree(folder / f"..{number - 1}")
        await following.becomes(id, within=NOTIFIED)
    await following.close()


@pytest_twisted.ensureDeferred
async def test_folderMadeAgain(following: Following) -> None:
    """The last set stays while the file's folder is gone; when it is made again, the file is followed as before."""
    shutil.rmtree(following.path.parent)
    await eventually(lambda: following.provider.describe()["error"] is not None, "the loss is noticed")
    following.path.parent.mkdir()
    replace(following.path, "second")
    await following.becomes("second", within=UNNOTIFIED)
    replace(following.path, "third")
    await following.becomes("third", within=NOTIFIED if sys.platform == "linux" else UNNOTIFIED)
    assert following.sets == [["first"], ["second"], ["third"]]


@pytest_twisted.ensureDeferred
async def test_withoutNotification(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there is no inotify, a change is in force within five seconds."""
    monkeypatch.setitem(sys.modules, "twisted.internet.inotify", None)
    following = Following(path)
    replace(path, "second")
    await following.becomes("second", within=UNNOTIFIED)
    await following.close()


@onlyWithNotification
@pytest_twisted.ensureDeferred
async def test_busyFolder(following: Following) -> None:
    """Another file that is written all the time does not put the reading of this one off, or hide what is wrong."""
    neighbour = following.path.with_name("neighbour")
    writing = LoopingCall(lambda: neighbour.write_text("noise"))
    stopped = writing.start(0.003)
    replace(following.path, "second")
    await following.becomes("second", within=NOTIFIED)
    following.path.write_text("{")
    await eventually(lambda: following.provider.describe()["error"] is not None, "an error", UNNOTIFIED)
    writing.stop()
    await stopped
