"""What C{make run} starts: the demo backends, and tinylb in front of them."""

import os
import socket
import subprocess
import sys
from pathlib import Path

PORT = int(os.environ.get("PORT", "6443"))
STATUS = int(os.environ.get("STATUS", "9090"))
EXAMPLES = Path(__file__).parent
FILE = os.path.relpath(EXAMPLES / "backends.json")

GUIDE = f"""
Three backends, and tinylb in front of them on 127.0.0.1:{PORT}. In another terminal:

    curl 127.0.0.1:{PORT}               # several times: they take turns
    curl -N 127.0.0.1:{PORT}/stream     # a connection that stays open

and in a browser, to see it all: http://127.0.0.1:{STATUS}

Now edit {FILE}: delete the line of the backend that streams, and save. Its connection ends at
once, and new ones go to the others; put the line back, and it takes its turn again. A file that is not valid
(mind the commas) changes nothing. Ctrl-C ends everything; open connections have 5 seconds then, or a second Ctrl-C.
"""


def checkPorts() -> None:
    """Exit if a port is taken, before anything starts: tinylb's own error would come below a page of other lines."""
    for port in (PORT, STATUS):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError as error:
                why = (error.strerror or str(error)).lower()
                sys.exit(f"127.0.0.1:{port}: {why}; choose other ports: make run PORT=16443 STATUS=19090")


def startBackends() -> None:
    """Start the backends in a session of their own, so that Ctrl-C leaves them running until tinylb has ended."""
    command = [sys.executable, str(EXAMPLES / "demo_backends.py")]
    backends = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, start_new_session=True)
    assert backends.stdout is not None
    if not backends.stdout.readline():
        sys.exit(1)  # the backends have printed why


checkPorts()
startBackends()
tinylb = Path(sys.executable).with_name("tinylb")
listen = ["--listen", f"tcp:{PORT}:interface=127.0.0.1", "--status", f"tcp:{STATUS}"]
arguments = ["run", *listen, "--backends-file", FILE, "--check", "tcp"]
print(GUIDE, "\n$ tinylb ", " ".join(arguments), "\n", sep="", flush=True)
# tinylb replaces this process: it gets every signal itself, and is the parent whose end also ends the backends.
os.execv(tinylb, [str(tinylb), *arguments])
