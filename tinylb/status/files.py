"""The files of the page, which come with the package."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path

from tinylb.status.answer import Answer

_FOLDER = Path(__file__).parent / "page"
_KINDS = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
_INDEX = "index.html"


@cache
def files() -> Mapping[bytes, Answer]:
    """An answer for each file, by path, with C{index.html} at C{/}. The files are read once."""
    return {
        b"/" if file.name == _INDEX else f"/{file.name}".encode(): Answer(200, _KINDS[file.suffix], file.read_bytes())
        for file in _FOLDER.iterdir()
        if file.suffix in _KINDS
    }
