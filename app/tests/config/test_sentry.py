"""What Sentry is told, by the real SDK over HTTP; and what it is not told."""

import logging
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
import sentry_sdk
from django.conf import settings
from nexus.config import sentry
from nexus.kernel.logging import bind_request, current_use_case
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
    sentry_sdk.get_client().close()
    sentry_sdk.get_global_scope().set_client(None)
    bind_request("")


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
    assert event["exception"]["values"][0]["value"] == (
        "Key (email)=([value]"
    )
    assert not any(word in text for text in reporting.texts for word in (PASSWORD, "example.org"))


def test_a_log_line_of_an_error_is_reported_by_its_name_only(reporting: Received) -> None:
    logging.getLogger("nexus").error({"event": "unexpected_error", "detail": REVEALING})
    sentry.flush()
    (event,) = reporting.events
    assert event["logentry"]["message"] == "unexpected_error"
    assert not any(word in text for text in reporting.texts for word in (PASSWORD, "example.org"))


def test_of_a_request_only_what_names_nobody_is_kept() -> None:
    event: Any = sentry._scrub(
        {
            "user": {"id": "7", "ip_address": "192.0.2.1"},
            "extra": {"token": "hunter2"},
            "request": {
                "method": "POST",
                "url": "https://nexus.example/api/v1/users/@hunter2?cursor=hunter2",
                "query_string": "cursor=hunter2",
                "data": {"text": "hunter2"},
                "cookies": {"sessionid": "hunter2"},
                "env": {"REMOTE_ADDR": "192.0.2.1"},
                "headers": {
                    "Authorization": "Bearer hunter2",
                    "Cookie": "hunter2",
                    "Idempotency-Key": "hunter2",
                    "X-Forwarded-For": "192.0.2.1",
                    "Content-Type": "application/json",
                },
            },
        },
        {},
    )
    assert event == {
        "request": {
            "method": "POST",
            "headers": {"Content-Type": "application/json"},
        }
    }


def test_without_a_dsn_nothing_is_started(received: Received) -> None:
    sentry.start(replace(settings.NEXUS, sentry_dsn=""), "web")
    assert not sentry_sdk.get_client().is_active()
    sentry_sdk.capture_message("nobody hears")
    assert received.texts == []
