"""Rows 4 and 7 where machines are shared, as in Kubernetes: one loses power, with all that runs there."""

import time

from drills.kubernetes.cluster import KubernetesCluster
from drills.run import Run
from drills.scenario import scenario

RESCHEDULED_S = 180.0


@scenario(row=7, pause_s=20.0, refuses="anything", target="kubernetes")
def primary_machine_lost(run: Run) -> None:
    """
    Given three nodes with everything on them, and steady load
    When the node of the primary loses power, with the replicas of all roles that run there
    Then nothing that was acknowledged is lost or doubled, and writes pause for at most 20 s
    And the replicas come up on the other nodes, and the lost member follows again by itself when its node starts
    """
    _lose_machine(run, run.cluster.primary())


@scenario(row=4, pause_s=20.0, refuses="anything", target="kubernetes")
def proxy_machine_lost(run: Run) -> None:
    """
    Given three nodes with everything on them, and steady load that arrives at any node's address
    When the node of a proxy loses power, with the replicas of all roles that run there
    Then nothing that was acknowledged is lost or doubled, and writes pause for at most 20 s
    And the replicas come up on the other nodes, and whoever was lost is back when its node starts
    """
    _lose_machine(run, "proxy@lb1")


def _lose_machine(run: Run, of: str) -> None:
    cluster = run.cluster
    assert isinstance(cluster, KubernetesCluster)
    moment = time.monotonic()
    with run.when(f"the node of {of} loses power"):
        cluster.faults.lose_machine(of)
    run.until_writes_flow(120)
    # Until Kubernetes knows of the loss, the lost replicas count as ready.
    run.then(run.until(lambda: not cluster.has_all_replicas(), RESCHEDULED_S), "nobody noticed the loss")
    run.notes["noticed_s"] = round(time.monotonic() - moment, 1)
    run.then(run.until(cluster.has_all_replicas, RESCHEDULED_S), "the lost replicas did not come up elsewhere")
    run.notes["rescheduled_s"] = round(time.monotonic() - moment, 1)
    with run.mended("the node starts again"):
        cluster.faults.restore_machines()
        run.notes["rejoined_s"] = round(cluster.wait_until_healthy(), 1)
    run.until_writes_flow()
