"""Rows 5 to 9: the primary is moved, killed, lost, cut off or hung."""

from drills.lab.options import Options
from drills.run import Run
from drills.scenario import Load, scenario

FENCED = Options(fencer=True)
# As Patroni comes: nobody may set a shorter lease there.
FENCED_AT_20_S = Options(fencer=True, ttl=20)


@scenario(row=5, pause_s=5.0, load=Load(retries=False))
def primary_switchover(run: Run) -> None:
    """
    Given three database nodes, and steady load by clients that never send a call again
    When the primary is handed over to a standby, as before maintenance
    Then no read and no keyed write fails, and writes pause for at most 5 s
    """
    with run.when("planned switchover"):
        run.faults.switchover()
    run.until_writes_flow()
    run.goes_on(3)


@scenario(row=6, pause_s=5.0)
def primary_killed(run: Run) -> None:
    """
    Given three database nodes, and steady load
    When the primary's Postgres is killed with -9
    Then no read and no keyed write fails, and writes pause for at most 5 s
    """
    primary = run.cluster.primary()
    with run.when(f"kill -9 of Postgres on {primary}, the primary"):
        run.faults.kill(f"postgres@{primary}")
    run.until_writes_flow()
    run.goes_on(4)


@scenario(row=7, pause_s=6.0, read_s=0.5, options=FENCED, needs_network=True, target="lab")
def primary_node_lost(run: Run) -> None:
    """
    Given three database nodes and the fencer, and steady load
    When the primary's node is silently lost: its link goes down, then everything on it is killed
    Then the fencer releases its place: no keyed write fails, and writes pause for at most 6 s
    And no read takes longer than 0.5 s
    """
    _lose_the_primary(run)


@scenario(row=7, pause_s=6.0, read_s=0.5, options=FENCED_AT_20_S, needs_network=True, target="lab")
def primary_node_lost_long_lease(run: Run) -> None:
    """
    Given three database nodes with a lease of 20 s as Patroni comes, the fencer, and steady load
    When the primary's node is silently lost: its link goes down, then everything on it is killed
    Then the fencer releases its place: no keyed write fails, and writes pause for at most 6 s
    And no read takes longer than 0.5 s
    """
    _lose_the_primary(run)


@scenario(row=7, pause_s=30.0, read_s=0.5, refuses="writes", needs_network=True)
def primary_node_lost_unfenced(run: Run) -> None:
    """
    Given three database nodes without the fencer, and steady load
    When the primary's node is silently lost: its link goes down, then everything on it is killed
    Then its lease must end first: writes pause for at most 30 s, and may be refused with 503 after 15 s
    And no read takes longer than 0.5 s
    """
    _lose_the_primary(run)


def _lose_the_primary(run: Run) -> None:
    primary = run.cluster.primary()
    with run.when(f"{primary}, the primary's node, is lost"):
        run.faults.lose_node(primary)
    run.until_writes_flow()
    with run.mended(f"{primary} is back"):
        run.faults.restore_node(primary)
    run.goes_on(6)


@scenario(row=8, pause_s=10.0, stale_s=10.0, needs_network=True)
def primary_partitioned(run: Run) -> None:
    """
    Given three database nodes, and steady load
    When the primary's node is cut off from everything, and stays alive
    Then it takes no write that would be lost: no keyed write fails, and writes pause for at most 10 s
    And answers that are old say so, and are no older than 10 s
    """
    primary = run.cluster.primary()
    with run.when(f"{primary}, the primary's node, is cut off from all others"):
        run.faults.cut(primary, ["db1", "db2", "db3", "lb1", "lb2", "app1", "app2"])
    run.until_writes_flow()
    with run.mended("the network is whole again"):
        run.faults.heal()
    run.goes_on(6)


@scenario(row=8, pause_s=10.0, stale_s=10.0, needs_network=True)
def primary_half_partitioned(run: Run) -> None:
    """
    Given three database nodes, and steady load
    When the primary's node hears nothing of the other database nodes any more, while the proxies still reach it
    Then it takes no write that would be lost: no keyed write fails, and writes pause for at most 10 s
    And answers that are old say so, and are no older than 10 s
    """
    primary = run.cluster.primary()
    with run.when(f"{primary}, the primary's node, hears nothing of its standbys"):
        run.faults.cut(primary, run.cluster.standbys(), incoming_only=True)
    run.until_writes_flow()
    with run.mended("the network is whole again"):
        run.faults.heal()
    run.goes_on(6)


@scenario(row=9, pause_s=10.0)
def primary_hung(run: Run) -> None:
    """
    Given three database nodes, and steady load
    When every process of the primary's Postgres stops, and does not say so
    Then a standby takes over: no keyed write fails, and writes pause for at most 10 s
    """
    primary = run.cluster.primary()
    with run.when(f"SIGSTOP of Postgres on {primary}, the primary"):
        run.faults.stop(f"postgres@{primary}")
    run.until_writes_flow()
    with run.mended(f"SIGCONT of Postgres on {primary}"):
        run.faults.cont(f"postgres@{primary}")
    run.goes_on(6)


@scenario(row=9, pause_s=10.0)
def patroni_hung(run: Run) -> None:
    """
    Given three database nodes, and steady load
    When the Patroni beside the primary stops, and does not say so, for longer than its lease
    Then whoever is the primary afterwards: no keyed write fails, and writes pause for at most 10 s
    And never do two nodes take writes that count
    """
    with run.when("SIGSTOP of the Patroni beside the primary"):
        run.faults.hang_patroni()
    run.goes_on(28)
    with run.mended("SIGCONT"):
        run.faults.heal()
    run.until_writes_flow()
    run.goes_on(4)
