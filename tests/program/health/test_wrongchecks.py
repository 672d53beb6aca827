"""Checks that cannot be carried out as they are asked for end the program with a line that says what would be right."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.program.stage import Stage
from tests.program.test_wrongusage import BACKEND, LISTEN, refusal

if TYPE_CHECKING:
    from tests.certificates import Authority

TLS = ("--check", "https:/readyz")

OPTIONS = {
    "unknown check": (("--check", "udp"), "--check udp", "tcp, http:/PATH or https:/PATH"),
    "no path": (("--check", "https"), "--check https", "https:/readyz"),
    "no interval": (("--check-interval", "0"), "--check-interval 0", "number of seconds"),
    "no rise": (("--rise", "0"), "--rise 0", "whole number from 1"),
    "half a fall": (("--fall", "1.5"), "--fall 1.5", "whole number from 1"),
    "unknown action": (("--on-down", "drop"), "--on-down drop", "abort or keep"),
    "authority for http": (("--check", "http:/", "--check-ca", "ca.pem"), "--check-ca ca.pem", "https check"),
    "certificate for tcp": (("--check", "tcp", "--check-cert", "own.pem"), "--check-cert own.pem", "https check"),
    "key alone": ((*TLS, "--check-key", "own.key"), "--check-key own.key", "--check-cert FILE"),
}


@pytest.mark.parametrize("case", OPTIONS)
def test_wrongOptions(stage: Stage, case: str) -> None:
    """Wrong values, and options that do not go together."""
    arguments, wrong, right = OPTIONS[case]
    line = refusal(stage, *LISTEN, *BACKEND, *arguments, runners=["twistd"])
    assert line.startswith(f"{wrong}: ")
    assert right in line


def test_wrongFiles(stage: Stage, authority: Authority, pem: Path) -> None:
    """Files that are not what they are meant to be."""
    another = authority.issue("another")
    text = stage.folder / "text"
    text.write_text("no certificate\n")
    for files, wrong, right in (
        (("--check-ca", text), f"--check-ca {text}", "PEM is expected"),
        (("--check-cert", stage.folder), f"--check-cert {stage.folder}", "is a directory"),
        (("--check-cert", authority.certificate), f"--check-cert {authority.certificate}", "PEM is expected"),
        (("--check-cert", pem, "--check-key", another), f"--check-cert {pem}", f"{another}"),
    ):
        line = refusal(stage, *LISTEN, *BACKEND, *TLS, *files, runners=["twistd"])
        assert line.startswith(f"{wrong}: ")
        assert right in line
