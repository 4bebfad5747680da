"""Rows 1 to 3: what happens to the application's processes."""

from drills.run import Run
from drills.scenario import Load, scenario

KILLS, KILL_EVERY_S = 24, 1.5  # each host has replaced one before it loses the next
RELOADS = 5
WITHOUT_RETRY = Load(retries=False)


@scenario(row=1, pause_s=0.5, load=WITHOUT_RETRY)
def app_worker_killed(run: Run) -> None:
    """
    Given two hosts with a web replica each, and steady load by clients that never send a call again
    When a worker process is killed with -9, twenty-four times, on one host and the other
    Then no read and no keyed write fails, and nobody sees a pause
    """
    for number in range(KILLS):
        host = ("app1", "app2")[number % 2]
        with run.when(f"kill -9 of a worker of web on {host}"):
            run.faults.kill_web_worker(host)
        run.goes_on(KILL_EVERY_S)
    run.until_writes_flow()


@scenario(row=2, pause_s=1.0, load=WITHOUT_RETRY)
def app_replica_killed(run: Run) -> None:
    """
    Given two web replicas, and steady load by clients that never send a call again
    When one replica is killed with -9, master and workers
    Then no read and no keyed write fails, and writes pause for at most 1 s
    """
    with run.when("kill -9 of web on app1"):
        run.faults.kill_role("web@app1")
    run.goes_on(8)
    with run.mended("web on app1 starts again"):
        run.faults.restart_role("web@app1")
    run.until_writes_flow()


@scenario(row=2, pause_s=1.0, load=WITHOUT_RETRY)
def app_replica_silent(run: Run) -> None:
    """
    Given two web replicas, and steady load by clients that never send a call again
    When one replica stops answering and says nothing, not even a reset
    Then no read and no keyed write fails, and writes pause for at most 1 s
    """
    with run.when("SIGSTOP of web on app1"):
        run.faults.silence_role("web@app1")
    run.goes_on(12)
    with run.mended("web on app1 starts again"):
        run.faults.restart_role("web@app1")
    run.until_writes_flow()


@scenario(row=3, pause_s=0.5, load=WITHOUT_RETRY)
def proxy_reload(run: Run) -> None:
    """
    Given two proxies, and steady load by clients that never send a call again
    When both proxies take their configuration anew, five times
    Then no read and no keyed write fails, and nobody sees a pause
    """
    for _ in range(RELOADS):
        with run.when("both proxies reload"):
            run.faults.reload_proxy()
        run.goes_on(2)
    run.until_writes_flow()


@scenario(row=3, pause_s=0.5, load=WITHOUT_RETRY)
def rolling_deploy(run: Run) -> None:
    """
    Given every role twice, and steady load by clients that never send a call again
    When everything is deployed anew, one after the other: web, live, worker, relay, the proxies
    Then no read and no keyed write fails, and nobody sees a pause
    """
    deploy(run)
    run.until_writes_flow()


def deploy(run: Run) -> None:
    """Each replica is drained and started again, then the next one."""
    for host in ("app1", "app2"):
        for role in ("web", "live", "worker", "relay"):
            with run.when(f"{role} on {host} is replaced"):
                run.faults.drain_role(f"{role}@{host}")
                run.faults.restart_role(f"{role}@{host}")
    with run.when("both proxies reload"):
        run.faults.reload_proxy()
