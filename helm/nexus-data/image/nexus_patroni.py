"""Patroni itself, which would make every lease 20 s long and, before it elects, wait 2 s for a member that is silent.

Why that is safe here: docs/decisions/a-primarys-lease-is-five-seconds.md.
"""

from typing import Any

from patroni import __main__, config, ha

LONGEST_QUESTION_S = 1

config.Config._validate_and_adjust_timeouts = lambda self, settings: None
_fetch_node_status = ha.Ha.fetch_node_status


class _Brief:
    """What of Ha the question needs, with a time-out of a second instead of two."""

    def __init__(self, patroni: Any) -> None:
        self.patroni = self
        self._patroni = patroni

    def request(self, member: Any, timeout: float, retries: int) -> Any:
        return self._patroni.request(member, timeout=min(timeout, LONGEST_QUESTION_S), retries=retries)


ha.Ha.fetch_node_status = lambda self, member: _fetch_node_status(_Brief(self.patroni), member)

if __name__ == "__main__":
    __main__.main()
