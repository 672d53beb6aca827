"""What is wrong with a kubeconfig is said in one line that names the place, what is there, and what would be right."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from tests.unit.kubeconfigs import EXEC, kubeconfig, parsed
from tinylb.providers.kubernetes.document import InvalidDocument


class WrongCase(SynchronousTestCase):
    """Contents that are refused."""

    def setUp(self) -> None:
        """What is right is not."""
        parsed(kubeconfig())

    def assertWrong(self, content: bytes, *words: str) -> None:
        """The content is refused with one line that has these words."""
        line = str(self.assertRaises(InvalidDocument, parsed, content))
        self.assertTrue(line.isprintable(), line)
        for word in words:
            self.assertIn(word, line)


class SyntaxTests(WrongCase):
    """What is no YAML, or not of the kinds that are expected."""

    def test_notYAML(self) -> None:
        """What is no YAML is said with line and column."""
        self.assertWrong(b"a: b\nclusters: [}\n", "line 2 column 12: ", "YAML is expected")
        self.assertWrong(b"{\n\t\n'", "line ", "YAML is expected")

    def test_notText(self) -> None:
        """So is what is no text."""
        for content in (b"\xff\xfe\xff", b"a: \x00", b"\x80abc: \x01"):
            self.assertWrong(content, "YAML is expected")

    def test_nested(self) -> None:
        """What is nested without an end is refused, and ends nothing but the reading of it."""
        for content in (b"{" * 3_000, b"- " * 3_000, b'{"a":' * 3_000):
            self.assertWrong(content, "YAML is expected")

    def test_noObject(self) -> None:
        """A file that is empty, or no object, is said to be that."""
        for content, what in ((b"", "null"), (b"[]", "a list"), (b"nonsense", "'nonsense'"), (b"no", "false")):
            self.assertWrong(content, f"the file: is {what}; expected: an object")

    def test_twice(self) -> None:
        """A key that stands twice is named, with its line."""
        self.assertWrong(b"kind: Config\nclusters: []\nclusters: []\n", "line 3 column 1: ", "'clusters'", "twice")

    def test_kinds(self) -> None:
        """A value of another kind is named by its place."""
        for cluster, user, words in (
            ({"server": 7}, {}, ("clusters[prod].server: is a number", "a string")),
            ({}, {"password": 2026}, ("users[node].password: is a number",)),
            ({}, {"token": True}, ("users[node].token: is true",)),
            ({"insecure-skip-tls-verify": "yes"}, {}, ("clusters[prod].insecure-skip-tls-verify", "true or false")),
            ({}, {"token": 12345}, ("users[node].token: is a number", "quotes")),
            ({}, {"exec": "aws"}, ("users[node].exec", "'aws'", "an object")),
            ({}, {"as": "me", "as-groups": "admins"}, ("users[node].as-groups", "a list")),
            ({}, {"as": "me", "as-groups": [["admins"]]}, ("users[node].as-groups[0]: is a list", "a string")),
            ({}, {"as": "me", "as-user-extra": {"a": "b"}}, ("users[node].as-user-extra.a", "a list")),
            ({"certificate-authority-data": "***"}, {}, ("clusters[prod].certificate-authority-data", "base64")),
        ):
            self.assertWrong(kubeconfig(cluster, user), *words)


class NamesTests(WrongCase):
    """Names that lead nowhere."""

    def test_noContext(self) -> None:
        """Without a current context the contexts are named that there are."""
        for missing in (None, ""):
            self.assertWrong(kubeconfig(context=missing), "current-context: is missing", "'here'")

    def test_unknownContext(self) -> None:
        """So they are when it is none of them."""
        self.assertWrong(kubeconfig(context="there"), "there is no context 'there'", "'here'")

    def test_unknownClusterOrUser(self) -> None:
        """So are clusters, and users, when the context names another one, or none."""
        for kind, other, known in (("cluster", "user", "prod"), ("user", "cluster", "node")):
            right = {"cluster": "prod", "user": "node"}
            contexts = [{"name": "here", "context": {**right, kind: "stranger"}}]
            self.assertWrong(kubeconfig(contexts=contexts), f"there is no {kind} 'stranger'", f"'{known}'")
            contexts = [{"name": "here", "context": {other: right[other]}}]
            self.assertWrong(kubeconfig(contexts=contexts), f".{kind}: is missing", f"'{known}'")

    def test_nothingThere(self) -> None:
        """Where there is nothing to choose from, that is said."""
        self.assertWrong(kubeconfig(users=None), "there is no user 'node'", "there are none")

    def test_ambiguous(self) -> None:
        """A name that stands for two is not taken for one of them."""
        users = [{"name": "node", "user": {}}, {"name": "node", "user": {"token": "abc"}}]
        self.assertWrong(kubeconfig(users=users), "users", "'node'", "twice")


class ClusterTests(WrongCase):
    """Clusters."""

    def test_server(self) -> None:
        """A server that is no URL over HTTP is refused."""
        for server in ("", "127.0.0.1:6443", "ftp://x", "https://", "https://x:99999", "https://x:0", "https://[::1"):
            self.assertWrong(kubeconfig({"server": server}), "clusters[prod].server", repr(server), "https://192.0.2.1")
        for server in ("https://u:p@x", "https://x?a=b", "https://x#y", "https://x y", "https://x\n"):
            self.assertWrong(kubeconfig({"server": server}), "clusters[prod].server", "expected")

    def test_insecureAndCA(self) -> None:
        """An authority, and not to look at certificates, contradict one another, as in kubectl."""
        for ca in ({"certificate-authority": "ca.pem"}, {"certificate-authority-data": "YQ=="}):
            cluster = {"insecure-skip-tls-verify": True, **ca}
            self.assertWrong(kubeconfig(cluster), "clusters[prod]", "certificate-authority", "insecure-skip-tls-verify")

    def test_proxy(self) -> None:
        """A proxy is not supported, and that is said; an empty one is none."""
        self.assertWrong(kubeconfig({"proxy-url": "http://proxy:3128"}), "clusters[prod].proxy-url", "not supported")
        parsed(kubeconfig({"proxy-url": ""}))


class UserTests(WrongCase):
    """Users."""

    def assertWrongUser(self, user: dict[str, Any], *words: str) -> None:
        """Such a user is refused, by name."""
        self.assertWrong(kubeconfig(user=user), "users[node]", *words)

    def test_certificateWithoutKey(self) -> None:
        """A certificate needs its key."""
        self.assertWrongUser({"client-certificate": "x.pem"}, "client-certificate", "client-key")

    def test_twoWays(self) -> None:
        """A token and a password contradict one another, as in kubectl."""
        self.assertWrongUser({"token": "abc", "username": "u", "password": "p"}, "token", "password")

    def test_brokenToken(self) -> None:
        """A token that could not be sent is refused, and not told."""
        for token in ("Geheim nis", "Geheim\nnis", "Geheim\u00e4"):
            line = str(self.assertRaises(InvalidDocument, parsed, kubeconfig(user={"token": token})))
            self.assertIn("users[node].token: ", line)
            self.assertNotIn("Geheim", line)

    def test_colonInUsername(self) -> None:
        """A user's name with a colon could not be told from the password."""
        self.assertWrongUser({"username": "a:b", "password": "p"}, "username", "colon")

    def test_authProvider(self) -> None:
        """What kubectl has given up is named, and what has come instead."""
        self.assertWrongUser({"auth-provider": {"name": "gcp"}}, "auth-provider", "exec")

    def test_impersonation(self) -> None:
        """Groups of nobody are refused, and headers that could not be sent."""
        self.assertWrongUser({"as-groups": ["admins"]}, "as-groups", "without as")
        self.assertWrongUser({"as": "me\r\nX: y"}, "as: ", "printable")
        self.assertWrongUser({"as": "me", "as-groups": ["a\r\nX: y"]}, "Impersonate-Group")

    def test_plugin(self) -> None:
        """A plugin needs a command, a version that is known, no terminal, and variables that can be."""
        for change, words in (
            ({"command": ""}, ("exec.command: is missing",)),
            ({"apiVersion": "client.authentication.k8s.io/v1alpha1"}, ("exec.apiVersion", "v1alpha1", "/v1 or ")),
            ({"interactiveMode": "Always"}, ("exec.interactiveMode", "terminal")),
            ({"interactiveMode": "Maybe"}, ("exec.interactiveMode", "'Maybe'", "Never, IfAvailable")),
            ({"env": [{"value": "x"}]}, ("exec.env", "variable")),
            ({"env": [{"name": "A=B", "value": "x"}]}, ("exec.env", "variable")),
            ({"args": ["a\0b"]}, ("exec.args", "NUL")),
        ):
            self.assertWrongUser({"exec": {**EXEC, **change}}, *words)
