"""nginx: its stream module is a peer; its HTTP module is the server behind all of them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.peers.base import BACKLOG, Missing, find, mostConnections
from benchmarks.ports import HOST
from benchmarks.process import output

# One worker beside a master that sleeps. tcp_nodelay is on, and nothing is logged, by default.
_COMMON = """
{modules}
daemon off;
worker_processes 1;
worker_rlimit_nofile {descriptors};
pid {folder}/nginx.pid;
error_log stderr;
events {{ worker_connections {descriptors}; }}
"""
_STREAM = """
stream {{
    server {{
        listen {host}:{port} backlog={backlog};
        proxy_pass {host}:{backend};
        proxy_connect_timeout 10s;
        proxy_timeout 1h;
    }}
}}
"""
# The answers come from memory. A single word of this file is at most 4 kB long: the large one is put together.
_HTTP = """
http {{
    access_log off;
    keepalive_requests 1000000000;
    keepalive_timeout 1h;
    client_body_temp_path {folder};
    proxy_temp_path {folder};
    fastcgi_temp_path {folder};
    uwsgi_temp_path {folder};
    scgi_temp_path {folder};
    server {{
        listen {host}:{port} backlog={backlog};
        location = /64 {{ return 200 "{small}"; }}
        location = /16384 {{ set $kilobyte "{kilobyte}"; return 200 "{large}"; }}
    }}
}}
"""


def findNginx() -> str:
    """
    The program.

    @raise Missing: when there is none.
    """
    return find("nginx", "apt install nginx-light libnginx-mod-stream")


def nginxVersion(program: str) -> str:
    """The name and the version of the program."""
    return "nginx " + output([program, "-v"]).partition("nginx/")[2].split()[0]


def httpCommand(program: str, folder: Path, port: int) -> Sequence[str]:
    """The command of a server whose answers are as long as its paths say: C{/64} and C{/16384}."""
    http = _HTTP.format(
        folder=folder,
        host=HOST,
        port=port,
        backlog=BACKLOG,
        small="x" * 64,
        kilobyte="x" * 1024,
        large="$kilobyte" * 16,
    )
    return _command(program, folder, "", http)


class Nginx:
    """The stream module, with what it does by default."""

    name = "nginx"
    title = "nginx stream"
    environment: Mapping[str, str] = {}

    def __init__(self) -> None:
        self._program = ""
        self._modules = ""

    def prepare(self, folder: Path) -> str:
        """See L{Peer <benchmarks.peers.base.Peer>}."""
        self._program = findNginx()
        built = output([self._program, "-V"])
        if "--with-stream " not in built + " ":
            found = re.search(r"--modules-path=(\S+)", built)
            module = Path(found[1] if found else "/usr/lib/nginx/modules", "ngx_stream_module.so")
            if not module.exists():
                raise Missing("nginx is there without its stream module (apt install libnginx-mod-stream)")
            self._modules = f"load_module {module};"
        return nginxVersion(self._program)

    def command(self, folder: Path, port: int, backend: int) -> Sequence[str]:
        """See L{Peer <benchmarks.peers.base.Peer>}."""
        stream = _STREAM.format(host=HOST, port=port, backlog=BACKLOG, backend=backend)
        return _command(self._program, folder, self._modules, stream)


def _command(program: str, folder: Path, modules: str, block: str) -> Sequence[str]:
    common = _COMMON.format(modules=modules, descriptors=2 * mostConnections() + 900, folder=folder)
    file = folder / "nginx.conf"
    file.write_text(common + block)
    return [program, "-e", "stderr", "-p", str(folder), "-c", str(file)]
