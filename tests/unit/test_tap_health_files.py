"""The files of a check over TLS, as they are given on the command line: what is wrong with them is said in one line."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest import SkipTest

from tests.unit.test_tap import BACKEND, LISTEN
from tests.unit.test_tap_service import ProgramCase

HTTPS = (*LISTEN, *BACKEND, "--check", "https:/readyz")
NOTHING_IN_IT = "-----BEGIN CERTIFICATE-----\nbm90aGluZw==\n-----END CERTIFICATE-----\n"


class FilesCase(ProgramCase):
    """Command lines with an https check."""

    def setUp(self) -> None:
        """There is a folder for the files."""
        super().setUp()
        self.folder = self.path.parent

    def assertWrong(self, arguments: tuple[str, ...], *words: str) -> None:
        """The program does not start, but ends with status 1 and one line, which has these words."""
        line: Any = self.assertRaises(SystemExit, self.make, *HTTPS, *arguments).code
        self.assertIsInstance(line, str)
        self.assertTrue(line.startswith("tinylb: ") and line.isprintable(), line)
        for word in words:
            self.assertIn(word, line)
        self.assertEqual(self.reactor.tcpServers, [])

    def write(self, name: str, content: str | bytes) -> str:
        """A file with this content; its path."""
        path = self.folder / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return str(path)


class WithoutTLSTests(FilesCase):
    """Where TLS is not installed."""

    def test_hint(self) -> None:
        """An https check is answered with how to install what it needs."""
        modules: dict[str, ModuleType | None] = sys.modules  # type: ignore[assignment]
        former = modules.get("tinylb.tls")
        modules["tinylb.tls"] = None
        try:
            self.assertWrong((), "--check https:/readyz: ", "pip install 'tinylb[tls]'")
        finally:
            del modules["tinylb.tls"]
            if former is not None:
                modules["tinylb.tls"] = former


class FilesTests(FilesCase):
    """Files, where TLS is installed."""

    def setUp(self) -> None:
        """There are an authority and a certificate, with a key, that it has issued."""
        super().setUp()
        try:
            from tests.certificates import Authority
        except ImportError as error:
            raise SkipTest(f"TLS is not installed: {error}") from None
        self.authority = Authority(self.folder)
        self.ca = str(self.authority.certificate)
        self.both = str(self.authority.issue("client"))
        self.other = str(self.authority.issue("other"))

    def part(self, path: str, what: str) -> str:
        """What is in a file between the lines that begin and end such a thing."""
        content = Path(path).read_text()
        end = f"-----END {what}-----\n"
        return content[content.index(f"-----BEGIN {what}-----") : content.index(end) + len(end)]

    def test_right(self) -> None:
        """Files that are right are taken: one authority or several, the key beside the certificate or by itself."""
        several = self.write("several.pem", "Two of them:\n" + 2 * Path(self.ca).read_text())
        key = self.write("key.pem", self.part(self.both, "PRIVATE KEY"))
        certificate = self.write("certificate.pem", self.part(self.both, "CERTIFICATE"))
        for arguments in (
            (),
            ("--check-ca", self.ca),
            ("--check-ca", several),
            ("--check-cert", self.both),
            ("--check-ca", self.ca, "--check-cert", certificate, "--check-key", key),
        ):
            self.make(*HTTPS, *arguments)

    def test_unreadable(self) -> None:
        """A file that cannot be read is named, and why."""
        missing = str(self.folder / "missing.pem")
        for name in ("--check-ca", "--check-cert"):
            self.assertWrong((name, missing), f"{name} {missing}: ", "no such file")
            self.assertWrong((name, str(self.folder)), f"{name} {self.folder}: ", "is a directory")
        self.assertWrong(
            ("--check-cert", self.both, "--check-key", missing), f"--check-key {missing}: ", "no such file"
        )

    def test_noAuthority(self) -> None:
        """A file of authorities without one is named, and what it should be."""
        for content in ("", "nonsense", b"\x30\x82\xff\x00", NOTHING_IN_IT, self.part(self.both, "PRIVATE KEY")):
            path = self.write("ca.pem", content)
            self.assertWrong(("--check-ca", path), f"--check-ca {path}: ", "certificate", "PEM")

    def test_oneBadAuthority(self) -> None:
        """So is one in which one of several is none."""
        path = self.write("ca.pem", Path(self.ca).read_text() + NOTHING_IN_IT)
        self.assertWrong(("--check-ca", path), f"--check-ca {path}: ", "certificate", "PEM")

    def test_noCertificate(self) -> None:
        """A file without a certificate is named, and what it should be."""
        for content in ("", "nonsense", NOTHING_IN_IT, self.part(self.both, "PRIVATE KEY")):
            path = self.write("own.pem", content)
            key = self.write("key.pem", self.part(self.both, "PRIVATE KEY"))
            arguments = ("--check-cert", path, "--check-key", key)
            self.assertWrong(arguments, f"--check-cert {path}: ", "certificate", "PEM")

    def test_noKey(self) -> None:
        """So is one without a key, where that was not given otherwise; and how to give it."""
        path = self.write("own.pem", self.part(self.both, "CERTIFICATE"))
        self.assertWrong(("--check-cert", path), f"--check-cert {path}: ", "key", "--check-key FILE")

    def test_otherKey(self) -> None:
        """A key that belongs to another certificate is noticed."""
        key = self.write("key.pem", self.part(self.other, "PRIVATE KEY"))
        for path in (key, self.other):
            self.assertWrong(
                ("--check-cert", self.both, "--check-key", path), f"--check-cert {self.both}: ", path, "key"
            )

    def test_weakKey(self) -> None:
        """A key that is too short to be used is refused before anybody is connected to."""
        path = str(self.authority.issueWeak("weak"))
        self.assertWrong(("--check-cert", path), f"--check-cert {path}: ", "cannot be used", "too small")

    def test_encryptedKey(self) -> None:
        """A key with a passphrase is refused, and nobody is asked for it."""
        encrypted = self.part(self.both, "PRIVATE KEY").replace("PRIVATE KEY", "ENCRYPTED PRIVATE KEY")
        path = self.write("key.pem", encrypted)
        self.assertWrong(("--check-cert", self.both, "--check-key", path), f"--check-key {path}: ", "passphrase")

    def test_pathOnOneLine(self) -> None:
        """Whatever the path, it stays one line."""
        self.assertWrong(("--check-ca", "/no\nsuch"), "--check-ca /no\\nsuch: ")
