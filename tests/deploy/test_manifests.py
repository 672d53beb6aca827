"""The manifests for Kubernetes: valid, understood by tinylb, and with no more rights than it needs."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.deploy.files import DEPLOY, GRACE, optionsOf, version
from tests.program.processes import run

yaml = pytest.importorskip("yaml", reason="PyYAML reads the manifests")

MANIFESTS = DEPLOY / "kubernetes"
Object = dict[str, Any]

VERSIONS = ("1.30", "latest")
"""Of Kubernetes, whose schemas the manifests fit."""


def documents(path: Path) -> list[Object]:
    """The objects of a file."""
    return [each for each in yaml.safe_load_all(path.read_text()) if each]


OBJECTS = {
    f"{path.name}: {each['kind']}": each
    for path in sorted(MANIFESTS.glob("*.yaml"))
    for each in documents(path)
    if each["kind"] != "Kustomization"
}
STATIC = OBJECTS["static-pod.yaml: Pod"]
DAEMONS = OBJECTS["daemonset.yaml: DaemonSet"]
PODS: dict[str, Object] = {"static pod": STATIC["spec"], "DaemonSet": DAEMONS["spec"]["template"]["spec"]}


@pytest.fixture(params=PODS)
def pod(request: pytest.FixtureRequest) -> Object:
    """What a pod is like, of each kind in turn."""
    return PODS[request.param]


def containerOf(pod: Object) -> Object:
    """Its only container."""
    (container,) = pod["containers"]
    assert isinstance(container, dict)
    return container


@pytest.mark.parametrize("which", VERSIONS)
@pytest.mark.parametrize("name", OBJECTS)
def test_valid(name: str, which: str) -> None:
    """It fits the published schema, and has nothing that the schema does not know."""
    validate = pytest.importorskip("kubernetes_validate", reason="kubernetes-validate has the schemas")
    validate.validate(OBJECTS[name], validate.latest_version() if which == "latest" else which, strict=True)


def test_options(pod: Object) -> None:
    """tinylb understands its arguments, which say nothing of a port of another interface than loopback."""
    options = optionsOf(containerOf(pod)["args"])
    assert options["listen"] == ["tcp:6445:interface=127.0.0.1"]
    # Without an interface that is loopback.
    assert options["status"] == "tcp:9090"


def test_ports(pod: Object) -> None:
    """The ports that it is said to have, and is asked at, are those where it listens."""
    container = containerOf(pod)
    options = optionsOf(container["args"])
    listening = {description.split(":")[1] for description in (*options["listen"], options["status"])}
    assert {str(port["containerPort"]) for port in container["ports"]} == listening
    assert {port["hostIP"] for port in container["ports"]} == {"127.0.0.1"}
    for name, path in ("livenessProbe", "/healthz"), ("readinessProbe", "/readyz"):
        assert container[name]["httpGet"] == {"host": "127.0.0.1", "port": 9090, "path": path}


def test_stop(pod: Object) -> None:
    """It is given more time to stop than connections are given to finish."""
    drain = optionsOf(containerOf(pod)["args"])["drain"]
    assert pod["terminationGracePeriodSeconds"] >= drain + GRACE


def test_privileges(pod: Object) -> None:
    """It is nobody in particular, can become nobody else, and writes nowhere but in its own volume."""
    who = pod["securityContext"]
    assert who["runAsNonRoot"] is True
    assert min(who["runAsUser"], who["runAsGroup"]) > 0
    assert who["seccompProfile"] == {"type": "RuntimeDefault"}
    assert containerOf(pod)["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert not {"hostPID", "hostIPC"} & pod.keys()
    mounts = {mount["name"]: mount for mount in containerOf(pod)["volumeMounts"]}
    ofHost = {volume["name"] for volume in pod["volumes"] if "hostPath" in volume}
    assert all(mounts[name]["readOnly"] for name in ofHost)


def test_files(pod: Object) -> None:
    """The state is in a volume that it may write."""
    options = optionsOf(containerOf(pod)["args"])
    writable = {mount["mountPath"] for mount in containerOf(pod)["volumeMounts"] if not mount.get("readOnly")}
    assert str(Path(options["state-file"]).parent) in writable


def test_resources(pod: Object) -> None:
    """Its memory is bounded; its share of the processor is not, as every client of the node would wait."""
    resources = containerOf(pod)["resources"]
    assert set(resources["limits"]) == {"memory"}
    assert set(resources["requests"]) == {"cpu", "memory"}
    assert pod["priorityClassName"] == "system-node-critical"


def test_image(pod: Object) -> None:
    """The image is the one of this version of tinylb."""
    name, _, tag = containerOf(pod)["image"].rpartition(":")
    assert tag == version()
    (kustomization,) = documents(MANIFESTS / "kustomization.yaml")
    assert kustomization["images"] == [{"name": name, "newName": name, "newTag": tag}]


def test_staticPodIsAlone() -> None:
    """A static pod has nothing that only an API server could give it."""
    assert STATIC["spec"]["automountServiceAccountToken"] is False
    assert "serviceAccountName" not in STATIC["spec"]
    assert not [volume for volume in STATIC["spec"]["volumes"] if not {"hostPath", "emptyDir"} & volume.keys()]


def test_rights() -> None:
    """The DaemonSet may read the EndpointSlices of the namespace that it follows, and nothing else."""
    role, binding = OBJECTS["rbac.yaml: Role"], OBJECTS["rbac.yaml: RoleBinding"]
    assert role["rules"] == [
        {"apiGroups": ["discovery.k8s.io"], "resources": ["endpointslices"], "verbs": ["list", "watch"]}
    ]
    service = optionsOf(containerOf(PODS["DaemonSet"])["args"])["kubernetes-service"] or "default/kubernetes:https"
    namespace = re.split("[/:]", str(service))[0] if isinstance(service, str) else service.namespace
    assert {role["metadata"]["namespace"], binding["metadata"]["namespace"]} == {namespace}
    account = OBJECTS["rbac.yaml: ServiceAccount"]["metadata"]
    assert binding["subjects"] == [{"kind": "ServiceAccount", "name": account["name"], "namespace": "kube-system"}]
    assert (account["namespace"], account["name"]) == ("kube-system", PODS["DaemonSet"]["serviceAccountName"])
    assert binding["roleRef"]["name"] == role["metadata"]["name"]


def test_asksThroughItself() -> None:
    """The API server is asked where tinylb listens itself, and there is a backend to begin with."""
    container = containerOf(PODS["DaemonSet"])
    options = optionsOf(container["args"])
    environment = {each["name"]: each["value"] for each in container["env"]}
    _, port, interface = options["listen"][0].split(":")
    assert environment == {
        "KUBERNETES_SERVICE_HOST": interface.removeprefix("interface="),
        "KUBERNETES_SERVICE_PORT": port,
    }
    assert options["kubernetes"] == "in-cluster"
    assert options["backend"]


def test_daemonsAreEverywhere() -> None:
    """Every node has one, whatever keeps others away; one after the other is replaced."""
    assert PODS["DaemonSet"]["tolerations"] == [{"operator": "Exists"}]
    assert DAEMONS["spec"]["updateStrategy"]["rollingUpdate"] == {"maxUnavailable": 1}
    assert DAEMONS["spec"]["selector"]["matchLabels"] == DAEMONS["spec"]["template"]["metadata"]["labels"]


def applied() -> Iterator[Object]:
    """What is applied to a cluster: all but the static pod."""
    yield from (each for name, each in OBJECTS.items() if not name.startswith("static-pod"))


@pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl is not installed")
def test_kustomized(tmp_path: Path) -> None:
    """kubectl makes of the kustomization what is in the files."""
    made = run(["kubectl", "kustomize", MANIFESTS], tmp_path)
    assert (made.returncode, made.stderr) == (0, "")
    objects = sorted(yaml.safe_load_all(made.stdout), key=lambda each: str(each["kind"]))
    assert objects == sorted(applied(), key=lambda each: str(each["kind"]))
