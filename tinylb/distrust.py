"""Words for the errors of TLS."""

from __future__ import annotations

# https://docs.openssl.org/master/man3/X509_STORE_CTX_get_error/
_UNKNOWN_AUTHORITY = "the certificate is from an unknown authority"
_WORDS = {
    2: _UNKNOWN_AUTHORITY,
    9: "the certificate is not valid yet",
    10: "the certificate has expired",
    18: _UNKNOWN_AUTHORITY,
    19: _UNKNOWN_AUTHORITY,
    20: _UNKNOWN_AUTHORITY,
    21: _UNKNOWN_AUTHORITY,
}


class Distrusted(Exception):
    """The peer's certificate is not trusted; the message says why."""

    @classmethod
    def byCode(cls, code: int, depth: int) -> Distrusted:
        """
        @param code: OpenSSL's number of the verification error.
        @param depth: of the certificate in its chain; 0 is the peer's own.
        """
        words = _WORDS.get(code, f"the certificate is not valid (X.509 error {code})")
        isOwn = depth == 0 or words is _UNKNOWN_AUTHORITY
        return cls(words if isOwn else words.replace("the certificate", "its authority's certificate"))


def tlsWording(error: BaseException | None) -> str | None:
    """
    @return: words for an error of TLS; L{None} if it is none.
    """
    if isinstance(error, Distrusted):
        return f"TLS: {error}"
    reason = reasonOf(error)
    return None if reason is None else f"TLS: {reason}"


def reasonOf(error: BaseException | None) -> str | None:
    """The reason in an error of OpenSSL's, a list of triples of which the last one tells; L{None} for other errors."""
    if error is not None and error.args and isinstance(error.args[0], list) and error.args[0]:
        return str(error.args[0][-1][-1])
    return None
