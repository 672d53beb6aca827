"""
Every command in the documents works as it stands there, from the first to the last. Each document is gone through on a
machine of its own (L{Sandbox <tests.program.sandbox.Sandbox>}), with the addresses and folders that it speaks of.
A block of commands ends with status 0 unless it says otherwise (C{# exit status 2}), and so do commands within the
prose; where a block C{text} or C{json} follows at once, the output looks like that: numbers, times and widths may be
others.

Run in earnest: C{tinylb}, C{twistd}, C{curl}, C{ss}, and whatever a shell has; there are real backends behind.
Stand-ins, which check what they are asked for and do nothing else (L{tests.program.standins}): C{systemctl},
C{systemd-analyze}, C{journalctl} (which shows the real log), C{kubectl}, C{podman}, C{pip}, C{python3 -m venv},
C{make}.
"""

from __future__ import annotations

import importlib.util
from importlib import metadata

import pytest

from tests.documents import document, documents
from tests.program.rehearsal import Rehearsal
from tests.program.sandbox import Sandbox, whyNot
from tests.program.stage import Stage

WITH_COMMANDS = [each.name for each in documents() if each.inline() or any(part.kind == "sh" for part in each.parts())]


@pytest.fixture
def sandbox(stage: Stage) -> Sandbox:
    """A machine for one test."""
    reason = whyNot()
    if reason is not None:
        pytest.skip(reason)
    if importlib.util.find_spec("prometheus_client") is None or not any(metadata.distributions(name="tinylb")):
        pytest.skip("the documents expect tinylb to be installed, with all of its extras")
    return Sandbox(stage)


@pytest.mark.parametrize("name", WITH_COMMANDS)
def test_commands(sandbox: Sandbox, name: str) -> None:
    """Who copies the commands of a document, one after the other, gets what it says."""
    assert Rehearsal(sandbox, document(name)).through()
