"""Makes, once, the secret and the self-signed certificate of a trial; what is there already stays."""

import base64
import datetime
import json
import os
import pathlib
import secrets
import ssl
import urllib.error
import urllib.request

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

ACCOUNT = pathlib.Path("/var/run/secrets/kubernetes.io/serviceaccount")
DAYS = 365


def create(name: str, kind: str, data: dict[str, bytes]) -> None:
    """A secret of this namespace, unless there is one of that name."""
    namespace = (ACCOUNT / "namespace").read_text()
    body = {
        "apiVersion": "v1",
        "kind": "Secret",
        "type": kind,
        "metadata": {"name": name, "labels": {"app.kubernetes.io/part-of": "nexus", "nexus/trial": "true"}},
        "data": {key: base64.b64encode(value).decode() for key, value in data.items()},
    }
    address = f"https://{os.environ['KUBERNETES_SERVICE_HOST']}:{os.environ['KUBERNETES_SERVICE_PORT']}"
    request = urllib.request.Request(
        f"{address}/api/v1/namespaces/{namespace}/secrets",
        json.dumps(body).encode(),
        {"Authorization": f"Bearer {(ACCOUNT / 'token').read_text()}", "Content-Type": "application/json"},
    )
    trusted = ssl.create_default_context(cafile=str(ACCOUNT / "ca.crt"))
    try:
        urllib.request.urlopen(request, context=trusted, timeout=10).close()
        print(f"made the secret {name}")
    except urllib.error.HTTPError as error:
        if error.code != 409:
            raise SystemExit(f"{error.code}: {error.read().decode()}") from None
        print(f"the secret {name} is there and stays")


def certificate(host: str) -> dict[str, bytes]:
    """TLS for the host, signed by itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Nexus, self-signed for trials")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=DAYS))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return {"tls.crt": made.public_bytes(serialization.Encoding.PEM), "tls.key": private}


create(
    os.environ["SECRET"],
    "Opaque",
    {
        "secret-key": secrets.token_urlsafe(64).encode(),
        "jwt-keys": f"trial:{secrets.token_hex(32)}".encode(),
        "email-url": b"file:///tmp/mail",
    },
)
create(os.environ["CERTIFICATE"], "kubernetes.io/tls", certificate(os.environ["HOST"]))
