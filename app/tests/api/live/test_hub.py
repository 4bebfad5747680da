"""The hub with a Redis of its own, which can be killed and fall silent."""

import asyncio
import os
import signal
import time
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

import pytest
from redis import Redis as Client

from local.ports import free_port
from local.redis import Redis
from nexus.api.live import hub
from nexus.api.live.hub import Hub


@pytest.fixture(scope="module")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Redis]:
    with Redis(tmp_path_factory.mktemp("redis"), free_port()) as running:
        yield running


def publish(redis: Redis, *channels: str) -> list[int]:
    """How many heard of each."""
    with Client.from_url(redis.url) as client:
        return [int(client.publish(channel, "")) for channel in channels]


def with_hub(url: str, scenario: Callable[[Hub], Coroutine[Any, Any, None]]) -> None:
    """Runs the scenario; what the hub began ends with its loop."""

    async def run() -> None:
        await scenario(Hub(url))

    asyncio.run(run())


async def is_true(condition: Callable[[], bool], seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.02)


def test_who_listens_is_told_once_when_the_subscription_stands_and_then_of_each_change(redis: Redis) -> None:
    async def scenario(hub: Hub) -> None:
        await is_true(lambda: hub.is_connected)
        with hub.listening({"a"}) as mailbox, hub.listening({"b"}) as other:
            assert await mailbox.take(5) == {"a"}
            assert await other.take(5) == {"b"}
            assert publish(redis, "a") == [1]
            assert await mailbox.take(5) == {"a"}
            assert await mailbox.take(0.1) == set()
            assert await other.take(0.1) == set()

    with_hub(redis.url, scenario)


def test_who_begins_to_listen_while_the_hub_connects_is_told_of_each_change_too(redis: Redis) -> None:
    async def scenario(hub: Hub) -> None:
        while not hub._lock.locked():
            await asyncio.sleep(0)
        assert not hub.is_connected
        with hub.listening({"late"}) as mailbox:
            assert await mailbox.take(5) == {"late"}  # nobody would tell
            assert await mailbox.take(5) == {"late"}  # the subscription stands
            assert publish(redis, "late") == [1]
            assert await mailbox.take(5) == {"late"}

    with_hub(redis.url, scenario)


def test_who_listens_to_what_somebody_listens_to_already_is_told_at_once(redis: Redis) -> None:
    async def scenario(hub: Hub) -> None:
        await is_true(lambda: hub.is_connected)
        with hub.listening({"a"}) as first:
            assert await first.take(5) == {"a"}
            with hub.listening({"a"}) as second:
                assert await second.take(0) == {"a"}
            assert publish(redis, "a") == [1]
            assert await first.take(5) == {"a"}

    with_hub(redis.url, scenario)


def test_what_nobody_listens_to_any_more_is_left_also_when_somebody_comes_back_at_once(redis: Redis) -> None:
    async def scenario(hub: Hub) -> None:
        await is_true(lambda: hub.is_connected)
        for _ in range(20):
            with hub.listening({"a"}):
                pass
        with hub.listening({"a"}) as mailbox:
            await is_true(lambda: publish(redis, "a") == [1])
            assert await mailbox.take(5) == {"a"}
        await is_true(lambda: publish(redis, "a") == [0])

    with_hub(redis.url, scenario)


def test_a_channel_rings_a_few_times_a_second_and_the_last_change_is_never_left_out(redis: Redis) -> None:
    async def scenario(hub: Hub) -> None:
        await is_true(lambda: hub.is_connected)
        with hub.listening({"a"}) as mailbox:
            assert await mailbox.take(5) == {"a"}
            publish(redis, *["a"] * 100)
            assert await mailbox.take(5) == {"a"}
            assert await mailbox.take(0.1) == set()
            assert await mailbox.take(5) == {"a"}
            assert await mailbox.take(0.7) == set()

    with_hub(redis.url, scenario)


def test_without_redis_one_is_told_once_and_again_when_it_is_there() -> None:
    async def switched_off(hub: Hub) -> None:
        with hub.listening({"a"}) as mailbox:
            assert not hub.is_connected
            assert await mailbox.take(0) == {"a"}

    with_hub("", switched_off)


def test_when_redis_was_killed_everybody_looks_once_and_hears_again(redis: Redis) -> None:
    async def scenario(hub: Hub) -> None:
        await is_true(lambda: hub.is_connected)
        with hub.listening({"a"}) as mailbox:
            assert await mailbox.take(5) == {"a"}
            redis.kill()
            await is_true(lambda: not hub.is_connected)
            with hub.listening({"b"}) as came_meanwhile:
                assert await came_meanwhile.take(0) == {"b"}
                redis.start()
                assert await mailbox.take(10) == {"a"}
                assert await came_meanwhile.take(10) == {"b"}
                assert publish(redis, "a", "b") == [1, 1]
                assert await mailbox.take(5) == {"a"}
                assert await came_meanwhile.take(5) == {"b"}

    with_hub(redis.url, scenario)


def test_a_redis_that_says_nothing_is_left_and_found_again(redis: Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub, "_SILENCE_S", 0.3)

    async def scenario(hub: Hub) -> None:
        await is_true(lambda: hub.is_connected)
        with hub.listening({"a"}) as mailbox:
            assert await mailbox.take(5) == {"a"}
            await asyncio.sleep(1)
            assert hub.is_connected, "silence is no fault while Redis answers"
            os.kill(redis.pid, signal.SIGSTOP)
            try:
                await is_true(lambda: not hub.is_connected)
            finally:
                os.kill(redis.pid, signal.SIGCONT)
            assert await mailbox.take(10) == {"a"}
            publish(redis, "a")
            assert await mailbox.take(5) == {"a"}

    with_hub(redis.url, scenario)
