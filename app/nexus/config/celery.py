"""The worker: queues, and one task of its name for each reaction."""

import os
import time
from functools import partial
from typing import Any, Final

from celery import Celery, Task, bootsteps, signals
from django.conf import settings
from django.db import DatabaseError, InterfaceError, connections
from kombu import Queue

from nexus.config import broker, sentry
from nexus.config import traces as config_traces
from nexus.config.environment import Environment
from nexus.config.reactions import QUEUES, Reaction
from nexus.config.schedule import every_reaction
from nexus.config.state import show_life
from nexus.kernel import clock, database, deliveries, logging, metrics, privacy, traces, use_cases
from nexus.kernel.errors import OutcomeUnknown

# Below the outbox's lease of 30 s: a task is over, or killed, before its delivery is sent again.
SOFT_LIMIT_S: Final = 20
HARD_LIMIT_S: Final = 25
# With what it takes to write down a failure, below the soft limit.
BUDGET_S: Final = 13.0
_LIFE_S: Final = 2.0


# Django's fixup connects to the database anew for each task.
app = Celery("nexus", amqp=broker.Amqp, fixups=[], set_as_current=True)
app.conf.update(
    broker_url=broker.address(settings.BROKER_URL),
    broker_transport_options=broker.options(settings.BROKER_URL),
    broker_connection_timeout=2,
    broker_connection_retry=True,
    broker_connection_retry_on_startup=True,
    broker_connection_max_retries=None,
    broker_heartbeat=10,
    broker_pool_limit=1,
    accept_content=["json"],
    task_serializer="json",
    task_ignore_result=True,
    result_backend=None,
    task_queues=[Queue(name, durable=True) for name in QUEUES],
    task_default_queue=QUEUES[0],
    task_create_missing_queues=False,
    # Acknowledged when it is over. If its process dies the message is acknowledged as well: the outbox sends the
    # delivery again when its lease ends, and counts that. A broker that repeats it at once would kill one process after
    # the other.
    task_acks_late=True,
    task_reject_on_worker_lost=False,
    task_time_limit=HARD_LIMIT_S,
    task_soft_time_limit=SOFT_LIMIT_S,
    worker_concurrency=settings.NEXUS.worker_concurrency,
    worker_prefetch_multiplier=4,
    # SIGTERM: nothing new, and what runs is finished, which its time limit bounds. SIGQUIT waits for so long at most.
    worker_soft_shutdown_timeout=min(settings.NEXUS.graceful_timeout, HARD_LIMIT_S),
    worker_cancel_long_running_tasks_on_connection_loss=False,
    worker_enable_remote_control=False,
    worker_send_task_events=False,
    worker_hijack_root_logger=False,
    worker_redirect_stdouts=False,
)


def work(environment: Environment) -> None:
    """Runs the worker until a signal ends it."""
    app.worker_main(
        [
            "--quiet",
            "worker",
            "--pool=prefork",
            "--optimization=fair",
            f"--loglevel={environment.log_level}",
            f"--hostname=worker-{os.getpid()}@%h",
            "--without-gossip",
            "--without-mingle",
        ]
    )


def _task(reaction: Reaction) -> "Task[..., None]":
    def run(task: "Task[..., None]", delivery_id: int, is_resent: bool) -> None:
        traces.bind(task.request.get("traceparent") or "")
        with traces.span("deliver", "consumer", reaction=reaction.name) as span:
            span.tell(outcome=deliver(reaction, delivery_id, is_resent=is_resent))

    run.__doc__ = reaction.function.__doc__
    return app.task(name=reaction.name, bind=True)(run)


TASKS: Final[dict[str, "Task[..., None]"]] = {name: _task(reaction) for name, reaction in every_reaction().items()}


def deliver(reaction: Reaction, delivery_id: int, *, is_resent: bool) -> str:
    """Runs a reaction and deletes its delivery, in one transaction; a failure is written down for the next try.

    Returns what became of it: ok, skipped, failed, buried or given_back.
    """
    started = time.perf_counter()
    outcome = "skipped"
    try:
        with database.time_budget(BUDGET_S), use_cases.through_door("worker"):
            if is_resent and not database.retrying(partial(deliveries.count_begin, delivery_id)):
                return outcome
            # Once more after a COMMIT whose answer was lost is right: if it was done, the row is gone.
            taken = database.in_transaction(partial(_react, reaction, delivery_id), is_repeatable=True)
        if taken is not None:
            outcome = "ok"
            metrics.REACTION_DELAY.labels(reaction.name).observe(
                max(0.0, (clock.now() - taken.created_at).total_seconds())
            )
    except Exception as error:
        outcome = _fail(reaction, delivery_id, error, is_counted=is_resent)
    finally:
        seconds = time.perf_counter() - started
        metrics.TASKS.labels(reaction.name, outcome).observe(seconds)
        logging.log.info(
            "reaction", reaction=reaction.name, delivery_id=delivery_id, outcome=outcome, ms=round(seconds * 1000, 1)
        )
        logging.bind_request("")
    return outcome


def _react(reaction: Reaction, delivery_id: int) -> deliveries.Taken | None:
    delivery = deliveries.take(delivery_id)
    if delivery is not None:
        logging.bind_request(delivery.request_id)
        reaction.react(delivery.payload)
    return delivery


def _fail(reaction: Reaction, delivery_id: int, error: Exception, *, is_counted: bool) -> str:
    """Says on the row what happened; if even that cannot be, the end of the lease brings the delivery back."""
    is_away = isinstance(error, DatabaseError | InterfaceError) and database.is_wrong_node(error)
    is_our_fault = not (is_away or isinstance(error, OutcomeUnknown))
    if is_our_fault:
        logging.log.error("reaction_failed", reaction=reaction.name, delivery_id=delivery_id, exc_info=error)
    try:
        with database.time_budget(BUDGET_S / 3):
            if not is_our_fault:
                database.retrying(partial(deliveries.give_back, delivery_id, is_counted=is_counted))
                return "given_back"
            text = f"{type(error).__name__}: {privacy.without_persons(str(error))}"
            is_buried = database.retrying(partial(deliveries.fail, delivery_id, text, is_counted=is_counted))
            return "buried" if is_buried else "failed"
    except (DatabaseError, InterfaceError) as second:
        logging.log.warning("failure_not_stored", reaction=reaction.name, error=str(second).strip())
        return "failed"


class ShowLife(bootsteps.StartStopStep):
    """The worker's own loop says that it turns; it needs no broker for that, and no relay."""

    requires = ("celery.worker.components:Timer",)

    def start(self, worker: Any) -> None:
        """From the start of the loop on."""
        show_life()
        worker.timer.call_repeatedly(_LIFE_S, show_life)


app.steps["worker"].add(ShowLife)
app.steps["consumer"].update((broker.FollowMaster, broker.CountAcknowledgements))


@signals.setup_logging.connect(weak=False)
def _keep_our_logging(**_: Any) -> None:
    """Celery configures none when somebody listens here."""


@signals.worker_process_shutdown.connect(weak=False)
def _send_what_waits(**_: Any) -> None:
    config_traces.stop()
    sentry.flush()


@signals.worker_process_init.connect(weak=False)
def _forget_connections(**_: Any) -> None:
    """A connection that the parent made would be shared by all children."""
    for connection in connections.all(initialized_only=True):
        connection.connection = None
