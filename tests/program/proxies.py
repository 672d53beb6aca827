"""nginx and HAProxy around a tinylb that runs: behind it they hear who the client is, before it they say so."""

from __future__ import annotations

import os
import shutil
import socket
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from tests.program.peers import Client, freePort
from tests.program.processes import waitUntil
from tests.program.stage import Stage

_PATH = os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin"

_NGINX = """
{modules}
daemon off;
master_process off;
pid {folder}/nginx.pid;
error_log stderr warn;
events {{}}
{rest}
"""
_NGINX_SERVER = """
http {{
    access_log off;
    client_body_temp_path {folder};
    proxy_temp_path {folder};
    fastcgi_temp_path {folder};
    uwsgi_temp_path {folder};
    scgi_temp_path {folder};
    server {{
        listen 127.0.0.1:{port} proxy_protocol;
        default_type text/plain;
        return 200 "$proxy_protocol_addr $proxy_protocol_port $proxy_protocol_server_addr $proxy_protocol_server_port";
    }}
}}
"""
_NGINX_PROXY = """
stream {{
    server {{
        listen 127.0.0.1:{port};
        proxy_pass 127.0.0.1:{there};
        proxy_protocol on;
    }}
}}
"""
_HAPROXY = """
global
    log stderr format raw local0 info
defaults
    timeout connect 10s
    timeout client 60s
    timeout server 60s
{rest}
"""
_HAPROXY_SERVER = """
frontend web
    mode http
    bind 127.0.0.1:{port} accept-proxy
    http-request return status 200 content-type text/plain lf-string "%[src] %[src_port] %[dst] %[dst_port]"
"""
_HAPROXY_PROXY = """
listen proxy
    mode tcp
    bind 127.0.0.1:{port}
    server tinylb 127.0.0.1:{there} {option}
"""


def _program(name: str) -> str:
    """Where a program is. The test is skipped where it is not installed."""
    found = shutil.which(name, path=_PATH)
    if found is None:
        pytest.skip(f"{name} is not installed")
    return found


def _start(stage: Stage, name: str, port: int, *command: str | Path) -> int:
    program = _program(name)
    stage.run(program, *command)
    waitUntil(lambda: _isListening(port), f"{name} listens")
    return port


def _nginx(stage: Stage, rest: str, port: int, modules: str = "") -> int:
    folder = stage.folder / f"nginx-{port}"
    folder.mkdir()
    configuration = folder / "nginx.conf"
    configuration.write_text(_NGINX.format(folder=folder, modules=modules, rest=rest.format(folder=folder, port=port)))
    return _start(stage, "nginx", port, "-p", folder, "-c", configuration, "-e", "stderr")


def _haproxy(stage: Stage, rest: str, port: int) -> int:
    configuration = stage.folder / f"haproxy-{port}.cfg"
    configuration.write_text(_HAPROXY.format(rest=rest))
    return _start(stage, "haproxy", port, "-db", "-f", configuration)


def nginxServer(stage: Stage) -> int:
    """A web server that wants a header, and tells what it says: source and port, destination and port. Its port."""
    return _nginx(stage, _NGINX_SERVER, freePort())


def haproxyServer(stage: Stage) -> int:
    """The same."""
    port = freePort()
    return _haproxy(stage, _HAPROXY_SERVER.format(port=port), port)


def nginxProxy(stage: Stage, there: int) -> int:
    """Passes connections on to a port with a header of version 1. Its port."""
    module = Path("/usr/lib/nginx/modules/ngx_stream_module.so")
    if not module.exists():
        pytest.skip("nginx has no stream module where Debian puts it")
    rest = _NGINX_PROXY.replace("{there}", str(there))
    return _nginx(stage, rest, freePort(), f"load_module {module};")


def haproxyProxy(option: str) -> Callable[[Stage, int], int]:
    """The same with whatever the option of C{server} says."""

    def proxy(stage: Stage, there: int) -> int:
        port = freePort()
        return _haproxy(stage, _HAPROXY_PROXY.format(port=port, there=there, option=option), port)

    return proxy


def get(client: Client) -> str:
    """The body of what a web server answers; its last line."""
    client.send(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    answer = client.receive(1 << 16).decode()
    assert answer.startswith("HTTP/1.1 200 "), answer
    return answer.rpartition("\r\n\r\n")[2]


def _isListening(port: int) -> bool:
    with closing(socket.socket()) as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
