"""Row 15: more load than there is strength for, and a slow database."""

import time
from collections.abc import Sequence

from drills.records import Record
from drills.run import Run
from drills.scenario import Load, scenario
from drills.workload import Workload

MEASURED_S, OVERLOADED_S = 8.0, 15.0
CROWD, TIMES, GOODPUT = 32, 3, 0.8
BACK_WITHIN_S = 30.0
UNBOUNDED = 10_000.0


@scenario(row=15, refuses="anything", load=Load(users=4, rate=6.0))
def overload(run: Run) -> None:
    """
    Given a crowd that asks as fast as it is answered, which shows how much can be carried
    When a crowd three times as large comes at once
    Then what is too much is shed early as 503, and never after a commit
    And four fifths of what could be carried before still are, and all is well again 30 s later
    """
    with run.when(f"{CROWD} more people ask as fast as they are answered"):
        capacity = _goodput(_crowd(run, CROWD, MEASURED_S))
    run.goes_on(3)
    with run.when(f"{TIMES * CROWD} people do"):
        seen = _crowd(run, TIMES * CROWD, OVERLOADED_S)
    goodput, unsure = _goodput(seen), sum(record.verdict == "unknown" for record in seen)
    run.notes |= {"carried_before": round(capacity, 1), "carried_in_overload": round(goodput, 1)}
    run.then(goodput >= GOODPUT * capacity, f"{goodput:.0f}/s were carried in overload, {capacity:.0f}/s before it")
    run.then(unsure == 0, f"{unsure} writes of the crowd ended with an unknown outcome")
    run.until_writes_flow(BACK_WITHIN_S)


@scenario(row=15, pause_s=30.0)
def database_slow(run: Run) -> None:
    """
    Given a database that is near, and steady load
    When it answers 200 ms later each time, for fifteen seconds
    Then no read and no keyed write fails, and all is as quick as before within 30 s
    """
    with run.when("each answer of Postgres comes 200 ms late"):
        run.faults.slow_database(200)
    run.goes_on(15)
    with run.mended("Postgres is quick again"):
        run.faults.slow_database(0)
    run.until_writes_flow(BACK_WITHIN_S)


def _crowd(run: Run, users: int, seconds: float) -> Sequence[Record]:
    """What so many people without patience saw, from when all of them had signed up."""
    name = f"crowd{users}_{int(time.time()) % 10**7}"
    with Workload(run.cluster, run.load.path.parent, run=name, users=users, rate=UNBOUNDED, retries=False) as crowd:
        crowd.start()
        run.goes_on(seconds)
        crowd.stop()
        return [record for record in crowd.records() if crowd.begun <= record.started and record.ended <= crowd.ended]


def _goodput(records: Sequence[Record]) -> float:
    """Good answers a second."""
    if not records:
        return 0.0
    begun, ended = min(r.started for r in records), max(r.ended for r in records)
    return sum(record.verdict == "ok" for record in records) / max(ended - begun, 0.1)
