"""The road to Postgres may be TLS, and whoever is on it is the one that the address says."""

import shutil
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psycopg2
import pytest

from local.certificates import Authority
from local.ports import free_port
from local.postgres import Postgres
from nexus.config.settings import database
from nexus.kernel import waiting
from nexus.kernel.postgres.base import DatabaseWrapper


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, authority: Authority) -> Iterator[Postgres]:
    """A Postgres that speaks TLS, under the name localhost."""
    with Postgres(tmp_path_factory.mktemp("tls"), free_port()) as running:
        key = running.data / "server.key"
        key.touch(mode=0o600)
        key.write_bytes(authority.server(["127.0.0.1"]))
        (running.data / "server.crt").write_bytes(key.read_bytes())
        if running.user:
            for file in ("server.key", "server.crt"):
                shutil.chown(running.data / file, running.user, running.user)
        with closing(running._connect("postgres")) as connection:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute("ALTER SYSTEM SET ssl = on")
                cursor.execute("SELECT pg_reload_conf()")
        yield running


def connect(server: Postgres, trusted: Path) -> psycopg2.extensions.connection:
    url = server.url.replace("127.0.0.1", "localhost")
    settings = database(f"{url}?sslmode=verify-full&sslrootcert={trusted}", statement_timeout_ms=2_000)
    wrapper = DatabaseWrapper({**settings, "TIME_ZONE": None}, "tls")
    with waiting.limit(10):
        return wrapper.get_new_connection(wrapper.get_connection_params())


def test_the_address_chooses_tls_and_every_other_setting_stays(
    server: Postgres, authority: Authority, tmp_path: Path
) -> None:
    (tmp_path / "ca.crt").write_bytes(authority.pem)
    with closing(connect(server, tmp_path / "ca.crt")) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT ssl, current_setting('statement_timeout') FROM pg_stat_ssl WHERE pid = pg_backend_pid()")
        assert cursor.fetchone() == (True, "2s")
        cursor.execute("SELECT repeat('x', 1000000)")
        assert cursor.fetchone() == ("x" * 1_000_000,)  # many records of TLS


def test_somebody_else_is_not_talked_to(server: Postgres, tmp_path: Path) -> None:
    (tmp_path / "ca.crt").write_bytes(Authority().pem)
    with pytest.raises(psycopg2.OperationalError, match="certificate verify failed"):
        connect(server, tmp_path / "ca.crt")
