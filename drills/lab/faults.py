"""The faults of drills/faults.py, as the laboratory has them: real processes, real packets."""

import os
import signal
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import closing, suppress
from functools import partial
from typing import TYPE_CHECKING, Final

import redis

from drills.lab.inside import ask
from drills.lab.network import DATABASES, HOSTS, PROXIES
from drills.lab.options import NotPossible
from drills.lab.places import PATRONI, REDIS, SENTINEL
from drills.lab.process import Process
from drills.lab.wear import Wear
from local.failure import Failure

if TYPE_CHECKING:
    from drills.lab.lab import Lab

TABLE: Final = "ip cut"
RESTARTED_AFTER_S: Final = 3.0
GRACE_S: Final = 30.0
READY_S: Final = 60.0
SWITCHOVER_S: Final = 60.0


class LabFaults(Wear):
    """Everything that is broken stays so until it is mended."""

    def __init__(self, lab: "Lab") -> None:
        super().__init__(lab)
        self._stopped: set[str] = set()
        self._lost: set[str] = set()
        self._timers: list[threading.Timer] = []

    # Processes and nodes

    def kill(self, name: str) -> None:
        """kill -9 of one process and its children."""
        self._signal(name, signal.SIGKILL)
        if name in self._lab.processes:
            self._lab.processes[name].kill()

    def stop(self, name: str) -> None:
        """SIGSTOP: it neither answers nor says that it does not."""
        self._stopped.add(name)
        self._signal(name, signal.SIGSTOP)

    def cont(self, name: str) -> None:
        """SIGCONT after `stop`."""
        self._stopped.discard(name)
        self._signal(name, signal.SIGCONT)

    def lose_node(self, node: str) -> None:
        """The link goes down, then everything on the node is killed: nobody is told, no RST is sent."""
        self._lab.network.link(node, is_up=False)
        self._lost.add(node)
        self._lab.kill_host(node)

    def restore_node(self, node: str) -> None:
        """The node starts again, with its data."""
        self._lab.network.link(node, is_up=True)
        self._lost.discard(node)
        for process in self._on(node):
            process.start()

    def cut(self, node: str, others: Sequence[str], *, incoming_only: bool = False) -> None:
        """Packets between the node and the others vanish; with `incoming_only`, only those towards the node."""
        self._cut(node, others, "", incoming_only=incoming_only)

    def heal(self) -> None:
        """Mends whatever is broken."""
        while self._timers:
            self._timers.pop().cancel()
        for host in HOSTS:
            self._lab.network.unfilter(host, TABLE)
        for name in sorted(self._stopped):
            self.cont(name)
        for node in sorted(self._lost):
            self.restore_node(node)
        self.mend()
        for process in self._lab.processes.values():
            process.start()

    # Roles of the application and the proxies

    def kill_web_worker(self, host: str) -> None:
        """kill -9 of one of the worker processes behind a web replica's master."""
        stop = time.monotonic() + READY_S
        while not (workers := self._lab.pids(f"web@{host}")[1:]):
            if time.monotonic() > stop:
                raise Failure(f"web@{host} has no worker.")
            time.sleep(0.02)
        with suppress(ProcessLookupError):
            os.kill(workers[0], signal.SIGKILL)

    def kill_role(self, name: str) -> None:
        """kill -9 of a whole replica."""
        self.kill(name)

    def silence_role(self, name: str) -> None:
        """SIGSTOP of a whole replica; `restart_role` ends it."""
        self.stop(name)

    def drain_role(self, name: str) -> None:
        """Ends a replica as a deploy does: it says so first, finishes its requests and goes."""
        if not self._lab.processes[name].end(GRACE_S):
            self.kill(name)

    def restart_role(self, name: str, environment: Mapping[str, str] | None = None) -> None:
        """Starts a replica that was ended or silenced, and waits until it serves."""
        process = self._lab.processes[name]
        if name in self._stopped:
            self._stopped.discard(name)
            process.kill()
        process.start(environment)
        self._wait(process)

    def reload_proxy(self) -> None:
        """Both proxies take their configuration anew."""
        for proxy in PROXIES:
            process = self._lab.processes[f"haproxy@{proxy}"]
            if (pid := process.pid) is not None:
                os.kill(pid, signal.SIGUSR2)
                self._wait(process)

    def kill_proxy(self) -> None:
        """kill -9 of the HAProxy that holds the floating address; started again a few seconds later."""
        process = self._lab.processes[f"haproxy@{self._holder()}"]
        process.kill()
        timer = threading.Timer(RESTARTED_AFTER_S, process.start)
        timer.daemon = True
        timer.start()
        self._timers.append(timer)

    def lose_proxy_host(self) -> None:
        """The node that holds the floating address is lost; `restore_node` brings it back."""
        self.lose_node(self._holder())

    # Postgres and the consensus store

    def switchover(self) -> None:
        """A planned switchover to a standby."""
        primary = self._lab.primary()
        address = self._lab.network.address(primary)
        body = {"leader": primary}
        call = partial(ask, address, PATRONI, "POST", "/switchover", body, SWITCHOVER_S)
        status, text = self._lab.inside.run(primary, call)
        if status != 200:
            raise Failure(f"Patroni refuses to switch over: {text.strip()} ({status})")

    def hang_patroni(self) -> None:
        """SIGSTOP of the Patroni beside the primary; `cont` ends it."""
        self.stop(f"patroni@{self._lab.primary()}")

    def stop_consensus(self) -> None:
        """SIGSTOP of every etcd."""
        for node in DATABASES:
            self.stop(f"etcd@{node}")

    def start_consensus(self) -> None:
        """SIGCONT of every etcd."""
        for node in DATABASES:
            self.cont(f"etcd@{node}")

    # Redis

    def redis_kill_master(self) -> None:
        """kill -9 of the master's Redis."""
        self.kill(f"redis@{self._redis_master()}")

    def redis_kill_all(self) -> None:
        """kill -9 of every Redis; `heal` starts them again."""
        for node in DATABASES:
            self.kill(f"redis@{node}")

    def redis_partition(self) -> None:
        """The master is alone, as far as Redis and Sentinel are concerned; `heal` ends it."""
        master = self._redis_master()
        others = [node for node in DATABASES if node != master]
        self._cut(master, others, f"tcp %s {{ {REDIS}, {SENTINEL} }}", incoming_only=False)

    def redis_flush(self) -> None:
        """Every key is gone."""
        master = self._redis_master()

        def flush() -> None:
            with closing(redis.Redis(self._lab.network.address(master), REDIS, socket_timeout=5)) as client:
                client.flushall()

        self._lab.inside.run(master, flush)

    def _signal(self, name: str, number: signal.Signals) -> None:
        # The parent first: it would start what was killed, and could not stop what it starts meanwhile.
        for pid in self._lab.pids(name):
            with suppress(ProcessLookupError):
                os.kill(pid, number)

    def _cut(self, node: str, others: Sequence[str], ports: str, *, incoming_only: bool) -> None:
        addresses = ", ".join(self._lab.network.address(host) for host in others if host != node)
        chains = {"in": ("input", "saddr"), **({} if incoming_only else {"out": ("output", "daddr")})}
        lines = [f"add table {TABLE}"]
        for chain, (hook, side) in chains.items():
            lines.append(f"add chain {TABLE} {chain} {{ type filter hook {hook} priority 0; }}")
            for limit in (ports % "dport", ports % "sport") if ports else ("",):
                lines.append(f"add rule {TABLE} {chain} ip {side} {{ {addresses} }} {limit} drop")
        self._lab.network.filter(node, "\n".join(lines) + "\n")

    def _on(self, host: str) -> list[Process]:
        return [process for process in self._lab.processes.values() if process.program.host == host]

    def _holder(self) -> str:
        if self._lab.is_reduced:
            raise NotPossible("The reduced laboratory has no floating address: its second proxy cannot take over.")
        holders = self._lab.health.holders()
        if not holders:
            raise Failure("No proxy has the floating address at this moment.")
        return holders[0]

    def _redis_master(self) -> str:
        master = self._lab.health.redis_master()
        if master is None:
            raise Failure("Redis has no master at this moment.")
        return master

    def _wait(self, process: Process) -> None:
        program, stop = process.program, time.monotonic() + READY_S
        while not self._lab.inside.run(program.host, program.is_ready):
            if time.monotonic() > stop or process.pid is None:
                raise Failure(f"{program.name} does not serve. {self._lab.said(program.name)}")
            time.sleep(0.05)
