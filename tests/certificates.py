"""Certificates, made for a test. Importing this fails if what TLS needs is not installed."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from ipaddress import ip_address
from pathlib import Path

import OpenSSL  # noqa: F401  (cryptography alone is not enough for Twisted's TLS)
import service_identity  # noqa: F401
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

_Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
_DAY = datetime.timedelta(days=1)


class Authority:
    """
    A certificate authority.

    @param folder: where the files are put.
    @param by: the authority that signs its certificate; by default it signs its own.
    @ivar certificate: the path of its own certificate.
    """

    def __init__(self, folder: Path, name: str = "authority", by: Authority | None = None) -> None:
        self._folder = folder
        self._name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
        self._key = ec.generate_private_key(ec.SECP256R1())
        self.certificate = folder / f"{name}.pem"
        self.certificate.write_bytes((by or self)._certify(self._name, self._key, (), isAuthority=True))

    def issue(self, name: str, hosts: Sequence[str] = (), days: tuple[int, int] = (-1, 1)) -> Path:
        """
        Make a key, and a certificate for it.

        @param hosts: the names and addresses that the certificate is for.
        @param days: the first and the last day on which it is valid, counted from now.
        @return: the path of a file with both.
        """
        return self._issue(name, ec.generate_private_key(ec.SECP256R1()), hosts, days)

    def issueWeak(self, name: str) -> Path:
        """The same, with a key that is too short to be used."""
        return self._issue(name, rsa.generate_private_key(65537, 1024), (), (-1, 1))

    def _issue(self, name: str, key: _Key, hosts: Sequence[str], days: tuple[int, int]) -> Path:
        subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
        path = self._folder / f"{name}.pem"
        path.write_bytes(
            key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
            + self._certify(subject, key, hosts, isAuthority=False, days=days)
        )
        return path

    def _certify(
        self,
        subject: x509.Name,
        key: _Key,
        hosts: Sequence[str],
        isAuthority: bool,
        days: tuple[int, int] = (-1, 1),
    ) -> bytes:
        now = datetime.datetime.now(datetime.timezone.utc)
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now + days[0] * _DAY)
            .not_valid_after(now + days[1] * _DAY)
            .add_extension(x509.BasicConstraints(ca=isAuthority, path_length=None), critical=True)
        )
        if hosts:
            names = x509.SubjectAlternativeName([_general(host) for host in hosts])
            builder = builder.add_extension(names, critical=False)
        return builder.sign(self._key, hashes.SHA256()).public_bytes(Encoding.PEM)


def _general(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(host))
    except ValueError:
        return x509.DNSName(host)
