"""What a backends file may say, and what is said of everything else."""

from __future__ import annotations

import json
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from tinylb.addresses import HostPort
from tinylb.providers.backendsfile import Entry, InvalidBackends, parseBackends


def parse(backends: Any) -> dict[str, Entry]:
    """Parse a file that says just this of its backends."""
    return parseBackends(json.dumps({"backends": backends}).encode())


class ValidTests(SynchronousTestCase):
    """Valid files."""

    def test_addresses(self) -> None:
        """An id's value may be its address: IPv4, IPv6 or a name."""
        entries = parse({"cp-1": "192.0.2.11:6443", "cp-2": "[2001:db8::12]:6443", "cp-3": "cp-3.example:6443"})
        self.assertEqual(
            {id: (entry.address, entry.endpoint, entry.tier, entry.weight) for id, entry in entries.items()},
            {
                "cp-1": (HostPort("192.0.2.11", 6443, True), None, 0, 1),
                "cp-2": (HostPort("2001:db8::12", 6443, True), None, 0, 1),
                "cp-3": (HostPort("cp-3.example", 6443, False), None, 0, 1),
            },
        )

    def test_object(self) -> None:
        """It may be an object with an address, and optionally tier and weight."""
        entries = parse(
            {"plain": {"address": "192.0.2.13:6443"}, "full": {"address": "192.0.2.13:6443", "tier": 1, "weight": 2}}
        )
        self.assertEqual((entries["plain"].tier, entries["plain"].weight), (0, 1))
        self.assertEqual((entries["full"].tier, entries["full"].weight), (1, 2))
        self.assertEqual(str(entries["full"].address), "192.0.2.13:6443")

    def test_endpoint(self) -> None:
        """The object may have an endpoint in place of an address."""
        entry = parse({"local": {"endpoint": "unix:/run/apiserver.sock", "tier": 2}})["local"]
        self.assertEqual((entry.address, entry.endpoint, entry.tier), (None, "unix:/run/apiserver.sock", 2))

    def test_proxyProtocol(self) -> None:
        """Either kind of backend may want a header of the PROXY protocol, of one of two versions; by default none."""
        entries = parse(
            {
                "a": {"address": "192.0.2.13:6443", "proxyProtocol": "v1"},
                "b": {"endpoint": "unix:/run/b.sock", "proxyProtocol": "v2"},
                "c": {"address": "192.0.2.13:6443"},
                "d": "192.0.2.13:6443",
            }
        )
        self.assertEqual([entry.proxyProtocol for entry in entries.values()], ["v1", "v2", None, None])
        self.assertNotEqual(entries["a"], entries["c"])

    def test_list(self) -> None:
        """A list of addresses is short for ids that equal them."""
        entries = parse(["192.0.2.11:6443", "cp-2:6443"])
        self.assertEqual(list(entries), ["192.0.2.11:6443", "cp-2:6443"])
        self.assertEqual(str(entries["cp-2:6443"].address), "cp-2:6443")

    def test_empty(self) -> None:
        """An empty object, or list, is valid and means no backends."""
        self.assertEqual(parse({}), {})
        self.assertEqual(parse([]), {})

    def test_sharedTarget(self) -> None:
        """Two ids may have one address."""
        self.assertEqual(list(parse({"a": "x:1", "b": "x:1"})), ["a", "b"])

    def test_anyId(self) -> None:
        """An id is any printable text."""
        for id in ("a b", "ä", "$.x", '"', "=", "10.0.0.1:1"):
            self.assertEqual(list(parse({id: "x:1"})), [id])

    def test_byteOrderMark(self) -> None:
        """A byte order mark, as some editors write it, is no error."""
        self.assertEqual(parseBackends(b'\xef\xbb\xbf{"backends": {}}'), {})

    def test_placeIsNoContent(self) -> None:
        """Where an entry stands makes it no other entry."""
        self.assertEqual(parse(["x:1", "y:1"])["y:1"], parse(["y:1"])["y:1"])


class InvalidTests(SynchronousTestCase):
    """Everything else. The line says where, what is wrong and what would be right."""

    def assertInvalid(self, content: bytes, *words: str) -> None:
        """The content is refused with one short line that has these words."""
        message = str(self.assertRaises(InvalidBackends, parseBackends, content))
        self.assertTrue(message.isprintable(), message)
        self.assertLess(len(message), 500)
        for word in words:
            self.assertIn(word, message)

    def assertWrong(self, backends: Any, *words: str) -> None:
        """A file that says this of its backends is refused in such a way."""
        self.assertInvalid(json.dumps({"backends": backends}).encode(), *words)

    def test_notJSON(self) -> None:
        """Broken JSON is reported by line and column, with an example."""
        for nothing in (b"", b" \n", b"\xef\xbb\xbf"):
            self.assertInvalid(nothing, "is empty", '{"backends":')
        self.assertInvalid(b'{"backends": {\n  "a": x}}', "line 2 column 8", '{"backends":')
        self.assertInvalid(b'{"backends": {"a": "x:1",}}', "line 1 column")
        self.assertInvalid(b'{"backends": {}} {}', "line 1 column 18")
        self.assertInvalid(b'{"backends": {"a": "x:1\n"}}', "line 1 column 24: Invalid control character; JSON such as")
        self.assertInvalid(b'{"backends": {"a": "x:1', "line 1 column 20: Unterminated string; JSON such as")

    def test_notUTF8(self) -> None:
        """Another encoding is reported by the first byte that shows it."""
        self.assertInvalid(b'{"backends": {"\xe4": "x:1"}}', "byte 15", "UTF-8")
        self.assertInvalid('{"backends": {}}'.encode("utf-16"), "UTF-8")

    def test_pythonsExtras(self) -> None:
        """What Python reads beyond JSON is no JSON."""
        for constant in (b"NaN", b"Infinity", b"-Infinity"):
            self.assertInvalid(b'{"backends": {"a": {"address": "x:1", "weight": ' + constant + b"}}}", "JSON")

    def test_tooMuchForPython(self) -> None:
        """Endless nesting and endless numbers are errors as any other."""
        self.assertInvalid(b'{"backends": ' + b"[" * 200_000, "nested")
        self.assertInvalid(b"[" * 100_000 + b"]" * 100_000)
        self.assertInvalid(b'{"backends": {"a": {"address": "x:1", "tier": ' + b"9" * 5000 + b"}}}", "JSON")
        self.assertWrong(["x:000001" + "0" * 5000], "port")

    def test_notAnObject(self) -> None:
        """The file is an object with the key "backends", and nothing besides."""
        for content, kind in ((b"[]", "a list"), (b'"x:1"', "a string"), (b"7", "a number"), (b"null", "null")):
            self.assertInvalid(content, "$", kind, "object")
        self.assertInvalid(b"{}", "backends")
        self.assertInvalid(b'{"backend": {}}', "unknown key", "backend", '"backends"')
        self.assertInvalid(b'{"backends": {}, "version": 1}', "unknown key", "version")

    def test_backendsOfWrongType(self) -> None:
        """Backends are an object or a list."""
        for backends, kind in ((None, "null"), (True, "true"), (7, "a number"), ("x:1", "a string"), ("", '""')):
            self.assertWrong(backends, "$.backends", kind, "object", "list")

    def test_valueOfWrongType(self) -> None:
        """A backend is an address or an object."""
        for value, kind in ((None, "null"), (False, "false"), (6443, "a number"), (["x:1"], "a list")):
            self.assertWrong({"cp-1": value}, "$.backends", "cp-1", kind, "192.0.2.11:6443")

    def test_listOfWrongType(self) -> None:
        """A list's elements are addresses."""
        self.assertWrong(["x:1", {"address": "x:1"}], "$.backends[1]", "an object", "192.0.2.11:6443")
        self.assertWrong([None], "$.backends[0]", "null")

    def test_address(self) -> None:
        """An address that is none is reported where it stands, as it stands."""
        self.assertWrong({"cp-1": "192.0.2.11"}, "$.backends", "cp-1", "192.0.2.11", "HOST:PORT")
        self.assertWrong({"cp-1": {"address": "::1:80"}}, "cp-1", ".address", "::1:80", "brackets")
        self.assertWrong(["x:1", "192.0.2.256:80"], "$.backends[1]", "192.0.2.256", "neither")
        self.assertWrong({"cp-1": {"address": 6443}}, "cp-1", ".address", "a number", "192.0.2.11:6443")
        self.assertWrong({"cp-1": {"address": ""}}, "cp-1", ".address", "HOST:PORT")

    def test_port(self) -> None:
        """Ports are 1 to 65535."""
        for port in ("0", "65536", "1" * 5000):
            self.assertWrong({"cp-1": f"192.0.2.11:{port}"}, "cp-1", "1 to 65535")

    def test_eitherAddressOrEndpoint(self) -> None:
        """An object has exactly one of address and endpoint."""
        both = {"address": "x:1", "endpoint": "unix:/x"}
        self.assertWrong({"cp-1": both}, "cp-1", "both", '"address"', '"endpoint"')
        self.assertWrong({"cp-1": {"weight": 2}}, "cp-1", "neither", '"address"', '"endpoint"')
        self.assertWrong({"cp-1": {}}, "cp-1", "neither")

    def test_endpoint(self) -> None:
        """An endpoint is a text of printable characters."""
        for endpoint in (None, "", 7, ["unix:/x"], "unix:/x\ny", "unix:/\ud800"):
            self.assertWrong({"cp-1": {"endpoint": endpoint}}, "cp-1", ".endpoint", "unix:/run/api.sock")

    def test_tierAndWeight(self) -> None:
        """A tier is a whole number from 0, a weight from 1; no text, no fraction, no truth value."""
        tiers: list[Any] = [-1, 0.0, "0", True, None, [1]]
        weights: list[Any] = [0, 1.5, "1", True, None, {}]
        for tier in tiers:
            self.assertWrong({"cp-1": {"address": "x:1", "tier": tier}}, "cp-1", ".tier", "whole number from 0")
        for weight in weights:
            self.assertWrong({"cp-1": {"address": "x:1", "weight": weight}}, "cp-1", ".weight", "whole number from 1")

    def test_noSuchVersion(self) -> None:
        """There are two versions of the PROXY protocol, and no other way to say which."""
        versions: list[Any] = ["v3", "V1", "1", "", 1, True, None, ["v1"]]
        for version in versions:
            value = {"address": "x:1", "proxyProtocol": version}
            self.assertWrong({"cp-1": value}, "cp-1", ".proxyProtocol", '"v1" or "v2"')

    def test_unknownKey(self) -> None:
        """An unknown key is refused by name, with those that are known."""
        value = {"address": "x:1", "wieght": 2}
        self.assertWrong(
            {"cp-1": value}, "cp-1", "wieght", '"address"', '"endpoint"', '"tier"', '"weight"', '"proxyProtocol"'
        )

    def test_duplicateKeys(self) -> None:
        """A key stands once in its object, whatever its values are."""
        self.assertInvalid(b'{"backends": {"cp-1": "x:1", "cp-1": "y:1"}}', "cp-1", "twice")
        self.assertInvalid(b'{"backends": {}, "backends": {}}', "backends", "twice")
        self.assertInvalid(b'{"backends": {"cp-1": {"address": "x:1", "address": "x:1"}}}', "address", "twice")
        self.assertInvalid(b'{"backends": {"a": "x:1", "\\u0061": "x:1"}}', "a", "twice")

    def test_duplicateInList(self) -> None:
        """An address stands once in a list."""
        self.assertWrong(["x:1", "y:1", "x:1"], "$.backends[2]", "x:1", "once")

    def test_id(self) -> None:
        """An id has at least one character, all of them printable."""
        for id in ("", "a\nb", "\x00", "\u2028", "\ud800"):
            self.assertWrong({id: "x:1"}, "$.backends", "id", "printable")

    def test_onlyTheFirst(self) -> None:
        """A file that is wrong in one place is wrong, whatever else it says."""
        self.assertWrong({"a": "x:1", "b": "x", "c": "x:1"}, "HOST:PORT")

    def test_short(self) -> None:
        """However much is wrong, the line stays short: a log is no place for a file."""
        much = "x" * 100_000
        self.assertWrong({"cp-1": much})
        self.assertWrong({much: 7})
        self.assertWrong({much: "x"})
        self.assertWrong({f"{much}\n": "x:1"})
        self.assertWrong([much])
        self.assertWrong([f"{much}:1", f"{much}:1"])
        self.assertWrong({"cp-1": {"address": "x:1", "tier": [much] * 10}})
        self.assertWrong({"cp-1": {"address": "x:1", much: 1}})
        self.assertInvalid(json.dumps({much: 1}).encode())
        self.assertInvalid(f'{{"backends": {{"{much}": 1, "{much}": 2}}}}'.encode())
