"""The process manager of `make run`, supervisord: why this one is in docs/decisions/supervisor-runs-the-roles.md."""

import http.client
import shlex
import signal
import subprocess
import sys
import time
import xmlrpc.client
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from local.failure import Failure
from local.server import ending_with_us, last_line
from local.state import write_private

START_TIMEOUT = 30.0
STOP_TIMEOUT = 60.0
# A server that was killed may need a moment until its remains are gone; a program that cannot work fails every time.
PATIENCE = 8.0


@dataclass(frozen=True)
class Program:
    """One process to keep alive."""

    name: str
    command: list[str]
    directory: Path
    priority: int  # the highest is stopped first
    environment: Mapping[str, str] = field(default_factory=dict)
    group: str | None = None  # those of one group stop at the same time
    user: str | None = None
    stop_signal: signal.Signals = signal.SIGTERM


class Supervisor:
    """supervisord with our programs, none of which starts before it is asked for."""

    def __init__(self, folder: Path, logs: Path, port: int, password: str) -> None:
        self._folder = folder
        self._logs = logs
        self._port = port
        self._password = password
        self._process: subprocess.Popen[bytes] | None = None
        self._launched: dict[str, float] = {}
        self._api = xmlrpc.client.ServerProxy(f"http://nexus:{password}@127.0.0.1:{port}/RPC2", allow_none=True)

    def start(self, programs: Sequence[Program], environment: Mapping[str, str]) -> None:
        """Starts supervisord itself; `environment` is what all programs get."""
        configuration = self._folder / "supervisord.conf"
        write_private(configuration, "\n".join(self._configuration(programs)))
        with self.log("supervisord-start").open("wb") as log:
            self._process = subprocess.Popen(
                ending_with_us([sys.executable, "-m", "supervisor.supervisord", "-c", str(configuration)]),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=dict(environment),
                start_new_session=True,  # Ctrl-C is for us: we stop it, and it stops the programs in order
            )
        deadline = time.monotonic() + START_TIMEOUT
        while self._ask("getState") is None:
            if not self.is_alive() or time.monotonic() > deadline:
                log_file = self.log("supervisord-start")
                raise Failure(f"supervisord does not start: {last_line(log_file)} (all of it: {log_file})")
            time.sleep(0.1)

    def is_alive(self) -> bool:
        """Whether supervisord itself still runs."""
        return self._process is not None and self._process.poll() is None

    def launch(self, name: str) -> None:
        """Starts a program, or a whole group as `group:*`, without waiting for it."""
        call = self._api.supervisor.startProcessGroup if name.endswith(":*") else self._api.supervisor.startProcess
        try:
            call(name.removesuffix(":*"), False)
        except xmlrpc.client.Fault as fault:
            raise Failure(f"{name} does not start: {fault.faultString}") from fault
        self._launched[name.removesuffix(":*")] = time.monotonic()

    def programs(self) -> dict[str, dict[str, Any]]:
        """What supervisord knows of each program (statename, pid, start, ..); empty when it is gone."""
        return {info["name"]: info for info in self._ask("getAllProcessInfo") or []}

    def refuses(self, name: str) -> str | None:
        """One sentence when the program cannot be started: the last line of its log; None while there is hope."""
        info = self.programs().get(name)
        if info is None:
            return "supervisord is gone."
        is_new = time.monotonic() - self._launched[info["group"]] < PATIENCE
        if info["statename"] in ("RUNNING", "STARTING") or (info["statename"] != "FATAL" and is_new):
            return None
        log = self.log(name)
        return f"{name} refuses to start: {last_line(log)} (all of it: {log})"

    def log(self, name: str) -> Path:
        """The file with what a program says."""
        return self._logs / f"{name}.log"

    def stop(self) -> None:
        """Stops the programs, highest priority first, and supervisord."""
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate()
        try:
            process.wait(STOP_TIMEOUT)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _ask(self, method: str) -> Any:
        try:
            return getattr(self._api.supervisor, method)()
        except (OSError, http.client.HTTPException, xmlrpc.client.Error):
            return None

    def _configuration(self, programs: Sequence[Program]) -> list[str]:
        lines = [
            "[supervisord]",
            "nodaemon = true",
            "silent = true",
            f"logfile = {_literal(self.log('supervisord'))}",
            f"pidfile = {_literal(self._folder / 'supervisord.pid')}",
            "[inet_http_server]",
            f"port = 127.0.0.1:{self._port}",
            "username = nexus",
            f"password = {_literal(self._password)}",
            "[rpcinterface:supervisor]",
            "supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface",
        ]
        for program in programs:
            lines += self._program(program)
        for group in sorted({program.group for program in programs if program.group}):
            members = [program for program in programs if program.group == group]
            names = ",".join(member.name for member in members)
            lines += [f"[group:{group}]", f"programs = {names}", f"priority = {members[0].priority}"]
        return [*lines, ""]

    def _program(self, program: Program) -> list[str]:
        variables = ",".join(f'{name}="{_literal(value)}"' for name, value in program.environment.items())
        return [
            f"[program:{program.name}]",
            f"command = {_literal(shlex.join(ending_with_us(program.command, program.stop_signal)))}",
            f"directory = {_literal(program.directory)}",
            *([f"user = {program.user}"] if program.user else []),
            f"environment = {variables}",
            f"priority = {program.priority}",
            "autostart = false",
            "autorestart = true",
            # Whoever lives for a shorter time is started again after 1, 2, 3, .. seconds, the others at once.
            "startsecs = 5",
            "startretries = 40",
            f"stopsignal = {program.stop_signal.name.removeprefix('SIG')}",
            "stopwaitsecs = 15",
            "killasgroup = true",
            "redirect_stderr = true",
            f"stdout_logfile = {_literal(self.log(program.name))}",
            "stdout_logfile_maxbytes = 20MB",
            "stdout_logfile_backups = 1",
        ]


def _literal(value: object) -> str:
    # supervisord expands %(..)s in every value.
    return str(value).replace("%", "%%")
