"""A provider that follows the endpoints of a Kubernetes service."""

from tinylb.providers.kubernetes.provider import KubernetesProvider

__all__ = ["KubernetesProvider"]
