"""The variables of Nexus while it is tested."""

import os
import secrets
from pathlib import Path


def clean() -> dict[str, str]:
    """Our environment without Nexus's variables: a developer's shell must not change what is tested."""
    return {name: value for name, value in os.environ.items() if not name.startswith("NEXUS_")}


def variables(directory: Path, database_url: str, redis_url: str, broker_url: str) -> dict[str, str]:
    """Secrets of this run only; everything that is written goes below the directory."""
    return {
        "NEXUS_ENVIRONMENT": "test",
        "NEXUS_SECRET_KEY": secrets.token_urlsafe(48),
        "NEXUS_JWT_KEYS": f"test:{secrets.token_urlsafe(48)}",
        "NEXUS_DATABASE_URL": database_url,
        "NEXUS_REDIS_URL": redis_url,
        "NEXUS_BROKER_URL": broker_url,
        "NEXUS_PUBLIC_URL": "https://localhost:8443",
        "NEXUS_ALLOWED_HOSTS": "testserver,localhost,127.0.0.1",
        "NEXUS_EMAIL_URL": f"file://{directory / 'mail'}",
        "NEXUS_EMAIL_FROM": "Nexus <nexus@example.org>",
        "NEXUS_RATE_LIMITS": "off",
        "NEXUS_STATIC_ROOT": str(directory / "static"),
        "NEXUS_STATE_DIRECTORY": str(directory / "roles"),
    }
