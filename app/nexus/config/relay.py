"""The relay: events -> deliveries -> queue, and the schedule -> deliveries. N replicas; rows are the locks."""

import signal
import threading
import time
from collections import Counter
from datetime import timedelta
from types import FrameType
from typing import Any, Final

import kombu
from django.conf import settings
from django.db import DatabaseError, InterfaceError, connection
from kombu.exceptions import OperationalError as BrokerError

from nexus.config.broker import leave_former_master
from nexus.config.celery import TASKS, app
from nexus.config.counting import Counting
from nexus.config.reactions import QUEUES, REACTIONS
from nexus.config.schedule import SCHEDULE, every_reaction
from nexus.config.state import show_life
from nexus.kernel import database, deliveries, metrics, nodes, replication, traces, vitals
from nexus.kernel.deliveries import Job
from nexus.kernel.logging import log
from nexus.kernel.parking import BREAKER
from nexus.kernel.schema import missing_migrations

BATCH: Final = 200
IDLE_S: Final = 0.15
# Beyond so many messages in a queue the deliveries wait in Postgres. Without workers, leases end and deliveries are
# sent again: this bounds what that can heap up.
QUEUE_MAX: Final = 1_000
LOOK_AT_QUEUES_S: Final = 0.5
LOOK_AT_SCHEDULE_S: Final = 1.0
MEASURE_S: Final = 5.0
PAUSE_MAX_S: Final = 3.0
BROKER_PAUSE_MAX_S: Final = 1.0
DATABASE_PAUSE_S: Final = 1.0
# A database that falls silent ends a turn long before that; a broker may take some of it.
TURN_S: Final = 20.0
STOP_S: Final = 2.0


class Relay:
    """One replica."""

    def __init__(self) -> None:
        self._stop = threading.Event()
        self._queues = BrokerQueues()
        self._reactions = every_reaction()
        self._by_event = {event.__name__: [each.name for each in found] for event, found in REACTIONS.items()}
        self._every = {row.name: row.every for row in SCHEDULE}
        self._is_entered = False
        self._schedule_at = self._measure_at = 0.0

    def run(self) -> None:
        """Turns until SIGTERM; whatever happens to the database or the broker, it tries again."""
        signal.signal(signal.SIGTERM, self._end)
        signal.signal(signal.SIGINT, self._end)
        counting = Counting(settings.NEXUS.meters, self._stop)
        counting.start()
        log.info("relay_started")
        pause = IDLE_S
        while not self._stop.is_set():
            try:
                is_busy = self.turn()
                pause = IDLE_S
                if not is_busy:
                    self._stop.wait(IDLE_S)
            except (DatabaseError, InterfaceError) as error:
                log.warning("relay_database_unavailable", error=str(error).strip())
                connection.close()
                self._stop.wait(IDLE_S)
                # As soon as it is back, not after a pause that has grown; and often enough to show life.
                BREAKER.wait(time.monotonic() + DATABASE_PAUSE_S)
            except Exception:
                log.exception("relay_failed")
                pause = self._after_trouble(pause)
        self._queues.close()
        connection.close()
        counting.join(STOP_S)
        log.info("relay_stopped")

    def turn(self) -> bool:
        """Everything once; whether there is probably more to do."""
        show_life()
        with database.time_budget(TURN_S):
            self._look_at_clock()
            made = deliveries.make_of_events(self._by_event, BATCH)
            sent = self._send()
        return made == BATCH or sent == BATCH

    def _end(self, number: int, frame: FrameType | None) -> None:
        self._stop.set()

    def _after_trouble(self, pause: float) -> float:
        connection.close()
        self._stop.wait(pause)
        return min(pause * 2, PAUSE_MAX_S)

    def _look_at_clock(self) -> None:
        now = time.monotonic()
        if now >= self._schedule_at:
            self._schedule_at = now + LOOK_AT_SCHEDULE_S
            if not self._is_entered:
                deliveries.enter_schedule(self._every)
                self._is_entered = True
            deliveries.make_of_schedule(self._every)
            if nodes.has_replica():
                replication.beat()
        if now >= self._measure_at:
            self._measure_at = now + MEASURE_S
            deliveries.measure()
            vitals.measure()
            metrics.MIGRATIONS_PENDING.set(len(missing_migrations()))

    def _send(self) -> int:
        """Leases what is due and has room in its queue, and sends it after the commit; how many were sent."""
        open_queues = self._queues.with_room()
        if not open_queues:
            return 0
        names = [name for name, reaction in self._reactions.items() if reaction.queue in open_queues]
        jobs = deliveries.lease(names, BATCH)
        for number, job in enumerate(jobs):
            try:
                with traces.following(job.traceparent), traces.span("send", "producer", reaction=job.reaction):
                    self._queues.send(job, self._reactions[job.reaction].queue)
            except self._queues.errors as error:
                self._queues.note_trouble(error)
                # This one may have arrived: a second copy finds no row, or is the one that does the work.
                deliveries.return_unsent([each.id for each in jobs[number:]], timedelta(seconds=1))
                return 0
            metrics.DELIVERIES.labels(job.reaction).inc()
        return len(jobs)


class BrokerQueues:
    """The broker as the relay sees it: how full each queue is, and away or not."""

    def __init__(self) -> None:
        self._connection: kombu.Connection | None = None
        self._sizes: Counter[str] = Counter()
        self._look_at = 0.0
        self._pause = IDLE_S

    @property
    def errors(self) -> tuple[type[BaseException], ...]:
        """What a broker that is away raises."""
        known = self._connection or app.connection_for_write()
        return (BrokerError, OSError, *known.connection_errors, *known.channel_errors)

    def with_room(self) -> list[str]:
        """Queues that take more; none while the broker is away."""
        now = time.monotonic()
        if now >= self._look_at:
            try:
                self._look()
            except self.errors as error:
                self.note_trouble(error)
            else:
                self._look_at, self._pause = now + LOOK_AT_QUEUES_S, IDLE_S
        if self._connection is None:
            return []
        return [queue for queue in QUEUES if self._sizes[queue] < QUEUE_MAX]

    def send(self, job: Job, queue: str) -> None:
        """Puts a job into its queue; raises one of `errors` within seconds when that cannot be."""
        assert self._connection is not None  # noqa: S101 (with_room() has just said so)
        producer = app.amqp.Producer(self._connection, auto_declare=False)
        TASKS[job.reaction].apply_async(
            (job.id, job.is_resent),
            queue=queue,
            producer=producer,
            retry=False,
            headers={"traceparent": traces.traceparent()},
        )
        self._sizes[queue] += 1

    def note_trouble(self, error: BaseException) -> None:
        """The broker is away: nothing is leased until it is looked for again, at growing intervals."""
        metrics.BROKER_ERRORS.inc()
        log.warning("relay_broker_unavailable", error=str(error).strip())
        self.close()
        self._pause = min(self._pause * 2, BROKER_PAUSE_MAX_S)
        self._look_at = time.monotonic() + self._pause

    def close(self) -> None:
        """Ends the connection without a word to the other side."""
        if self._connection is not None:
            self._connection.collect()
            self._connection = None

    def _look(self) -> None:
        self._connection = self._connection or app.connection_for_write()
        channel: Any = self._connection.default_channel
        leave_former_master(channel)
        for queue in app.amqp.queues.values():
            _name, size, _consumers = channel.queue_declare(queue.name, durable=True, auto_delete=False)
            self._sizes[queue.name] = size
            metrics.QUEUE_MESSAGES.labels(queue.name).set(size)
