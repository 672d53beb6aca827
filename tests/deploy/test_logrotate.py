"""logrotate and the access log."""

from __future__ import annotations

import os
import shutil

import pytest

from tests.deploy.files import DEPLOY
from tests.program.processes import run, waitUntil
from tests.program.stage import Stage

LOGROTATE = shutil.which("logrotate", path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")


@pytest.mark.skipif(LOGROTATE is None, reason="logrotate is not installed")
def test_rotates(stage: Stage) -> None:
    """Nobody has to tell tinylb that its log was moved away: what follows is in a new one, and nothing is lost."""
    assert LOGROTATE is not None
    log = stage.folder / "access.log"
    configuration = stage.folder / "logrotate.conf"
    configuration.write_text(
        (DEPLOY / "logrotate" / "tinylb").read_text().replace("/var/log/tinylb", str(stage.folder))
    )
    configuration.chmod(0o644)
    tinylb = stage.balance("--backend", stage.server("a").target, "--access-log", log)
    for _ in range(3):
        assert stage.nameOf(tinylb) == "a"
        waitUntil(lambda: log.exists() and log.stat().st_size, "the connection is in the log")
        rotated = run([LOGROTATE, "--force", "--state", stage.folder / "state", configuration], stage.folder)
        assert (rotated.returncode, rotated.stderr) == (0, "")
        assert not log.exists()
    assert tinylb.stop() == 0
    assert sorted(path.name for path in stage.folder.glob("access.log*")) == [
        "access.log.1",
        "access.log.2.gz",
        "access.log.3.gz",
    ]
