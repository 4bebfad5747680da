"""The broker's address and options, for every kind of broker: nothing that has to do with it waits without an end."""

from typing import Any, Final

from celery import bootsteps
from celery.app.amqp import AMQP
from celery.worker import state
from kombu import Connection
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError
from redis.retry import Retry
from redis.sentinel import SentinelConnectionPool

from nexus.kernel import sentinel

# Between two tries to find a broker that is away; Celery's own are 2, 4, 6 .. 30 s, in which nobody works.
_PAUSE_S: Final = 0.2
_PAUSE_MAX_S: Final = 1.0
_LOOK_AT_MESSAGES_S: Final = 1.0


def address(url: str) -> str:
    """The address as kombu wants it."""
    return sentinel.Group.of(url).broker_url() if sentinel.is_sentinel(url) else url


def options(url: str) -> dict[str, Any]:
    """Of the broker's transport."""
    if url.startswith("amqp"):
        # In py-amqp: a publication is done when the broker has confirmed it.
        return {"confirm_publish": True, "read_timeout": 5, "write_timeout": 5, "connect_timeout": 2, "max_retries": 1}
    return {
        # A backstop: the outbox sends again long before.
        "visibility_timeout": 90,
        "socket_connect_timeout": 1,
        "socket_timeout": 1,
        **sentinel.KEEPALIVE,
        # A worker that listens to a silent server leaves it after 1 + 2 x 1 s instead of 51.
        "health_check_interval": 1,
        "max_retries": 1,
        "interval_start": 0,
        "queue_order_strategy": "round_robin",
        **(_of_group(sentinel.Group.of(url)) if sentinel.is_sentinel(url) else {}),
    }


def _of_group(group: sentinel.Group) -> dict[str, Any]:
    quick = {**sentinel.QUICK, **group.sentinel_credentials, "retry": Retry(NoBackoff(), 0)}
    return {"master_name": group.master, "sentinel_kwargs": quick}


class PromptConnection(Connection):
    """Looks for a broker that is away about once a second."""

    def _ensure_connection(self, *arguments: Any, **options: Any) -> Any:
        pauses = {"interval_start": _PAUSE_S, "interval_step": _PAUSE_S, "interval_max": _PAUSE_MAX_S}
        return super()._ensure_connection(*arguments, **{**pauses, **options})


class Amqp(AMQP):
    """What Celery makes its connections of."""

    Connection = PromptConnection


def leave_former_master(channel: Any) -> None:
    """Ends connections to a Redis that is the master no longer: it goes on taking messages, which it will lose."""
    for name in ("_pool", "_async_pool"):
        pool = getattr(channel, name, None)
        if not isinstance(pool, SentinelConnectionPool):
            continue
        before = pool.master_address
        try:
            is_former = pool.get_master_address() != before  # it ends idle ones
        except RedisError:
            continue
        if is_former and name == "_async_pool" and channel._in_poll:
            channel._in_poll.disconnect()  # it waits for messages


class FollowMaster(bootsteps.StartStopStep):
    """The worker listens to the master of now."""

    requires = ("celery.worker.consumer.tasks:Tasks",)

    def __init__(self, consumer: Any, **options: Any) -> None:
        super().__init__(consumer, **options)
        self._timer: Any = None

    def include_if(self, consumer: Any) -> bool:
        """Whether there is more than one Redis."""
        return "master_name" in consumer.app.conf.broker_transport_options

    def start(self, consumer: Any) -> None:
        """With each new connection."""
        self._timer = consumer.timer.call_repeatedly(sentinel.LOOK_S, self._look, (consumer,))

    def stop(self, consumer: Any) -> None:
        """With the connection's end."""
        if self._timer is not None:
            self._timer.cancel()

    def _look(self, consumer: Any) -> None:
        for channel in consumer.connection.transport.channels:
            leave_former_master(channel)


class CountAcknowledgements(bootsteps.StartStopStep):
    """A worker that could not acknowledge its messages, because the broker was away, begins anew.

    Celery logs it and goes on, and kombu counts such a message as being worked on for ever. With as many of them as a
    worker may have it asks for no more, and so never even finds out that the broker was away.
    """

    requires = ("celery.worker.consumer.tasks:Tasks",)

    def __init__(self, consumer: Any, **options: Any) -> None:
        super().__init__(consumer, **options)
        self._timer: Any = None
        self._is_suspected = False

    def include_if(self, consumer: Any) -> bool:
        """Whether it is kombu that counts, as it does for Redis."""
        return not consumer.app.conf.broker_url.startswith("amqp")

    def start(self, consumer: Any) -> None:
        """With each new connection."""
        self._is_suspected = False
        self._timer = consumer.timer.call_repeatedly(_LOOK_AT_MESSAGES_S, self._look, (consumer,))

    def stop(self, consumer: Any) -> None:
        """With the connection's end."""
        if self._timer is not None:
            self._timer.cancel()

    def _look(self, consumer: Any) -> None:
        """Twice, because a message may be between two hands for a moment."""
        taken = [channel.qos for channel in consumer.connection.transport.channels]
        count = sum(len(qos._delivered) - len(qos._dirty) for qos in taken)
        was_suspected, self._is_suspected = self._is_suspected, count > len(state.reserved_requests)
        if was_suspected and self._is_suspected:
            raise RedisConnectionError("acknowledgements were lost")  # which Celery answers by connecting anew
