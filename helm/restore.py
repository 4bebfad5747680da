"""`make restore ENV=production TIME="2026-11-21 14:03:00+00"`: the database of an environment as it was at a second.

Asks first, because what was written after that second is gone from the database. docs/guide/backups.md.
"""

import os
import sys
from typing import Final

from drills.kubernetes.kubectl import Kubectl, found
from helm import environments
from helm.charts import HELM
from local.failure import Failure
from local.progress import say, step

RELEASE: Final = "nexus-data"
MEMBERS: Final = f"app.kubernetes.io/instance={RELEASE},app.kubernetes.io/component=postgres"
WAIT_S: Final = 900.0


def restore(kubectl: Kubectl, second: str) -> None:
    """Stops PostgreSQL, removes its volumes, and has Patroni make a new one out of the backups; Redis is emptied."""
    name = f"{RELEASE}-postgres"
    with step("Stopping PostgreSQL"):
        kubectl("scale", "statefulset", name, "--replicas=0")
        kubectl("wait", "--for=delete", "pod", "--selector", MEMBERS, "--timeout=180s", seconds=200)
    with step("Removing its volumes, and what Patroni knows of it"):
        kubectl("delete", "persistentvolumeclaims", "--selector", MEMBERS, "--timeout=120s", seconds=140)
        kubectl("delete", "endpoints", "--selector", f"nexus/postgres={name}")
    with step(f"A new one, as it was at {second}"):
        values = ("--reuse-values", "--set-string", f"restore.time={second}", "--wait", f"--timeout={WAIT_S:.0f}s")
        kubectl.run(
            "helm", "--namespace", kubectl.namespace, "upgrade", RELEASE, str(HELM / RELEASE), *values, seconds=WAIT_S
        )
    with step("Emptying Redis"):
        for pod in kubectl.get(
            "pods", "--selector", f"app.kubernetes.io/instance={RELEASE},app.kubernetes.io/component=redis"
        ):
            # A replica refuses; its master tells it.
            kubectl("exec", pod["metadata"]["name"], "--container", "redis", "--", "redis-cli", "flushall", check=False)


def main(environment: str, second: str) -> None:
    """Asks, and does it."""
    if environment not in environments.names():
        raise Failure(f"ENV={environment or '..'}: there are {', '.join(environments.names())} in k8s/.")
    if not second:
        raise Failure('TIME is missing: the second to go back to, for example TIME="2026-11-21 14:03:00+00".')
    namespace = environments.namespace(environment)
    say(f"The database in {namespace} becomes what it was at {second}. What was written since then is gone.")
    if input("Type the name of the environment to go on: ").strip() != environment:
        raise Failure("Nothing was changed.")
    cluster = found()
    restore(Kubectl(namespace, cluster.prefix, cluster.environment), second)


if __name__ == "__main__":
    try:
        main(os.environ.get("ENV", ""), os.environ.get("TIME", ""))
    except (Failure, EOFError) as failure:
        sys.exit(f"\n{failure or 'Nothing was changed.'}")
