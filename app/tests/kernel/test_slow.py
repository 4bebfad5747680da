"""What was slow is told once, with what it was and nobody's data."""

import pytest
import structlog
from django.db import DatabaseError, connection, transaction

from nexus.domain.users.models import User
from nexus.kernel import logging, use_cases
from nexus.kernel.postgres import base

pytestmark = pytest.mark.django_db
SECRET = "somebody-private"


@use_cases.reaction
def doze_for_test() -> None:
    """Does next to nothing."""


@use_cases.reaction
def fail_for_test(state: str) -> None:
    """As PostgreSQL fails with this SQLSTATE."""
    with connection.cursor() as cursor:
        cursor.execute(f"DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = '{state}'; END $$")


for name in ("doze_for_test", "fail_for_test"):
    use_cases.REGISTRY.pop(name)  # no use-cases of Nexus


def test_a_slow_statement_is_told_without_its_values(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(base, "_SLOW_S", 0.0)
    with structlog.testing.capture_logs() as lines:
        User.objects.filter(handle=SECRET).exists()
    (line,) = [each for each in lines if each["event"] == "statement_slow"]
    assert line["node"] == "default"
    assert line["sql"] == 'SELECT %s AS "a" FROM "nexus_user" WHERE "nexus_user"."handle" = %s LIMIT 1'
    assert SECRET not in str(line)


def test_a_statement_that_is_not_slow_is_not_told() -> None:
    with structlog.testing.capture_logs() as lines, connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    assert lines == []


def test_a_slow_use_case_is_told_and_a_quick_one_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    with structlog.testing.capture_logs() as lines:
        doze_for_test()
        monkeypatch.setattr(use_cases, "SLOW_S", -1.0)
        doze_for_test()
    (line,) = lines
    assert (line["event"], line["outcome"], line["log_level"]) == ("use_case_slow", "ok", "warning")


@pytest.mark.parametrize(("state", "outcome"), [("55P03", "unavailable"), ("22012", "internal")])
def test_a_lock_of_somebody_else_is_no_fault_of_ours(state: str, outcome: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(use_cases, "SLOW_S", -1.0)
    with structlog.testing.capture_logs() as lines, pytest.raises(DatabaseError), transaction.atomic():
        fail_for_test(state)
    (line,) = [each for each in lines if each["event"] == "use_case_slow"]
    assert line["outcome"] == outcome


def test_every_line_inside_of_a_use_case_names_it() -> None:
    logging.bind_request("c0ffee")
    token = logging.current_use_case.set("publish_post")
    try:
        line = logging._add_context(None, "info", {"event": "something"})
    finally:
        logging.current_use_case.reset(token)
        logging.bind_request("")
    assert line == {"event": "something", "request_id": "c0ffee", "use_case": "publish_post"}
