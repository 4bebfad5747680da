"""Redis in every state that a timeline may meet it in."""

import dataclasses
from collections.abc import Callable

import pytest
from pytest_django import Settings

from local.ports import free_port
from nexus.kernel import redis


@pytest.fixture
def redis_is_off(settings: Settings) -> None:
    """As with an empty NEXUS_REDIS_URL."""
    settings.NEXUS = dataclasses.replace(settings.NEXUS, redis_url="")


@pytest.fixture
def take_redis_away(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Nobody answers at Redis' address from the call on."""
    monkeypatch.setattr(redis, "_blocked_until", 0.0)

    def take() -> None:
        nowhere = {**settings.CACHES["default"], "LOCATION": f"redis://127.0.0.1:{free_port()}/0"}
        settings.CACHES = {"default": nowhere}

    return take


@pytest.fixture
def fan_out_limit(settings: Settings) -> Callable[[int], None]:
    """Sets NEXUS_FAN_OUT_LIMIT."""

    def choose(limit: int) -> None:
        settings.NEXUS = dataclasses.replace(settings.NEXUS, fan_out_limit=limit)

    return choose
