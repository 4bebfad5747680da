"""Row 14 and the poison message: what is done after the answer."""

import time

from drills.run import Run
from drills.scenario import scenario

DONE_WITHIN_S = 60.0
WAITING = (
    "SELECT (SELECT count(*) FROM nexus_outboxevent WHERE created_at < to_timestamp(%s))"
    " + (SELECT count(*) FROM nexus_delivery WHERE created_at < to_timestamp(%s) AND reaction <> %s)"
)
POISON = "notify_user_followed"


@scenario(row=14)
def worker_killed(run: Run) -> None:
    """
    Given two workers that do what follows from each write, and steady load
    When both workers are killed with -9 in the middle of their tasks, three times
    Then every task is done at most 60 s later, and has its effect once
    """
    for _ in range(3):
        for host in ("app1", "app2"):
            with run.when(f"kill -9 of the worker on {host}"):
                run.faults.kill_role(f"worker@{host}")
            run.goes_on(1)
        for host in ("app1", "app2"):
            with run.mended(f"the worker on {host} starts again"):
                run.faults.restart_role(f"worker@{host}")
    _then_all_is_done(run)


@scenario(row=14)
def broker_lost(run: Run) -> None:
    """
    Given tasks that heap up in Redis because both workers stand still, and steady load
    When every Redis is killed with -9, and all that was queued is gone
    Then every task is done at most 60 s after Redis is back, and has its effect once
    """
    with run.stopped("both workers", ["worker@app1", "worker@app2"]):
        run.goes_on(2)
        with run.when("kill -9 of every Redis"):
            run.faults.redis_kill_all()
        run.goes_on(1)
    run.goes_on(9)
    with run.mended("every Redis starts again, empty"):
        run.faults.heal()
    _then_all_is_done(run)


@scenario()
def poison_message(run: Run) -> None:
    """
    Given workers, and steady load
    When a task comes that fails whenever it is tried
    Then the others are done as always, and it is tried again and again, less and less often
    """
    with run.when("a delivery whose payload makes no sense"):
        run.cluster.sql(
            run.cluster.primary(),
            "INSERT INTO nexus_delivery (id, reaction, payload, request_id, created_at, due_at, attempts, last_error)"
            " VALUES (1, %s, %s::jsonb, '', now(), now(), 0, '') RETURNING id",
            POISON,
            '{"follower_id": "nobody", "followee_id": 0}',
        )
    run.goes_on(15)
    _then_all_is_done(run, apart_from=POISON)
    with run.mended("an operator takes it away"):
        rows = run.cluster.sql(run.cluster.primary(), "DELETE FROM nexus_delivery WHERE id = 1 RETURNING attempts")
    run.then(bool(rows) and 1 <= rows[0][0] <= 4, f"it was tried otherwise than promised: {rows}")


def _then_all_is_done(run: Run, apart_from: str = "") -> None:
    """All that was caused until now; what is caused meanwhile is on its way and does not count."""
    now, begun = time.time(), time.monotonic()

    def is_done() -> bool:
        rows = run.cluster.sql(run.cluster.primary(), WAITING, now, now, apart_from)
        return rows == [(0,)]

    run.then(run.until(is_done, DONE_WITHIN_S), f"a task was not done {DONE_WITHIN_S:.0f} s later")
    run.notes["done_after_s"] = round(time.monotonic() - begun, 1)
