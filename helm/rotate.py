"""`make rotate ENV=production WHAT=application`: a new password or key, and nobody notices. docs/guide/rotation.md.

After an interruption, start the same again. The old secret ends only when nobody uses it any more.
"""

import base64
import json
import os
import secrets
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

from drills.kubernetes.cluster import POSTGRES, KubernetesCluster
from drills.kubernetes.kubectl import Kubectl, found
from helm import environments
from helm.authority import is_signed, new_authority, signed_anew
from local.failure import Failure
from local.progress import say, step

DATA, ROLES = "nexus-data", ("web", "live", "worker", "relay")
ROLLOUT_S: Final = 600.0
# The kubelet looks at secrets once a minute or so, and nobody is restarted to see the new ones.
MOUNTED_S, POLL_S = 300.0, 2.0
TRIES, TRY_S = 10, 2.0
_SQL: Final = """
import os, psycopg2, sys
connection = psycopg2.connect(host="/tmp", user="postgres", dbname="postgres")
connection.autocommit = True
connection.cursor().execute(sys.stdin.read())
"""


# Who trusts one authority only learns what new connections are shown; PostgreSQL reads it a moment after it was told.
_TRUSTS: Final = """
import os, psycopg2, sys, time
with open("/tmp/ca-only.crt", "w") as file:
    file.write(sys.stdin.read())
for is_last in [False] * 20 + [True]:
    try:
        psycopg2.connect(host="localhost", user="postgres", password=os.environ["PATRONI_SUPERUSER_PASSWORD"],
            dbname="postgres", sslmode="verify-full", sslrootcert="/tmp/ca-only.crt", connect_timeout=5)
        break
    except psycopg2.OperationalError:
        if is_last: raise
        time.sleep(0.5)
"""


class Rotation:
    """New secrets in one namespace, where both releases have their usual names."""

    def __init__(self, kubectl: Kubectl) -> None:
        self._kubectl = kubectl

    def application(self) -> None:
        """The other of the application's two users gets a new password; when all use it, the first may not come in."""
        known = self._secret(DATA)
        before = known["application-user"]
        database, _, letter = before.rpartition("_")
        after, password = f"{database}_{'b' if letter == 'a' else 'a'}", _new()
        with step(f"{after} may come in"):
            self._sql(f"ALTER ROLE {after} LOGIN PASSWORD '{password}'")
        old = f"//{before}:{known['application-password']}@"
        urls = {
            key: known[key].replace(old, f"//{after}:{password}@") for key in ("database-url", "database-replica-url")
        }
        self._patch(DATA, {"application-user": after, "application-password": password, **urls})
        self._restart_roles()
        with step(f"{before} may not any more"):
            self._sql(f"ALTER ROLE {before} NOLOGIN")

    def owner(self) -> None:
        """Of the migrations, which run now and then only."""
        known, password = self._secret(DATA), _new()
        owner = f"{known['application-user'].rpartition('_')[0]}_owner"
        self._sql(f"ALTER ROLE {owner} PASSWORD '{password}'")
        url = known["database-migration-url"].replace(f":{known['owner-password']}@", f":{password}@")
        self._patch(DATA, {"owner-password": password, "database-migration-url": url})

    def postgres(self) -> None:
        """Of the superuser and of replication: who is connected stays so, and learns the new one at its next start."""
        superuser, replication = _new(), _new()
        # Who follows another primary needs the new one, and writes wait for a follower: the primary restarts last.
        self.lead(self._members()[0])
        with step("PostgreSQL knows the new ones"):
            self._sql(f"ALTER ROLE postgres PASSWORD '{superuser}'; ALTER ROLE replication PASSWORD '{replication}'")
        self._patch(DATA, {"superuser-password": superuser, "replication-password": replication})
        self._restart("statefulset/nexus-data-postgres")

    def lead(self, member: str) -> None:
        """A switchover to this member; the one whose name ends with 0 restarts last."""
        cluster = KubernetesCluster(self._kubectl, "", environments.K8S)
        if (primary := cluster.primary()) == member:
            return
        with step(f"{member} leads"):
            command = ("/opt/patroni/bin/patronictl", "--config-file", "/etc/patroni/patroni.yml", "switchover")
            words = ("--leader", primary, "--candidate", member, "--force")
            told = self._kubectl("exec", member, "--container", "postgres", "--", *command, *words)
            for _ in range(TRIES):
                if cluster.sql(member, "SELECT pg_is_in_recovery()") == [(False,)]:
                    return
                time.sleep(TRY_S)
        raise Failure(f"{member} does not lead: {told.strip()}. Start the same again.")

    def redis(self) -> None:
        """Both passwords are good until every pod has started with the new one."""
        known, password = self._secret(DATA), _new()
        pods = self._kubectl.get(
            "pods", "--selector", f"app.kubernetes.io/instance={DATA},app.kubernetes.io/component=redis"
        )
        with step("Redis and Sentinel take both"):
            for pod in (each["metadata"]["name"] for each in pods):
                self._redis(pod, "6379", "acl", "setuser", "default", f">{password}")
                self._redis(pod, "6379", "config", "set", "masterauth", password)
                self._redis(pod, "26379", "acl", "setuser", "default", f">{password}")
                self._redis(pod, "26379", "sentinel", "set", "nexus", "auth-pass", password)
                self._redis(pod, "26379", "sentinel", "config", "set", "sentinel-pass", password)
        url = known["redis-url"].replace(known["redis-password"], password)
        self._patch(DATA, {"redis-password": password, "redis-url": url})
        self._restart_roles()
        self._restart("statefulset/nexus-data-redis")

    def jwt(self) -> None:
        """A new key signs; the last one still verifies until its tokens have ended."""
        (web,) = self._kubectl.get("deployment", "nexus-web")
        variables = web["spec"]["template"]["spec"]["containers"][0]["env"]
        source = next(each["valueFrom"]["secretKeyRef"] for each in variables if each["name"] == "NEXUS_JWT_KEYS")
        newest = self._secret(source["name"])[source["key"]].split(",")[0]
        keys = f"k{int(time.time())}:{secrets.token_hex(32)}"
        with step("Everybody verifies both"):
            self._patch(source["name"], {source["key"]: f"{newest},{keys}"})
            self._restart_roles()
        with step("The new one signs"):
            self._patch(source["name"], {source["key"]: f"{keys},{newest}"})
            self._restart_roles()

    def ca(self) -> None:
        """The internal authority: all trust both, all show what the new one signed, nobody trusts the old one.

        `ca-next.*` in the secret are there until it is done. Nobody is restarted, no connection ends.
        """
        known = self._secret(DATA)
        if "ca-next.key" not in known:
            certificate, key = new_authority()
            both = {"ca.crt": known["ca.crt"] + certificate}
            self._patch(DATA, {"ca-next.crt": certificate, "ca-next.key": key, **both})
            known = self._secret(DATA)
        authority, key = known["ca-next.crt"], known["ca-next.key"]
        if not is_signed(known["tls.crt"], authority):
            with step("Everybody trusts both authorities"):
                self._reread(known["ca.crt"], "ca.crt")
            certificate, private = signed_anew(known["tls.crt"], authority, key)
            self._patch(DATA, {"tls.crt": certificate, "tls.key": private})
            known = self._secret(DATA)
        with step("PostgreSQL and the backups show what the new one signed"):
            self._reread(known["tls.crt"], "tls.crt")
            for member in self._members():
                self._in_postgres(member, _TRUSTS, authority)
        with step("Nobody trusts the old one any more"):
            self._patch(DATA, {"ca.crt": authority, "ca.key": key})
            self._reread(authority, "ca.crt")
        self._patch(DATA, {}, remove=("ca-next.crt", "ca-next.key"))

    def _reread(self, text: str, key: str) -> None:
        """Waits until every container that mounts this key of the secret has this text; then who keeps it reads it."""
        begun = time.monotonic()
        while waiting := [each for each in self._mounts(key) if self._text(*each).strip() != text.strip()]:
            if time.monotonic() - begun > MOUNTED_S:
                names = ", ".join(sorted({pod for pod, _, _ in waiting}))
                raise Failure(f"{names}: the new {key} is not there after {MOUNTED_S:.0f} s. Start the same again.")
            time.sleep(POLL_S)
        for member in self._members():
            self._in_postgres(member, _SQL, "SELECT pg_reload_conf()")
        for pod, container in self._containers():
            if container.get("command") == ["pgbackrest", "server"]:
                words = ("--container", container["name"], "--", "sh", "-c", "kill -HUP 1")
                self._kubectl("exec", pod["metadata"]["name"], *words)

    def _mounts(self, key: str) -> Iterator[tuple[str, str, str]]:
        """Pod, container and path of each place where a key of the secret is a file."""
        for pod, container in self._containers():
            for volume in pod["spec"].get("volumes", ()):
                secret = volume.get("secret", {})
                paths = [each["path"] for each in secret.get("items", ()) if each["key"] == key]
                for mount in container.get("volumeMounts", ()):
                    if secret.get("secretName") == DATA and paths and mount["name"] == volume["name"]:
                        yield pod["metadata"]["name"], container["name"], f"{mount['mountPath']}/{paths[0]}"

    def _containers(self) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
        for pod in self._kubectl.get("pods", "--field-selector", "status.phase=Running"):
            if "deletionTimestamp" not in pod["metadata"]:
                for container in pod["spec"]["containers"]:
                    yield pod, container

    def _members(self) -> list[str]:
        return sorted(each["metadata"]["name"] for each in self._kubectl.get("pods", "--selector", POSTGRES))

    def _text(self, pod: str, container: str, path: str) -> str:
        return self._kubectl("exec", pod, "--container", container, "--", "cat", path, check=False)

    def _in_postgres(self, pod: str, script: str, text: str) -> None:
        words = ("exec", "--stdin", pod, "--container", "postgres", "--", "/opt/patroni/bin/python", "-c", script)
        self._kubectl(*words, text=text)

    def _secret(self, name: str) -> dict[str, str]:
        (secret,) = self._kubectl.get("secret", name)
        return {key: base64.b64decode(value).decode() for key, value in secret["data"].items()}

    def _patch(self, name: str, values: Mapping[str, str], remove: Sequence[str] = ()) -> None:
        """By standard input: nothing secret stands in a list of processes."""
        body = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}}
        body |= {"stringData": values, "data": dict.fromkeys(remove)}
        self._kubectl("patch", "secret", name, "--type=merge", "--patch-file=/dev/stdin", text=json.dumps(body))

    def _sql(self, statement: str) -> None:
        self._in_postgres(KubernetesCluster(self._kubectl, "", environments.K8S).primary(), _SQL, statement)

    def _redis(self, pod: str, port: str, *words: str) -> None:
        """Tried again: what is said twice is as good as once."""
        command = ("exec", "--stdin", pod, "--container", "redis", "--", "redis-cli", "-p", port)
        for _ in range(TRIES):
            told = self._kubectl(*command, text=f"{' '.join(words)}\n", check=False).strip()
            if told == "OK":
                return
            time.sleep(TRY_S)
        raise Failure(f"{pod}, port {port}, {words[0]} {words[1]}: {told or 'no answer'}")

    def _restart_roles(self) -> None:
        for role in ROLES:
            self._restart(f"deployment/nexus-{role}")

    def _restart(self, what: str) -> None:
        with step(f"Restarting {what}"):
            self._kubectl("rollout", "restart", what)
            self._kubectl("rollout", "status", what, f"--timeout={ROLLOUT_S:.0f}s", seconds=ROLLOUT_S + 10)


def _new() -> str:
    return secrets.token_hex(24)


def main(environment: str, what: str) -> None:
    """One rotation."""
    if environment not in environments.names():
        raise Failure(f"ENV={environment or '..'}: there are {', '.join(environments.names())} in k8s/.")
    cluster = found()
    rotation = Rotation(Kubectl(environments.namespace(environment), cluster.prefix, cluster.environment))
    known: dict[str, Callable[[], None]] = {
        "application": rotation.application,
        "owner": rotation.owner,
        "postgres": rotation.postgres,
        "redis": rotation.redis,
        "jwt": rotation.jwt,
        "ca": rotation.ca,
    }
    if what not in known:
        raise Failure(f"WHAT={what or '..'}: there are {', '.join(known)}.")
    known[what]()
    say(f"The secret of {what} is a new one.")


if __name__ == "__main__":
    try:
        main(os.environ.get("ENV", ""), os.environ.get("WHAT", ""))
    except Failure as failure:
        sys.exit(f"\n{failure}")
