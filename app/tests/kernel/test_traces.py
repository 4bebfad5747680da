"""Places in traces, and spans."""

from collections.abc import Iterator
from contextvars import copy_context

import pytest

from nexus.kernel import traces
from nexus.kernel.errors import NotFound
from nexus.kernel.traces import Place, Span

TRACE, OUTER = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
WANTED, UNWANTED = f"00-{TRACE}-{OUTER}-01", f"00-{TRACE}-{OUTER}-00"


@pytest.fixture
def told() -> Iterator[list[Span]]:
    spans: list[Span] = []
    traces.install(spans.append, 0.0)
    yield spans
    traces.install(None, 0.0)


@pytest.mark.parametrize(
    ("header", "place"),
    [
        (WANTED, Place(TRACE, OUTER, is_recorded=True)),
        (UNWANTED, Place(TRACE, OUTER, is_recorded=False)),
        (f"00-{TRACE}-{OUTER}-03", Place(TRACE, OUTER, is_recorded=True)),
        (f"00-{'0' * 32}-{OUTER}-01", None),
        (f"00-{TRACE}-{'0' * 16}-01", None),
        (f"01-{TRACE}-{OUTER}-01", None),
        (f"{WANTED}-more", None),
        (WANTED.upper(), None),
        (f"{WANTED}\n", None),
        ("", None),
    ],
)
def test_a_header_names_a_place_or_none(header: str, place: Place | None) -> None:
    assert traces.read(header) == place


def test_spans_inside_of_each_other_are_causes_of_each_other(told: list[Span]) -> None:
    with traces.following(WANTED), traces.span("outer", "server", door="rest") as outer:
        with traces.span("inner"):
            carried = traces.traceparent()
        outer.tell("renamed", status=200, route=None)
    inner, renamed = told
    assert (inner.name, inner.place.trace_id, inner.parent_id) == ("inner", TRACE, renamed.place.span_id)
    assert (renamed.name, renamed.parent_id, renamed.attributes) == ("renamed", OUTER, {"door": "rest", "status": 200})
    assert carried == f"00-{TRACE}-{inner.place.span_id}-01"
    assert renamed.begun_ns <= inner.begun_ns <= inner.ended_ns <= renamed.ended_ns


def test_an_error_is_told_by_its_kind_and_what_we_answer_on_purpose_is_none(told: list[Span]) -> None:
    with traces.following(WANTED):
        for error in (LookupError("somebody's words"), NotFound("somebody's words")):
            with pytest.raises(type(error)), traces.span("tried"):
                raise error
    assert [span.error for span in told] == ["LookupError", ""]


@pytest.mark.parametrize("header", [UNWANTED, ""])
def test_what_nobody_wants_is_carried_on_without_spans(told: list[Span], header: str) -> None:
    with traces.following(header), traces.span("quiet") as span:
        span.tell(status=200)
        assert traces.traceparent() == header
    assert told == []


@pytest.mark.parametrize(("share", "is_recorded"), [(0.0, False), (1.0, True)])
def test_of_the_traces_that_begin_here_a_share_is_recorded(told: list[Span], share: float, is_recorded: bool) -> None:
    def begin() -> None:
        traces.install(told.append, share)
        traces.bind("no header")
        with traces.span("first"):
            assert len(traces.trace_id()) == 32

    copy_context().run(begin)
    assert [span.parent_id for span in told] == [""] * is_recorded


def test_a_trace_that_may_go_on_for_hours_keeps_its_id_and_has_no_more_spans(told: list[Span]) -> None:
    def stream() -> None:
        traces.bind(WANTED)
        traces.record_no_more()
        with traces.span("much later"):
            assert traces.trace_id() == TRACE

    copy_context().run(stream)
    assert told == []
