"""
Active health checks: a service beside the balancer that asks every target how it is, and tells the balancer.

L{tinylb.tls} has what checks over HTTPS need; it comes with the extra C{tls}.
"""

from tinylb.health.answer import Answer, Outcome
from tinylb.health.checks import HealthChecks
from tinylb.health.http import HTTPCheck
from tinylb.health.tcp import TCPCheck

__all__ = ["Answer", "HTTPCheck", "HealthChecks", "Outcome", "TCPCheck"]
