"""Kubeconfig files."""

from __future__ import annotations

from pathlib import Path

from tests.unit.kubeconfigs import kubeconfig


def writeKubeconfig(
    path: Path, server: str, ca: Path | None = None, *, cluster: dict[str, object] | None = None, **user: object
) -> Path:
    """
    Write one.

    @param cluster: what else it says of the cluster.
    @param user: what it says of the user, with underscores for hyphens.
    """
    trust = {} if ca is None else {"certificate-authority": str(ca)}
    shown = {name.replace("_", "-"): value for name, value in user.items()}
    path.write_bytes(kubeconfig({"server": server, **trust, **(cluster or {})}, shown))
    return path
