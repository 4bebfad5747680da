"""`make watch-drill`: breaks a running Nexus in the ways that alerts are for, and writes down who was told what.

An alert's `for` is shortened by SHORTER, so that the drill ends the same day; thresholds and windows are as always.
"""

import json
import os
import re
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Final, cast

import yaml

from haproxy.tests.door import wait_until
from local.failure import Failure
from local.ports import free_port
from local.progress import say
from local.prometheus import ROUTES, RULES, Watcher
from local.state import ROOT
from monitoring.faults import FAULTS, BreakableStack, Fault
from monitoring.questions import ask
from monitoring.used import used
from monitoring.watched import watching
from tests.stack.stack import Stack

SHORTER: Final = int(os.environ.get("SHORTER", "10"))
OBSERVED_S: Final = float(os.environ.get("OBSERVED", "120"))
PATIENCE_S: Final = 300.0
RATE: Final = 8.0
CALM_S: Final = 30.0
PAGE: Final = ROOT / "docs" / "guide" / "alerts-tried.md"
HEAD: Final = """\
A whole Nexus on one machine, used by people ({date}). Each alert's `for` was divided by {shorter}; thresholds, windows,
routes and inhibitions were as always, and so was Alertmanager's wait of 10 s. Looked at for {seconds:.0f} s or more
each. Told: what a real Alertmanager sent, and to whom; kept back: what fired and was inhibited, or not sent yet. All
roles share the machine's processors, so where web has less of them, slower answers are the same matter."""
_UNITS: Final = {"s": 1, "m": 60, "h": 3600}


@dataclass(slots=True)
class Seen:
    """When an alert fired first, and when somebody was told first and where; seconds since the fault."""

    fired: dict[str, float] = field(default_factory=dict)
    told: dict[str, tuple[float, str]] = field(default_factory=dict)


class Pager(ThreadingHTTPServer):
    """Whom Alertmanager tells; the path of its URL is the receiver's name."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Notified)
        self.notes: list[tuple[float, str, str]] = []
        threading.Thread(target=self.serve_forever, daemon=True).start()


class _Notified(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        for alert in body["alerts"]:
            if alert["status"] == "firing":
                note = (time.monotonic(), alert["labels"]["alertname"], self.path.strip("/"))
                cast(Pager, self.server).notes.append(note)
        self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Nobody wants to read it."""


def shortened(folder: Path) -> list[Path]:
    """The rules, whose alerts wait less."""
    found = []
    for path in RULES:
        content = yaml.safe_load(path.read_text())
        for rule in [rule for group in content["groups"] for rule in group["rules"] if "for" in rule]:
            number, unit = re.fullmatch(r"(\d+)([smh])", rule["for"]).groups()  # type: ignore[union-attr]  # ours
            rule["for"] = f"{int(number) * _UNITS[unit] * 1000 // SHORTER}ms"
        found.append(folder / path.name)
        found[-1].write_text(yaml.safe_dump(content))
    return found


@contextmanager
def watched(stack: Stack, folder: Path, pager: Pager) -> Iterator[Watcher]:
    """A Prometheus and an Alertmanager without a past."""
    folder.mkdir()
    routes = yaml.safe_load(ROUTES.read_text())
    for receiver in routes["receivers"]:
        receiver["webhook_configs"] = [{"url": f"http://127.0.0.1:{pager.server_port}/{receiver['name']}"}]
    (folder / "alertmanager.yml").write_text(yaml.safe_dump(routes))
    options = [f"--config.file={folder / 'alertmanager.yml'}", f"--storage.path={folder}", "--cluster.listen-address="]
    with (
        Watcher("prometheus-alertmanager", folder / "alertmanager", free_port(), options, "/-/ready", {}) as telling,
        watching(stack, folder / "prometheus", rules=shortened(folder), alertmanager=telling.address) as asking,
    ):
        yield asking


def tried(fault: Fault, stack: BreakableStack, folder: Path) -> Seen:
    """Breaks it, looks for a while, and heals it."""
    pager, seen = Pager(), Seen()
    try:
        with watched(stack, folder, pager) as prometheus:
            time.sleep(CALM_S)
            if restless := {name for _, name, _ in pager.notes} - {"NexusWatchdog"}:
                raise Failure(f"Before anything was broken, these were told: {', '.join(sorted(restless))}.")
            begun = time.monotonic()
            fault.breaks(stack)
            try:
                while (now := time.monotonic() - begun) < OBSERVED_S or (
                    fault.alert not in seen.told and now < PATIENCE_S
                ):
                    for alert in ask(f"http://{prometheus.address}", "alerts")["alerts"]:
                        if alert["state"] == "firing":
                            seen.fired.setdefault(alert["labels"]["alertname"], now)
                    for at, name, receiver in list(pager.notes):
                        seen.told.setdefault(name, (at - begun, receiver))
                    time.sleep(0.5)
            finally:
                fault.heals(stack)
    finally:
        pager.shutdown()
        pager.server_close()
    seen.fired.pop("NexusWatchdog", None)
    seen.told.pop("NexusWatchdog", None)
    return seen


def strangers(fault: Fault, seen: Seen) -> list[str]:
    """Who was told and has nothing to do with it."""
    return sorted(seen.told.keys() - {fault.alert} - fault.related)


def page(results: list[tuple[Fault, Seen]]) -> str:
    """The table, for docs."""
    lines = [
        "<!-- Written by `make watch-drill`. -->",
        "",
        "# Alerts, tried",
        HEAD.format(date=time.strftime("%Y-%m-%d"), shorter=SHORTER, seconds=OBSERVED_S),
        "",
        "| fault | alert | fired after | told after | also told, as the same matter | kept back | unrelated |",
        "|---|---|---|---|---|---|---|",
    ]
    for fault, seen in results:
        at, receiver = seen.told.get(fault.alert, (0.0, ""))
        also = [f"{name} ({seen.told[name][1]})" for name in sorted(seen.told.keys() & fault.related)]
        kept = sorted(seen.fired.keys() - seen.told.keys())
        cells = (
            fault.name,
            f"[{fault.alert}](../../monitoring/runbooks/{fault.alert}.md)",
            f"{seen.fired[fault.alert]:.0f} s" if fault.alert in seen.fired else "**never**",
            f"{at:.0f} s ({receiver})" if receiver else "**never**",
            ", ".join(also) or "-",
            ", ".join(kept) or "-",
            ", ".join(f"**{name}**" for name in strangers(fault, seen)) or "none",
        )
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def main(names: list[str]) -> int:
    """All faults, or those whose names contain one of the words; 0 when every alert was told and no other."""
    chosen = [each for each in FAULTS if not names or any(name in each.name for name in names)]
    results: list[tuple[Fault, Seen]] = []
    with tempfile.TemporaryDirectory(prefix="nexus-watch-drill-") as name:
        directory = Path(name)
        directory.chmod(0o711)
        with BreakableStack(directory) as stack:
            for number, fault in enumerate(chosen):
                with used(stack, RATE):
                    seen = tried(fault, stack, directory / f"watched-{number}")
                results.append((fault, seen))
                say(f"  {fault.name}: {seen}")
                wait_until(lambda: set(stack.door.states().values()) == {"UP"}, "all replicas", PATIENCE_S)
                wait_until(stack.nothing_is_left_to_do, "the end of all work", PATIENCE_S)
    if chosen == list(FAULTS):
        PAGE.write_text(page(results))
    say(page(results))
    return int(any(fault.alert not in seen.told or strangers(fault, seen) for fault, seen in results))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
