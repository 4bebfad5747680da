"""Makes, once, all passwords and certificates of PostgreSQL and Redis, and the addresses that the application needs.

What a secret of that name has already stays as it is: a new version of this chart adds what is new.
"""

import base64
import json
import os
import pathlib
import secrets
import ssl
import subprocess
import tempfile
import urllib.error
import urllib.request
from collections.abc import Callable

ACCOUNT = pathlib.Path("/var/run/secrets/kubernetes.io/serviceaccount")
NAME, NAMESPACE = os.environ["SECRET"], os.environ["NAMESPACE"]
APPLICATION_NAMESPACE = os.environ["APPLICATION_NAMESPACE"]
POSTGRES, REDIS = os.environ["POSTGRES"], os.environ["REDIS"]  # beginnings of the services' names; empty: switched off
BACKUP = os.environ["BACKUP"]
DATABASE = os.environ["DATABASE"]
CA_DAYS, CERTIFICATE_DAYS = 3650, 1825
Data = dict[str, bytes]


def ask(method: str, path: str, body: object = None) -> tuple[int, dict[str, object]]:
    """The API's answer; raises SystemExit for one that is neither good nor 404 nor 409."""
    host = os.environ["KUBERNETES_SERVICE_HOST"]
    host = f"[{host}]" if ":" in host else host
    request = urllib.request.Request(
        f"https://{host}:{os.environ['KUBERNETES_SERVICE_PORT']}/api/v1/namespaces/{path}",
        None if body is None else json.dumps(body).encode(),
        {
            "Authorization": f"Bearer {(ACCOUNT / 'token').read_text()}",
            "Content-Type": "application/merge-patch+json" if method == "PATCH" else "application/json",
        },
        method=method,
    )
    trusted = ssl.create_default_context(cafile=str(ACCOUNT / "ca.crt"))
    try:
        with urllib.request.urlopen(request, context=trusted, timeout=10) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        if error.code in (404, 409):
            return error.code, {}
        raise SystemExit(f"{method} {path}: {error.code} {error.read().decode()}") from None


def read(namespace: str) -> Data | None:
    """What the secret has; None when there is none."""
    status, found = ask("GET", f"{namespace}/secrets/{NAME}")
    if status == 404:
        return None
    data = found.get("data") or {}
    assert isinstance(data, dict)
    return {key: base64.b64decode(value) for key, value in data.items()}


def write(namespace: str, data: Data) -> None:
    """Adds what is not there; makes the secret first if need be. It outlives the release."""
    known = read(namespace)
    encoded = {key: base64.b64encode(value).decode() for key, value in data.items() if key not in (known or {})}
    if known is None:
        labels = {"app.kubernetes.io/part-of": "nexus-data", "app.kubernetes.io/managed-by": "nexus-data"}
        body = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": NAME, "labels": labels}, "data": encoded}
        status, _ = ask("POST", f"{namespace}/secrets", body)
        if status == 409:
            raise SystemExit("somebody else makes the secret just now; the next try finds it")
        print(f"made the secret {NAME} in {namespace}")
    elif encoded:
        ask("PATCH", f"{namespace}/secrets/{NAME}", {"data": encoded})
        print(f"added {', '.join(sorted(encoded))} to the secret {NAME} in {namespace}")
    else:
        print(f"the secret {NAME} in {namespace} has everything and stays")


def openssl(*arguments: str, folder: pathlib.Path) -> None:
    subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)


def certificates(known: Data) -> Data:
    """An authority of our own and a certificate for every name of PostgreSQL and of the backups."""
    names = [POSTGRES, f"{POSTGRES}-replicas", f"*.{POSTGRES}-nodes", BACKUP]
    every = [f"{name}{suffix}" for name in names for suffix in ("", f".{NAMESPACE}", f".{NAMESPACE}.svc")]
    alternatives = ",".join(f"DNS:{name}" for name in [*every, "localhost"])
    curve = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        if "ca.key" in known:
            for file in ("ca.crt", "ca.key"):
                (folder / file).write_bytes(known[file])
        else:
            openssl(
                "req", "-x509", *curve, "-days", str(CA_DAYS), "-subj", "/CN=Nexus internal authority",
                "-addext", "keyUsage=critical,keyCertSign,cRLSign", "-keyout", "ca.key", "-out", "ca.crt",
                folder=folder,
            )  # fmt: skip
        openssl("req", *curve, "-subj", f"/CN={POSTGRES}", "-keyout", "tls.key", "-out", "tls.csr", folder=folder)
        (folder / "names").write_text(f"subjectAltName={alternatives}\nextendedKeyUsage=serverAuth,clientAuth\n")
        openssl(
            "x509", "-req", "-in", "tls.csr", "-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial",
            "-days", str(CERTIFICATE_DAYS), "-extfile", "names", "-out", "tls.crt", folder=folder,
        )  # fmt: skip
        return {file: (folder / file).read_bytes() for file in ("ca.crt", "ca.key", "tls.crt", "tls.key")}


def made_once(known: Data, name: str, make: Callable[[], str]) -> str:
    return known[name].decode() if name in known else make()


def postgres(known: Data) -> Data:
    data = {
        f"{user}-password": made_once(known, f"{user}-password", lambda: secrets.token_hex(24)).encode()
        for user in ("superuser", "replication", "owner", "application")
    }
    if "tls.crt" not in known:
        data |= certificates(known)
    options = "sslmode=verify-full&sslrootcert=/etc/nexus/database/ca.crt"

    def address(user: str, role: str, service: str) -> bytes:
        return f"postgres://{user}:{data[f'{role}-password'].decode()}@{service}:5432/{DATABASE}?{options}".encode()

    service, replicas = f"{POSTGRES}.{NAMESPACE}.svc", f"{POSTGRES}-replicas.{NAMESPACE}.svc"
    user = made_once(known, "application-user", lambda: f"{DATABASE}_a")
    return {
        **data,
        "application-user": user.encode(),
        "database-url": address(user, "application", service),
        "database-replica-url": address(user, "application", replicas),
        "database-migration-url": address(f"{DATABASE}_owner", "owner", service),
    }


def redis(known: Data) -> Data:
    password = made_once(known, "redis-password", lambda: secrets.token_hex(24))
    hosts = ",".join(
        f"{REDIS}-{n}.{REDIS}-nodes.{NAMESPACE}.svc:26379" for n in range(int(os.environ["REDIS_REPLICAS"]))
    )
    url = f"redis+sentinel://:{password}@{hosts}/nexus/0?sentinel_password={password}"
    return {"redis-password": password.encode(), "redis-url": url.encode()}


def main() -> None:
    known = read(NAMESPACE) or {}
    wanted = {**(postgres(known) if POSTGRES else {}), **(redis(known) if REDIS else {})}
    write(NAMESPACE, wanted)
    if APPLICATION_NAMESPACE != NAMESPACE:
        stored = read(NAMESPACE) or {}
        shared = ("ca.crt", "database-url", "database-replica-url", "database-migration-url", "redis-url")
        write(APPLICATION_NAMESPACE, {key: stored[key] for key in shared if key in stored})


main()
