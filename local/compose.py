"""`make compose-secrets`: what compose.yaml needs and nobody else may know; what is there stays."""

import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Final

from local.certificates import certificate
from local.progress import say
from local.state import State

HOST: Final = "localhost"
PORT: Final = 8443


def main() -> None:
    """Two files of variables, and a certificate with its authority."""
    folder = State().folder / "compose"
    folder.mkdir(parents=True, exist_ok=True)
    certificate(folder)
    # HAProxy's image has a user of its own, and a file that is mounted keeps its owner.
    (folder / "server.pem").chmod(0o644)
    password = _once(folder / "postgres.env", lambda: _postgres(secrets.token_hex(24)))["POSTGRES_PASSWORD"]
    _once(folder / "nexus.env", lambda: _nexus(password))
    say(f"compose.yaml has what it needs in {folder}; clients trust {folder / 'ca.pem'}")


def _postgres(password: str) -> dict[str, str]:
    return {"POSTGRES_PASSWORD": password}


def _nexus(password: str) -> dict[str, str]:
    return {
        "NEXUS_SECRET_KEY": secrets.token_urlsafe(64),
        "NEXUS_JWT_KEYS": f"compose:{secrets.token_hex(32)}",
        "NEXUS_DATABASE_URL": f"postgres://nexus:{password}@postgres:5432/nexus",
        "NEXUS_REDIS_URL": "redis://redis:6379/0",
        "NEXUS_PUBLIC_URL": f"https://{HOST}:{PORT}",
        "NEXUS_ALLOWED_HOSTS": HOST,
        "NEXUS_EMAIL_URL": "file:///tmp/mail",
        "NEXUS_EMAIL_FROM": f"nexus@{HOST}",
        "NEXUS_STATE_DIRECTORY": "/tmp/nexus",
        "NEXUS_BIND": "0.0.0.0:8000",
    }


def _once(path: Path, make: Callable[[], dict[str, str]]) -> dict[str, str]:
    if not path.exists():
        path.touch(mode=0o600)
        path.write_text("".join(f"{name}={value}\n" for name, value in make().items()))
    return dict(line.split("=", 1) for line in path.read_text().splitlines())


if __name__ == "__main__":
    main()
