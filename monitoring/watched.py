"""A whole Nexus for a test, a picture or a drill, watched as by `make watch`."""

import json
import urllib.parse
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from local.ports import free_port
from local.prometheus import RULES, Watcher, configuration
from tests.stack.stack import Stack


@contextmanager
def watching(
    stack: Stack, folder: Path, *, rules: Sequence[Path] = RULES, alertmanager: str = "127.0.0.1:1"
) -> Iterator[Watcher]:
    """Prometheus with the rules, on every role of the stack."""
    folder.mkdir(exist_ok=True)
    roles = [*stack.webs, stack.live, stack.worker, *stack.relays, stack.meter]
    addresses = [(role.role, urllib.parse.urlsplit(role.metrics).netloc) for role in roles]
    addresses.append(("proxy", f"127.0.0.1:{stack.door.metrics_port}"))
    targets = folder / "targets.json"
    targets.write_text(json.dumps([{"targets": [address], "labels": {"role": role}} for role, address in addresses]))
    settings = folder / "prometheus.json"
    settings.write_text(json.dumps(configuration(targets, {}, alertmanager, rules)))
    options = [f"--config.file={settings}", f"--storage.tsdb.path={folder / 'data'}"]
    with Watcher("prometheus", folder, free_port(), options, "/-/ready", {}) as running:
        yield running
