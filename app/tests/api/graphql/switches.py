"""Settings of the door, changed for a moment."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from django.conf import settings
from django.test import override_settings


@contextmanager
def switched(**values: Any) -> Iterator[None]:
    """Inside, the environment has these values."""
    with override_settings(NEXUS=replace(settings.NEXUS, **values)):
        yield
