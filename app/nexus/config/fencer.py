"""The fencer: two agree that the leader's node is gone, have it fenced, and let Patroni elect another at once."""

import json
import shlex
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from types import FrameType
from typing import Any, Final

from nexus.config.environment import Environment
from nexus.config.etcd import Entry, Etcd, EtcdAway
from nexus.config.observing import Member, Observer
from nexus.config.state import show_life
from nexus.kernel import metrics
from nexus.kernel.logging import log

GONE_S: Final = 2.0
NEVER_TWICE_S: Final = 60
_PAUSE_S: Final = 0.05
# Two observers that look at the same time find out together: who is first waits a moment for the other.
_OTHER_S: Final = 0.3
# What another observer has written is its word for so long; then it has to write again.
_WORD_S: Final = 1.0
_WORD_KEPT_S: Final = 3
_COMMAND_S: Final = 10.0
_RELEASE_TRIES: Final = 100

# Why a silent leader is not fenced, in the order in which one thinks about it.
REASONS: Final = {
    "etcd_away": "I cannot see a majority of etcd, so it is probably me who is cut off.",
    "several_gone": "More than one database node looks gone, so it is probably me who is cut off.",
    "not_quorum": "Patroni's synchronous_mode is not quorum and strict: a standby could lack acknowledged commits.",
    "paused": "Patroni is paused: it would elect nobody.",
    "nobody_else": "No synchronous standby answers that could take over.",
    "fenced_lately": "A node was fenced less than a minute ago.",
    "alone": "No other observer says the same.",
}


@dataclass(frozen=True, slots=True)
class View:
    """What is known at one moment."""

    leader: str = ""
    leader_revision: int = 0
    settings: dict[str, Any] = field(default_factory=dict)
    standbys: frozenset[str] = frozenset()
    members: dict[str, Member] = field(default_factory=dict)
    words: dict[str, Entry] = field(default_factory=dict)
    is_fenced_lately: bool = False


class Fencer:
    """One of at least two."""

    def __init__(self, etcd: Etcd, *, scope: str, name: str, command: list[str]) -> None:
        self._etcd = etcd
        self._patroni = f"/service/{scope}/"
        self._own = f"/nexus-fencer/{scope}/"
        self._name = name
        self._command = command
        self._observer = Observer()
        self._view = View()
        self._heard: dict[str, tuple[int, float]] = {}
        self._has_spoken = False
        self._said: tuple[str, ...] = ()
        self._stop = threading.Event()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="etcd-reader")

    def run(self) -> None:
        """Turns until SIGTERM."""
        signal.signal(signal.SIGTERM, self._end)
        signal.signal(signal.SIGINT, self._end)
        log.info("fencer_started", observer=self._name)
        while not self._stop.wait(_PAUSE_S):
            show_life()
            try:
                self.turn()
            except EtcdAway as error:
                log.warning("fencer_cannot_write", error=str(error))
            except Exception:
                log.exception("fencer_failed")
                self._stop.wait(1.0)
        log.info("fencer_stopped")

    def turn(self) -> None:
        """Looks at everything once and does what follows from it."""
        reading = self._thread.submit(self._read)
        self._observer.look()
        try:
            self._view = reading.result()
            self._observer.learn(self._view.members, self._view.leader)
            has_majority = True
        except EtcdAway:
            has_majority = False
        view, silent = self._view, self._observer.silent()
        seconds = silent.get(view.leader, 0.0)
        if not view.leader or seconds < GONE_S:
            self._take_back(has_majority)
            return
        reasons = self._reasons(view, silent, has_majority)
        if reasons == ["alone"] and self._hears_other(view):
            reasons = []
        self._tell(view, seconds, reasons)
        if not reasons:
            self._fence(view, seconds)

    def _end(self, number: int, frame: FrameType | None) -> None:
        self._stop.set()

    def _read(self) -> View:
        found = self._etcd.read(self._patroni, self._own)
        members = {
            key.removeprefix(f"{self._patroni}members/"): member
            for key, entry in found.items()
            if key.startswith(f"{self._patroni}members/") and (member := Member.of(entry.value))
        }
        leader = found.get(f"{self._patroni}leader", Entry("", 0))
        words = f"{self._own}observers/"
        return View(
            leader=leader.value,
            leader_revision=leader.revision,
            settings=_object(found, f"{self._patroni}config"),
            standbys=frozenset(str(_object(found, f"{self._patroni}sync").get("sync_standby") or "").split(",")),
            members=members,
            words={key.removeprefix(words): entry for key, entry in found.items() if key.startswith(words)},
            is_fenced_lately=f"{self._own}fenced" in found,
        )

    def _reasons(self, view: View, silent: dict[str, float], has_majority: bool) -> list[str]:
        """Why the leader is not to be fenced; empty when it is. Tells the other observers what we see."""
        if not has_majority:
            return ["etcd_away"]
        self._etcd.put(f"{self._own}observers/{self._name}", _word(view), seconds=_WORD_KEPT_S)
        self._has_spoken = True
        is_quorum = view.settings.get("synchronous_mode") == "quorum" and view.settings.get("synchronous_mode_strict")
        refused = {
            "several_gone": len(silent) > 1,
            "not_quorum": is_quorum is not True,
            "paused": bool(view.settings.get("pause")),
            "nobody_else": not (view.standbys & view.members.keys()) - silent.keys(),
            "fenced_lately": view.is_fenced_lately,
            "alone": not self._has_second(view),
        }
        return [reason for reason, is_refused in refused.items() if is_refused]

    def _take_back(self, has_majority: bool) -> None:
        """What we have said is true no longer."""
        self._said = ()
        if self._has_spoken and has_majority:
            self._etcd.delete(f"{self._own}observers/{self._name}")
            self._has_spoken = False

    def _has_second(self, view: View) -> bool:
        """Whether another observer has said so a moment ago, by our clock, and of this leader's very leadership."""
        now = time.monotonic()
        for name, entry in view.words.items():
            if self._heard.get(name, (0, 0.0))[0] != entry.revision:
                self._heard[name] = (entry.revision, now)
        return any(
            name != self._name and entry.value == _word(view) and now - self._heard[name][1] < _WORD_S
            for name, entry in view.words.items()
        )

    def _hears_other(self, view: View) -> bool:
        stop = time.monotonic() + _OTHER_S
        while time.monotonic() < stop and not self._stop.wait(_PAUSE_S):
            now = self._read()
            if (now.leader, now.leader_revision) != (view.leader, view.leader_revision):
                return False
            if self._has_second(now):
                return True
        return False

    def _tell(self, view: View, seconds: float, reasons: list[str]) -> None:
        """Once for each change of mind."""
        if self._said == (view.leader, *reasons):
            return
        self._said = (view.leader, *reasons)
        for reason in reasons:
            metrics.FENCER_REFUSALS.labels(reason).inc()
        if reasons:
            why = " ".join(REASONS[reason] for reason in reasons)
            log.warning("fencer_refuses", node=view.leader, silent_s=round(seconds, 1), reasons=reasons, why=why)

    def _fence(self, view: View, seconds: float) -> None:
        """One of the observers does it: who writes first, while the leader is the same."""
        unchanged = (f"{self._patroni}leader", view.leader_revision)
        note = json.dumps({"node": view.leader, "by": self._name})
        if not self._etcd.create(f"{self._own}fenced", note, seconds=NEVER_TWICE_S, while_unchanged=unchanged):
            return
        log.warning("fencer_fences", node=view.leader, silent_s=round(seconds, 1), by=self._name)
        if not self._run_command(view.leader):
            metrics.FENCER_FENCINGS.labels("failed").inc()
            return
        # Only this leadership ends: when another node has taken it over meanwhile, nothing happens to that one.
        is_released = self._release(*unchanged)
        metrics.FENCER_FENCINGS.labels("released" if is_released else "superseded").inc()
        log.warning("fencer_has_fenced", node=view.leader, is_released=is_released)

    def _release(self, key: str, revision: int) -> bool:
        for _ in range(_RELEASE_TRIES):
            try:
                return self._etcd.delete_unchanged(key, revision)
            except EtcdAway as error:  # it may just elect a leader itself
                log.warning("fencer_cannot_write", error=str(error))
                self._stop.wait(_PAUSE_S)
        return False

    def _run_command(self, node: str) -> bool:
        """Whether the node is fenced for certain; if not, the leadership stays what it is."""
        begun = time.monotonic()
        try:
            done = subprocess.run(  # noqa: S603 (what the operator has configured)
                [*self._command, node],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                timeout=_COMMAND_S,
                check=False,
            )
            status, said = str(done.returncode), done.stdout.decode(errors="replace").strip()[-500:]
        except (OSError, subprocess.TimeoutExpired) as error:
            status, said = type(error).__name__, str(error)
        took = round(time.monotonic() - begun, 2)
        log.warning("fencer_command", node=node, status=status, said=said, seconds=took)
        return status == "0"


def run(environment: Environment) -> None:
    """The role, if it is wanted: it is off until all its variables are set."""
    wanted = {
        "NEXUS_FENCER_ETCD": environment.fencer_etcd,
        "NEXUS_FENCER_SCOPE": environment.fencer_scope,
        "NEXUS_FENCER_COMMAND": environment.fencer_command,
        "NEXUS_FENCER_NAME": environment.fencer_name,
    }
    missing = [name for name, value in wanted.items() if not value]
    if missing:
        sys.exit(f"nexus: the role fencer is off: set {', '.join(missing)}.")
    Fencer(
        Etcd(environment.fencer_etcd),
        scope=environment.fencer_scope,
        name=environment.fencer_name,
        command=shlex.split(environment.fencer_command),
    ).run()


def _object(found: dict[str, Entry], key: str) -> dict[str, Any]:
    try:
        read = json.loads(found[key].value)
    except (KeyError, ValueError):
        return {}
    return read if isinstance(read, dict) else {}


def _word(view: View) -> str:
    """What observers have to agree on."""
    return json.dumps({"gone": view.leader, "revision": view.leader_revision})
