"""Row 16: two faults at once; and a commit that was cancelled, tried again on the old primary."""

import threading

from drills.run import Run
from drills.scenario import scenario
from drills.scenarios.application import deploy


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


@scenario(needs_network=True, refuses="writes")
def commit_cancelled(run: Run) -> None:
    """
    Given three database nodes, and steady load
    When both standbys hang, so that commits wait, are cancelled, and are tried again on the same primary
    And then its node is lost, with all that no standby ever got, and the standbys go on
    Then nothing that was acknowledged is lost, and nothing is there twice
    """
    primary, standbys = run.cluster.primary(), run.cluster.standbys()
    with run.when("SIGSTOP of Postgres on both standbys"):
        for standby in standbys:
            run.faults.stop(f"postgres@{standby}")
    run.goes_on(13)
    with run.when(f"{primary}, the primary's node, is lost"):
        run.faults.lose_node(primary)
    with run.mended("SIGCONT of Postgres on both standbys"):
        for standby in standbys:
            run.faults.cont(f"postgres@{standby}")
    run.until_writes_flow()
    with run.mended(f"{primary} is back"):
        run.faults.restore_node(primary)
    run.goes_on(4)
