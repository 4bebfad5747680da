"""Row 4: the proxy that holds the floating address."""

from drills.run import Run
from drills.scenario import scenario


@scenario(row=4, pause_s=1.0, target="lab")
def proxy_killed(run: Run) -> None:
    """
    Given two proxies with a floating address, and steady load
    When the HAProxy that holds the address is killed with -9
    Then the other one takes the address: no keyed write fails, and writes pause for at most 1 s
    """
    with run.when("kill -9 of the active HAProxy"):
        run.faults.kill_proxy()
    run.until_writes_flow()
    run.goes_on(6)


@scenario(row=4, pause_s=1.0, needs_network=True, target="lab")
def proxy_node_lost(run: Run) -> None:
    """
    Given two proxies with a floating address, and steady load
    When the node that holds the address is lost without a word
    Then the other one takes the address: no keyed write fails, and writes pause for at most 1 s
    """
    with run.when("the active proxy's node is lost"):
        run.faults.lose_proxy_host()
    run.until_writes_flow()
    with run.mended("the node is back"):
        run.faults.heal()
    run.goes_on(4)
