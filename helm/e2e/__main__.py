"""`make e2e`: from an empty cluster to a post through the proxy, an upgrade under load and back, and nothing left.

Each step says how long it took; the first thing that is not as it must be ends the run with a sentence and status 1.
"""

import contextlib
import json
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from drills.kubernetes.kubectl import RIG, Kubectl, found, rig_runs
from drills.play import play
from drills.run import Run
from drills.scenario import Load, Promise, Scenario
from helm.e2e import full, network, score
from helm.e2e.images import BROKEN, NEXT, NOW, Images
from helm.e2e.platform import WAIT, Platform
from local.failure import Failure
from local.progress import say, step

TOLD: Final = 200
RIG_S: Final = 600.0  # a busy disk removes its volumes in two minutes


def upgrade(platform: Platform) -> Scenario:
    """To the next release with its migration, and back, under load."""

    def act(run: Run) -> None:
        with run.when("helm upgrade to the next release, with a migration"):
            platform.install(NEXT)
        run.goes_on(5)
        with run.when("helm rollback"):
            platform.helm("rollback", "nexus", "1", "--wait", WAIT)
        run.until_writes_flow()

    sentences = (
        "Given a release in a cluster, and steady load by clients that never send a call again",
        "When it is upgraded to the next one with a new migration, and rolled back",
        "Then no read and no keyed write fails",
    )
    return Scenario("helm-upgrade", 3, sentences, act, Promise(), load=Load(retries=False))


def broken_upgrade(platform: Platform) -> Scenario:
    """A migration fails: the release that is there goes on."""

    def act(run: Run) -> None:
        with run.when("helm upgrade to a release whose migration fails"):
            try:
                platform.install(BROKEN, "--set=migrate.tries=1")
            except Failure as failure:
                run.notes["told"] = str(failure)[-TOLD:]  # before it, the migration's own log
            else:
                run.then(False, "a release whose migration fails was installed")
        run.until_writes_flow()

    sentences = (
        "Given a release in a cluster, and steady load by clients that never send a call again",
        "When an upgrade is tried whose migration fails",
        "Then helm says so, the old release goes on, and no read and no keyed write fails",
    )
    return Scenario("helm-upgrade-broken", 3, sentences, act, Promise(), load=Load(retries=False))


@contextlib.contextmanager
def running_cluster() -> Iterator[Kubectl]:
    """The rig, brought up if it is down, or where there is none whatever kubectl's context is; what was there stays."""
    if rig_runs() or not (RIG / "up").exists():
        yield found()
        return
    rig = Kubectl()
    try:
        with step("The cluster"):
            rig.run(str(RIG / "down"), seconds=RIG_S)  # what one that was killed has left
            try:
                rig.run(str(RIG / "up"), seconds=RIG_S)
            except Failure:  # a busy machine boots a node slower than it is given; what has come up is left alone
                rig.run(str(RIG / "up"), seconds=RIG_S)
        yield found()
    finally:
        rig.run(str(RIG / "down"), seconds=RIG_S, check=False)


def main(is_full: bool) -> int:
    """The core, which leaves nothing behind, and then what takes longer."""
    score.scored()
    with running_cluster() as kubectl, tempfile.TemporaryDirectory(prefix="nexus-e2e-") as name:
        images = Images(kubectl)
        platform = Platform(kubectl, images, Path(name))
        with step("The images"):
            images.build()
        begun = time.monotonic()
        with step("The namespace"):
            platform.prepare()
        before = platform.objects()
        with step("nexus-data"):
            platform.install_data()
        with step("nexus"):
            platform.install(NOW)
        with step("helm test"):
            platform.helm("test", "nexus", WAIT)
        say(f"  From an empty namespace to a post through the proxy: {time.monotonic() - begun:.0f} s")
        _probe_network(kubectl)
        cluster = platform.cluster()
        for scenario in (upgrade(platform), broken_upgrade(platform)):
            result = play(scenario, cluster, platform.folder)
            say(f"  {scenario.name}: {'green' if result.is_green else 'RED'} {json.dumps(result.notes)}")
            if not result.is_green:
                raise Failure(f"{scenario.name}: {'; '.join(result.broken[:5])}")
        with step("A good upgrade, which takes away what the broken one left to be looked at"):
            platform.install(NOW)
        with step("Uninstalled"):
            platform.uninstall("nexus", "nexus-data")
        left = {each for each in platform.objects() - before if not _may_stay(each)}
        if left:
            raise Failure(f"What is left after helm uninstall: {', '.join(sorted(left))}.")
        if is_full:
            full.run(platform)
    return 0


def _probe_network(kubectl: Kubectl) -> None:
    with network.Probe(kubectl, NOW) as probe:
        with step("The network, cell by cell"):
            tried, wrong = probe.wrong()
        if wrong:
            raise Failure(f"The network is not what the matrix says: {'; '.join(wrong[:5])}.")
        with step("The control: everything is allowed"):
            _, closed = probe.closed_without_policies()
        if closed:
            raise Failure(f"Refused, but not by a policy: {'; '.join(closed[:5])}.")
        say(f"  {tried} cells are as the matrix says")


def _may_stay(name: str) -> bool:
    """Volumes, the kept secrets, and what Patroni made."""
    kind, _, what = name.partition("/")
    return kind.startswith(("persistentvolumeclaim", "endpoints")) or (
        kind == "secret" and what in ("nexus-data", "nexus-trial")
    )


if __name__ == "__main__":
    try:
        sys.exit(main("--full" in sys.argv[1:]))
    except Failure as failure:
        sys.exit(f"\n{failure}")
