"""What tests of relay and worker share."""

from collections.abc import Iterator

import pytest
from django.db import connection


@pytest.fixture
def effects_of_tests(transactional_db: None) -> Iterator[None]:
    """The table into which the reactions of the tests write."""
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE effects_of_tests (number integer NOT NULL)")
    yield
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE effects_of_tests")
