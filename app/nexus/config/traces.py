"""Traces by OTLP to a collector, when there is an address of one; docs/guide/traces.md. Nobody waits for it."""

import logging
import queue
import sys
import threading
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from nexus.config.environment import Environment
from nexus.kernel import metrics, traces
from nexus.kernel.logging import log
from nexus.kernel.traces import Span

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import ReadableSpan

# Beyond so many spans that wait, new ones are dropped: a collector that is away costs memory for these, and no more.
WAITING_MAX: Final = 2_048
BATCH: Final = 256
_PAUSE_S: Final = 1.0
_EXPORT_S: Final = 5.0
# So long a process that ends waits for the collector.
_LAST_S: Final = 1.0

_sender: "Sender | None" = None


def start(environment: Environment, role: str) -> None:
    """Sends spans from here on. Without NEXUS_TRACES_ENDPOINT nothing of it is even imported."""
    global _sender
    if not environment.traces_endpoint:
        return
    try:
        import opentelemetry.exporter.otlp.proto.http.trace_exporter
        import opentelemetry.sdk.trace  # noqa: F401 (both now, so that all processes of the role share them)
    except ImportError:
        sys.exit(
            "nexus: NEXUS_TRACES_ENDPOINT is set and its packages are not installed: pip install -r "
            "requirements-traces.txt, build the image with TRACES=on, or leave the variable empty."
        )
    # We say what fails ourselves; each of its lines would be an error in Sentry.
    logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)
    _sender = Sender(environment, role)
    traces.install(_sender.take, environment.traces_share)


def stop() -> None:
    """Sends what waits, as far as a moment allows, before the process ends."""
    if _sender is not None:
        _sender.stop()


class Sender:
    """A queue with an end, and one thread, which is started by the first span: no process that forks has one.

    The SDK's own processor waits 30 s at the end of a process, and counts nothing that it drops.
    """

    def __init__(self, environment: Environment, role: str) -> None:
        self._endpoint = environment.traces_endpoint.rstrip("/") + "/v1/traces"
        self._about = {
            "service.namespace": "nexus",
            "service.name": f"nexus-{role}",
            "service.version": environment.release,
            "deployment.environment.name": environment.environment,
        }
        self._waiting: queue.Queue[Span] = queue.Queue(WAITING_MAX)
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._is_stopped = threading.Event()

    def take(self, span: Span) -> None:
        """Never waits; what has no room is counted and forgotten."""
        try:
            self._waiting.put_nowait(span)
        except queue.Full:
            metrics.SPANS.labels("dropped").inc()
            return
        if self._thread is None:
            with self._lock:
                if self._thread is None:
                    self._thread = threading.Thread(target=self._run, name="traces", daemon=True)
                    self._thread.start()

    def stop(self) -> None:
        """Waits a moment for the thread, which sends what there is."""
        self._is_stopped.set()
        if self._thread is not None:
            self._thread.join(_LAST_S)

    def _run(self) -> None:
        while not (self._is_stopped.wait(_PAUSE_S) and self._waiting.empty()):
            while batch := self._batch():
                self._send(batch)

    def _batch(self) -> list[Span]:
        batch: list[Span] = []
        while len(batch) < BATCH:
            try:
                batch.append(self._waiting.get_nowait())
            except queue.Empty:
                break
        return batch

    def _send(self, batch: list[Span]) -> None:
        from opentelemetry.sdk.trace.export import SpanExportResult

        try:
            outcome = self._exporter.export([self._finished(span) for span in batch])
            is_sent = outcome is SpanExportResult.SUCCESS
        except Exception:  # without this thread nothing would be sent any more
            is_sent = False
        metrics.SPANS.labels("sent" if is_sent else "dropped").inc(len(batch))
        if not is_sent:
            log.warning("spans_dropped", spans=len(batch))
            self._is_stopped.wait(_PAUSE_S)

    @cached_property
    def _exporter(self) -> Any:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

        return OTLPSpanExporter(endpoint=self._endpoint, timeout=_EXPORT_S)

    @cached_property
    def _resource(self) -> Any:
        from opentelemetry.sdk.resources import Resource

        return Resource(self._about)

    def _finished(self, span: Span) -> "ReadableSpan":
        """As the exporter wants it. Not by a Tracer, which makes all ids itself: HAProxy has made its own."""
        from opentelemetry.sdk.trace import ReadableSpan
        from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode, TraceFlags

        def context(span_id: str) -> SpanContext:
            return SpanContext(int(span.place.trace_id, 16), int(span_id, 16), is_remote=False, trace_flags=sampled)

        sampled = TraceFlags(TraceFlags.SAMPLED)
        return ReadableSpan(
            span.name,
            context=context(span.place.span_id),
            parent=context(span.parent_id) if span.parent_id else None,
            resource=self._resource,
            attributes=span.attributes,
            kind=SpanKind[span.kind.upper()],
            status=Status(StatusCode.ERROR, span.error) if span.error else Status(),
            start_time=span.begun_ns,
            end_time=span.ended_ns,
        )
