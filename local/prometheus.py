"""`make watch`: Prometheus and Alertmanager with the project's rules, beside a `make run`."""

import json
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

from local.binaries import binary
from local.commands import running
from local.failure import Failure
from local.progress import say, step
from local.run import endable
from local.server import Server
from local.stack import WATCHERS, Stack
from local.state import ROOT

RULES: Final = tuple(ROOT / "monitoring" / "rules" / f"{name}.yaml" for name in ("objectives", "alerts"))
ROUTES: Final = ROOT / "monitoring" / "alertmanager.yml"
SCRAPED_EACH: Final = "5s"
LOOK_S: Final = 0.5


class Watcher(Server):
    """One program of the monitoring on a loopback port; ready when `path` answers."""

    def __init__(
        self, name: str, directory: Path, port: int, options: Sequence[str], path: str, variables: Mapping[str, str]
    ) -> None:
        self.name = name
        super().__init__(directory)
        self.address = f"127.0.0.1:{port}"
        self._options, self._path, self._variables = options, path, variables

    def prepare(self) -> None:
        """Needs a folder only."""
        self.directory.mkdir(parents=True, exist_ok=True)

    def command(self) -> list[str]:
        """The program in the foreground."""
        return [str(binary(self.name)), f"--web.listen-address={self.address}", *self._options]

    def environment(self) -> dict[str, str]:
        """What it must not be told on its command line, which everybody can read."""
        return dict(self._variables)

    def is_ready(self) -> bool:
        """Whether it answers."""
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(f"http://{self.address}{self._path}", timeout=5) as answer:
                return bool(answer.status == 200)
        except (OSError, urllib.error.URLError):
            return False


def configuration(
    targets: Path, exporters: Mapping[str, str], alertmanager: str, rules: Sequence[Path] = RULES
) -> dict[str, Any]:
    """Prometheus' own, for one machine: every role by the list that `make run` keeps."""
    jobs: list[dict[str, Any]] = [{"job_name": "nexus", "file_sd_configs": [{"files": [str(targets)]}]}]
    jobs += [{"job_name": name, "static_configs": [{"targets": [address]}]} for name, address in exporters.items()]
    return {
        "global": {"scrape_interval": SCRAPED_EACH, "evaluation_interval": SCRAPED_EACH},
        "rule_files": [str(path) for path in rules],
        "alerting": {"alertmanagers": [{"static_configs": [{"targets": [alertmanager]}]}]},
        "scrape_configs": jobs,
    }


def watchers(stack: Stack) -> list[Watcher]:
    """All programs, in the order of their start."""
    folder = stack.state.folder / "monitoring"
    ports = {name: stack.settings.port(name) for name in WATCHERS}
    url = stack.postgres.url
    variables = {
        "exporter-postgres": {"DATA_SOURCE_NAME": f"{url}?sslmode=disable"},
        "exporter-redis": {"REDIS_ADDR": stack.redis.url},
    }

    def watcher(name: str, program: str, options: Sequence[str] = (), path: str = "/metrics") -> Watcher:
        return Watcher(program, folder / name, ports[name], options, path, variables.get(name, {}))

    exporters = {name.removeprefix("exporter-"): f"127.0.0.1:{ports[name]}" for name in WATCHERS if "-" in name}
    alertmanager = f"127.0.0.1:{ports['alertmanager']}"
    settings = folder / "prometheus.json"  # JSON is YAML
    folder.mkdir(exist_ok=True)
    settings.write_text(
        json.dumps(configuration(stack.state.folder / "metrics-targets.json", exporters, alertmanager), indent=2)
    )
    storage = f"--storage.tsdb.path={folder / 'prometheus'}"
    routes = f"--config.file={ROUTES}"
    return [
        *(watcher(f"exporter-{name}", f"prometheus-{name}-exporter") for name in exporters),
        watcher(
            "alertmanager",
            "prometheus-alertmanager",
            [routes, f"--storage.path={folder / 'alertmanager'}", "--cluster.listen-address="],
            "/-/ready",
        ),
        watcher("prometheus", "prometheus", [f"--config.file={settings}", storage], "/-/ready"),
    ]


def watch() -> None:
    """Until Ctrl-C, or until `make run` ends."""
    stack = running()
    if missing := [name for name in WATCHERS if name not in stack.settings.ports]:
        raise Failure(f"That `make run` is of an older release and has no port for {missing[0]}: start it again.")
    with endable(), ExitStack() as starting:
        started = {}
        for each in watchers(stack):
            with step(f"{each.name} on {each.address}"):
                started[each.name] = starting.enter_context(each)
        say(f"\n  metrics      http://{started['prometheus'].address}/targets")
        say(f"  alerts       http://{started['prometheus'].address}/alerts")
        say(f"  who is told  http://{started['prometheus-alertmanager'].address}/")
        say("  pages        monitoring/runbooks/, one for each alert")
        say("\nCtrl-C ends them; the figures stay.")
        while stack.state.owner() is not None:
            for each in started.values():
                each.must_run()
            time.sleep(LOOK_S)
        say("`make run` has ended, and so does this.")
