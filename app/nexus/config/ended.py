"""What ended processes have counted goes into one file of each kind: a scrape costs no more after a thousand ends."""

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Final

from prometheus_client.mmap_dict import MmapedDict

from nexus.config.state import is_running

Sample = tuple[float, float]  # value and time
_FILE: Final = re.compile(r"(?P<kind>\w+)_(?P<pid>\d+)\.db")
_TOGETHER: Final = "0"  # no process has it


def _sum(one: Sample, other: Sample) -> Sample:
    return one[0] + other[0], max(one[1], other[1])


def _latest(one: Sample, other: Sample) -> Sample:
    return max(one, other, key=lambda sample: sample[1])


# Gauges of a mode that begins with live end with their process.
_JOINED: Final[dict[str, Callable[[Sample, Sample], Sample]]] = {
    "counter": _sum,
    "histogram": _sum,
    "gauge_mostrecent": _latest,
    "gauge_max": max,
}


def gather(directory: Path) -> None:
    """Nobody else may read the folder meanwhile."""
    ended: dict[str, list[Path]] = {}
    for path in directory.glob("*.db"):
        found = _FILE.fullmatch(path.name)
        if found and found["pid"] != _TOGETHER and not is_running(int(found["pid"])):
            ended.setdefault(found["kind"], []).append(path)
    for kind, paths in ended.items():
        if joined := _JOINED.get(kind):
            _join(directory / f"{kind}_{_TOGETHER}.db", paths, joined)
        for path in paths:
            path.unlink()


def _join(together: Path, paths: list[Path], joined: Callable[[Sample, Sample], Sample]) -> None:
    samples: dict[str, Sample] = {}
    for path in [*paths, together] if together.exists() else paths:
        for key, value, at, _ in MmapedDict.read_all_values_from_file(str(path)):  # type: ignore[no-untyped-call]  # it has no types
            samples[key] = joined(samples[key], (value, at)) if key in samples else (value, at)
    new = together.with_suffix(".new")
    new.unlink(missing_ok=True)
    file = MmapedDict(str(new))  # type: ignore[no-untyped-call]  # it has no types
    for key, sample in samples.items():
        file.write_value(key, *sample)  # type: ignore[no-untyped-call]  # it has no types
    file.close()  # type: ignore[no-untyped-call]  # it has no types
    os.replace(new, together)
