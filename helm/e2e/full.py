"""What takes longer than the core: nodes drained, web that grows and shrinks, databases of somebody else, a restore."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from drills import results
from drills.document import KUBERNETES
from drills.kubernetes.cluster import KubernetesCluster
from drills.kubernetes.kubectl import Kubectl
from drills.play import play
from drills.run import Run
from drills.scenario import Load, Promise, Scenario
from helm.e2e import watching
from helm.e2e.images import NOW, POSTGRES, STANDINS
from helm.e2e.platform import WAIT, Platform
from helm.restore import restore
from helm.rotate import Rotation
from local.failure import Failure
from local.progress import say, step

GROWN_S, ARCHIVED_S, IDLE_S = 180.0, 180.0, 30.0
OUTSIDE: Final = "outside"
# PostgreSQL and Redis as somebody else runs them: plain, with a password.
SERVERS: Final = (
    (
        "postgres",
        POSTGRES,
        """
PATH=$(ls -d /usr/lib/postgresql/*/bin):$PATH
initdb --pgdata=/tmp/data --username=postgres --auth=scram-sha-256 --pwfile=<(echo outside) > /dev/null
echo "host all all all scram-sha-256" >> /tmp/data/pg_hba.conf
exec postgres -D /tmp/data -c listen_addresses=* -c unix_socket_directories=/tmp
""",
        5432,
    ),
    ("redis", STANDINS["redis.image"], "exec redis-server --requirepass outside --save '' --dir /tmp", 6379),
)
LEAST: Final = 2
# Of the small request: a few readers are more than that on two replicas, and the steady load is not.
SCALING: Final = (
    "--set=web.autoscaling.enabled=true",
    f"--set=web.autoscaling.min={LEAST}",
    "--set=web.autoscaling.max=4",
    "--set=web.autoscaling.cpuPercent=100",
)
_READ: Final = """
import http.client, ssl, sys, threading, time
host, port, ca, until = sys.argv[1], int(sys.argv[2]), sys.argv[3], time.monotonic() + float(sys.argv[4])
def read():
    while time.monotonic() < until:
        connection = http.client.HTTPSConnection(host, port, context=ssl.create_default_context(cafile=ca), timeout=20)
        for _ in range(50):
            connection.request("GET", "/api/v1/timelines/public")
            connection.getresponse().read()
            if time.monotonic() > until: break
        connection.close()
threads = [threading.Thread(target=read) for _ in range(8)]
for each in threads: each.start()
for each in threads: each.join()
"""


def run(platform: Platform) -> None:
    """All of it, on an empty namespace. Goes on after what failed, and tells it at the end."""
    failed = []
    parts = (with_helm_3, refused, autoscaled, rotated, drained, restored, watched, with_databases_of_somebody_else)
    for part in parts:
        try:
            part(platform)
        except Failure as failure:
            say(f"  FAILED: {part.__name__}: {failure}")
            failed.append(part.__name__)
    if failed:
        raise Failure(f"Not as it must be: {', '.join(failed)}.")


def with_helm_3(platform: Platform) -> None:
    """Both charts from nothing, which stay for what follows."""
    begun = time.monotonic()
    with step("nexus-data, by Helm 3"):
        platform.install_data(helm="helm3")
    with step("nexus, by Helm 3"):
        platform.install(NOW, helm="helm3")
    with step("helm test"):
        platform.helm("test", "nexus", WAIT, program="helm3")
    say(f"  From an empty namespace to a post through the proxy: {time.monotonic() - begun:.0f} s")
    time.sleep(IDLE_S)
    say(f"  {cost(platform.kubectl)}")


def refused(platform: Platform) -> None:
    """A wrong value, a secret that is missing, a database that nobody can reach: the sentence of each."""
    nowhere = "postgres://nexus:secret@nowhere.invalid:5432/nexus"
    keys = ("database-url", "database-replica-url", "database-migration-url", "ca.crt")
    words = (f"--from-literal={key}={nowhere}" for key in keys)
    platform.kubectl("create", "secret", "generic", "nowhere", *words)
    unreachable = ("--set=database.secretName=nowhere", "--set=migrate.tries=1", "--set=migrate.timeoutSeconds=60")
    wrong: dict[str, tuple[str, ...]] = {
        "a value that is no number": ("--set=web.replicas=three",),
        "a value that does not exist": ("--set=web.replica=3",),
        "a secret that is missing": ("--set=trial=false", "--set=secret.name=nothing"),
        "a database that nobody can reach": unreachable,
    }
    for what, values in wrong.items():
        try:
            platform.install(NOW, *values)
        except Failure as failure:
            _, _, told = str(failure).partition(" failed: ")
            say(f"  {what}: {told}")
        else:
            raise Failure(f"{what} was installed")


def autoscaled(platform: Platform) -> None:
    """Web grows under load and shrinks after it."""
    platform.install(NOW, *SCALING)
    _play(platform, autoscaling(platform.cluster()))


def rotated(platform: Platform) -> None:
    """Every secret, one after the other."""
    platform.install(NOW)
    _play(platform, rotation(platform.kubectl))


def drained(platform: Platform) -> None:
    """Every node, one after the other."""
    platform.install(NOW)
    _play(platform, drains(platform.kubectl))


def _play(platform: Platform, scenario: Scenario) -> None:
    result = play(scenario, platform.cluster(), platform.folder, commit=results.commit_in_kubernetes())
    results.write_latest([results.promise_row(scenario, [result])], [], result.versions, path=KUBERNETES)
    pause = f"pause {result.figures.pause_s:.2f} s"
    say(f"  {scenario.name}: {'green' if result.is_green else 'RED'}, {pause}, {json.dumps(result.notes)}")
    if not result.is_green:
        raise Failure(f"{scenario.name}: {'; '.join(result.broken[:5])}")


def restored(platform: Platform) -> None:
    """Back to a second, out of a base backup and the log."""
    with step("Backups are switched on, and the first one is made"):
        platform.install_data("--set=backup.enabled=true", "--set=backup.store=volume")
    cluster = platform.cluster()
    primary = cluster.primary()
    cluster.sql(primary, "CREATE TABLE e2e_mark (at timestamptz)")
    marks = []
    for _ in range(20):
        ((now,),) = cluster.sql(primary, "INSERT INTO e2e_mark VALUES (clock_timestamp()) RETURNING at")
        marks.append(str(now))
        time.sleep(0.5)
    second = marks[10]  # was read before its own transaction was committed: the one before is the last
    with step("The log is in the store"):
        ((segment,),) = cluster.sql(primary, "SELECT pg_walfile_name(pg_current_wal_lsn())")
        begun = time.monotonic()
        while cluster.sql(primary, "SELECT last_archived_wal < %s FROM pg_stat_archiver", segment) != [(False,)]:
            if time.monotonic() - begun > ARCHIVED_S:
                raise Failure(f"the log {segment} was not archived within {ARCHIVED_S:.0f} s")
            time.sleep(1)
        lost = time.monotonic() - begun
    begun = time.monotonic()
    restore(platform.kubectl, second)
    cluster.wait_until_healthy(300)
    took = time.monotonic() - begun
    found = [str(at) for (at,) in cluster.sql(cluster.primary(), "SELECT at FROM e2e_mark ORDER BY at")]
    if found != marks[:10]:
        raise Failure(f"{len(found)} marks are there after the restore, and it should be the first 10 of {len(marks)}")
    platform.helm("test", "nexus", WAIT)
    say(f"  restored to {second} in {took:.0f} s; what was written was in the store after {lost:.0f} s")


def watched(platform: Platform) -> None:
    """What ServiceMonitors name is scraped from the one namespace that is named, and every panel has data.

    After the backups were switched on: there is a panel of theirs.
    """
    platform.install(NOW, *watching.SCRAPED)
    asked, empty = watching.panels(platform)
    if wrong := watching.wrong(platform) + empty:
        raise Failure("; ".join(wrong))
    say(f"  {asked} queries of panels return data, and no alert begins")


def with_databases_of_somebody_else(platform: Platform) -> None:
    """nexus-data is away; PostgreSQL and Redis are in another namespace."""
    kubectl = platform.kubectl
    platform.uninstall("nexus", "nexus-data")
    outside = Kubectl(OUTSIDE, kubectl.prefix)
    kubectl.run("kubectl", "create", "namespace", OUTSIDE)
    try:
        for name, image, script, port in SERVERS:
            outside("apply", "--filename", "-", text=json.dumps(_server(name, image, script)))
            outside("expose", "pod", name, f"--port={port}")
        outside("wait", "pod", "--all", "--for=condition=Ready", "--timeout=120s", seconds=130)
        urls = (
            f"--from-literal=database-url=postgres://postgres:outside@postgres.{OUTSIDE}.svc:5432/postgres",
            f"--from-literal=redis-url=redis://:outside@redis.{OUTSIDE}.svc:6379/0",
        )
        kubectl("create", "secret", "generic", "outside", *urls)
        peers = json.dumps([{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": OUTSIDE}}}])
        values = (
            *(f"--set={part}.secretName=outside" for part in ("database", "redis")),
            *(f"--set=database.keys.{key}=" for key in ("replicaUrl", "migrationUrl", "ca")),
            *(f"--set-json={part}.peers={peers}" for part in ("database", "redis")),
        )
        with step("nexus with databases of somebody else"):
            platform.install(NOW, *values)
            platform.helm("test", "nexus", WAIT)
        platform.uninstall("nexus")
    finally:
        kubectl.run("kubectl", "delete", "namespace", OUTSIDE, seconds=180)


def _server(name: str, image: str, script: str) -> dict[str, Any]:
    container = {"name": name, "image": image, "imagePullPolicy": "IfNotPresent", "command": ["bash", "-ec", script]}
    metadata = {"name": name, "labels": {"app": name}}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": {"containers": [container]}}


def rotation(kubectl: Kubectl) -> Scenario:
    """Every password, the key of the tokens, and the internal authority."""

    def act(run: Run) -> None:
        every = Rotation(kubectl)
        every.lead("nexus-data-postgres-2")  # which would restart first: the worst that can be found
        rotates = (every.application, every.owner, every.redis, every.postgres, every.jwt, every.ca)
        for rotate in rotates:
            with run.when(f"{rotate.__name__} gets a new secret"):
                rotate()
            run.until_writes_flow()
        run.goes_on(3)

    sentences = (
        "Given a release, and steady load by clients that send a call again when told to",
        "When every password, the key that signs tokens and the internal authority are replaced, one after the other",
        "Then no read and no keyed write fails",
    )
    return Scenario("secrets-rotated", 3, sentences, act, Promise(pause_s=6.0), load=Load())


def drains(kubectl: Kubectl) -> Scenario:
    """Every node in turn, as before maintenance."""

    def act(run: Run) -> None:
        for node in sorted(each["metadata"]["name"] for each in kubectl.get("nodes")):
            with run.when(f"kubectl drain {node}"):
                kubectl("drain", node, "--ignore-daemonsets", "--delete-emptydir-data", "--timeout=240s", seconds=260)
            run.until_writes_flow()
            with run.mended(f"{node} takes pods again"):
                kubectl("uncordon", node)
                run.cluster.wait_until_healthy(240)
        run.goes_on(3)

    sentences = (
        "Given a release on three nodes, and steady load by clients that never send a call again",
        "When each node in turn is drained as before maintenance, and comes back",
        "Then no read and no keyed write fails",
    )
    return Scenario("nodes-drained", 3, sentences, act, Promise(), load=Load(retries=False))


def autoscaling(cluster: KubernetesCluster) -> Scenario:
    """Web grows under load and shrinks after it."""
    kubectl = cluster.kubectl

    def replicas() -> int:
        (web,) = kubectl.get("deployment", "nexus-web")
        return int(web["status"].get("readyReplicas", 0))

    def act(run: Run) -> None:
        run.then(run.until(lambda: replicas() == LEAST, 2 * GROWN_S), f"web did not come to {LEAST} replicas")
        with run.when("many readers come"), _readers(cluster, GROWN_S):
            grew = run.until(lambda: replicas() > LEAST, GROWN_S)
            run.notes["replicas"] = f"{LEAST}, under load {replicas()}"
        run.then(grew, f"web did not grow within {GROWN_S:.0f} s")
        with run.when("they go"):
            shrank = run.until(lambda: replicas() == LEAST, 2 * GROWN_S)
        run.then(shrank, f"web did not shrink to {LEAST} again")

    sentences = (
        "Given a release that has just got an autoscaler, and steady load by clients that never send a call again",
        "When many readers come, and go",
        "Then web grows and shrinks, and no read and no keyed write fails",
    )
    return Scenario("web-autoscaled", 3, sentences, act, Promise(), load=Load(retries=False))


@contextmanager
def _readers(cluster: KubernetesCluster, seconds: float) -> Iterator[None]:
    host, _, port = cluster.url.removeprefix("https://").partition(":")
    words = (*cluster.client, sys.executable, "-c", _READ, host, port, str(cluster.ca), str(seconds))
    process = subprocess.Popen(words)
    try:
        yield
    finally:
        process.terminate()
        process.wait()


def cost(kubectl: Kubectl) -> str:
    """What the platform takes when nothing happens: pods, requests, and what metrics-server saw."""
    pods = kubectl.get("pods")
    asked = [each["resources"].get("requests", {}) for pod in pods for each in pod["spec"]["containers"]]
    cpu = sum(_milli(each.get("cpu", "0")) for each in asked)
    memory = sum(_mebi(each.get("memory", "0")) for each in asked)
    text = kubectl("get", "--raw", f"/apis/metrics.k8s.io/v1beta1/namespaces/{kubectl.namespace}/pods", check=False)
    used = [each["usage"] for pod in json.loads(text or '{"items": []}')["items"] for each in pod["containers"]]
    used_cpu = sum(_milli(each["cpu"]) for each in used)
    used_memory = sum(_mebi(each["memory"]) for each in used)
    return (
        f"{len(pods)} pods; requested {cpu:.0f} m CPU and {memory:.0f} Mi;"
        f" used when idle {used_cpu:.0f} m and {used_memory:.0f} Mi"
    )


def _milli(text: str) -> float:
    for suffix, factor in (("n", 1e-6), ("u", 1e-3), ("m", 1.0)):
        if text.endswith(suffix):
            return float(text[:-1]) * factor
    return float(text) * 1000


def _mebi(text: str) -> float:
    for suffix, factor in (("Ki", 1 / 1024), ("Mi", 1.0), ("Gi", 1024.0)):
        if text.endswith(suffix):
            return float(text[:-2]) * factor
    return float(text) / 1024**2
