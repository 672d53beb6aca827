"""The PROXY protocol, which says whom a connection is for: written to backends that want it, read from proxies."""
