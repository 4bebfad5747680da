"""The fencer with a real etcd: when it fences, and above all when it does not."""

import json
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import REGISTRY

from nexus.config.etcd import Etcd, EtcdAway
from nexus.config.fencer import GONE_S, Fencer
from tests.config.etcd_cluster import EtcdCluster, Node
from tests.config.processes import Role, eventually

QUORUM = {"synchronous_mode": "quorum", "synchronous_mode_strict": True, "ttl": 20}


@pytest.fixture(scope="module")
def etcd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EtcdCluster]:
    with EtcdCluster(tmp_path_factory.mktemp("etcd")) as cluster:
        eventually(lambda: all(member.is_healthy() for member in cluster.members), "etcd")
        yield cluster


class Cluster:
    """What Patroni has in etcd of three nodes, db1 being the leader; and a command that writes down whom it fences."""

    def __init__(self, etcd: EtcdCluster, folder: Path) -> None:
        self.scope = f"test-{secrets.token_hex(4)}"
        self.etcd = etcd
        self.client = Etcd(etcd.addresses)
        self.nodes = {name: Node() for name in ("db1", "db2", "db3")}
        self.fenced_file = folder / "fenced"
        self.command = folder / "fence"
        self.command_does("exit 0")
        for name, node in self.nodes.items():
            self.write(f"members/{name}", node.patroni_says())
        self.configure(QUORUM)
        self.write("sync", json.dumps({"leader": "db1", "sync_standby": "db2,db3", "quorum": 1}))
        self.write("leader", "db1")

    def write(self, key: str, value: str) -> None:
        self.client.put(f"/service/{self.scope}/{key}", value, seconds=600)

    def configure(self, settings: dict[str, Any]) -> None:
        self.write("config", json.dumps(settings))

    def command_does(self, line: str) -> None:
        self.command.write_text(f'#!/bin/sh\necho "$1" >> {self.fenced_file}\n{line}\n')
        self.command.chmod(0o755)

    @property
    def fenced(self) -> list[str]:
        return self.fenced_file.read_text().split() if self.fenced_file.exists() else []

    @property
    def leader(self) -> str:
        entry = self.client.read(f"/service/{self.scope}/leader").get(f"/service/{self.scope}/leader")
        return entry.value if entry else ""

    def fencer(self, name: str) -> Fencer:
        return Fencer(Etcd(self.etcd.addresses), scope=self.scope, name=name, command=[str(self.command)])

    def close(self) -> None:
        for node in self.nodes.values():
            node.refuse()


@pytest.fixture
def cluster(etcd: EtcdCluster, tmp_path: Path) -> Iterator[Cluster]:
    found = Cluster(etcd, tmp_path)
    yield found
    found.close()


def turn(fencers: list[Fencer], *, until: Callable[[], bool] = lambda: False, seconds: float = GONE_S + 3) -> None:
    """Both look and decide by turns, until it is so, or for so long."""
    stop = time.monotonic() + seconds
    while time.monotonic() < stop and not until():
        for fencer in fencers:
            fencer.turn()


def refusals(reason: str) -> float:
    return REGISTRY.get_sample_value("nexus_fencer_refusals_total", {"reason": reason}) or 0.0


def fencings(outcome: str) -> float:
    return REGISTRY.get_sample_value("nexus_fencer_fencings_total", {"outcome": outcome}) or 0.0


def refuses(cluster: Cluster, fencers: list[Fencer], reason: str) -> None:
    """Neither fences, and the metrics tell why not."""
    before = refusals(reason)
    turn(fencers, until=lambda: refusals(reason) >= before + len(fencers), seconds=30)
    turn(fencers, seconds=GONE_S)
    assert cluster.fenced == []
    assert cluster.leader == "db1"


def test_two_observers_fence_a_leader_whose_node_is_gone_once_and_release_its_key(
    cluster: Cluster, tmp_path: Path
) -> None:
    environment = {
        "NEXUS_FENCER_ETCD": ",".join(f"{host}:{port}" for host, port in cluster.etcd.addresses),
        "NEXUS_FENCER_SCOPE": cluster.scope,
        "NEXUS_FENCER_COMMAND": str(cluster.command),
    }
    with (
        Role("fencer", tmp_path, {**environment, "NEXUS_FENCER_NAME": "one"}) as one,
        Role("fencer", tmp_path, {**environment, "NEXUS_FENCER_NAME": "two"}) as two,
    ):
        eventually(lambda: one.has_logged("fencer_started") and two.has_logged("fencer_started"), "both", role=one)
        time.sleep(GONE_S)
        assert cluster.fenced == []
        cluster.nodes["db1"].vanish()
        eventually(lambda: cluster.leader == "", "the key is released", role=one)
        assert cluster.fenced == ["db1"]
        cluster.write("leader", "db2")
        time.sleep(GONE_S + 1)
        assert (cluster.fenced, cluster.leader) == (["db1"], "db2")
        lines = [line for role in (one, two) for line in role.lines()]
        done = [line for line in lines if line["event"] == "fencer_has_fenced"]
        assert [(line["node"], line["is_released"]) for line in done] == [("db1", True)]
        for role in (one, two):
            assert not role.has_logged("fencer_failed")
            role.terminate()
            assert role.wait() == 0


def test_an_observer_that_is_alone_fences_nobody(cluster: Cluster) -> None:
    cluster.nodes["db1"].vanish()
    refuses(cluster, [cluster.fencer("one")], "alone")


def test_what_an_observer_said_counts_only_while_it_goes_on_saying_so(cluster: Cluster) -> None:
    one, two = cluster.fencer("one"), cluster.fencer("two")
    turn([one, two], seconds=0.5)
    cluster.nodes["db1"].vanish()
    words = f"/nexus-fencer/{cluster.scope}/observers/"
    turn([one, two], seconds=GONE_S / 2)
    turn([two], until=lambda: bool(cluster.client.read(words)), seconds=30)
    time.sleep(2 * GONE_S)
    refuses(cluster, [one], "alone")


def test_two_observers_of_one_name_are_one(cluster: Cluster) -> None:
    cluster.nodes["db1"].vanish()
    refuses(cluster, [cluster.fencer("one"), cluster.fencer("one")], "alone")


def test_a_node_that_is_silent_for_less_than_two_seconds_is_left_alone(cluster: Cluster) -> None:
    fencers = [cluster.fencer("one"), cluster.fencer("two")]
    turn(fencers, seconds=0.5)
    for _ in range(3):
        cluster.nodes["db1"].vanish()
        turn(fencers, seconds=GONE_S / 4)
        cluster.nodes["db1"].answer()
        turn(fencers, seconds=0.5)
    assert (cluster.fenced, cluster.leader) == ([], "db1")


def test_a_machine_that_refuses_is_there(cluster: Cluster) -> None:
    fencers = [cluster.fencer("one"), cluster.fencer("two")]
    turn(fencers, seconds=0.5)
    cluster.nodes["db1"].refuse()
    turn(fencers)
    assert (cluster.fenced, cluster.leader) == ([], "db1")


def test_a_standby_that_is_gone_is_nobodys_business(cluster: Cluster) -> None:
    fencers = [cluster.fencer("one"), cluster.fencer("two")]
    cluster.nodes["db2"].vanish()
    turn(fencers)
    assert (cluster.fenced, cluster.leader) == ([], "db1")


def test_when_two_nodes_look_gone_it_is_probably_the_observer(cluster: Cluster) -> None:
    cluster.nodes["db1"].vanish()
    cluster.nodes["db2"].vanish()
    refuses(cluster, [cluster.fencer("one"), cluster.fencer("two")], "several_gone")


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"synchronous_mode": True, "synchronous_mode_strict": True}, "not_quorum"),
        ({"synchronous_mode": "quorum"}, "not_quorum"),
        ({"synchronous_mode": "quorum", "synchronous_mode_strict": False}, "not_quorum"),
        ({}, "not_quorum"),
        ({**QUORUM, "pause": True}, "paused"),
    ],
)
def test_patroni_must_be_in_quorum_mode_strictly_and_awake(
    cluster: Cluster, settings: dict[str, Any], reason: str
) -> None:
    cluster.configure(settings)
    cluster.nodes["db1"].vanish()
    refuses(cluster, [cluster.fencer("one"), cluster.fencer("two")], reason)


def test_without_a_synchronous_standby_nobody_could_take_over(cluster: Cluster) -> None:
    cluster.write("sync", json.dumps({"leader": "db1", "sync_standby": None, "quorum": 0}))
    cluster.nodes["db1"].vanish()
    refuses(cluster, [cluster.fencer("one"), cluster.fencer("two")], "nobody_else")


def test_when_fencing_fails_the_leader_keeps_its_key_and_is_not_fenced_again_at_once(cluster: Cluster) -> None:
    cluster.command_does("echo the power strip does not answer; exit 1")
    cluster.nodes["db1"].vanish()
    fencers = [cluster.fencer("one"), cluster.fencer("two")]
    before = refusals("fenced_lately")
    failed = fencings("failed")
    turn(fencers, until=lambda: refusals("fenced_lately") > before, seconds=30)
    turn(fencers, seconds=GONE_S)
    assert (cluster.fenced, cluster.leader) == (["db1"], "db1")
    assert fencings("failed") == failed + 1


def test_a_new_leader_is_never_hurt(cluster: Cluster) -> None:
    before = fencings("superseded")
    go_on = cluster.command.with_name("go-on")
    cluster.command_does(f"while [ ! -e {go_on} ]; do sleep 0.05; done")
    cluster.nodes["db1"].vanish()
    fencers = [cluster.fencer("one"), cluster.fencer("two")]

    def elect() -> None:
        eventually(lambda: bool(cluster.fenced), "the command runs")
        cluster.write("leader", "db2")
        go_on.touch()

    elsewhere = threading.Thread(target=elect)
    elsewhere.start()
    turn(fencers, until=lambda: bool(cluster.fenced), seconds=30)
    elsewhere.join()
    assert (cluster.fenced, cluster.leader) == (["db1"], "db2")
    assert fencings("superseded") == before + 1


def test_who_sees_no_majority_of_etcd_fences_nobody(tmp_path: Path) -> None:
    with EtcdCluster(tmp_path) as etcd:
        eventually(lambda: all(member.is_healthy() for member in etcd.members), "etcd")
        cluster = Cluster(etcd, tmp_path)
        fencers = [cluster.fencer("one"), cluster.fencer("two")]
        turn(fencers, seconds=0.5)
        for member in etcd.members[:2]:
            member.kill()
        cluster.nodes["db1"].vanish()
        before = refusals("etcd_away")
        turn(fencers, until=lambda: refusals("etcd_away") == before + 2, seconds=30)
        turn(fencers, seconds=GONE_S)
        assert cluster.fenced == []
        with pytest.raises(EtcdAway, match="members of etcd answer"):
            _ = cluster.leader
        etcd.members[0].start()
        turn(fencers, until=lambda: bool(cluster.fenced), seconds=30)
        assert cluster.fenced == ["db1"]
        cluster.close()


def test_one_lost_member_of_etcd_holds_nobody_up(tmp_path: Path) -> None:
    with EtcdCluster(tmp_path) as etcd:
        eventually(lambda: all(member.is_healthy() for member in etcd.members), "etcd")
        cluster = Cluster(etcd, tmp_path)
        fencers = [cluster.fencer("one"), cluster.fencer("two")]
        turn(fencers, seconds=0.5)
        etcd.members[0].kill()
        cluster.nodes["db1"].vanish()
        turn(fencers, until=lambda: bool(cluster.fenced), seconds=30)
        eventually(lambda: cluster.leader == "", "the key is released")
        cluster.close()
