"""A steady load by simulated people, driven from here, run where the clients are."""

import json
import os
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from drills import records
from drills.cluster import Cluster
from drills.people import Settings
from drills.records import Record
from local.failure import Failure
from local.state import ROOT


class Workload:
    """`with Workload(..)` signs the people up; `start` and `stop` bound the time that counts; `audit` comes after."""

    def __init__(
        self,
        cluster: Cluster,
        folder: Path,
        *,
        run: str,
        users: int = 8,
        rate: float = 24.0,
        retries: bool = True,
        keys: bool = True,
        accounts: int | None = None,
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.path, self._errors = folder / f"{run}.jsonl", folder / f"{run}.errors"
        self.path.unlink(missing_ok=True)
        self.settings = Settings(
            cluster.url,
            str(cluster.ca),
            str(self.path),
            run,
            users=users,
            rate=rate,
            retries=retries,
            keys=keys,
            accounts=accounts,
        )
        self._command = [*cluster.client, sys.executable, "-m", "drills.users", json.dumps(asdict(self.settings))]
        self._process: subprocess.Popen[str] | None = None
        self.people: dict[str, str] = {}
        self.begun = self.ended = 0.0

    def __enter__(self) -> Self:
        with self._errors.open("w") as errors:
            self._process = subprocess.Popen(
                self._command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                cwd=ROOT,
                env={**os.environ, "PYTHONPATH": str(ROOT)},
                start_new_session=True,  # Ctrl-C is for us
            )
        try:
            self.people = self._answer()["people"]
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        process, self._process = self._process, None
        if process is not None and process.poll() is None:
            process.kill()
        if process is not None:
            process.communicate()

    def start(self) -> None:
        """From now on it counts."""
        self.begun = float(self._ask("start")["begun"])

    def stop(self) -> None:
        """Lets every operation that is under way come to its end."""
        self.ended = float(self._ask("stop")["ended"])

    def audit(self) -> dict[str, list[int]]:
        """The ids on each one's home timeline, read by the clients' way."""
        return {person: [int(post) for post in posts] for person, posts in self._ask("audit")["homes"].items()}

    def records(self) -> list[Record]:
        """All operations that have ended, those before the start too."""
        return records.read(self.path)

    def acknowledged_since(self, moment: float) -> int:
        """How many writes that began after the moment were acknowledged."""
        return sum(record.started > moment for record in records.acknowledged(self.records()))

    def wait_until_writes_flow(self, seconds: float = 60.0, writes: int = 12) -> bool:
        """Until so many writes that begin from now on are acknowledged; whether that came to be."""
        moment = time.monotonic()
        while self.acknowledged_since(moment) < writes:
            if time.monotonic() > moment + seconds:
                return False
            time.sleep(0.25)
        return True

    def _ask(self, command: str) -> dict[str, Any]:
        assert self._process is not None
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(f"{command}\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            raise Failure(f"the simulated people are gone: {self._last_words()}") from None
        return self._answer()

    def _answer(self) -> dict[str, Any]:
        assert self._process is not None
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise Failure(f"the simulated people are gone: {self._last_words()}")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def _last_words(self) -> str:
        lines = self._errors.read_text().strip().splitlines()
        return lines[-1] if lines else "they said nothing"
