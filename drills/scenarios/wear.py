"""Faults without a row: disks, connections, clocks, certificates. What is promised, and what was found."""

from drills.run import Run
from drills.scenario import scenario


@scenario(needs_network=True)
def disk_full(run: Run) -> None:
    """
    Given three database nodes, and steady load
    When the disk under the primary's data is full
    Then a standby takes over or writes wait, and nothing that was acknowledged is lost
    """
    primary = run.cluster.primary()
    with run.when(f"the disk of {primary}, the primary, is full"):
        run.faults.fill_disk(primary)
    run.goes_on(10)
    with run.mended("there is room again"):
        run.faults.heal()
    run.until_writes_flow()


@scenario(needs_network=True)
def disk_slow(run: Run) -> None:
    """
    Given three database nodes, and steady load
    When the disk under the primary's data becomes very slow
    Then writes become slow, and none fails
    """
    primary = run.cluster.primary()
    with run.when(f"the disk of {primary}, the primary, is slow"):
        run.faults.throttle_disk(primary)
    run.goes_on(12)
    with run.mended("the disk is quick again"):
        run.faults.heal()
    run.until_writes_flow()


@scenario()
def connections_exhausted(run: Run) -> None:
    """
    Given steady load
    When somebody else takes every connection of the primary
    Then those that the application has go on to serve: no keyed write fails
    """
    with run.when("every connection of the primary is taken"):
        run.faults.exhaust_connections()
    run.goes_on(10)
    with run.mended("they are free again"):
        run.faults.heal()
    run.until_writes_flow()


@scenario(keeps_order=False)
def clock_skewed(run: Run) -> None:
    """
    Given two hosts, and steady load
    When the clock of one of them is two minutes behind
    Then no read and no keyed write fails, and nothing is lost or doubled
    And posts made on that host stand two minutes too low in timelines, because their ids tell the time
    """
    with run.when("the application on app2 starts again two minutes in the past"):
        run.faults.skew_clock("app2", -120)
    run.goes_on(12)
    with run.mended("its clock is right again"):
        run.faults.skew_clock("app2", 0)
    run.until_writes_flow()


@scenario()
def certificate_expired(run: Run) -> None:
    """
    Given proxies with a certificate, and clients that verify it
    When the certificate of the proxies expires
    Then nobody is deceived: clients refuse to talk until there is a new one, which needs a reload and no restart
    And no keyed write fails that is sent again for 15 s
    """
    with run.when("the proxies present an expired certificate"):
        run.faults.expire_certificate()
    run.goes_on(6)
    with run.mended("a new certificate, and a reload"):
        run.faults.heal()
    run.until_writes_flow()
