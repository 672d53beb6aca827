"""What a kubeconfig says, in the shapes in which such files are found."""

from __future__ import annotations

import json
from base64 import b64encode
from typing import TypeVar

from twisted.trial.unittest import SynchronousTestCase

from tests.unit.kubeconfigs import EXEC, SERVER, kubeconfig, parsed

T = TypeVar("T")

CA = b64encode(b"the authority").decode()

KUBEADM = f"""\
apiVersion: v1
clusters:
- cluster:
    certificate-authority-data: {CA}
    server: https://cp.example:6443
  name: kubernetes
contexts:
- context:
    cluster: kubernetes
    user: system:node:n1
  name: system:node:n1@kubernetes
current-context: system:node:n1@kubernetes
kind: Config
preferences: {{}}
users:
- name: system:node:n1
  user:
    client-certificate: /var/lib/kubelet/pki/kubelet-client-current.pem
    client-key: /var/lib/kubelet/pki/kubelet-client-current.pem
"""

K3S = f"""\
apiVersion: v1
clusters:
- cluster:
    certificate-authority: tls/server-ca.crt
    server: https://127.0.0.1:6444
  name: local
contexts:
- context: {{cluster: local, namespace: default, user: user}}
  name: Default
current-context: Default
kind: Config
preferences: {{}}
users:
- name: user
  user:
    client-certificate-data: {b64encode(b"our certificate").decode()}
    client-key-data: {b64encode(b"our key").decode()}
"""

EKS = """\
apiVersion: v1
kind: Config
clusters:
- name: arn:aws:eks:eu-central-1:123456789012:cluster/prod
  cluster: {server: "https://0123ABCD.gr7.eu-central-1.eks.example"}
contexts:
- name: &arn arn:aws:eks:eu-central-1:123456789012:cluster/prod
  context: {cluster: *arn, user: *arn}
current-context: *arn
users:
- name: *arn
  user:
    exec:
      apiVersion: client.authentication.k8s.io/v1beta1
      command: aws
      args: [--region, eu-central-1, eks, get-token, --cluster-name, prod, --output, json]
      env:
      - name: AWS_PROFILE
        value: nodes
"""


def there(what: T | None) -> T:
    """What a test expects to be there."""
    assert what is not None
    return what


class FoundTests(SynchronousTestCase):
    """Files as programs write them."""

    def test_kubelet(self) -> None:
        """A kubelet's: certificate and key are in one file, which is rotated; the authority stands in this one."""
        config = parsed(KUBEADM.encode(), "/etc/kubernetes/kubelet.conf")
        rotated = "/var/lib/kubelet/pki/kubelet-client-current.pem"
        self.assertEqual(config.cluster.server, "https://cp.example:6443")
        self.assertEqual(there(config.cluster.ca).read(), b"the authority")
        self.assertEqual((there(config.user.cert).path, there(config.user.key).path), (rotated, rotated))
        self.assertEqual(
            there(config.user.cert).where,
            f"/etc/kubernetes/kubelet.conf: users[system:node:n1].client-certificate {rotated}",
        )

    def test_k3s(self) -> None:
        """k3s's: a path is relative to the file's folder, and our certificate and key stand in it."""
        config = parsed(K3S.encode(), "/var/lib/k3s/agent/kubelet.kubeconfig")
        self.assertEqual(there(config.cluster.ca).path, "/var/lib/k3s/agent/tls/server-ca.crt")
        self.assertEqual(
            (there(config.user.cert).read(), there(config.user.key).read()), (b"our certificate", b"our key")
        )

    def test_plugin(self) -> None:
        """A cloud's: a program is asked, found in PATH; there is no authority but the system's."""
        config = parsed(EKS.encode())
        self.assertIsNone(config.cluster.ca)
        plugin = there(config.user.plugin)
        self.assertEqual((plugin.command, plugin.args[0], plugin.args[-1]), ("aws", "--region", "json"))
        self.assertEqual(plugin.env, (("AWS_PROFILE", "nodes"),))
        self.assertEqual(plugin.apiVersion, "client.authentication.k8s.io/v1beta1")
        self.assertFalse(plugin.isTold)


class MeaningTests(SynchronousTestCase):
    """What single keys mean."""

    def test_json(self) -> None:
        """JSON will do, also with tabs, which YAML would not have."""
        indented = json.dumps(json.loads(kubeconfig()), indent="\t").encode()
        self.assertEqual(parsed(indented), parsed(kubeconfig()))

    def test_bareUser(self) -> None:
        """A user of whom nothing is said is anonymous; what is null is not there."""
        nothing = dict.fromkeys(("token", "tokenFile", "client-certificate", "exec", "as-groups", "auth-provider"))
        for given in ({}, nothing):
            user = parsed(kubeconfig(user=given)).user
            self.assertEqual((user.token, user.cert, user.plugin, user.impersonation), ("", None, None, ()))

    def test_unknownKeys(self) -> None:
        """What is not known is ignored, as by kubectl; so is what belongs to another context."""
        others = [{"name": "broken", "cluster": {"server": 7}}, {"name": "prod", "cluster": {"server": SERVER}}]
        self.assertEqual(parsed(kubeconfig(clusters=others, extensions=[1])).cluster.server, SERVER)

    def test_server(self) -> None:
        """A server is a URL; a path of its own stays, a slash at its end does not."""
        for given, expected, host in (
            ("http://localhost:8080", "http://localhost:8080", "localhost"),
            ("https://cp.example", "https://cp.example", "cp.example"),
            ("https://[2001:db8::1]:6443/", "https://[2001:db8::1]:6443", "2001:db8::1"),
            (
                "https://rancher.example/k8s/clusters/c-1/",
                "https://rancher.example/k8s/clusters/c-1",
                "rancher.example",
            ),
        ):
            cluster = parsed(kubeconfig({"server": given})).cluster
            self.assertEqual((cluster.server, cluster.host), (expected, host))
            self.assertEqual(cluster.isSecure, given.startswith("https"))

    def test_serverName(self) -> None:
        """tls-server-name stands for the name that certificates have to have."""
        self.assertEqual(parsed(kubeconfig({"tls-server-name": "api"})).cluster.serverName, "api")

    def test_insecure(self) -> None:
        """insecure-skip-tls-verify says that certificates are not looked at."""
        for given, isVerifying in (({}, True), ({"insecure-skip-tls-verify": True}, False)):
            self.assertIs(parsed(kubeconfig(given)).cluster.isVerifying, isVerifying)

    def test_dataFirst(self) -> None:
        """What stands in the kubeconfig itself goes before a file that is named there."""
        cluster = {"certificate-authority": "/nowhere", "certificate-authority-data": CA}
        ca = there(parsed(kubeconfig(cluster)).cluster.ca)
        self.assertEqual((ca.path, ca.read()), (None, b"the authority"))

    def test_paths(self) -> None:
        """All paths are relative to the folder of the kubeconfig; a plugin's only if there is a slash in it."""
        named = {name: f"x/{name}" for name in ("tokenFile", "client-certificate", "client-key")}
        for command, expected in (("bin/ask", "/etc/kube/bin/ask"), ("/bin/ask", "/bin/ask"), ("ask", "ask")):
            user = parsed(kubeconfig(user={**named, "exec": {**EXEC, "command": command}})).user
            self.assertEqual(user.tokenFile, "/etc/kube/x/tokenFile")
            self.assertEqual(
                (there(user.cert).path, there(user.key).path), tuple(f"/etc/kube/x/{each}" for each in list(named)[1:])
            )
            self.assertEqual(there(user.plugin).command, expected)

    def test_impersonation(self) -> None:
        """Whom we want to be taken for becomes headers, one for each group; odd names are escaped."""
        user = {"as": "jane", "as-uid": "7", "as-groups": ["a", "b,c"], "as-user-extra": {"example.com/Ro le": ["x"]}}
        self.assertEqual(
            dict(parsed(kubeconfig(user=user)).user.impersonation),
            {
                "Impersonate-User": ("jane",),
                "Impersonate-Uid": ("7",),
                "Impersonate-Group": ("a", "b,c"),
                "Impersonate-Extra-example.com%2FRo%20le": ("x",),
            },
        )

    def test_secretsUnseen(self) -> None:
        """What describes a configuration does not tell its secrets."""
        user = {"client-certificate-data": CA, "client-key-data": b64encode(b"Geheimnis").decode()}
        plugin = {**EXEC, "env": [{"name": "SECRET", "value": "Geheimnis"}]}
        for given in (user, {"token": "Geheimnis"}, {"username": "u", "password": "Geheimnis"}, {"exec": plugin}):
            self.assertNotIn("Geheimnis", repr(parsed(kubeconfig(user=given))))
