"""Writes the measured figures of results/ into docs/availability.md (`make generate`)."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from drills import results
from local.failure import Failure
from local.state import ROOT

_COUNTED: Final = "failed reads | failed writes | lost | doubled"
PAGE: Final = ROOT / "docs" / "availability.md"
KUBERNETES: Final = results.FOLDER / "kubernetes.json"
_MARK: Final = re.compile(
    r"(<!-- generated: (?P<name>[a-z ]+) -->\n).*?(<!-- end of generated: (?P=name) -->)", re.DOTALL
)


def write(page: Path = PAGE, latest: Path = results.LATEST, kubernetes: Path = KUBERNETES) -> None:
    """Without results, the page stays as it is."""
    if not latest.exists():
        return
    sums = results.latest(latest)
    parts = {
        "promises": _promises(sums),
        "kubernetes": _promises(results.latest(kubernetes)),
        "other faults": _others(sums),
        "controls": _controls(sums),
    }
    text, count = _MARK.subn(lambda m: f"{m[1]}{chr(10).join(parts[m['name']])}\n{m[3]}", page.read_text())
    if count != len(parts):
        raise Failure(f"{page} must have a place for each of {', '.join(parts)}.")
    page.write_text(text)


def _promises(sums: Mapping[str, Any]) -> Iterator[str]:
    yield f"| row | drill | runs | {_COUNTED} | pause: worst, median | limit | slowest read | verdict |"
    yield "|---|---|---|---|---|---|---|---|---|---|---|"
    for row in sums["promises"]:
        if row["row"]:
            limit = "none" if row["limit_s"] is None else f"{row['limit_s']:g} s"
            figures = f"{row['runs']} | {_counts(row)} | {_pause(row)} | {limit} | {_read(row)} | {_verdict(row)}"
            yield f"| {row['row']} | `{row['name']}` | {figures} |"


def _others(sums: Mapping[str, Any]) -> Iterator[str]:
    yield f"| fault | what holds | runs | {_COUNTED} | pause: worst, median | verdict |"
    yield "|---|---|---|---|---|---|---|---|---|"
    for row in sums["promises"]:
        if not row["row"]:
            then = " ".join(_after_then(row["sentences"]))
            yield f"| `{row['name']}` | {then} | {row['runs']} | {_counts(row)} | {_pause(row)} | {_verdict(row)} |"


def _controls(sums: Mapping[str, Any]) -> Iterator[str]:
    yield "| control | what is taken away | what must go wrong | what went wrong |"
    yield "|---|---|---|---|"
    for row in sums["controls"]:
        seen = row["seen"] or "**nothing: the drill proves nothing**"
        yield f"| `{row['name']}` | {row['without']} | {row['expected']} | {seen} |"


def _counts(row: Mapping[str, Any]) -> str:
    return " | ".join(str(row[name]) for name in ("failed_reads", "failed_writes", "lost", "duplicated"))


def _pause(row: Mapping[str, Any]) -> str:
    return f"{row['pause_s']['worst']:.2f} s, {row['pause_s']['median']:.2f} s"


def _read(row: Mapping[str, Any]) -> str:
    limit = row["read_limit_s"]
    return f"{row['slowest_read_s']:.2f} s" + (f" of {limit:g} s" if limit else "")


def _verdict(row: Mapping[str, Any]) -> str:
    return "green" if row["verdict"] == "green" else f"**red**: {'; '.join(row['broken'][:2])}"


def _after_then(sentences: list[str]) -> Iterator[str]:
    is_after = False
    for line in sentences:
        is_after = is_after or line.startswith("Then ")
        if is_after:
            yield line.removeprefix("Then ")


if __name__ == "__main__":
    write()
