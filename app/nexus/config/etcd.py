"""etcd's v3 API through its JSON gateway, as much of it as the fencer needs."""

import base64
import http.client
import json
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from typing import Any, Final

Member = tuple[str, int]

_READ_TIMEOUT_S: Final = 0.3
_WRITE_TIMEOUT_S: Final = 2.0


class EtcdAway(Exception):
    """No majority of the members answers us; the message says who does."""


@dataclass(frozen=True, slots=True)
class Entry:
    """The value of a key, and the revision that wrote it."""

    value: str
    revision: int


class Etcd:
    """A cluster, by the addresses of all its members."""

    def __init__(self, members: Sequence[Member]) -> None:
        self._members = tuple(members)
        self._last = self._members[0]
        self._threads = ThreadPoolExecutor(len(self._members), thread_name_prefix="etcd")

    def read(self, *prefixes: str) -> dict[str, Entry]:
        """All keys below the prefixes, if a majority of the members tells us; raises EtcdAway.

        Each member confirms its answer with a majority of its own (etcd's default), and a majority of them answers us:
        who is cut off, or sees only the side that is, hears nothing.
        """
        ranges = [{"key": _encoded(prefix), "range_end": _encoded(_end(prefix))} for prefix in prefixes]
        question = {"success": [{"request_range": each} for each in ranges]}
        asked = [
            self._threads.submit(self._ask, member, "kv/txn", question, _READ_TIMEOUT_S) for member in self._members
        ]
        found = []
        for each in as_completed(asked):
            if answer := each.result():
                found.append(answer)
            if len(found) * 2 > len(self._members):
                newest = max(found, key=lambda answer: int(answer["header"]["revision"]))
                return dict(_entries(newest))
        raise EtcdAway(f"{len(found)} of {len(self._members)} members of etcd answer")

    def put(self, key: str, value: str, *, seconds: int) -> None:
        """Writes a key that vanishes by itself after so many seconds (at least)."""
        self._any("kv/put", {"key": _encoded(key), "value": _encoded(value), "lease": self._lease(seconds)})

    def delete(self, key: str) -> None:
        """Removes a key, if it is there."""
        self._any("kv/deleterange", {"key": _encoded(key)})

    def create(self, key: str, value: str, *, seconds: int, while_unchanged: tuple[str, int]) -> bool:
        """Writes a key only if it is not there and the other one is of that revision; whether it did."""
        put = {"key": _encoded(key), "value": _encoded(value), "lease": self._lease(seconds)}
        is_new = {"key": _encoded(key), "target": "CREATE", "create_revision": 0}
        return self._change([is_new, _is_unchanged(*while_unchanged)], {"request_put": put})

    def delete_unchanged(self, key: str, revision: int) -> bool:
        """Removes a key only if it is of that revision; whether it did."""
        return self._change([_is_unchanged(key, revision)], {"request_delete_range": {"key": _encoded(key)}})

    def _change(self, conditions: list[dict[str, Any]], change: dict[str, Any]) -> bool:
        return bool(self._any("kv/txn", {"compare": conditions, "success": [change]}).get("succeeded", False))

    def _lease(self, seconds: int) -> str:
        return str(self._any("lease/grant", {"TTL": seconds})["ID"])

    def _any(self, path: str, question: dict[str, Any]) -> dict[str, Any]:
        """Of the members the one that answered last is asked first, then the others."""
        for member in (self._last, *(each for each in self._members if each != self._last)):
            if answer := self._ask(member, path, question, _WRITE_TIMEOUT_S):
                return answer
        raise EtcdAway(f"no member of etcd answers {path}")

    def _ask(self, member: Member, path: str, question: dict[str, Any], timeout: float) -> dict[str, Any] | None:
        answer = _answer(member, path, question, timeout)
        if answer:
            self._last = member
        return answer


def _answer(member: Member, path: str, question: dict[str, Any], timeout: float) -> dict[str, Any] | None:
    connection = http.client.HTTPConnection(*member, timeout=timeout)
    try:
        connection.request("POST", f"/v3/{path}", json.dumps(question), {"Content-Type": "application/json"})
        response = connection.getresponse()
        answer: dict[str, Any] = json.loads(response.read())
    except (OSError, http.client.HTTPException, ValueError):
        return None
    finally:
        connection.close()
    return answer if response.status == 200 else None


def _entries(answer: dict[str, Any]) -> Iterator[tuple[str, Entry]]:
    for response in answer.get("responses", []):
        for each in response["response_range"].get("kvs", []):
            yield _decoded(each["key"]), Entry(_decoded(each.get("value", "")), int(each["mod_revision"]))


def _is_unchanged(key: str, revision: int) -> dict[str, Any]:
    return {"key": _encoded(key), "target": "MOD", "mod_revision": revision}


def _end(prefix: str) -> str:
    return prefix[:-1] + chr(ord(prefix[-1]) + 1)


def _encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def _decoded(text: str) -> str:
    return base64.b64decode(text).decode()
