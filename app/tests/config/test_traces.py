"""Sending spans: to nobody, to a collector, and to one that is of no use."""

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from django.conf import settings
from prometheus_client import REGISTRY

from local.ports import free_port
from nexus.config import traces as sending
from nexus.kernel import traces
from tests.collector import Collector, Silent
from tests.config.processes import APP, eventually
from tests.config.test_serving import INSTANCE, Replica

IMPORTED = """
import sys
from django.conf import settings
from nexus.config import asgi, celery, meter, relay, server, traces, wsgi
traces.start(settings.NEXUS, "web")
print(*sorted({"opentelemetry.exporter", "google.protobuf"} & set(sys.modules)))
"""
WITHOUT_PACKAGES = """
import sys
sys.modules["opentelemetry"] = None
from nexus.config.__main__ import main
main(["meter"])
"""


def run(program: str, **environment: str) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONPATH": str(APP), "DJANGO_SETTINGS_MODULE": "nexus.config.settings", **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.returncode, (done.stdout + done.stderr).strip()


def counted(outcome: str) -> float:
    return REGISTRY.get_sample_value("nexus_spans_total", {"outcome": outcome}) or 0.0


@pytest.fixture
def collector() -> Iterator[Collector]:
    with Collector() as running:
        yield running


@pytest.fixture
def silent() -> Iterator[Silent]:
    with Silent() as running:
        yield running


def sender_to(endpoint: str) -> sending.Sender:
    return sending.Sender(replace(settings.NEXUS, traces_endpoint=endpoint, release="1.2.3"), "web")


def some_span(name: str = "like_post") -> traces.Span:
    place = traces.Place("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7", is_recorded=True)
    return traces.Span(name, "server", place, "53ce929d0e0e4736", 1, 2, "KeyError", {"door": "rest"})


def test_nothing_that_sends_is_imported_without_a_collector() -> None:
    # (Where the SDK is installed redis-py imports that by itself.)
    assert run(IMPORTED) == (0, "")
    on = {"NEXUS_TRACES_ENDPOINT": "http://127.0.0.1:4318"}
    assert run(IMPORTED, **on) == (0, "google.protobuf opentelemetry.exporter")


def test_a_collector_without_the_packages_ends_the_start_with_a_sentence() -> None:
    status, said = run(WITHOUT_PACKAGES, NEXUS_TRACES_ENDPOINT="http://127.0.0.1:4318")
    assert status == 1
    assert said == (
        "nexus: NEXUS_TRACES_ENDPOINT is set and its packages are not installed: pip install -r "
        "requirements-traces.txt, build the image with TRACES=on, or leave the variable empty."
    )


def test_a_span_arrives_as_it_was(collector: Collector) -> None:
    before = counted("sent")
    sender = sender_to(collector.endpoint)
    sender.take(some_span())
    eventually(lambda: counted("sent") == before + 1, "the span is sent")
    (span,) = collector.spans
    assert (span.service, span.name, span.kind, span.error) == ("nexus-web", "like_post", 2, "KeyError")
    assert (span.trace_id, span.span_id) == ("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7")
    assert (span.parent_id, span.begun_ns, span.ended_ns) == ("53ce929d0e0e4736", 1, 2)
    assert span.attributes == {"door": "rest"}
    sender.stop()


def test_a_process_that_ends_sends_what_waits(collector: Collector) -> None:
    sender = sender_to(collector.endpoint)
    for number in range(3 * sending.BATCH):
        sender.take(some_span(str(number)))
    sender.stop()
    assert [span.name for span in collector.spans] == [str(number) for number in range(3 * sending.BATCH)]


def test_a_collector_that_says_nothing_holds_up_nobody_and_what_is_too_much_is_counted(silent: Silent) -> None:
    before = counted("dropped")
    sender = sender_to(f"http://127.0.0.1:{silent.port}")
    sender.take(some_span())
    eventually(lambda: bool(silent.clients), "the collector has a span, and says nothing")
    for _ in range(sending.WAITING_MAX + 7):
        sender.take(some_span())
    assert counted("dropped") == before + 7
    sender.stop()
    # It still waits for its answer, and we do not wait for it.
    assert sender._thread is not None
    assert sender._thread.is_alive()


def test_what_a_collector_that_is_away_did_not_get_is_counted() -> None:
    before = counted("dropped")
    sender = sender_to(f"http://127.0.0.1:{free_port()}")
    sender.take(some_span())
    eventually(lambda: counted("dropped") == before + 1, "the span is given up")
    sender.stop()


@pytest.mark.django_db(transaction=True)
def test_a_replica_serves_and_stops_while_its_collector_says_nothing(silent: Silent, tmp_path: Path) -> None:
    traced = {"NEXUS_TRACES_ENDPOINT": f"http://127.0.0.1:{silent.port}", "NEXUS_TRACES_SHARE": "1"}
    with Replica("web", tmp_path, **traced) as web:
        web.ready()
        assert web.ask(INSTANCE)[0] == 200
        eventually(lambda: bool(silent.clients), "the collector has a span, and says nothing")
        assert [web.ask(INSTANCE)[0] for _ in range(20)] == [200] * 20
        web.terminate()
        assert web.wait() == 0
