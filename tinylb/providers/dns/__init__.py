"""Providers that follow names in the DNS: the addresses of a host, or the servers of a service."""

from tinylb.providers.dns.host import DNSProvider
from tinylb.providers.dns.srv import SRVProvider

__all__ = ["DNSProvider", "SRVProvider"]
