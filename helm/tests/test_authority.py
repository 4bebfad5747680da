"""A new internal authority reaches a PostgreSQL that runs, and no client is ever without one that it trusts."""

import contextlib
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

import psycopg2
import pytest

from helm.authority import is_signed, new_authority, signed_anew
from helm.charts import HELM
from local.ports import free_port
from local.postgres import Postgres

ENVIRONMENT = {
    "SECRET": "nexus-data",
    "NAMESPACE": "nexus",
    "APPLICATION_NAMESPACE": "nexus",
    "POSTGRES": "nexus-data-postgres",
    "REDIS": "",
    "BACKUP": "nexus-data-backup",
    "DATABASE": "nexus",
}


@pytest.fixture(scope="module")
def first() -> dict[str, str]:
    """What the chart's Job makes before the first installation."""
    source = (HELM / "nexus-data" / "files" / "secret.py").read_text()
    known: dict[str, Any] = {}
    with pytest.MonkeyPatch.context() as patch:
        for name, value in ENVIRONMENT.items():
            patch.setenv(name, value)
        exec(source.removesuffix("main()\n"), known)
        return {name: value.decode() for name, value in known["certificates"]({}).items()}


class WithTls(Postgres):
    """As in the chart: the files may change at any time."""

    begins_with: tuple[str, str]

    def shows(self, certificate: str, key: str) -> None:
        for name, text in (("tls.crt", certificate), ("tls.key", key)):
            path = self.data / name
            path.touch(mode=0o600)
            path.write_text(text)
            if self.user:
                shutil.chown(path, self.user)

    def prepare(self) -> None:
        super().prepare()
        self.shows(*self.begins_with)

    def command(self) -> list[str]:
        files = (f"ssl_cert_file={self.data}/tls.crt", f"ssl_key_file={self.data}/tls.key")
        return [*super().command(), "-c", "ssl=on", *(word for each in files for word in ("-c", each))]

    def connect(self, trusted: Path) -> "psycopg2.extensions.connection":
        return psycopg2.connect(self.url.replace("127.0.0.1", "localhost"), sslmode="verify-full", sslrootcert=trusted)


def test_a_new_authority_while_postgres_runs(first: dict[str, str], tmp_path: Path) -> None:
    authority, authority_key = new_authority()
    trusted = {"old": first["ca.crt"], "new": authority, "both": first["ca.crt"] + authority}
    for name, text in trusted.items():
        (tmp_path / name).write_text(text)
    postgres = WithTls(tmp_path / "postgres", free_port())
    postgres.begins_with = (first["tls.crt"], first["tls.key"])
    with postgres, contextlib.closing(postgres.connect(tmp_path / "old")) as before:
        postgres.connect(tmp_path / "both").close()
        with pytest.raises(psycopg2.OperationalError, match="certificate verify failed"):
            postgres.connect(tmp_path / "new")

        postgres.shows(*signed_anew(first["tls.crt"], authority, authority_key))
        with before.cursor() as cursor:
            cursor.execute("SELECT pg_reload_conf()")
        deadline = time.monotonic() + 10
        while True:
            try:
                postgres.connect(tmp_path / "new").close()
            except psycopg2.OperationalError:
                assert time.monotonic() < deadline, "the new certificate is not shown"
                time.sleep(0.1)
            else:
                break

        postgres.connect(tmp_path / "both").close()
        with pytest.raises(psycopg2.OperationalError, match="certificate verify failed"):
            postgres.connect(tmp_path / "old")
        with before.cursor() as cursor:
            cursor.execute("SELECT 1")
            assert cursor.fetchone() == (1,)


def test_the_new_certificate_is_for_the_same_names_and_uses(first: dict[str, str]) -> None:
    authority, key = new_authority()
    anew, private = signed_anew(first["tls.crt"], authority, key)
    assert private != first["tls.key"]
    assert _told(anew, "subjectAltName") == _told(first["tls.crt"], "subjectAltName")
    assert _told(anew, "extendedKeyUsage") == _told(first["tls.crt"], "extendedKeyUsage")
    assert "DNS:nexus-data-postgres.nexus.svc" in _told(anew, "subjectAltName")


def test_who_signed_is_known(first: dict[str, str]) -> None:
    authority, key = new_authority()
    anew, _ = signed_anew(first["tls.crt"], authority, key)
    assert is_signed(first["tls.crt"], first["ca.crt"])
    assert is_signed(anew, authority)
    assert not is_signed(anew, first["ca.crt"])
    assert not is_signed(first["tls.crt"], authority)
    assert not is_signed(anew, new_authority()[0])


def _told(certificate: str, extension: str) -> str:
    """As openssl reads it, which is what PostgreSQL and pgBackRest do."""
    words = ["openssl", "x509", "-noout", "-ext", extension]
    return subprocess.run(words, input=certificate, capture_output=True, text=True, check=True).stdout
