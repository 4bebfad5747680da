"""A live door with real rows and a real Redis behind."""

from collections.abc import Iterator

import pytest
from django.test import override_settings

from tests.api.live.door import Door


@pytest.fixture
def door(transactional_db: None) -> Iterator[Door]:
    """As config/asgi.py has it."""
    with (
        override_settings(
            ROOT_URLCONF="nexus.config.live_urls",
            MIDDLEWARE=["corsheaders.middleware.CorsMiddleware"],
            CORS_ALLOWED_ORIGINS=["https://app.example"],
        ),
        Door() as running,
    ):
        yield running
