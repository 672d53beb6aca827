"""What an HTTPS check needs of files: whom to believe, and who it is itself."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any
from weakref import ref

from OpenSSL.crypto import FILETYPE_PEM, X509
from OpenSSL.SSL import VERIFY_FAIL_IF_NO_PEER_CERT, VERIFY_PEER, Connection
from service_identity.hazmat import DNS_ID, IPAddress_ID, verify_service_identity
from service_identity.pyopenssl import extract_patterns
from twisted.internet.abstract import isIPAddress, isIPv6Address
from twisted.internet.interfaces import IOpenSSLClientConnectionCreator
from twisted.internet.ssl import (
    Certificate,
    KeyPair,
    PrivateCertificate,
    optionsForClientTLS,
    platformTrust,
    trustRootFromCertificates,
)
from twisted.logger import Logger
from twisted.protocols.tls import TLSMemoryBIOProtocol
from twisted.python.failure import Failure
from zope.interface import implementer

_BEGIN, _END = b"-----BEGIN CERTIFICATE-----", b"-----END CERTIFICATE-----"


class TLSFileError(Exception):
    """A file is of no use; the message names it, and says what would be right."""

    def __init__(self, option: str, path: str, what: str) -> None:
        super().__init__(f"{option} {path}: {what}")


class ClientTLS:
    """
    Reads its files when it is made, and again when one of them has changed, as certificates are renewed. If they are
    bad then, those that were good stay in use, and that is said once.

    @param ca: PEM file with one or more certificates to believe; L{None} for the system's.
    @param cert: PEM file with our own certificate; C{key}: with its key, which may stand in C{cert} as well.
    @raise TLSFileError: when they are bad from the beginning.
    """

    _log = Logger()

    def __init__(self, ca: str | None = None, cert: str | None = None, key: str | None = None) -> None:
        self._ca = ca
        self._cert = cert
        self._key = key or cert
        self._seen = self._stamps()
        self._trust, self._own = self._read()
        self._creators: dict[str, IOpenSSLClientConnectionCreator] = {}

    def __call__(self, host: str) -> IOpenSSLClientConnectionCreator:
        """For connections to a host, by name or address, which its certificate has to name."""
        self._refresh()
        creator = self._creators.get(host)
        if creator is None:
            creator = self._creators[host] = _Naming(host, self._trust, self._own)
        return creator

    def _refresh(self) -> None:
        stamps = self._stamps()
        if stamps == self._seen:
            return
        self._seen = stamps
        try:
            self._trust, self._own = self._read()
        except TLSFileError as error:
            self._log.error("{error}; what was read before stays in use", error=error)
        else:
            self._creators.clear()

    def _stamps(self) -> Sequence[tuple[int, ...] | None]:
        return [_stamp(path) for path in (self._ca, self._cert, self._key) if path is not None]

    def _read(self) -> tuple[Any, PrivateCertificate | None]:
        trust = platformTrust() if self._ca is None else trustRootFromCertificates(_certificates(self._ca))
        if self._cert is None or self._key is None:
            return trust, None
        own = _content("--check-cert", self._cert)
        key = _content("--check-key", self._key)
        if b"ENCRYPTED" in key:  # OpenSSL would ask whoever sits at the terminal
            raise TLSFileError("--check-key", self._key, "is encrypted; a key without a passphrase is expected")
        try:
            certificate, pair = Certificate.loadPEM(own), KeyPair.load(key, FILETYPE_PEM)
        except Exception as error:  # OpenSSL's own, and whatever else its binding makes of it
            what = f"not a certificate, or {self._key} not a key ({_reason(error)}); PEM is expected"
            if b"PRIVATE KEY" not in key:
                what = f"{self._key} has no key; PEM is expected, with the key in it or in --check-key FILE"
            raise TLSFileError("--check-cert", self._cert, what) from None
        if not pair.matches(certificate.getPublicKey()):
            raise TLSFileError("--check-cert", self._cert, f"does not go with the key in {self._key}")
        return trust, PrivateCertificate.fromCertificateAndKeyPair(certificate, pair)


@implementer(IOpenSSLClientConnectionCreator)
class _Naming:
    """Twisted's own takes a certificate that names nobody for a good one, and logs a traceback each time."""

    def __init__(self, host: str, trust: Any, own: PrivateCertificate | None) -> None:
        self._options = optionsForClientTLS(host, trust, own)
        self._id = IPAddress_ID(host) if isIPAddress(host) or isIPv6Address(host) else DNS_ID(host)

    def clientConnectionForTLS(self, tlsProtocol: TLSMemoryBIOProtocol) -> Connection:
        """See L{IOpenSSLClientConnectionCreator}."""
        connection = self._options.clientConnectionForTLS(tlsProtocol)
        protocol = ref(tlsProtocol)  # it refers to the connection, which keeps the callback

        def verify(_: Connection, certificate: X509, error: int, depth: int, isGood: int) -> bool:
            if depth or not isGood:
                return bool(isGood)
            try:
                verify_service_identity(extract_patterns(certificate), [self._id], [])
            except Exception as unfit:
                asking = protocol()
                if asking is not None:
                    asking.failVerification(Failure(unfit))
                return False
            return True

        connection.set_verify(VERIFY_PEER | VERIFY_FAIL_IF_NO_PEER_CERT, verify)
        return connection


def _certificates(path: str) -> list[Certificate]:
    content = _content("--check-ca", path)
    try:
        found = [Certificate.loadPEM(_BEGIN + part.split(_END)[0] + _END + b"\n") for part in content.split(_BEGIN)[1:]]
    except Exception as error:
        raise TLSFileError("--check-ca", path, f"not a certificate ({_reason(error)}); PEM is expected") from None
    if not found:
        raise TLSFileError("--check-ca", path, "has no certificate; PEM is expected")
    return found


def _content(option: str, path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError as error:
        raise TLSFileError(option, path, (error.strerror or str(error)).lower()) from None


def _stamp(path: str) -> tuple[int, ...] | None:
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_ino, status.st_size, status.st_mtime_ns


def _reason(error: Exception) -> str:
    """OpenSSL's errors are lists of triples, of which the last says something."""
    if error.args and isinstance(error.args[0], list) and error.args[0]:
        return str(error.args[0][-1][-1])
    return " ".join(str(error).split()) or type(error).__name__
