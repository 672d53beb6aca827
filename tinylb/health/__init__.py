"""
Active health checks: a service beside the balancer that asks every target how it is, and tells the balancer.

C{tinylb.health.http} has the checks over HTTP; it needs C{twisted.web}, and for HTTPS the extra C{tls}.
"""

from tinylb.health.checks import HealthChecks
from tinylb.health.outcome import Answer, Outcome
from tinylb.health.tcp import TCPCheck

__all__ = ["Answer", "HealthChecks", "Outcome", "TCPCheck"]
