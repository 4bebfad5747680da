"""What Sentry is told, by the real SDK over HTTP; and what it is not told."""

import json
import logging
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import sentry_sdk
from django.conf import settings
from django.db import connection

from nexus.config import sentry
from nexus.kernel.logging import bind_request, current_use_case
from tests.collector import Silent
from tests.config.processes import eventually
from tests.config.test_serving import Replica
from tests.sentry_server import Received

PASSWORD = "hunter2"
REVEALING = f"Key (email)=(ada@example.org) exists; mail to bob@example.org; postgres://nexus:{PASSWORD}@db/nexus"


@pytest.fixture
def received() -> Iterator[Received]:
    with Received() as server:
        yield server


@pytest.fixture
def reporting(received: Received) -> Iterator[Received]:
    sentry.start(replace(settings.NEXUS, sentry_dsn=received.dsn, release="1.2.3", environment="staging"), "web")
    yield received
    stop_reporting()
    bind_request("")


def stop_reporting() -> None:
    sentry_sdk.get_client().close()
    sentry_sdk.get_global_scope().set_client(None)


def test_a_failure_is_reported_by_use_case_release_and_request_without_anybodys_data(reporting: Received) -> None:
    bind_request("c0ffee")
    token = current_use_case.set("publish_post")
    try:
        local = f"password {PASSWORD}"
        raise LookupError(REVEALING)
    except LookupError:
        assert local
        sentry_sdk.capture_exception()
    finally:
        current_use_case.reset(token)
    sentry.flush()
    (event,) = reporting.events
    assert (event["transaction"], event["release"], event["environment"]) == ("publish_post", "1.2.3", "staging")
    assert event["tags"] == {"role": "web", "request_id": "c0ffee"}
    assert event["exception"]["values"][0]["value"] == "Key (email)=([value]"
    assert not any(word in text for text in reporting.texts for word in (PASSWORD, "example.org"))


def test_a_log_line_of_an_error_is_reported_by_its_name_only(reporting: Received) -> None:
    logging.getLogger("nexus").error({"event": "unexpected_error", "detail": REVEALING})
    sentry.flush()
    (event,) = reporting.events
    assert event["logentry"]["message"] == "unexpected_error"
    assert not any(word in text for text in reporting.texts for word in (PASSWORD, "example.org"))


def test_of_persons_requests_and_local_variables_nothing_is_kept() -> None:
    given: Any = {
        "user": {"id": "7", "ip_address": "192.0.2.1"},
        "extra": {"token": PASSWORD},
        "breadcrumbs": {"values": [{"message": PASSWORD}]},
        "request": {"url": f"https://nexus.example/api/v1/users/@{PASSWORD}", "headers": {"Cookie": PASSWORD}},
    }
    assert sentry._scrub(given, {}) == {}


def test_a_sentry_that_says_nothing_holds_up_nobody() -> None:
    with Silent() as silent:
        dsn = f"http://key@127.0.0.1:{silent.port}/1"
        sentry.start(replace(settings.NEXUS, sentry_dsn=dsn), "web")
        sentry_sdk.capture_message("first")
        eventually(lambda: bool(silent.clients), "Sentry has a report, and says nothing")
        for number in range(500):
            sentry_sdk.capture_message(str(number))
        sentry.flush()
        # It still waits for its answer, and we do not wait for it.
        assert "sentry-sdk.BackgroundWorker" in {thread.name for thread in threading.enumerate()}
    stop_reporting()


@pytest.mark.django_db(transaction=True)
def test_a_replica_answers_and_stops_while_sentry_says_nothing(tmp_path: Path) -> None:
    with Silent() as silent, Replica("web", tmp_path, NEXUS_SENTRY_DSN=f"http://key@127.0.0.1:{silent.port}/1") as web:
        web.ready()
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE nexus_post RENAME TO nexus_post_away")
        try:
            answers = [web.ask("/api/v1/timelines/public") for _ in range(20)]
        finally:
            with connection.cursor() as cursor:
                cursor.execute("ALTER TABLE nexus_post_away RENAME TO nexus_post")
        assert [(status, json.loads(text)["code"]) for status, text in answers] == [(500, "internal")] * 20
        eventually(lambda: bool(silent.clients), "Sentry has a report, and says nothing")
        web.terminate()
        assert web.wait() == 0


def test_without_a_dsn_nothing_is_started(received: Received) -> None:
    sentry.start(replace(settings.NEXUS, sentry_dsn=""), "web")
    assert not sentry_sdk.get_client().is_active()
    sentry_sdk.capture_message("nobody hears")
    assert received.texts == []
