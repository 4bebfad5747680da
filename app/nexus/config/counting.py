"""The relay's second thread: what users got, from the meters to the rows of the status page.

Each relay does it, as the rows are the locks (domain/status/counting.py). A thread, because a proxy that is away holds
up whoever asks it.
"""

import http.client
import socket
import threading
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Final

from django.db import DatabaseError, InterfaceError, connection
from prometheus_client.parser import text_string_to_metric_families

from nexus.domain.status import counting
from nexus.domain.status.counting import Tally
from nexus.domain.status.objectives import OBJECTIVES
from nexus.kernel import database, deliveries
from nexus.kernel.logging import log

EVERY_S: Final = 15.0
_ANSWER_S: Final = 2.0
_ANSWER_BYTES: Final = 4 * 1024 * 1024
_BUDGET_S: Final = 5.0
_BEGAN: Final = "nexus_meter_began_timestamp_seconds"
_DOOR: Final = "nexus_door_duration_seconds"
# Neither the client's leaving nor its haste (429) says anything about us.
_BAD: Final = ("error", "shed")


class Counting(threading.Thread):
    """Counts until `stop`; whatever is away, it goes on with the next."""

    def __init__(self, meters: Sequence[tuple[str, int]], stop: threading.Event) -> None:
        super().__init__(name="counting", daemon=True)
        self._meters = meters
        self._ended = stop

    def run(self) -> None:
        """Once in a while everything; what a meter is not asked for now it still has the next time."""
        while not self._ended.wait(EVERY_S):
            try:
                with database.time_budget(_BUDGET_S):
                    counting.look(deliveries.oldest())
                for address in addresses(self._meters):
                    self._count(address)
            except (DatabaseError, InterfaceError) as error:
                log.warning("counting_database_unavailable", error=str(error).strip())
                connection.close()
            except Exception:
                log.exception("counting_failed")
                connection.close()
        connection.close()

    def _count(self, address: tuple[str, int]) -> None:
        try:
            found = read(ask(address))
        except (OSError, http.client.HTTPException, ValueError) as error:
            log.warning("meter_not_read", meter=f"{address[0]}:{address[1]}", error=str(error))
            return
        if found is not None:
            with database.time_budget(_BUDGET_S):
                counting.count(*found)


def addresses(meters: Sequence[tuple[str, int]]) -> Iterator[tuple[str, int]]:
    """Each address of each name; a name that is not known (now) has none."""
    for host, port in meters:
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except OSError as error:
            log.warning("meter_not_found", meter=f"{host}:{port}", error=str(error))
            continue
        for where in sorted({str(each[4][0]) for each in found}):
            yield where, port


def ask(address: tuple[str, int]) -> str:
    """The meter's metrics as text; raises what the network raises."""
    asked = http.client.HTTPConnection(*address, timeout=_ANSWER_S)
    try:
        asked.request("GET", "/metrics", headers={"Accept": "text/plain"})
        answer = asked.getresponse()
        if answer.status != http.client.OK:
            raise ValueError(f"status {answer.status}")
        return answer.read(_ANSWER_BYTES).decode()
    finally:
        asked.close()


def read(text: str) -> tuple[datetime, dict[str, Tally]] | None:
    """When the meter began and its sums by objective; None from one that has not begun. Raises ValueError."""
    began = 0.0
    found: dict[tuple[str, str, str], float] = {}
    lines = "\n".join(line for line in text.splitlines() if line.startswith((_BEGAN, _DOOR)))
    for family in text_string_to_metric_families(lines + "\n"):
        for sample in family.samples:
            if sample.name == _BEGAN:
                began = sample.value
            elif sample.name in (f"{_DOOR}_count", f"{_DOOR}_bucket"):
                limit = sample.labels.get("le", "")
                if limit != "+Inf":
                    found[sample.labels["door"], sample.labels["outcome"], limit and str(float(limit))] = sample.value
    if not began:
        return None
    sums = {}
    for each in OBJECTIVES:
        if each.door:
            answered = int(found.get((each.door, "ok", ""), 0))
            if each.seconds is None:
                sums[each.name] = Tally(answered, sum(int(found.get((each.door, bad, ""), 0)) for bad in _BAD))
            else:
                quick = int(found.get((each.door, "ok", str(each.seconds)), 0))
                sums[each.name] = Tally(quick, max(answered - quick, 0))
    return datetime.fromtimestamp(began, UTC), sums
