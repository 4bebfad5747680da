"""Addresses of names, remembered: nobody waits for DNS again who has asked for a name before.

libc waits for ten seconds, and sends a second question the same way as the first. In Kubernetes that way leads, until a
lost node is noticed after 20 to 40 s, to a name server that was on it, for half of those who ask.
"""

import ipaddress
import os
import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as NotYet
from typing import Any, Final

from nexus.kernel import waiting
from nexus.kernel.logging import log

# As short as what a name of Kubernetes is good for; a database's that fails over by its name, too.
FRESH_S: Final = 2.0
PATIENCE_S: Final = 0.25
NAMES_MAX: Final = 256
_GONE: Final = frozenset({socket.EAI_NONAME, socket.EAI_NODATA})

Addresses = list[Any]
Question = tuple[Any, ...]


class Names:
    """`ask` takes and gives what socket.getaddrinfo does; asked by a thread aside, once at a time for each name."""

    def __init__(self, ask: Callable[..., Addresses]) -> None:
        self._ask = ask
        self.forget()

    def forget(self) -> None:
        """As at the beginning: a process that was forked has none of our threads, and maybe a lock that one held."""
        self._lock = threading.Lock()
        self._known: dict[Question, tuple[float, Addresses]] = {}
        self._asked: dict[Question, tuple[float, Future[Addresses]]] = {}
        self._failing: set[Question] = set()

    def getaddrinfo(
        self, host: Any, port: Any, family: int = 0, type: int = 0, proto: int = 0, flags: int = 0
    ) -> Addresses:
        """As socket.getaddrinfo; raises socket.gaierror. A name that is known is waited for a quarter of a second."""
        question = (host, port, family, type, proto, flags)
        if not _is_name(host):
            return self._ask(*question)
        asked_at, known = self._known.get(question, (0.0, None))
        if known is not None and time.monotonic() - asked_at < FRESH_S:
            return known
        begun, answer = self._asking(question)
        wait = waiting.remaining() if known is None else max(0.0, begun + PATIENCE_S - time.monotonic())
        try:
            return answer.result(wait)
        except NotYet:
            error = socket.gaierror(socket.EAI_AGAIN, f"no answer yet for {host}")
        except socket.gaierror as told:
            error = told
        if known is None or error.errno in _GONE:
            raise error
        return known

    def _asking(self, question: Question) -> tuple[float, "Future[Addresses]"]:
        with self._lock:
            if question not in self._asked:
                self._asked[question] = (time.monotonic(), Future())
                threading.Thread(target=self._find, args=(question,), name="names", daemon=True).start()
            return self._asked[question]

    def _find(self, question: Question) -> None:
        found: Addresses = []
        failed: Exception | None = None
        try:
            found = self._ask(*question)
        except Exception as error:
            failed = error
        with self._lock:  # who asks from now on asks anew
            _, answer = self._asked.pop(question)
        if failed is None:
            self._remember(question, found)
            answer.set_result(found)
        else:
            if question not in self._failing:  # once: somebody may ask ten times a second
                log.warning("name_not_resolved", name=str(question[0]), error=str(failed))
            self._failing.add(question)
            answer.set_exception(failed)

    def _remember(self, question: Question, found: Addresses) -> None:
        if len(self._known) >= NAMES_MAX:
            self._known.clear()
        self._known[question] = (time.monotonic(), found)
        self._failing.discard(question)


def _is_name(host: Any) -> bool:
    """No address, and not the empty one."""
    try:
        ipaddress.ip_address(host.decode() if isinstance(host, bytes) else host or "::")
    except ValueError:
        return True
    return False


NAMES: Final = Names(socket.getaddrinfo)
os.register_at_fork(after_in_child=NAMES.forget)


def install() -> None:
    """For all that Python connects to, Redis and mail included: each library asks socket.getaddrinfo."""
    socket.getaddrinfo = NAMES.getaddrinfo


def located(host: str, port: Any) -> dict[str, str]:
    """libpq's `host` and `hostaddr` for a host, because it asks by itself otherwise. Raises socket.gaierror."""
    if not host or host.startswith("/") or "," in host:
        return {"host": host} if host else {}
    found = NAMES.getaddrinfo(host, port or None, type=socket.SOCK_STREAM)
    addresses = list(dict.fromkeys(str(each[4][0]) for each in found))
    return {"host": ",".join([host] * len(addresses)), "hostaddr": ",".join(addresses)}
