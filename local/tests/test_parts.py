"""The parts below the commands."""

import datetime
import ssl
import subprocess
from pathlib import Path

import pytest
from cryptography import x509

from local import certificates
from local.certificates import certificate
from local.failure import Failure
from local.ports import free_port, is_free
from local.postgres import Postgres, Standby
from local.state import ROOT


def test_a_certificate_is_made_once_and_names_this_machine(tmp_path: Path) -> None:
    made = certificate(tmp_path)
    before = made.pem.read_bytes()
    assert certificate(tmp_path).pem.read_bytes() == before
    names = x509.load_pem_x509_certificate(before).extensions.get_extension_for_class(x509.SubjectAlternativeName)
    assert [str(name.value) for name in names.value] == ["localhost", "127.0.0.1", "::1"]
    assert ssl.create_default_context(cafile=str(made.ca)).cert_store_stats()["x509_ca"] == 1


def test_a_certificate_that_soon_ends_is_made_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(certificates, "LIFETIME", datetime.timedelta(days=29))
    before = certificate(tmp_path).pem.read_bytes()
    monkeypatch.undo()
    assert certificate(tmp_path).pem.read_bytes() != before


def test_a_port_is_given_to_one_only() -> None:
    ports = [free_port() for _ in range(100)]
    assert len(set(ports)) == 100
    assert all(is_free(port) for port in ports)


def test_a_database_outlives_a_restart_and_a_crash_of_its_server(tmp_path: Path) -> None:
    with Postgres(tmp_path, free_port()) as postgres:
        connect = postgres._connect
        with connect("nexus") as connection, connection.cursor() as cursor:
            cursor.execute("CREATE TABLE kept (id int); INSERT INTO kept VALUES (1)")
        connection.close()
        postgres.kill()
        postgres.start()
        postgres.stop()
        postgres.start()
        with connect("nexus") as connection, connection.cursor() as cursor:
            cursor.execute("SELECT id FROM kept")
            assert cursor.fetchall() == [(1,)]
        connection.close()
    assert not postgres.data.exists()


def test_a_standby_follows_its_source_until_it_is_promoted(tmp_path: Path) -> None:
    with Postgres(tmp_path, free_port()) as source:
        with source._connect("nexus") as connection, connection.cursor() as cursor:
            cursor.execute("CREATE TABLE kept (id int); INSERT INTO kept VALUES (1)")
        connection.close()
        with Standby(tmp_path / "standby", free_port(), source) as standby:
            with standby._connect("nexus") as connection, connection.cursor() as cursor:
                cursor.execute("SELECT id, pg_is_in_recovery() FROM kept")
                assert cursor.fetchall() == [(1, True)]
            connection.close()
            source.kill()
            standby.promote()
            with standby._connect("nexus") as connection, connection.cursor() as cursor:
                cursor.execute("INSERT INTO kept VALUES (2)")
            connection.close()
        source.start()


def test_a_wrong_password_is_refused(tmp_path: Path) -> None:
    with Postgres(tmp_path, free_port(), "right") as postgres:
        postgres.password = "wrong"
        assert not postgres.is_ready()


def test_a_server_that_cannot_start_is_quoted(tmp_path: Path) -> None:
    postgres = Postgres(tmp_path, free_port())
    postgres.prepare()
    (postgres.data / "postgresql.conf").write_text("nonsense\n")
    with pytest.raises(Failure, match=r"PostgreSQL refuses to start: .*postgresql.conf"):
        postgres.start()
    postgres.remove()


def test_make_help_lists_every_target() -> None:
    makefile = (ROOT / "Makefile").read_text()
    targets = {name for line in makefile.splitlines() if line.startswith(".PHONY:") for name in line.split()[1:]}
    listed = subprocess.run(
        ["make", "--no-print-directory", "help"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    words = [line.split()[1] for line in listed.stdout.splitlines()]
    assert set(words) == {name for name in targets if not name.startswith(".")}
