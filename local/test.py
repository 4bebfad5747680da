"""`make test`: every guard of the project in one run, and one table at its end."""

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from local import checks
from local.failure import Failure
from local.progress import say
from local.state import ROOT
from local.test_environment import clean, variables

BIN = Path(sys.executable).parent
# Seen from app/, whose pyproject.toml rules.
CODE = [".", "../local", "../haproxy", "../bench", "../drills", "../helm", "../monitoring"]
TYPED = ["nexus", "manage.py", "tests", "../local", "../haproxy", "../bench", "../drills", "../helm", "../monitoring"]
TESTS = ["app/tests", "local/tests", "haproxy/tests", "bench/tests", "drills/tests", "helm/tests", "monitoring/tests"]
GENERATED = ["app/contracts", "docs", "k8s", "monitoring/rules", "monitoring/dashboards", "README.md"]
LIMIT = 45 * 60.0


@dataclass(frozen=True)
class Outcome:
    """How one step went."""

    name: str
    is_good: bool
    seconds: float


class Steps:
    """What can be run, by name; each returns whether it is good."""

    def __init__(self, directory: Path) -> None:
        nowhere = "redis://127.0.0.1:1/0"  # the steps before the tests need settings, no servers
        self._settings = variables(directory, "postgres://nexus:nexus@127.0.0.1:1/nexus", nowhere, nowhere)

    def style(self) -> bool:
        """ruff check."""
        return self._quietly([str(BIN / "ruff"), "check", *existing(CODE, ROOT / "app")])

    def format(self) -> bool:
        """ruff format --check."""
        return self._quietly([str(BIN / "ruff"), "format", "--check", *existing(CODE, ROOT / "app")])

    def types(self) -> bool:
        """mypy --strict, by the settings in app/pyproject.toml."""
        # Two folders may have a conftest.py: a module's name begins at app/ or at the root, whichever is nearer.
        bases = {"MYPYPATH": os.pathsep.join([str(ROOT / "app"), str(ROOT)])}
        options = ["--config-file", "pyproject.toml", "--explicit-package-bases"]
        return self._quietly([str(BIN / "mypy"), *options, *existing(TYPED, ROOT / "app")], {**self._settings, **bases})

    def contracts(self) -> bool:
        """What is generated from the code is what the checkout has; what was not is left as it must be."""
        before = dict(_digests())
        if not self.generate():
            return False
        changed = sorted(path for path, digest in _digests() if before.get(path) != digest)
        for path in changed:
            say(f"  {path} was not what the code says; it is now: look at it and commit it")
        return not changed

    def generate(self) -> bool:
        """Writes them."""
        paths = {"PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "app")])}
        modules = ["drills.document", "helm.reference", "helm.environments"]
        modules += ["monitoring.rules", "monitoring.dashboards", "monitoring.reference"]
        return self._quietly([sys.executable, "manage.py", "generate"], self._settings) and all(
            self._quietly([sys.executable, "-m", module], paths) for module in modules
        )

    def checks(self) -> bool:
        """Manifests, Dockerfiles, pipelines and scripts, by the tools that know them."""
        return checks.main()

    def tests(self) -> bool:
        """pytest on all cores, with servers of its own."""
        workers = str(max(2, os.cpu_count() or 2))
        return self._pytest("-n", workers, "-p", "local.pytest_order", *existing(TESTS, ROOT))

    def fuzz(self) -> bool:
        """The long form of the tests that generate requests."""
        os.environ["HYPOTHESIS_PROFILE"] = "fuzz"
        return self._pytest("-m", "fuzz", *existing(TESTS, ROOT))

    def _pytest(self, *arguments: str) -> bool:
        command = [sys.executable, "-m", "pytest", "-c", "app/pyproject.toml", "--rootdir", ".", *arguments]
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, cwd=ROOT, env=clean())
        try:
            return process.wait(LIMIT) == 0
        except subprocess.TimeoutExpired:
            say(f"  the tests did not end within {LIMIT / 60:.0f} minutes")
            return False
        finally:
            if process.poll() is None:
                process.terminate()  # it ends its servers then
                process.wait()

    def _quietly(self, command: Sequence[str], settings: Mapping[str, str] | None = None) -> bool:
        """Shows what the command says only when it fails."""
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd=ROOT / "app",
            env={**clean(), **(settings or {})},
            text=True,
        )
        if done.returncode != 0:
            say(done.stdout.rstrip())
        return done.returncode == 0


EVERYTHING = ["style", "format", "types", "contracts", "checks", "tests"]


def main(names: Sequence[str]) -> None:
    """Runs the steps, all of them even when one fails; status 1 when one did."""
    directory = Path(tempfile.mkdtemp(prefix="nexus-steps-"))
    try:
        steps = Steps(directory)
        outcomes = [_outcome(name, getattr(steps, name)) for name in names or EVERYTHING]
    finally:
        shutil.rmtree(directory, ignore_errors=True)
    say()
    for outcome in outcomes:
        say(f"  {'ok    ' if outcome.is_good else 'FAILED'}  {outcome.name:<12} {outcome.seconds:7.1f} s")
    bad = [outcome.name for outcome in outcomes if not outcome.is_good]
    if bad:
        sys.exit(f"\nFailed: {', '.join(bad)}.")
    say("\nEverything is as it should be.")


def existing(paths: Sequence[str], folder: Path) -> list[str]:
    """Those of the paths that are there."""
    return [path for path in paths if (folder / path).exists()]


def _outcome(name: str, step: Callable[[], bool]) -> Outcome:
    say(f"== {name}: {step.__doc__}")
    begun = time.monotonic()
    is_good = step()
    return Outcome(name, is_good, time.monotonic() - begun)


def _digests() -> Iterator[tuple[str, str]]:
    for top in GENERATED:
        path = ROOT / top
        for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
            if file.is_file():
                yield str(file.relative_to(ROOT)), hashlib.sha256(file.read_bytes()).hexdigest()


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except Failure as failure:
        sys.exit(f"\n{failure}")
    except KeyboardInterrupt:
        sys.exit("\nInterrupted.")
