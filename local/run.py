"""`make run`: brings the whole stack up, says where it is, watches it, and ends all of it on Ctrl-C."""

import contextlib
import json
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from ssl import create_default_context
from types import FrameType

from local import processes
from local.failure import Failure
from local.greeting import Account, greeting
from local.progress import say, step
from local.server import ending_with_us, last_line
from local.stack import PORTS, ROLES, SERVED, Stack
from local.state import ROOT, State
from local.supervisor import Supervisor
from local.watch import watch

READY_TIMEOUT = 120.0
ENDINGS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def run() -> None:
    """Returns when it was asked to end; raises a Failure, with nothing left running, when it cannot go on."""
    state = State()
    state.make()
    with state.locked():
        _end_leftovers(state)
        settings = state.settings(PORTS)
        stack = Stack(state, settings)
        stack.check_doors()
        supervisor = Supervisor(state.folder, state.logs, settings.port("supervisor"), settings.supervisor_password)
        with endable(), _stopping(state, supervisor):
            _start(stack, supervisor)
            accounts = _accounts(stack)
            _wait_for_roles(stack, supervisor)
            say(greeting(stack, accounts))
            watch(supervisor)


def _start(stack: Stack, supervisor: Supervisor) -> None:
    with step("Preparing data and certificates"):
        stack.prepare()
        environment = {**stack.environment(), **processes.mark(stack.state.folder)}
        (stack.state.folder / "metrics-targets.json").write_text(stack.targets())
        supervisor.start(stack.programs(), environment)
    with step(f"PostgreSQL on 127.0.0.1:{stack.postgres.port}, Redis on 127.0.0.1:{stack.redis.port}"):
        supervisor.launch("postgres")
        supervisor.launch("redis")
        for name, server in (("postgres", stack.postgres), ("redis", stack.redis)):
            _wait(supervisor, name, server.is_ready)
            server.when_ready()
    with step("Migrating the database, collecting static files"):
        migrate = _begin(stack, "migrate", "-m", "nexus.config", "migrate")
        collect = _begin(stack, "collectstatic", "app/manage.py", "collectstatic", "--no-input", "-v0")
        migrate.output()
        collect.output()
    supervisor.launch("roles:*")
    supervisor.launch("proxy")


def _accounts(stack: Stack) -> list[Account]:
    with step("Loading the demo community"):
        answer = _begin(stack, "demo", "app/manage.py", "demo", "--json").output()
        return [Account(**row) for row in json.loads(answer)["accounts"]]


def _wait_for_roles(stack: Stack, supervisor: Supervisor) -> None:
    with step(f"Starting {len(ROLES)} replicas behind HAProxy"):
        for name in ROLES:
            is_served = name.partition("-")[0] in SERVED
            address = stack.address(name) + "/readyz" if is_served else stack.address(f"{name}-metrics") + "/metrics"
            _wait(supervisor, name, partial(_answers, f"http://{address}"))
        _wait(supervisor, "proxy", partial(_answers, f"{stack.proxy.url}/api/v1/instance", stack.proxy.ca))


def _wait(supervisor: Supervisor, name: str, is_ready: Callable[[], bool]) -> None:
    deadline = time.monotonic() + READY_TIMEOUT
    while not is_ready():
        if reason := supervisor.refuses(name):
            raise Failure(reason)
        if time.monotonic() > deadline:
            raise Failure(f"{name} is not ready after {READY_TIMEOUT:.0f} s; see {supervisor.log(name)}")
        time.sleep(0.1)


def _answers(url: str, ca: Path | None = None) -> bool:
    context = create_default_context(cafile=str(ca)) if ca else None
    try:
        # Without proxies: it is this machine that is asked.
        opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context)
        )
        with opener.open(url, timeout=5) as answer:
            return bool(answer.status == 200)
    except (OSError, urllib.error.URLError):
        return False


def _begin(stack: Stack, name: str, *arguments: str) -> "Command":
    """Starts a command of the application; its log is kept."""
    out, log = stack.state.logs / f"{name}.out", stack.state.logs / f"{name}.log"
    environment = {**stack.environment(), **processes.mark(stack.state.folder)}
    with out.open("wb") as output, log.open("wb") as errors:
        process = subprocess.Popen(
            ending_with_us([sys.executable, *arguments]),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=errors,
            cwd=ROOT,
            env=environment,
            start_new_session=True,
        )
    return Command(name, process, out, log)


@dataclass(frozen=True)
class Command:
    """One that runs to its end."""

    name: str
    process: subprocess.Popen[bytes]
    out: Path
    log: Path

    def output(self) -> str:
        """What it printed, when it has ended well."""
        if self.process.wait() != 0:
            raise Failure(f"{self.name} failed: {last_line(self.log)} (all of it: {self.log})")
        return self.out.read_text()


def _end_leftovers(state: State) -> None:
    if left := processes.marked(state.folder):
        with step(f"Ending {len(left)} processes that an earlier run left behind"):
            processes.stop_marked(state.folder)


@contextlib.contextmanager
def endable() -> Iterator[None]:
    """Ctrl-C, `make stop` and a closed terminal all end what runs inside in the same way."""

    def end(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    for number in ENDINGS:
        signal.signal(number, end)
    with contextlib.suppress(KeyboardInterrupt):
        yield


@contextlib.contextmanager
def _stopping(state: State, supervisor: Supervisor) -> Iterator[None]:
    try:
        yield
    finally:
        for number in ENDINGS:  # impatience must not leave half of it running
            signal.signal(number, signal.SIG_IGN)
        say()
        with step("Stopping"):
            supervisor.stop()
            processes.stop_marked(state.folder)
