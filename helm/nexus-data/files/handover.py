"""Before a pod is told to stop (preStop): a primary hands over while it still serves, as a switchover does.

Left to SIGTERM it hands over as well, but late: whoever asks for votes waits for one that is silent already, while the
pods that take the place of a drained node's are starting. What goes wrong here keeps nobody: SIGTERM comes next.
"""

import contextlib
import json
import os
import urllib.request

PATRONI = os.environ.get("PATRONI_URL", "http://localhost:8008")
ANSWER_S, HANDOVER_S = 2.0, 20.0  # of the pod's 60 s


def ask(path: str, seconds: float, body: bytes | None = None) -> None:
    """Raises OSError when the answer is no, or there is none."""
    with urllib.request.urlopen(urllib.request.Request(PATRONI + path, body), timeout=seconds) as answer:
        answer.read()


with contextlib.suppress(OSError):
    ask("/primary", ANSWER_S)
    ask("/switchover", HANDOVER_S, json.dumps({"leader": os.environ["PATRONI_NAME"]}).encode())
