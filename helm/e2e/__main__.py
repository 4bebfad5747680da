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

from drills.kubernetes.cluster import KubernetesCluster, door
from drills.kubernetes.kubectl import RIG, Kubectl, found
from drills.play import play
from drills.run import Run
from drills.scenario import Load, Promise, Scenario
from helm.e2e import network
from helm.e2e.images import BROKEN, NEXT, NOW, POSTGRES, Images, chosen
from local.certificates import Authority
from local.failure import Failure
from local.progress import say, step
from local.state import ROOT

HOST: Final = "nexus.test"
WAIT: Final = "--timeout=6m"
CHARTS: Final = ROOT / "helm"


class Platform:
    """One installation, in one namespace."""

    def __init__(self, kubectl: Kubectl, images: Images, folder: Path) -> None:
        self.kubectl, self.images, self.folder = kubectl, images, folder

    def prepare(self) -> None:
        """The namespace with its labels, and the certificate that clients of this run trust."""
        self.kubectl.run("kubectl", "apply", "--filename", str(ROOT / "k8s" / "local" / "namespace.yaml"))
        authority = Authority()
        (self.folder / "ca.crt").write_bytes(authority.pem)
        pem = authority.server(["10.77.0.11", "10.77.0.12", "10.77.0.13", *self.load_balancers()])
        certificate, _, key = pem.partition(b"-----BEGIN PRIVATE KEY-----")
        (self.folder / "tls.crt").write_bytes(certificate)
        (self.folder / "tls.key").write_bytes(b"-----BEGIN PRIVATE KEY-----" + key)
        files = (f"--from-file={name}={self.folder / name}" for name in ("tls.crt", "tls.key", "ca.crt"))
        self.kubectl("create", "secret", "generic", "nexus-tls", "--type=kubernetes.io/tls", *files)

    @staticmethod
    def load_balancers() -> list[str]:
        """What the rig gives to services of type LoadBalancer."""
        return [f"10.77.100.{number}" for number in range(64, 128)]

    def install_data(self, helm: str = "helm") -> None:
        """PostgreSQL and Redis, ready."""
        image = chosen("image", POSTGRES) + self.images.values("redis.image")
        api = "--set=network.api[0].ipBlock.cidr=10.77.0.1/32"
        self.helm(
            "upgrade", "--install", "nexus-data", str(CHARTS / "nexus-data"), *image, api, WAIT, "--wait", program=helm
        )

    def install(self, image: str, *more: str, helm: str = "helm", check: bool = True) -> str:
        """The application at an image, ready."""
        values = {
            "publicUrl": f"https://{HOST}",
            "trial": "true",
            "proxy.certificate.secretName": "nexus-tls",
            "proxy.service.type": "LoadBalancer",
            "config.rateLimits": "false",
            "proxy.rateLimit": "0",
            "web.autoscaling.enabled": "false",
        }
        words = [f"--set={name}={value}" for name, value in values.items()]
        hosts = f"--set=allowedHosts={{{','.join(self.load_balancers()[:4])}}}"
        words += [*chosen("image", image), *self.images.values("proxy.image"), hosts, *more]
        chart = ("nexus", str(CHARTS / "nexus"))
        return self.helm("upgrade", "--install", *chart, *words, WAIT, "--wait", program=helm, check=check)

    def helm(self, *words: str, program: str = "helm", check: bool = True) -> str:
        """helm 4, or `helm3`, in the namespace."""
        return self.kubectl.run(program, "--namespace", self.kubectl.namespace, *words, seconds=420, check=check)

    def cluster(self) -> KubernetesCluster:
        """As drills see it."""
        return KubernetesCluster(self.kubectl, door(self.kubectl), self.folder / "ca.crt")

    def objects(self) -> set[str]:
        """Everything of the two releases that is there."""
        kinds = "deployments,statefulsets,jobs,pods,services,configmaps,secrets,serviceaccounts,roles,rolebindings"
        kinds += ",networkpolicies,poddisruptionbudgets,horizontalpodautoscalers,persistentvolumeclaims,endpoints"
        words = ("get", kinds, "--selector", "app.kubernetes.io/part-of in (nexus,nexus-data)", "--output", "name")
        return set(self.kubectl(*words).split())


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
                run.notes["told"] = str(failure)
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
    """The rig, brought up if it is down; what was there before stays."""
    rig = Kubectl()
    is_up = Path("/run/netns/nexus-ctl").exists()
    if not is_up:
        with step("The cluster"):
            rig.run(str(RIG / "up"), seconds=300)
    try:
        yield found()
    finally:
        if not is_up:
            rig.run(str(RIG / "down"), seconds=120, check=False)


def main() -> int:
    """The core: acceptance 1 to 3."""
    if not (RIG / "up").exists():
        raise Failure(f"{RIG} is not there: this run needs the cluster of shared/, or one of your own.")
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
        with step("The network, cell by cell"):
            wrong = network.probe(kubectl)
        if wrong:
            raise Failure(f"The network is not what the matrix says: {'; '.join(wrong[:5])}.")
        cluster = platform.cluster()
        for scenario in (upgrade(platform), broken_upgrade(platform)):
            result = play(scenario, cluster, platform.folder)
            say(f"  {scenario.name}: {'green' if result.is_green else 'RED'} {json.dumps(result.notes)}")
            if not result.is_green:
                raise Failure(f"{scenario.name}: {'; '.join(result.broken[:5])}")
        with step("Uninstalled"):
            platform.helm("uninstall", "nexus", "--wait", WAIT)
            platform.helm("uninstall", "nexus-data", "--wait", WAIT)
        left = {each for each in platform.objects() - before if not _may_stay(each)}
        if left:
            raise Failure(f"What is left after helm uninstall: {', '.join(sorted(left))}.")
    return 0


def _may_stay(name: str) -> bool:
    """Volumes, the kept secrets, and what Patroni made."""
    kind, _, what = name.partition("/")
    return kind.startswith(("persistentvolumeclaim", "endpoints")) or (
        kind == "secret" and what in ("nexus-data", "nexus-trial")
    )


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Failure as failure:
        sys.exit(f"\n{failure}")
