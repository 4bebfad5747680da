"""The fencer's variables in the laboratory, and the power switch that it presses."""

import shlex
from pathlib import Path

from drills.lab.network import Namespaces


def fencer_variables(folder: Path, network: Namespaces, etcd: str, host: str) -> dict[str, str]:
    """The switch says that it has worked when nothing runs on the node any more; `heal` starts it again."""
    switch = folder / "switch-off"
    pids = f'ip netns pids "{network.name("$1")}"'
    switch.write_text(f'#!/bin/sh\nwhile [ -n "$({pids})" ]; do kill -9 $({pids}); sleep 0.02; done\n')
    switch.chmod(0o755)
    return {
        "NEXUS_FENCER_ETCD": etcd,
        "NEXUS_FENCER_SCOPE": "nexus",
        "NEXUS_FENCER_COMMAND": shlex.quote(str(switch)),
        "NEXUS_FENCER_NAME": host,
    }
