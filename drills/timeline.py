"""The time line of one run as SVG: throughput, latency, errors, and the moments of the fault."""

import math
from collections.abc import Callable, Iterable, Iterator
from html import escape
from typing import Final

from drills.play import Result
from drills.records import WRITES

WIDTH, LEFT, RIGHT, TOP = 1000.0, 58.0, 14.0, 34.0
FLOW, GAP, LATENCY, ERRORS, AXIS = 84.0, 22.0, 126.0, 26.0, 26.0
BIN_S: Final = 0.5
FASTEST_S, SLOWEST_S = 0.003, 20.0
GRID_S: Final = ((0.01, "10 ms"), (0.1, "100 ms"), (1.0, "1 s"), (10.0, "10 s"))
HEIGHT: Final = TOP + FLOW + GAP + LATENCY + GAP + ERRORS + AXIS
FLOW_END: Final = TOP + FLOW
LATENCY_TOP, LATENCY_END = FLOW_END + GAP, FLOW_END + GAP + LATENCY
ERRORS_TOP, ERRORS_END = LATENCY_END + GAP, LATENCY_END + GAP + ERRORS
Place = Callable[[float], float]


def svg(result: Result) -> str:
    """Styled by the page's classes."""
    end = max([ended for _, _, ended, *_ in result.records] + [1.0])
    scale = (WIDTH - LEFT - RIGHT) / end

    def x(seconds: float) -> float:
        return LEFT + max(0.0, min(seconds, end)) * scale

    parts = [*_pause(result, x), *_flow(result, end, x), *_latency(result, x), *_errors(result, x)]
    parts += [*_axis(end, x), *_moments(result, x, end)]
    title = f"Throughput, latency and errors of {result.name}, run {result.number}"
    return (
        f'<svg class="timeline" viewBox="0 0 {WIDTH:.0f} {HEIGHT:.0f}" role="img" aria-label="{escape(title)}">'
        + "".join(parts)
        + "</svg>"
    )


def _pause(result: Result, x: Place) -> Iterator[str]:
    """The longest time without an acknowledged write, as a band behind everything."""
    seen = result.figures
    begun = next((m.begun for m in result.moments if m.is_fault), 0.0)
    since = seen.pause_at
    if seen.pause_s < 0.3 or since + seen.pause_s < begun - 1:
        return
    left, width = x(since), x(since + seen.pause_s) - x(since)
    yield f'<rect class="pause" x="{left:.1f}" y="{TOP}" width="{max(width, 1):.1f}" height="{ERRORS_END - TOP:.1f}"/>'
    # Beside the band where there is room, and never over its edge.
    is_left = left + width > WIDTH - RIGHT - 240
    at, anchor = (left - 6, "end") if is_left else (left + width + 6, "start")
    yield (
        f'<text class="pause-label" x="{at:.1f}" y="{FLOW_END + GAP - 7:.1f}" text-anchor="{anchor}">'
        f"{seen.pause_s:.2f} s without an acknowledged write</text>"
    )


def _flow(result: Result, end: float, x: Place) -> Iterator[str]:
    """Acknowledged operations a second: writes below, reads on top."""
    bins = math.ceil(end / BIN_S) + 1
    reads, writes = [0] * bins, [0] * bins
    for kind, _, ended, verdict, *_ in result.records:
        if verdict == "ok":
            (writes if kind in WRITES else reads)[int(ended / BIN_S)] += 1
    most = max(max(map(sum, zip(reads, writes, strict=True)), default=1), 1) / BIN_S
    top = _round_up(most)

    def y(amount: float) -> float:
        return FLOW_END - amount / BIN_S / top * FLOW

    yield _lane_title("operations a second", TOP)
    for share in (0.5, 1.0):
        yield _grid(FLOW_END - FLOW * share, f"{top * share:g}")
    yield _grid(FLOW_END, "0")
    yield _steps([a + b for a, b in zip(reads, writes, strict=True)], "reads-area", x, y, FLOW_END)
    yield _steps(writes, "writes-area", x, y, FLOW_END)


def _steps(amounts: list[int], name: str, x: Place, y: Place, floor: float) -> str:
    path = [f"M{x(0):.1f} {floor:.1f}"]
    for number, amount in enumerate(amounts):
        path.append(f"V{y(amount):.1f}H{x((number + 1) * BIN_S):.1f}")
    return f'<path class="{name}" d="{"".join(path)}V{floor:.1f}Z"/>'


def _latency(result: Result, x: Place) -> Iterator[str]:
    """Each operation is a dot where it began, on a logarithmic scale."""
    yield _lane_title("latency", LATENCY_TOP)
    for seconds, label in GRID_S:
        yield _grid(_height(seconds), label)
    dots: dict[str, list[str]] = {"read": [], "write": [], "bad": []}
    for kind, started, ended, verdict, *_ in result.records:
        name = "bad" if verdict != "ok" else "write" if kind in WRITES else "read"
        dots[name].append(f"M{x(started):.1f} {_height(ended - started):.1f}h0")
    for name, path in dots.items():
        if path:
            yield f'<path class="dot {name}" d="{"".join(path)}"/>'


def _errors(result: Result, x: Place) -> Iterator[str]:
    """What failed, and what needed another try, where it ended."""
    yield _lane_title("retried, failed", ERRORS_TOP)
    yield f'<rect class="lane" x="{LEFT}" y="{ERRORS_TOP}" width="{WIDTH - LEFT - RIGHT}" height="{ERRORS}"/>'
    marks: dict[str, list[str]] = {"retried": [], "failed": []}
    for _, started, ended, verdict, attempts, _ in result.records:
        if verdict != "ok":
            marks["failed"].append(f"M{x(ended):.1f} {ERRORS_TOP + 2:.1f}v{ERRORS - 4:.1f}")
        elif attempts > 1:
            marks["retried"].append(f"M{x(started):.1f} {ERRORS_END - 3:.1f}v{-ERRORS / 2.4:.1f}")
    for name, path in marks.items():
        if path:
            yield f'<path class="tick {name}" d="{"".join(path)}"/>'


def _axis(end: float, x: Place) -> Iterator[str]:
    step = next(step for step in (1, 2, 5, 10, 20, 30, 60, 120, 600) if end / step <= 16)
    for number in range(int(end / step) + 1):
        at = number * step
        yield f'<text class="axis" x="{x(at):.1f}" y="{HEIGHT - 8:.1f}" text-anchor="middle">{at} s</text>'
        yield f'<path class="grid" d="M{x(at):.1f} {ERRORS_END:.1f}v5"/>'


def _moments(result: Result, x: Place, end: float) -> Iterator[str]:
    """A line with a number for each; the words stand below the picture."""
    last = -99.0
    for number, moment in enumerate(result.moments, 1):
        if moment.begun > end:
            continue
        at, name = x(moment.begun), "fault" if moment.is_fault else "mended"
        width = max(0.0, x(moment.ended) - at)
        yield f'<g class="moment {name}"><title>{escape(moment.text)}, {moment.begun:.1f} s</title>'
        if width > 3:
            yield f'<rect x="{at:.1f}" y="{TOP - 4}" width="{width:.1f}" height="4"/>'
        yield f'<path d="M{at:.1f} {TOP - 6}V{ERRORS_END:.1f}"/>'
        if at - last > 17:  # many small faults in a row are not all numbered
            yield f'<circle cx="{at:.1f}" cy="{TOP - 16}" r="9"/>'
            yield f'<text x="{at:.1f}" y="{TOP - 12}">{number}</text>'
            last = at
        yield "</g>"


def _height(seconds: float) -> float:
    share = math.log(max(seconds, FASTEST_S) / FASTEST_S) / math.log(SLOWEST_S / FASTEST_S)
    return LATENCY_END - min(share, 1.0) * LATENCY


def _grid(y: float, label: str) -> str:
    return (
        f'<path class="grid" d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}"/>'
        f'<text class="axis" x="{LEFT - 8}" y="{y + 3.5:.1f}" text-anchor="end">{label}</text>'
    )


def _lane_title(text: str, y: float) -> str:
    return f'<text class="lane-title" x="{LEFT}" y="{y - 6:.1f}">{escape(text)}</text>'


def _round_up(value: float) -> float:
    return float(next(step for step in _nice() if step >= value))


def _nice() -> Iterable[float]:
    size = 1.0
    while True:
        yield from (size, 2 * size, 4 * size, 6 * size, 8 * size)
        size *= 10
