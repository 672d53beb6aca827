"""The Status objects that API servers answer when they do not answer what was asked for."""

from __future__ import annotations

from typing import Any

REASONS = {
    400: ("BadRequest", "the server rejected our request for an unknown reason"),
    401: ("Unauthorized", "Unauthorized"),
    403: ("Forbidden", "endpointslices.discovery.k8s.io is forbidden"),
    404: ("NotFound", "the server could not find the requested resource"),
    405: ("MethodNotAllowed", "the server does not allow this method on the requested resource"),
    406: ("NotAcceptable", "only the following media types are accepted: application/json"),
    410: ("Expired", "The resourceVersion for the provided watch is too old."),
    429: ("TooManyRequests", "too many requests, please try again later"),
    500: ("InternalError", "an error on the server has prevented the request from succeeding"),
    503: ("ServiceUnavailable", "the server is currently unable to handle the request"),
    504: ("Timeout", "the server was unable to return a response in the time allotted"),
}
"""What stands in C{reason}, and a usual C{message}, by the HTTP status."""

EXPIRED_CONTINUE = (
    "The provided continue parameter is too old to display a consistent list result. "
    "You can start a new list without the continue parameter."
)


class Refusal(Exception):
    """
    An answer other than the one that was asked for.

    @param code: the HTTP status.
    @param retryAfter: seconds, for the header and the details.
    """

    def __init__(
        self, code: int, message: str | None = None, *, reason: str | None = None, retryAfter: int | None = None
    ) -> None:
        super().__init__(code, message)
        usualReason, usualMessage = REASONS[code]
        self.code = code
        self.retryAfter = retryAfter
        self.status = status(code, message or usualMessage, reason or usualReason, retryAfter)


def status(code: int, message: str, reason: str, retryAfter: int | None = None) -> dict[str, Any]:
    """A Status of a failure."""
    made: dict[str, Any] = {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": message,
        "reason": reason,
    }
    if retryAfter is not None:
        made["details"] = {"retryAfterSeconds": retryAfter}
    made["code"] = code
    return made


def forbidden(user: str, verb: str, namespace: str) -> Refusal:
    """Who is known, and may not."""
    return Refusal(
        403,
        f'endpointslices.discovery.k8s.io is forbidden: User "{user}" cannot {verb} resource "endpointslices" '
        f'in API group "discovery.k8s.io" in the namespace "{namespace}"',
    )


def tooOld(asked: int, oldest: int) -> Refusal:
    """What happened since then is not known any more."""
    return Refusal(410, f"too old resource version: {asked} ({oldest})")


def tooLarge(asked: int, current: int) -> Refusal:
    """It has not come to that yet; seen where one of several servers is behind the others."""
    return Refusal(504, f"Too large resource version: {asked}, current: {current}", retryAfter=1)
