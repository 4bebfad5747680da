"""A role whose processes come and go is scraped as one whose processes stay."""

import os
import subprocess
import sys
from pathlib import Path

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from nexus.config import ended

# What a process of a role counts before it is killed; its number is the time of its last word.
PROCESS = """
import os, sys, time
from prometheus_client import Counter, Gauge, Histogram
number = int(sys.argv[1])
Counter("calls", "Calls", ["door"]).labels("rest").inc(2)
Histogram("took_seconds", "Time", buckets=[1.0]).observe(0.5)
Gauge("seen", "Seen last", multiprocess_mode="mostrecent").set(number)
Gauge("beat", "The latest", multiprocess_mode="max").set(100 - number)
Gauge("running", "Now", multiprocess_mode="livesum").set(1)
os.kill(os.getpid(), 9)
"""


def live_and_die(directory: Path, number: int) -> None:
    variables = {**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(directory)}
    done = subprocess.run([sys.executable, "-c", PROCESS, str(number)], env=variables, check=False)
    assert done.returncode == -9


def scraped(directory: Path) -> dict[str, float]:
    ended.gather(directory)
    registry = CollectorRegistry()
    MultiProcessCollector(registry, str(directory))  # type: ignore[no-untyped-call]  # it has no types
    lines = [line for line in generate_latest(registry).decode().splitlines() if not line.startswith("#")]
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines)}


def size(directory: Path) -> tuple[int, int]:
    files = list(directory.iterdir())
    return len(files), sum(path.stat().st_size for path in files)


def test_nothing_is_lost_and_nothing_grows(tmp_path: Path) -> None:
    live_and_die(tmp_path, 1)
    first, small = scraped(tmp_path), size(tmp_path)
    for number in range(2, 11):
        live_and_die(tmp_path, number)
        if number == 5:
            scraped(tmp_path)
    last = scraped(tmp_path)
    assert size(tmp_path) == small
    assert first.keys() == last.keys()
    assert last == {
        'calls_total{door="rest"}': 20.0,
        'took_seconds_bucket{le="1.0"}': 10.0,
        'took_seconds_bucket{le="+Inf"}': 10.0,
        "took_seconds_count": 10.0,
        "took_seconds_sum": 5.0,
        "seen": 10.0,
        "beat": 99.0,
    }


def test_who_lives_keeps_his_own_file(tmp_path: Path) -> None:
    live_and_die(tmp_path, 1)
    mine = tmp_path / f"counter_{os.getpid()}.db"
    (tmp_path / next(path.name for path in tmp_path.glob("counter_*.db"))).rename(mine)
    ended.gather(tmp_path)
    assert mine.exists()
    assert scraped(tmp_path)['calls_total{door="rest"}'] == 2.0


def test_every_gauge_has_a_mode_that_is_known() -> None:
    from nexus.kernel import metrics

    modes = {each._multiprocess_mode for each in vars(metrics).values() if hasattr(each, "_multiprocess_mode")}
    assert {mode for mode in modes if not mode.startswith("live")} <= {
        kind.removeprefix("gauge_") for kind in ended._JOINED
    }
