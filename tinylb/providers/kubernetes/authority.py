"""The CA and server name by which a cluster's API servers are verified, for health checks."""

from __future__ import annotations

import os

from tinylb.pem import PEM
from tinylb.providers.kubernetes.access import SERVICE_ACCOUNT
from tinylb.providers.kubernetes.config import Cluster, InvalidConfig


def clusterOf(config: str) -> Cluster | None:
    """
    @param config: the path of a kubeconfig, or C{in-cluster}, as L{KubernetesProvider
        <tinylb.providers.kubernetes.provider.KubernetesProvider>} takes them.
    @return: what it says of its cluster now; L{None} while it cannot be used, which the provider reports.
    """
    if config == "in-cluster":
        path = os.path.join(SERVICE_ACCOUNT, "ca.crt")
        return Cluster("https://kubernetes.default.svc", PEM(f"in-cluster: CA {path}", path))
    from tinylb.providers.kubernetes.kubeconfig import KubeconfigFile

    try:
        return KubeconfigFile(config).read().cluster
    except InvalidConfig:
        return None
