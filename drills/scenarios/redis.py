"""Row 13 and the wiped cache: Redis is never on the way of a commit."""

from drills.run import Run
from drills.scenario import scenario


@scenario(row=13, pause_s=0.5)
def redis_master_killed(run: Run) -> None:
    """
    Given Redis three times with Sentinel, and steady load
    When the master of Redis is killed with -9
    Then no read and no write fails, nobody sees a pause, and every timeline is whole afterwards
    """
    with run.when("kill -9 of the master of Redis"):
        run.faults.redis_kill_master()
    run.goes_on(10)
    run.until_writes_flow()


@scenario(row=13, pause_s=0.5)
def redis_gone(run: Run) -> None:
    """
    Given Redis three times with Sentinel, and steady load
    When every Redis is killed with -9, and comes back after fifteen seconds
    Then no read and no write fails, nobody sees a pause, and every timeline is whole afterwards
    """
    with run.when("kill -9 of every Redis"):
        run.faults.redis_kill_all()
    run.goes_on(15)
    with run.mended("every Redis starts again"):
        run.faults.heal()
    run.goes_on(4)
    run.until_writes_flow()


@scenario(row=13, pause_s=0.5)
def redis_silent(run: Run) -> None:
    """
    Given Redis three times with Sentinel, and steady load
    When every Redis stops, and does not say so
    Then no read and no write fails, nobody sees a pause, and every timeline is whole afterwards
    """
    nodes = [run.cluster.primary(), *run.cluster.standbys()]
    with run.stopped("every Redis", [f"redis@{node}" for node in nodes]):
        run.goes_on(12)
    run.goes_on(4)
    run.until_writes_flow()


@scenario(row=13, pause_s=0.5, needs_network=True)
def redis_partitioned(run: Run) -> None:
    """
    Given Redis three times with Sentinel, and steady load
    When the master of Redis is cut off from the others, while it still hears the application
    Then no read and no write fails, nobody sees a pause, and every timeline is whole afterwards
    """
    with run.when("the master of Redis is cut off from its replicas"):
        run.faults.redis_partition()
    run.goes_on(12)
    with run.mended("the network is whole again"):
        run.faults.heal()
    run.goes_on(4)
    run.until_writes_flow()


@scenario(row=15, pause_s=30.0)
def cache_wiped(run: Run) -> None:
    """
    Given warm caches and timelines in Redis, and steady load
    When every key in Redis is gone from one moment to the next
    Then no read and no write fails, and every timeline is whole afterwards
    """
    with run.when("FLUSHALL"):
        run.faults.redis_flush()
    run.goes_on(8)
    run.until_writes_flow()
