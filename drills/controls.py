"""Negative controls: one mechanism is taken away, and a drill must turn red for the reason that is written here.

Each is tried until it turns red; one that stays green after all its tries proves that its drill proves nothing, and
fails the whole.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from drills.lab.options import Options
from drills.play import Result
from drills.run import Run
from drills.scenario import Load, Promise, Scenario

TRIES: Final = 3


@dataclass(frozen=True, slots=True)
class Control:
    """`seen`: the sentence of what went wrong, if it went wrong for the expected reason."""

    scenario: Scenario
    without: str
    expected: str
    seen: Callable[[Result], str | None]

    @property
    def name(self) -> str:
        """As it is called."""
        return self.scenario.name


def _hide_the_primary(run: Run) -> None:
    primary = run.cluster.primary()
    with run.when(f"{primary}, the primary's node, hears nothing of the others, while the proxies still reach it"):
        run.faults.cut(primary, run.cluster.standbys())
    run.goes_on(9)
    run.until_writes_flow()
    with run.mended("the network is whole again"):
        run.faults.heal()
    run.goes_on(2)


def _hang_the_standbys(run: Run) -> None:
    """A commit waits for longer than its deadline: it is stored, and its answer says that nobody knows."""
    with run.stopped("Postgres on both standbys", [f"postgres@{standby}" for standby in run.cluster.standbys()]):
        run.goes_on(13)
    run.until_writes_flow()


def _silence_a_replica(run: Run) -> None:
    with run.when("SIGSTOP of web on app1"):
        run.faults.silence_role("web@app1")
    run.goes_on(14)
    with run.mended("web on app1 starts again"):
        run.faults.restart_role("web@app1")
    run.until_writes_flow()


def _lose_the_consensus(run: Run) -> None:
    with run.when("every etcd stops"):
        run.faults.stop_consensus()
    run.goes_on(30)  # until the primary is demoted, and then longer than a client tries
    with run.mended("every etcd goes on"):
        run.faults.start_consensus()
    run.until_writes_flow()


def retry_everything(configuration: str) -> str:
    """haproxy.cfg as it is often found: every error is a reason to send it again, whatever it is."""
    wanted = re.sub(r"(?m)^(\s*)retry-on .*$", r"\1retry-on all-retryable-errors", configuration)
    return re.sub(r"(?m)^\s*http-request disable-l7-retry.*\n", "", wanted)


def default_timeouts(configuration: str) -> str:
    """haproxy.cfg with the times that stand in most examples, and HAProxy's own for checks."""
    changed = re.sub(r"(?m)^(\s*timeout connect) .*$", r"\1 5s", configuration)
    changed = re.sub(r"(?m)^\s*http-request set-timeout server.*\n", "", changed)
    changed = re.sub(r"(?m)^(\s*timeout server) \S+$", r"\1 60s", changed)
    changed = re.sub(r"inter \"\$\{NEXUS_PROXY_CHECK_INTERVAL\}\" fastinter 100ms fall 2 rise 1", "inter 2s", changed)
    return re.sub(r" observe layer7 error-limit 1 on-error fastinter", "", changed)


def _control(
    name: str,
    act: Callable[[Run], None],
    sentences: tuple[str, str, str],
    seen: Callable[[Result], str | None],
    *,
    options: Options | None = None,
    load: Load | None = None,
    pause_s: float | None = None,
    needs_network: bool = False,
) -> Control:
    without, when, expected = sentences
    scenario = Scenario(
        name=name,
        row=0,
        sentences=(f"Given {without}, and steady load", f"When {when}", f"Then {expected}"),
        act=act,
        promise=Promise(pause_s),
        load=load or Load(),
        options=options or Options(),
        needs_network=needs_network,
    )
    return Control(scenario, without, expected, seen)


def _lost(result: Result) -> str | None:
    count = len(result.findings.lost)
    return f"{count} acknowledged writes are missing, counted on every node" if count else None


def _doubled(result: Result) -> str | None:
    count = len(result.findings.duplicated)
    return f"{count} posts are there more than once, counted on every node" if count else None


def _silently_doubled(result: Result) -> str | None:
    texts = {line.partition("”")[0] for line in result.findings.duplicated}
    tries = max((attempts for *_, attempts, _ in result.records), default=1)
    if not texts or tries > 1:
        return None
    return f"{len(texts)} posts are there more than once, and no client sent one again"


def _paused(limit_s: float) -> Callable[[Result], str | None]:
    def seen(result: Result) -> str | None:
        longest = max(result.figures.pause_s, result.figures.slowest_request_s)
        return f"a client waited {longest:.1f} s, where {limit_s:g} s are promised" if longest > limit_s else None

    return seen


def _outage(result: Result) -> str | None:
    pause, failed = result.figures.pause_s, result.figures.failed_writes
    return f"no write for {pause:.1f} s, {failed} failed" if pause > 10 and failed else None


CONTROLS: Final = (
    _control(
        "asynchronous-replication",
        _hide_the_primary,
        (
            "replication that nobody waits for",
            "the primary's node is cut off from its standbys, while the proxies still reach it",
            "acknowledged writes are lost",
        ),
        _lost,
        options=Options(synchronous="off"),
        needs_network=True,
    ),
    _control(
        "keys-off",
        _hang_the_standbys,
        (
            "clients without idempotency keys that send again what had no good answer",
            "both standbys hang for longer than a commit may wait",
            "posts are there twice",
        ),
        _doubled,
        load=Load(keys=False),
    ),
    _control(
        "retry-everything",
        _hang_the_standbys,
        (
            "a proxy with `retry-on all-retryable-errors` for every write, and clients that send nothing again",
            "both standbys hang for longer than a commit may wait",
            "posts are there twice, and nobody has sent them twice",
        ),
        _silently_doubled,
        options=Options(proxy_config=retry_everything),
        load=Load(keys=False, retries=False),
    ),
    _control(
        "default-timeouts",
        _silence_a_replica,
        (
            "a proxy with the time-outs that stand in most examples",
            "one web replica stops answering and says nothing",
            "clients wait for many seconds, where 2.5 s are enough",
        ),
        _paused(5.0),
        options=Options(proxy_config=default_timeouts),
        load=Load(retries=False),
        pause_s=1.0,
    ),
    _control(
        "failsafe-off",
        _lose_the_consensus,
        (
            "Patroni without its failsafe mode",
            "every etcd stops, and does not say so",
            "nobody may lead: no write is possible until etcd is back",
        ),
        _outage,
        options=Options(failsafe=False),
        pause_s=0.5,
    ),
)
