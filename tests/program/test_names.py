"""Backends given by names that a resolver does not answer for."""

from __future__ import annotations

import sys
from signal import SIGTERM

from tests.program.processes import PATIENCE
from tests.program.stage import RUNNERS, Stage, Tinylb

HANGING = """
import runpy, socket, sys, threading
found = socket.getaddrinfo
def lookUp(host, *arguments, **kw):
    if "hangs" in str(host):
        print("looking up", host, flush=True)
        threading.Event().wait()
    return found(host, *arguments, **kw)
socket.getaddrinfo = lookUp
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""
"""Runs a script in a world where names with C{hangs} in them are looked up for ever."""

NAMES = 15
"""More than Twisted's resolver has threads."""


def launch(stage: Stage) -> Tinylb:
    """tinylb over many such names, all of which are being looked up, and localhost."""
    a = stage.server("a")
    stage.write({**{f"h{number}": f"{number}.hangs.example:80" for number in range(NAMES)}, "a": f"localhost:{a.port}"})
    script = stage.folder / "hanging.py"
    script.write_text(HANGING)
    runner = [sys.executable, script, *RUNNERS["twistd"]]
    tinylb = stage.follow("--attempt-delay", "0.02", "--check", "tcp", runner=runner)
    tinylb.waitFor("looking up", NAMES)
    return tinylb


def test_othersAreFound(stage: Stage) -> None:
    """A name that the system knows is found while any number of others are not."""
    tinylb = launch(stage)
    assert [stage.nameOf(tinylb) for _ in range(3)] == ["a"] * 3


def test_stop(stage: Stage) -> None:
    """A stop does not wait for them."""
    tinylb = launch(stage)
    assert tinylb.signal(SIGTERM)
    assert tinylb.ended(PATIENCE / 2) == 0
