"""Row 15: more load than there is strength for, and a slow database."""

import time
from collections.abc import Sequence

from drills.records import Record
from drills.run import Run
from drills.scenario import Load, scenario
from drills.workload import Workload

WARM_UP_S, MEASURED_S, OVERLOADED_S = 4.0, 8.0, 20.0
CAPACITY_USERS, CROWD, ACCOUNTS = 64, 300, 8
TIMES, GOODPUT, WRITES_GOODPUT = 3, 0.8, 0.5
DISTANCE_MS, LATE_MS = 100, 200
BACK_WITHIN_S = 30.0
UNBOUNDED = 10_000.0


@scenario(row=15, refuses="anything", load=Load(users=4, rate=6.0))
def overload(run: Run) -> None:
    """
    Given a database 100 ms away, so that threads and not this machine's cores are scarce, and a crowd that asks as fast
    as it is answered, which shows how much can be carried
    When three times as much is asked, by 300 people
    Then what is too much is shed early as 503, and never after a commit
    And four fifths of what could be carried before still are, of the writes half, and all is well again 30 s later
    """
    with run.when(f"each answer of Postgres comes {DISTANCE_MS} ms late"):
        run.faults.slow_database(DISTANCE_MS)
    with run.when(f"{CAPACITY_USERS} people ask as fast as they are answered"):
        before = _crowd(run, CAPACITY_USERS, UNBOUNDED, MEASURED_S)
    run.goes_on(3)
    with run.when(f"{CROWD} people ask {TIMES * _goodput(before):.0f} times a second"):
        seen = _crowd(run, CROWD, TIMES * _goodput(before), OVERLOADED_S)
    with run.mended("the crowd is gone, Postgres is near"):
        run.faults.slow_database(0)
    _then_it_was_shed_well(run, before, seen)
    run.until_writes_flow(BACK_WITHIN_S)


def _then_it_was_shed_well(run: Run, before: Sequence[Record], seen: Sequence[Record]) -> None:
    carried, goodput = _goodput(before), _goodput(seen)
    writes_carried, writes_goodput = (_goodput([each for each in of if each.is_write]) for of in (before, seen))
    refused = [record for record in seen if record.status == 503]
    unsure = sum(record.verdict == "unknown" and record.status != 503 for record in seen)
    texts = [record.about["text"] for record in refused if "text" in record.about]
    statement = "SELECT count(*) FROM nexus_post WHERE text = ANY(%s)"
    ((committed,),) = run.cluster.sql(run.cluster.primary(), statement, texts)
    waits = sorted(record.seconds for record in refused)
    run.notes |= {
        "carried_before_per_s": round(carried, 1),
        "carried_in_overload_per_s": round(goodput, 1),
        "writes_carried_before_per_s": round(writes_carried, 1),
        "writes_carried_in_overload_per_s": round(writes_goodput, 1),
        "refused": len(refused),
        "refused_after_s_median": round(waits[len(waits) // 2], 2) if waits else None,
    }
    run.then(goodput >= GOODPUT * carried, f"{goodput:.0f}/s were carried in overload, {carried:.0f}/s before it")
    run.then(
        writes_goodput >= WRITES_GOODPUT * writes_carried,
        f"{writes_goodput:.1f} writes/s were carried in overload, {writes_carried:.1f}/s before it",
    )
    run.then(unsure == 0, f"{unsure} writes of the crowd ended with an unknown outcome")
    run.then(committed == 0, f"{committed} posts were refused after their commit")


@scenario(row=15, pause_s=30.0)
def database_slow(run: Run) -> None:
    """
    Given a database that is near, and steady load
    When the database answers 200 ms later each time, for fifteen seconds
    Then no read and no keyed write fails, and all is as quick as before within 30 s
    """
    with run.when(f"each answer of Postgres comes {LATE_MS} ms late"):
        run.faults.slow_database(LATE_MS)
    begun = time.monotonic()
    run.goes_on(15)
    took = [record.seconds for record in run.load.records() if record.started >= begun]
    run.then(max(took, default=0.0) >= LATE_MS / 1000, "nobody had to wait: Postgres was not slow")
    with run.mended("Postgres is quick again"):
        run.faults.slow_database(0)
    run.until_writes_flow(BACK_WITHIN_S)


def _crowd(run: Run, users: int, rate: float, seconds: float) -> Sequence[Record]:
    """What so many people without patience saw."""
    name, folder = f"crowd{users}_{int(time.time()) % 10**7}", run.load.path.parent
    load = Workload(run.cluster, folder, run=name, users=users, rate=rate, accounts=ACCOUNTS, retries=False)
    with load as crowd:
        crowd.start()
        run.goes_on(WARM_UP_S + seconds)
        crowd.stop()
        begun = crowd.begun + WARM_UP_S
        return [record for record in crowd.records() if begun <= record.ended <= crowd.ended]


def _goodput(records: Sequence[Record]) -> float:
    """Good answers a second."""
    if not records:
        return 0.0
    begun, ended = min(r.ended for r in records), max(r.ended for r in records)
    return sum(record.verdict == "ok" for record in records) / max(ended - begun, 0.1)
