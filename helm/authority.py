"""A new internal authority, and what it signs: `make rotate WHAT=ca`. The chart makes the first (files/secret.py)."""

import datetime
import secrets
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from local.certificates import builder

# As there.
CA_LIFETIME, CERTIFICATE_LIFETIME = datetime.timedelta(days=3650), datetime.timedelta(days=1825)
_PEM: Final = serialization.Encoding.PEM
_SIGNS_CERTIFICATES: Final = x509.KeyUsage(
    digital_signature=False,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    key_cert_sign=True,
    crl_sign=True,
    encipher_only=False,
    decipher_only=False,
)


def new_authority() -> tuple[str, str]:
    """Its certificate and its key. Its name is another each time: who trusts two finds the right one by its name."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name.from_rfc4514_string(f"CN=Nexus internal authority {secrets.token_hex(4)}")
    built = (
        builder(name, name, key.public_key(), CA_LIFETIME)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_SIGNS_CERTIFICATES, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    return _text(built), _private(key)


def signed_anew(certificate: str, authority: str, authority_key: str) -> tuple[str, str]:
    """A certificate for the same names and uses, by another authority, and its own new key."""
    old, signer = _certificate(certificate), _certificate(authority)
    key = ec.generate_private_key(ec.SECP256R1())
    signing = serialization.load_pem_private_key(authority_key.encode(), None)
    assert isinstance(signing, ec.EllipticCurvePrivateKey)
    built = builder(old.subject, signer.subject, key.public_key(), CERTIFICATE_LIFETIME)
    for kind in (x509.SubjectAlternativeName, x509.ExtendedKeyUsage):
        extension = old.extensions.get_extension_for_class(kind)
        built = built.add_extension(extension.value, extension.critical)
    identifier = signer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    issuer = x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier)
    built = built.add_extension(issuer, critical=False)
    return _text(built.sign(signing, hashes.SHA256())), _private(key)


def is_signed(certificate: str, authority: str) -> bool:
    """Whether this authority signed it."""
    try:
        _certificate(certificate).verify_directly_issued_by(_certificate(authority))
    except (ValueError, InvalidSignature):
        return False
    return True


def _certificate(pem: str) -> x509.Certificate:
    return x509.load_pem_x509_certificate(pem.encode())


def _text(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(_PEM).decode()


def _private(key: ec.EllipticCurvePrivateKey) -> str:
    return key.private_bytes(_PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()).decode()
