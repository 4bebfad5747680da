"""What the relay does for database replicas."""

import time

from nexus.config.relay import Relay
from nexus.kernel import replication
from tests.standby import Replica


def test_a_relay_that_has_nothing_to_do_keeps_replicas_looking_fresh(replica: Replica) -> None:
    relay = Relay()
    relay._look_at_clock()  # enters the schedule
    before = replica.sql("SELECT pg_last_xact_replay_timestamp()")
    time.sleep(replication.ASKED_S)
    relay._schedule_at = 0.0
    relay._look_at_clock()
    until = time.monotonic() + 30
    while replica.sql("SELECT pg_last_xact_replay_timestamp()") == before:
        assert time.monotonic() < until, "nothing was committed"
        time.sleep(0.05)
