"""What is told of errors."""

import pytest
from django.db import DatabaseError, connection

from nexus.kernel.privacy import traceback_of, without_persons

SECRET = "hunter2\n\nhunter2"


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("no such column", "no such column"),
        ("mail to bob.b+c@mail.example.org failed", "mail to [address] failed"),
        ("postgres://nexus:hunter2@db/nexus", "postgres://nexus:[password]@db/nexus"),
        ('invalid input syntax for type json: "hunter2', "invalid input syntax for type json: [value]"),
        ('value "hunter2" is out of range for type bigint', "value [value]"),
        ('duplicate key "a"\nDETAIL:  Key (name)=(hunter2) already exists.', 'duplicate key "a"'),
        ("no table \"a\"\nLINE 1: INSERT INTO a VALUES (1, 'hunter2\n\nhunter2')", 'no table "a"'),
        ("Key (email)=(hunter2) is there", "Key (email)=([value]"),
    ],
)
def test_rows_values_addresses_and_passwords_are_left_out(said: str, told: str) -> None:
    assert without_persons(said) == told


def fail() -> None:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT %s::json", [SECRET])
    except DatabaseError as error:
        raise LookupError("it failed") from error


@pytest.mark.django_db
def test_so_they_are_in_a_traceback_with_its_causes() -> None:
    with pytest.raises(LookupError) as raised:
        fail()
    assert "hunter2" in str(raised.value.__cause__)
    told = traceback_of(raised.value)
    assert "invalid input syntax for type json" in told
    assert told.endswith("LookupError: it failed")
    assert "hunter2" not in told
