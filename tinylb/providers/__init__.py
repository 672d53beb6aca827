"""Providers, which publish backend sets from a file, the DNS or Kubernetes; one module or package each."""
