"""The PROXY protocol: for whom a connection is, told to backends that want to hear it, and heard of proxies."""
