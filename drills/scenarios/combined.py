"""Row 16: two faults at once; and a commit that was cancelled, tried again on the old primary."""

import threading

from drills.run import Run
from drills.scenario import scenario
from drills.scenarios.application import deploy

# What a time-out of the application does, and an impatient operator.
CANCEL = "SELECT count(pg_cancel_backend(pid)) FROM pg_stat_activity WHERE wait_event = 'SyncRep'"


@scenario(row=16, pause_s=12.0)
def failover_during_deploy(run: Run) -> None:
    """
    Given every role twice, three database nodes, and steady load
    When the primary's Postgres is killed with -9 in the middle of a deploy of everything
    Then no read and no keyed write fails, and writes pause for at most 12 s
    """
    deploying = threading.Thread(target=deploy, args=(run,))
    deploying.start()
    run.goes_on(4)
    primary = run.cluster.primary()
    with run.when(f"kill -9 of Postgres on {primary}, the primary"):
        run.faults.kill(f"postgres@{primary}")
    deploying.join()
    run.until_writes_flow()


@scenario(needs_network=True)
def commit_cancelled(run: Run) -> None:
    """
    Given three database nodes, and steady load
    When no standby hears the primary, and the commits that wait are cancelled, which stores them on the primary alone
    And clients send them again to the same primary, which is then lost with all that nobody else ever got
    Then no read and no keyed write fails, nothing that was acknowledged is lost, and nothing is there twice
    """
    primary = run.cluster.primary()
    with run.when(f"{primary}, the primary, and its standbys do not hear each other"):
        run.faults.cut(primary, run.cluster.standbys())
    run.goes_on(1.0)
    with run.when("every waiting commit is cancelled"):
        (cancelled,) = run.cluster.sql(primary, CANCEL)[0]
    run.notes["cancelled_commits"] = cancelled
    run.goes_on(1.2)  # the same calls come again; it is over before anybody notices that the standbys are gone
    with run.when(f"{primary} is lost"):
        run.faults.lose_node(primary)
    run.then(cancelled > 0, "no commit was waiting, so nothing was shown")
    run.until_writes_flow()
    with run.mended(f"{primary} is back"):
        run.faults.heal()
    run.goes_on(4)
