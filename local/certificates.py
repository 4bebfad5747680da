"""A certificate for this machine's own names, and the authority that signs it."""

import datetime
import ipaddress
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


def certificate(directory: Path) -> Certificate:
    """The one in the directory, or a new one of a new authority, whose key is not kept."""
    made = Certificate(pem=directory / "server.pem", ca=directory / "ca.pem")
    if not _is_good(made):
        _make(made)
    return made


def _is_good(made: Certificate) -> bool:
    try:
        found = x509.load_pem_x509_certificate(made.pem.read_bytes())
    except (FileNotFoundError, ValueError):
        return False
    return made.ca.exists() and found.not_valid_after_utc - RENEW_BEFORE > datetime.datetime.now(datetime.UTC)


def _make(made: Certificate) -> None:
    authority_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    authority_name = x509.Name.from_rfc4514_string("CN=Nexus on this machine")
    subject_key = x509.SubjectKeyIdentifier.from_public_key(authority_key.public_key())
    authority = (
        _builder(authority_name, authority_name, authority_key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_only_signs_certificates(), critical=True)
        .add_extension(subject_key, critical=False)
        .sign(authority_key, hashes.SHA256())
    )
    names: list[x509.GeneralName] = [
        x509.DNSName("localhost"),
        *(x509.IPAddress(ipaddress.ip_address(address)) for address in ("127.0.0.1", "::1")),
    ]
    server = (
        _builder(x509.Name.from_rfc4514_string("CN=localhost"), authority_name, key.public_key())
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(subject_key), critical=False)
        .sign(authority_key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    made.ca.write_bytes(authority.public_bytes(serialization.Encoding.PEM))
    made.pem.touch(mode=0o600)
    made.pem.write_bytes(server.public_bytes(serialization.Encoding.PEM) + private)


def _builder(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + LIFETIME)
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
