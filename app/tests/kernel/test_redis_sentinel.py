"""Redis behind real Sentinels: its master is killed, hangs, is replaced; everybody finds the next one by himself."""

import asyncio
import dataclasses
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from django.conf import settings
from django.test import override_settings
from redis import Redis
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.sentinel import Sentinel, SentinelConnectionPool

from local.sentinel import MASTER, Node, SentinelGroup
from nexus.api import limits
from nexus.api.live.hub import Hub
from nexus.config.settings import caches
from nexus.kernel import redis, sentinel
from nexus.kernel.viewer import ANONYMOUS
from tests.config.processes import eventually

Heal = Callable[[], None]
Fault = Callable[[SentinelGroup], Heal]


@pytest.fixture
def group(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SentinelGroup]:
    """A healthy group, which the process uses as its Redis."""
    monkeypatch.setattr(redis, "_blocked_until", 0.0)
    monkeypatch.setattr(redis, "_is_doubtful", False)
    with SentinelGroup(tmp_path) as running:
        nexus = dataclasses.replace(settings.NEXUS, redis_url=running.url, rate_limits=True)
        with override_settings(NEXUS=nexus, CACHES=caches(running.url)):
            yield running


def kill(group: SentinelGroup) -> Heal:
    master = group.master()
    master.kill()
    return master.start


def hang(group: SentinelGroup) -> Heal:
    pid = group.master().pid
    os.kill(pid, signal.SIGSTOP)
    return lambda: os.kill(pid, signal.SIGCONT)


def replace(group: SentinelGroup) -> Heal:
    with closing(group.sentinels[0].client()) as client:
        client.execute_command("SENTINEL FAILOVER", MASTER)
    return lambda: None


@contextmanager
def hanging(*pids: int) -> Iterator[None]:
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)


def store(value: str) -> bool:
    return redis.attempt("tests", lambda client: bool(client.set("key", value)), False)


def stored() -> str | None:
    found = redis.attempt("tests", lambda client: client.get("key"), None)
    return found.decode() if isinstance(found, bytes) else None


def value_on(node: Node) -> object:
    with closing(node.client()) as client:
        return client.get("key")


def in_threads(work: Callable[[], object]) -> None:
    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def sentinels() -> Sentinel:
    pool = redis.client().connection_pool
    assert isinstance(pool, SentinelConnectionPool)
    found: Sentinel = pool.sentinel_manager
    return found


def calls_left() -> int | None:
    standing = limits.count("default", viewer=ANONYMOUS, address="192.0.2.7")
    return standing.remaining if standing else None


def test_the_master_is_found_with_the_database_of_the_address(group: SentinelGroup) -> None:
    assert store("found")
    assert stored() == "found"
    assert value_on(group.master()) == "found"
    with override_settings(CACHES=caches(group.database_url(3))):
        assert stored() is None


@pytest.mark.parametrize("fault", [kill, hang, replace])
def test_the_next_master_is_found_and_what_the_last_one_says_later_is_not_heard(
    group: SentinelGroup, fault: Fault
) -> None:
    old = group.master()
    assert store("before")
    left = calls_left()
    assert left is not None
    heal = fault(group)
    eventually(lambda: group.wait_until_elected() is not old, "the next master")
    time.sleep(sentinel.LOOK_S)
    eventually(lambda: store("after"), "stored by the next one")
    eventually(lambda: calls_left() is not None, "calls are counted")
    heal()
    # For some seconds the last one believes that it is the master still.
    assert old.replication()["role"] == "master"
    for _ in range(20):
        assert store("after its return")
        assert stored() == "after its return"
        time.sleep(0.05)
    new = group.wait_until_healthy()
    assert new is not old
    assert [value_on(node) for node in group.nodes] == ["after its return"] * 3
    counted = calls_left()
    assert counted is not None
    assert counted < left


def test_who_was_idle_while_the_master_moved_knows_that_it_may_have_forgotten(group: SentinelGroup) -> None:
    old = group.master()
    assert store("before")
    assert not redis.may_have_forgotten(60)
    replace(group)
    assert group.wait_until_healthy() is not old
    time.sleep(sentinel.LOOK_S)
    stored()  # looks beside it
    eventually(lambda: redis.may_have_forgotten(60), "in doubt")
    assert stored() == "before"


def test_while_redis_hangs_one_of_many_threads_waits_for_it(group: SentinelGroup) -> None:
    assert store("before")
    tried: list[str] = []

    def look(client: "Redis") -> None:
        tried.append("key")
        client.get("key")

    def ask() -> None:
        redis.attempt("tests", look, None)

    with hanging(*(each.pid for each in (*group.nodes, *group.sentinels))):
        assert not store("meanwhile")
        time.sleep(redis._PAUSE_S)
        in_threads(ask)
    assert tried == ["key"]
    eventually(lambda: store("after"), "it is there again")


def test_a_master_that_is_demoted_makes_its_client_ask_the_sentinels_again(group: SentinelGroup) -> None:
    assert store("before")
    connection = redis.client().connection_pool.get_connection()
    assert (connection.host, connection.port) == (group.master().host, group.master().port)
    with closing(group.master().client()) as master:
        # By hand, so that the connection stays open: a Sentinel would end it.
        master.replicaof(group.nodes[1].host, str(group.nodes[1].port))
    connection.send_command("SET", "key", "refused")
    with pytest.raises(RedisConnectionError, match="The previous master is now a slave"):
        connection.read_response()
    assert connection._sock is None, "the next use of it asks where the master is"
    redis.client().connection_pool.release(connection)


def test_sentinels_that_hang_or_are_dead_are_passed_over_and_not_forgotten(group: SentinelGroup) -> None:
    assert store("before")
    group.sentinels[0].kill()
    with hanging(group.sentinels[1].pid):
        redis.client().connection_pool.reset()
        assert store("found by the third")
    assert len(sentinels().sentinels) == 3


def test_without_sentinels_the_master_stays_known_and_nobody_who_connects_waits_for_them(group: SentinelGroup) -> None:
    assert store("before")
    for each in group.sentinels:
        each.kill()
    time.sleep(sentinel.LOOK_S)
    assert store("after")
    redis.client().connection_pool.disconnect()
    assert stored() == "after", "by a new connection"


def test_many_threads_that_look_for_the_master_at_once_forget_no_sentinel(group: SentinelGroup) -> None:
    assert store("before")
    manager = sentinels()
    known = {id(each) for each in manager.sentinels}

    def look() -> None:
        for _ in range(50):
            manager.sentinels = manager.sentinels[::-1]
            manager.discover_master(MASTER)

    in_threads(look)
    assert {id(each) for each in manager.sentinels} == known


@pytest.mark.parametrize("fault", [kill, hang, replace])
def test_the_live_hub_listens_at_the_next_master(group: SentinelGroup, fault: Fault) -> None:
    old = group.master()

    async def scenario() -> None:
        hub = Hub(group.url)
        await is_true(lambda: hub.is_connected)
        with hub.listening({"a"}) as mailbox:
            assert await mailbox.take(5) == {"a"}
            heal = fault(group)
            await is_true(lambda: not hub.is_connected)
            await is_true(lambda: hub.is_connected)
            assert await mailbox.take(5) == {"a"}, "who listens looks once: something may have been lost"
            new = await asyncio.to_thread(group.wait_until_elected)
            assert new is not old
            await is_true(lambda: publish(new) == 1)
            assert await mailbox.take(5) == {"a"}
            heal()

    asyncio.run(scenario())


def publish(node: Node) -> int:
    with Redis(node.host, node.port, socket_timeout=1) as client:
        return int(client.publish("a", ""))


async def is_true(condition: Callable[[], bool], seconds: float = 30.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.02)
