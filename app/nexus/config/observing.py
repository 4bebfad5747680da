"""What an observer sees of the database nodes: whether anything answers at their addresses, and since when not."""

import json
import socket
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from nexus.kernel import metrics

_TIMEOUT_S: Final = 0.25
_MEMBERS_MAX: Final = 16
# Fewer silent looks than these prove nothing, however long they took.
_LOOKS: Final = 3

Address = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Member:
    """Where a node of Patroni answers."""

    patroni: Address
    postgres: Address

    @classmethod
    def of(cls, value: str) -> "Member | None":
        """From what Patroni writes into etcd; None when that is no such thing."""
        try:
            found = json.loads(value)
            return cls(_address(found["api_url"], 8008), _address(found["conn_url"], 5432))
        except (ValueError, KeyError, TypeError):
            return None


class Observer:
    """Looks at all nodes at once, again and again."""

    def __init__(self) -> None:
        self._members: dict[str, Member] = {}
        self._silent: dict[str, tuple[float, int]] = {}
        self._threads = ThreadPoolExecutor(2 * _MEMBERS_MAX, thread_name_prefix="observer")

    def learn(self, members: Mapping[str, Member], leader: str) -> None:
        """Who belongs to the cluster now. The leader does while it is called so, also when its own entry has ended."""
        kept = {leader: self._members[leader]} if leader in self._members else {}
        self._members = {**kept, **members}
        self._silent = {name: known for name, known in self._silent.items() if name in self._members}

    def look(self) -> None:
        """Once at each node: at Patroni and at Postgres, both at the same time."""
        begun = time.monotonic()
        asked = {
            name: [self._threads.submit(_answers, each) for each in (member.patroni, member.postgres)]
            for name, member in list(self._members.items())[:_MEMBERS_MAX]
        }
        seen = {name: any(each.result() for each in both) for name, both in asked.items()}
        for name, is_there in seen.items():
            metrics.FENCER_OBSERVATIONS.labels("there" if is_there else "silent").inc()
            since, looks = self._silent.get(name, (begun, 0))
            if is_there:
                self._silent.pop(name, None)
            else:
                self._silent[name] = (since, looks + 1)

    def silent(self) -> dict[str, float]:
        """The nodes where nothing answered any of the last looks, and for how many seconds."""
        now = time.monotonic()
        return {name: now - since for name, (since, looks) in self._silent.items() if looks >= _LOOKS}


def _answers(address: Address) -> bool:
    """Whether there is a machine: a refusal is an answer, too, and a process that hangs has its port open.

    What Patroni and Postgres then say is Patroni's business: as long as the machine lives it can give up the leadership
    itself, and what is to be found out here is only whether it is gone.
    """
    try:
        with socket.create_connection(address, timeout=_TIMEOUT_S):
            return True
    except (ConnectionRefusedError, ConnectionResetError):
        return True
    except OSError:
        return False


def _address(url: str, port: int) -> Address:
    parts = urlsplit(url)
    if not parts.hostname:
        raise ValueError(url)
    return parts.hostname, parts.port or port
