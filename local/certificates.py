"""A certificate for this machine's own names, and the authority that signs it."""

import datetime
import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID

LIFETIME = datetime.timedelta(days=397)  # browsers refuse certificates that live longer
RENEW_BEFORE = datetime.timedelta(days=30)


@dataclass(frozen=True)
class Certificate:
    """Where the two files are: `pem` for the server (with its key), `ca` for clients."""

    pem: Path
    ca: Path


def certificate(directory: Path, addresses: Sequence[str] = ("127.0.0.1", "::1")) -> Certificate:
    """The one in the directory, or a new one of a new authority, whose key is not kept; for localhost and addresses."""
    made = Certificate(pem=directory / "server.pem", ca=directory / "ca.pem")
    if not _is_good(made):
        authority = Authority()
        made.ca.write_bytes(authority.pem)
        made.pem.touch(mode=0o600)
        made.pem.write_bytes(authority.server(addresses))
    return made


def _is_good(made: Certificate) -> bool:
    try:
        found = x509.load_pem_x509_certificate(made.pem.read_bytes())
    except (FileNotFoundError, ValueError):
        return False
    return made.ca.exists() and found.not_valid_after_utc - RENEW_BEFORE > datetime.datetime.now(datetime.UTC)


class Authority:
    """Signs certificates as long as it is there."""

    def __init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name.from_rfc4514_string("CN=Nexus on this machine")
        self._key_id = x509.SubjectKeyIdentifier.from_public_key(self._key.public_key())

    @property
    def pem(self) -> bytes:
        """What clients trust."""
        authority = (
            builder(self._name, self._name, self._key.public_key(), LIFETIME)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_only_signs_certificates(), critical=True)
            .add_extension(self._key_id, critical=False)
            .sign(self._key, hashes.SHA256())
        )
        return authority.public_bytes(serialization.Encoding.PEM)

    def server(self, addresses: Sequence[str], lifetime: datetime.timedelta | None = None) -> bytes:
        """A certificate for localhost and these addresses or names, and its key."""
        key = ec.generate_private_key(ec.SECP256R1())
        names: list[x509.GeneralName] = [
            x509.DNSName("localhost"),
            *map(_general_name, addresses),
        ]
        server = (
            builder(
                x509.Name.from_rfc4514_string("CN=localhost"),
                self._name,
                key.public_key(),
                LIFETIME if lifetime is None else lifetime,
            )
            .add_extension(x509.SubjectAlternativeName(names), critical=False)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(self._key_id), critical=False)
            .sign(self._key, hashes.SHA256())
        )
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        return server.public_bytes(serialization.Encoding.PEM) + private


def _general_name(address: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(address))
    except ValueError:
        return x509.DNSName(address)


def builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, lifetime: datetime.timedelta
) -> x509.CertificateBuilder:
    """A certificate that is good from now on, or from an hour ago: clocks differ."""
    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + lifetime)
    )


def _only_signs_certificates() -> x509.KeyUsage:
    return x509.KeyUsage(
        key_cert_sign=True,
        crl_sign=False,
        digital_signature=False,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
