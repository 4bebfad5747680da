"""kubectl, helm and what a rig offers besides: the one place that starts them."""

import json
import os
import select
import shutil
import subprocess
from dataclasses import dataclass, field
from typing import Any, Final

from local.failure import Failure
from local.state import ROOT

RIG: Final = ROOT.parent / "shared" / "cluster"
COMMAND_S: Final = 120.0


@dataclass(frozen=True)
class Kubectl:
    """One namespace of one cluster. `prefix`: what makes a command run where the cluster is reachable."""

    namespace: str = "nexus"
    prefix: tuple[str, ...] = ()
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def is_rig(self) -> bool:
        """Whether nodes can be cut, killed and paused by the rig of shared/cluster."""
        return bool(self.prefix)

    def run(self, *words: str, text: str | None = None, seconds: float = COMMAND_S, check: bool = True) -> str:
        """What a command prints; raises Failure with its last words when it fails."""
        try:
            done = subprocess.run(
                [*self.prefix, *words],
                input=text,
                capture_output=True,
                text=True,
                timeout=seconds,
                check=False,
                env={**os.environ, **self.environment},
            )
        except subprocess.TimeoutExpired:
            raise Failure(f"`{' '.join(words)}` did not end within {seconds:.0f} s.") from None
        if check and done.returncode != 0:
            last = (done.stderr or done.stdout).strip().splitlines()[-3:]
            raise Failure(f"`{' '.join(words)}` failed: {' | '.join(last)}")
        return done.stdout

    def __call__(self, *words: str, **options: Any) -> str:
        """kubectl in this namespace."""
        return self.run("kubectl", "--namespace", self.namespace, *words, **options)

    def get(self, kind: str, *words: str) -> list[dict[str, Any]]:
        """Objects, as Kubernetes has them."""
        found: dict[str, Any] = json.loads(self("get", kind, *words, "--output", "json"))
        return list(found["items"]) if "items" in found else [found]

    def on_node(self, node: str, *words: str, **options: Any) -> str:
        """A command inside of a node of the rig."""
        return Kubectl(self.namespace, (str(RIG / "run"), "-n", node)).run(*words, **options)

    def fault(self, *words: str) -> None:
        """What the rig can break: cut, heal, kill, start, pause, resume."""
        Kubectl(self.namespace).run(str(RIG / "fault"), *words)


class Conversation:
    """A command in a pod that answers each line with one: to start one for each costs more than what is asked."""

    def __init__(self, kubectl: Kubectl, pod: str, *words: str) -> None:
        inside = ("kubectl", "--namespace", kubectl.namespace, "exec", "--stdin", pod, *words)
        self._process = subprocess.Popen(
            [*kubectl.prefix, *inside],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env={**os.environ, **kubectl.environment},
        )

    def ask(self, line: str, seconds: float) -> str | None:
        """The answer; None when there is none in time, and none will come any more."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.write(f"{line}\n")
            self._process.stdin.flush()
        except OSError:
            return None
        readable, _, _ = select.select([self._process.stdout], [], [], seconds)
        return self._process.stdout.readline().strip() or None if readable else None

    def end(self) -> None:
        """Nothing of it stays."""
        self._process.kill()
        with self._process:
            pass


def rig_runs() -> bool:
    """Whether the rig answers; its files and network namespaces outlive one that was killed with its machine."""
    program = RIG / "run"
    return program.exists() and subprocess.run([program, "true"], capture_output=True, check=False).returncode == 0


def found() -> Kubectl:
    """The rig when it runs, else whatever context kubectl has."""
    if rig_runs():
        return Kubectl(prefix=(str(RIG / "run"),))
    if shutil.which("kubectl") is None:
        raise Failure("There is no cluster: start one with ../shared/cluster/up, or give kubectl a context.")
    return Kubectl()
