"""Rows 10 to 12: standbys, and the store that says who leads."""

import time

from drills.run import Run
from drills.scenario import Load, scenario

LATE_S = 4.0


@scenario(row=10, pause_s=0.5, needs_network=True)
def standby_lost(run: Run) -> None:
    """
    Given three database nodes of which any one standby confirms a commit, and steady load
    When a standby's node is silently lost
    Then the other one confirms: no read and no keyed write fails, and writes pause for at most 0.5 s
    """
    standby = run.cluster.standbys()[0]
    with run.when(f"{standby}, a standby's node, is lost"):
        run.faults.lose_node(standby)
    run.goes_on(10)
    with run.mended(f"{standby} is back"):
        run.faults.restore_node(standby)
    run.until_writes_flow()


@scenario(row=11, refuses="writes", read_s=2.5, load=Load(users=32))
def standbys_lost(run: Run) -> None:
    """
    Given three database nodes, and steady load by so many people that their writes could hold every thread
    When Patroni and Postgres of both standbys are killed with -9
    Then nobody could confirm a commit: writes are refused as 503 with Retry-After until one is back
    And reads go on and take 2.5 s at most, and nothing that was acknowledged is lost
    """
    primary, lost = run.cluster.primary(), run.cluster.standbys()
    with run.when("kill -9 of Patroni and Postgres on both standbys"):
        for node in lost:
            run.faults.kill(f"patroni@{node}")
            run.faults.kill(f"postgres@{node}")
    moment = time.monotonic()
    run.goes_on(22)
    acknowledged = run.load.acknowledged_since(moment + 1)
    run.then(acknowledged == 0, f"{acknowledged} writes were acknowledged that no standby of {primary} had confirmed")
    with run.mended("both start again"):
        run.faults.heal()
    run.until_writes_flow()
    unanswered = [r for r in run.load.records() if r.verdict != "ok" and r.attempts == 1]
    run.then(not unanswered, f"{len(unanswered)} writes were not refused: no answer came within the client's 15 s")


@scenario(row=12, pause_s=0.5)
def consensus_lost(run: Run) -> None:
    """
    Given three nodes of etcd, which say who leads, and steady load
    When every etcd stops, and does not say so
    Then Patroni's nodes still hear each other, and the primary stays: no read and no keyed write fails
    And writes pause for at most 0.5 s
    """
    with run.when("every etcd stops"):
        run.faults.stop_consensus()
    run.goes_on(25)
    with run.mended("every etcd goes on"):
        run.faults.start_consensus()
    run.until_writes_flow()


@scenario(pause_s=0.5)
def standbys_late(run: Run) -> None:
    """
    Given two standbys that answer reads, and steady load
    When both get everything, and for a while replay nothing of it
    Then no read and no keyed write fails, and everybody sees at once what he has written
    """
    standbys = run.cluster.standbys()
    with run.when("both standbys stop replaying"):
        for standby in standbys:
            run.cluster.sql(standby, "SELECT pg_wal_replay_pause()")
    run.goes_on(LATE_S)
    with run.mended("both go on"):
        for standby in standbys:
            run.cluster.sql(standby, "SELECT pg_wal_replay_resume()")
    run.until_writes_flow()
