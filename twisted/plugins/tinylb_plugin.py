"""Makes C{twistd tinylb} and C{twist tinylb} known. Every twistd on the machine imports this file."""

from twisted.application.service import ServiceMaker

tinylb = ServiceMaker(
    "tinylb",
    "tinylb.tap",
    "A load balancer over a live set of backends.",
    "tinylb",
)
