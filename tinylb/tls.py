"""TLS for clients: which certificates are trusted, and which one is our own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple
from weakref import ref

from OpenSSL.crypto import FILETYPE_PEM, X509
from OpenSSL.SSL import VERIFY_FAIL_IF_NO_PEER_CERT, VERIFY_NONE, VERIFY_PEER, Connection
from service_identity import VerificationError
from service_identity.exceptions import CertificateError
from service_identity.hazmat import DNS_ID, IPAddress_ID, verify_service_identity
from service_identity.pyopenssl import extract_patterns
from twisted.internet.abstract import isIPAddress, isIPv6Address
from twisted.internet.interfaces import IOpenSSLClientConnectionCreator
from twisted.internet.ssl import (
    Certificate,
    CertificateOptions,
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

from tinylb.distrust import Distrusted, reasonOf
from tinylb.files import Stamp
from tinylb.pem import PEM, BadPEM, MissingKey

_BEGIN, _END = b"-----BEGIN CERTIFICATE-----", b"-----END CERTIFICATE-----"


class ClientTLS:
    """
    What TLS needs for connections to a host. The files are read at once, and again when one of them has changed, as
    certificates are renewed. If they are bad then, what was read before stays in use. That is logged, and its end.

    @param ca: one or more certificates to trust; L{None} for the system's. A L{str} is the path of a file, here and
        below.
    @param cert: our own certificate, followed by its chain, if any.
    @param key: its key; L{None} if it stands in C{cert} as well.
    @param serverName: what certificates have to name, and servers are told, instead of their host.
    @param isVerifying: whether certificates are verified.
    @raise BadPEM: when the files are bad from the beginning.
    """

    _log = Logger()

    def __init__(
        self,
        ca: PEM | str | None = None,
        cert: PEM | str | None = None,
        key: PEM | str | None = None,
        *,
        serverName: str | None = None,
        isVerifying: bool = True,
    ) -> None:
        self._ca = _given(ca, "CA")
        self._cert = _given(cert, "certificate")
        self._key = _given(key, "key") or self._cert
        self._serverName = serverName
        self._isVerifying = isVerifying
        self._bad: BadPEM | None = None
        self._seen = self._stamps()
        self._credentials = self._read()
        self._creators: dict[str, IOpenSSLClientConnectionCreator] = {}

    @property
    def error(self) -> str | None:
        """What is wrong with files that have changed; what was read of them before is still in use."""
        return None if self._bad is None else str(self._bad)

    def __call__(self, host: str) -> IOpenSSLClientConnectionCreator:
        """
        What connections to a host need; its certificate has to name C{host}, a name or an address. The object is
        another one when a file has changed.
        """
        self._refresh()
        creator = self._creators.get(host)
        if creator is None:
            name = self._serverName or host
            creator = self._creators[host] = _Naming(name, self._credentials, self._isVerifying)
        return creator

    def _refresh(self) -> None:
        stamps = self._stamps()
        if stamps == self._seen:
            return
        self._seen = stamps
        try:
            credentials = self._read()
        except BadPEM as error:
            self._bad = error
            self._log.error("{error}; what was read before stays in use", error=str(error))
        else:
            bad, self._bad = self._bad, None
            if bad is not None:
                self._log.info("{where} is in use again", where=bad.where)
            self._credentials = credentials
            self._creators.clear()

    def _stamps(self) -> Sequence[Stamp]:
        return [pem.stamp() for pem in (self._ca, self._cert, self._key) if pem is not None]

    def _read(self) -> _Credentials:
        trust = platformTrust() if self._ca is None else trustRootFromCertificates(_certificates(self._ca))
        if self._cert is None or self._key is None:
            return _Credentials(trust, None, [])
        own, chain = _own(self._cert, self._key)
        return _Credentials(trust, own, chain)


class _Credentials(NamedTuple):
    trust: Any
    own: PrivateCertificate | None
    chain: list[X509]


@implementer(IOpenSSLClientConnectionCreator)
class _Naming:
    """In place of Twisted's own, which accepts a certificate that names no host, and logs a traceback each time."""

    def __init__(self, name: str, credentials: _Credentials, isVerifying: bool) -> None:
        trust, own, chain = credentials
        extra = {"extraCertChain": chain} if chain else {}
        self._options = optionsForClientTLS(name, trust, own, extraCertificateOptions=extra)
        self._id = IPAddress_ID(name) if isIPAddress(name) or isIPv6Address(name) else DNS_ID(name)
        self._name = name
        self._isVerifying = isVerifying

    def clientConnectionForTLS(self, tlsProtocol: TLSMemoryBIOProtocol) -> Connection:
        """See L{IOpenSSLClientConnectionCreator}."""
        connection = self._options.clientConnectionForTLS(tlsProtocol)
        if not self._isVerifying:
            connection.set_verify(VERIFY_NONE, lambda *_: True)
            return connection
        protocol = ref(tlsProtocol)  # weak, as the protocol refers to the connection, which keeps the callback

        def verify(_: Connection, certificate: X509, error: int, depth: int, isGood: int) -> bool:
            distrusted = None if isGood else Distrusted.byCode(error, depth)
            if isGood and depth == 0:
                distrusted = self._misnamed(certificate)
            asking = protocol()
            if distrusted is not None and asking is not None:
                asking.failVerification(Failure(distrusted))
            return distrusted is None

        connection.set_verify(VERIFY_PEER | VERIFY_FAIL_IF_NO_PEER_CERT, verify)
        return connection

    def _misnamed(self, certificate: X509) -> Distrusted | None:
        try:
            verify_service_identity(extract_patterns(certificate), [self._id], [])
        except VerificationError:
            return Distrusted(f"the certificate is not for {self._name}")
        except CertificateError:
            return Distrusted("the certificate names no host")
        except Exception as error:  # a malicious certificate may make its parser raise anything
            return Distrusted(f"the certificate cannot be read ({_reason(error)})")
        return None


def _given(what: PEM | str | None, name: str) -> PEM | None:
    return PEM(f"{name} {what}", what) if isinstance(what, str) else what


def _certificates(pem: PEM) -> list[Certificate]:
    parts = pem.read().split(_BEGIN)[1:]
    try:
        found = [Certificate.loadPEM(_BEGIN + part.split(_END)[0] + _END + b"\n") for part in parts]
    except Exception as error:
        raise BadPEM(pem, f"not a certificate ({_reason(error)}); PEM is expected") from None
    if not found:
        raise BadPEM(pem, "has no certificate; PEM is expected")
    return found


def _own(cert: PEM, key: PEM) -> tuple[PrivateCertificate, list[X509]]:
    """Our certificate with its key, and its chain."""
    certificate, *chain = _certificates(cert)
    pair = _pair(cert, key)
    if not pair.matches(certificate.getPublicKey()):
        raise BadPEM(cert, f"does not go with the key of {key.where}")
    own = PrivateCertificate.fromCertificateAndKeyPair(certificate, pair)
    vouching = [each.original for each in chain]
    try:
        CertificateOptions(pair.original, own.original, extraCertChain=vouching).getContext()
    except Exception as error:  # a key that is too short, for one; better found now than when connecting
        raise BadPEM(cert, f"cannot be used ({_reason(error)}); another certificate is expected") from None
    return own, vouching


def _pair(cert: PEM, key: PEM) -> KeyPair:
    content = key.read()
    if b"PRIVATE KEY" not in content:
        kind = MissingKey if key == cert else BadPEM
        raise kind(key, "has no key; PEM is expected")
    if b"ENCRYPTED" in content:  # OpenSSL would ask for the passphrase at the terminal
        raise BadPEM(key, "is encrypted; a key without a passphrase is expected")
    try:
        return KeyPair.load(content, FILETYPE_PEM)
    except Exception as error:  # OpenSSL's own, and whatever else its Python binding raises
        raise BadPEM(key, f"not a key ({_reason(error)}); PEM is expected") from None


def _reason(error: Exception) -> str:
    return reasonOf(error) or " ".join(str(error).split()) or type(error).__name__
