"""Where reads go: to a replica, and to whoever is left when it cannot answer."""

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from django.db import OperationalError, connections
from django.db.models import F

from nexus.domain.identity import logins
from nexus.domain.identity.models import Login
from nexus.domain.identity.operations import log_out
from nexus.domain.users import queries as users
from nexus.domain.users.models import User
from nexus.kernel import database, metrics, nodes, redis, replicas, replication, restraint, stale, written
from nexus.kernel.errors import NotFound
from nexus.kernel.nodes import PRIMARY, REPLICA
from nexus.kernel.parking import BREAKER
from nexus.kernel.viewer import ANONYMOUS, Viewer
from tests import factories as make
from tests.kernel.road import Road
from tests.standby import Replica, away, forget_what_redis_knows


def node() -> str:
    """The node that answers, as the server itself says, by a statement and by a model alike."""
    with nodes.cursor() as cursor:
        cursor.execute("SELECT pg_is_in_recovery()")
        (is_replica,) = cursor.fetchone()
    assert User.objects.all().db == (REPLICA if is_replica else PRIMARY)
    return "replica" if is_replica else "primary"


@contextmanager
def called(user: User | None = None, token: str | None = None) -> Iterator[written.Caller]:
    with written.called(token) as caller:
        if user:
            caller.is_known_as(user.pk)
        yield caller


def count(name: str) -> float:
    return float(metrics.READS.labels(name)._value.get())


def write() -> None:
    database.in_transaction(lambda: User.objects.update(version=F("version") + 1), is_repeatable=True)


# Which node


def test_a_read_goes_to_the_replica(replica: Replica) -> None:
    before = count("replica")
    with called():
        assert replicas.read(node) == "replica"
    assert count("replica") == before + 1
    assert node() == "primary"


def test_a_declared_query_goes_to_the_replica(replica: Replica) -> None:
    ada = make.user(handle="ada")
    replica.catch_up()
    before = count("replica")
    with called():
        assert users.profile(viewer=make.viewer(ada), user="ada").handle == "ada"
    assert count("replica") == before + 1


def test_in_a_transaction_everything_is_the_primarys(replica: Replica) -> None:
    with called():
        assert database.in_transaction(lambda: replicas.read(node), is_repeatable=True) == "primary"
        assert replicas.read(lambda: database.in_transaction(node, is_repeatable=True)) == "primary"


def test_what_is_locked_or_saved_is_the_primarys_although_it_was_read_at_the_replica(replica: Replica) -> None:
    make.user(handle="ada")
    replica.catch_up()
    with called():
        ada = replicas.read(lambda: User.objects.get(handle="ada"))
        assert ada._state.db == REPLICA
        with nodes.reading_from(REPLICA):
            assert User.objects.select_for_update().db == PRIMARY
    ada.bio = "written"
    ada.save()
    ada.refresh_from_db()
    assert (ada.bio, ada._state.db) == ("written", PRIMARY)


def test_nobody_can_write_through_the_route_to_replicas(replica: Replica) -> None:
    with nodes.reading_from(REPLICA), pytest.raises(Exception, match="read-only"), nodes.cursor() as cursor:
        cursor.execute("CREATE TABLE written_once (id int)")


def test_work_for_which_nobody_waits_reads_at_the_primary(replica: Replica) -> None:
    assert replicas.read(node) == "primary"
    with away(PRIMARY):
        assert replicas.read(node) == "replica"


def test_what_must_be_of_this_moment_is_read_at_the_primary_as_long_as_it_is_there(replica: Replica) -> None:
    with called():
        assert replicas.read(node, needs_primary=True) == "primary"
    with called(), away(PRIMARY):
        assert replicas.read(node, needs_primary=True) == "replica"


def test_a_read_inside_of_a_read_stays_at_its_node(replica: Replica) -> None:
    with called():
        assert replicas.read(lambda: replicas.read(node, needs_primary=True)) == "replica"


# A replica that cannot answer


def test_a_connection_that_ended_unused_is_replaced_unnoticed(
    replica: Replica, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replication, "ASKED_S", 0.0)
    before = count("second")
    with called():
        assert replicas.read(node) == "replica"
        replica.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'nexus'")
        assert replicas.read(node) == "replica"
    assert count("second") == before


def test_a_connection_that_ends_in_the_middle_costs_a_second_try(replica: Replica) -> None:
    tries = []

    def ask() -> str:
        tries.append(nodes.alias())
        with nodes.cursor() as cursor:
            if len(tries) == 1:
                cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")
        return node()

    before = count("second")
    with called():
        assert replicas.read(ask) == "replica"
    assert tries == [REPLICA, REPLICA]
    assert count("second") == before + 1


def test_without_a_replica_the_primary_answers_and_replicas_are_left_alone_for_a_moment(replica: Replica) -> None:
    with called(), replica.away():
        assert replicas.read(node) == "primary"
    with called():
        assert replicas.read(node) == "primary"
    replicas._rest._until = time.monotonic() - 1  # a moment later
    with called():
        assert replicas.read(node) == "replica"
    with called():
        assert replicas.read(node) == "replica"


def test_second_tries_have_a_budget(replica: Replica, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(restraint, "_REST_S", 0.0)
    tries = []

    def fail_at_replicas() -> str:
        tries.append(nodes.alias())
        if nodes.alias() == REPLICA:
            raise OperationalError("gone")
        return "primary"

    for _ in range(30):
        with called():
            assert replicas.read(fail_at_replicas) == "primary"
    assert tries.count(PRIMARY) == 30
    assert 30 + 10 <= tries.count(REPLICA) <= 30 + 10 + 3


def test_a_replica_that_says_nothing_is_not_waited_for(replica: Replica) -> None:
    with called():
        assert replicas.read(node) == "replica"
    os.kill(replica.standby.pid, signal.SIGSTOP)
    backend = connections[REPLICA].connection.info.backend_pid
    os.kill(backend, signal.SIGSTOP)
    try:
        begun = time.monotonic()
        with called(), database.time_budget():
            assert replicas.read(node) == "primary"
        assert time.monotonic() - begun < database.REQUEST_BUDGET_S / 2
    finally:
        os.kill(replica.standby.pid, signal.SIGCONT)
        os.kill(backend, signal.SIGCONT)


def test_a_read_leaves_a_silent_primary_before_a_write_would(replica: Replica, monkeypatch: pytest.MonkeyPatch) -> None:
    primary = connections[PRIMARY]
    with Road(int(primary.settings_dict["PORT"])) as road, monkeypatch.context() as patched:
        primary.close()
        patched.setitem(primary.settings_dict, "PORT", road.port)
        with called(), database.time_budget():
            assert replicas.read(node, needs_primary=True) == "primary"
        road.fall_silent()
        primary.close_if_unusable_or_obsolete()  # the next request begins
        with called(), database.time_budget():
            assert replicas.read(node, needs_primary=True) == "replica"
            assert primary.connection is None
            with monkeypatch.context() as at_once:
                at_once.setattr(primary, "ensure_connection", pytest.fail)
                assert replicas.read(node, needs_primary=True) == "replica", "nobody waits for it a second time"
        with called(), database.time_budget():
            assert replicas.read(node, needs_primary=True) == "replica", "neither do new connections answer"
        assert not BREAKER.is_away, "it was not given the time that a connection may take"


def test_a_read_waits_for_a_slow_primary(replica: Replica, monkeypatch: pytest.MonkeyPatch) -> None:
    primary = connections[PRIMARY]
    with Road(int(primary.settings_dict["PORT"])) as road, monkeypatch.context() as patched:
        road.late_s = 0.15
        primary.close()
        patched.setitem(primary.settings_dict, "PORT", road.port)
        with called(), database.time_budget():
            assert replicas.read(node, needs_primary=True) == "primary"
        primary.close()


def test_a_fault_of_ours_is_not_tried_again(replica: Replica) -> None:
    tries = []

    def fail() -> None:
        tries.append(nodes.alias())
        with nodes.cursor() as cursor:
            cursor.execute("SELECT no_such_column")

    with called(), pytest.raises(Exception, match="no_such_column"):
        replicas.read(fail)
    assert tries == [REPLICA]


def test_a_late_replica_is_left_out_until_the_primary_is_away_and_then_labelled(
    replica: Replica, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replication, "LAG_MAX_S", -1.0)
    with called() as caller:
        assert (replicas.read(node), caller.stale_s) == ("primary", None)
    with called() as caller, away(PRIMARY):
        assert replicas.read(node) == "replica"
        assert caller.stale_s is not None
        assert caller.stale_s >= 1


def test_a_beat_is_enough_to_look_fresh(replica: Replica) -> None:
    with replica.paused():  # others commit on the same server
        time.sleep(0.5)
        before = replication.ask(connections[REPLICA])
    assert before.lag_s >= 0.5
    replica.catch_up()
    after = replication.ask(connections[REPLICA])
    assert after.lag_s < before.lag_s + after.asked_at - before.asked_at


def test_a_standby_that_was_just_started_and_hears_of_nobody_says_how_old_it_may_be(replica: Replica) -> None:
    settings = replica.standby.data / "postgresql.auto.conf"
    told = settings.read_bytes()

    def start(more: bytes) -> None:
        replica.standby.stop()
        settings.write_bytes(told + more)
        replica.standby.start()

    def start_with_nothing_to_replay() -> bool:
        start(b"")
        with connections[PRIMARY].cursor() as cursor:
            cursor.execute("CHECKPOINT")
        replica.catch_up(beat=False)
        replica.sql("CHECKPOINT")  # nothing but what follows is replayed after a start
        start(b"primary_conninfo = ''\n")
        return bool(replica.sql("SELECT pg_last_xact_replay_timestamp() IS NULL"))

    try:
        # Another test's commit on the same server may follow.
        assert any(start_with_nothing_to_replay() for _ in range(10))
        assert 0 < replication.ask(connections[REPLICA]).lag_s < 3600
    finally:
        start(b"")


def test_a_node_that_takes_writes_is_no_replica(replica: Replica) -> None:
    connections[REPLICA].close()
    route = connections[REPLICA].settings_dict
    port, route["PORT"] = route["PORT"], connections[PRIMARY].settings_dict["PORT"]
    try:
        with called():
            assert replicas.read(node) == "primary"
        assert count_left("promoted") >= 1
    finally:
        route["PORT"] = port


def count_left(reason: str) -> float:
    return float(metrics.REPLICAS_LEFT.labels(reason)._value.get())


def test_what_a_replica_does_not_find_the_primary_is_asked_for(replica: Replica) -> None:
    with replica.paused():
        make.user(handle="ada")
        with called():
            assert users.profile(viewer=ANONYMOUS, user="ada").handle == "ada"
        with called(), pytest.raises(NotFound):
            users.profile(viewer=ANONYMOUS, user="nobody")
        with called(), away(PRIMARY), pytest.raises(NotFound):
            users.profile(viewer=Viewer(1), user="ada")


# Read your writes, and nothing older than what you have seen


def test_a_replica_that_has_not_replayed_a_write_does_not_serve_its_author(replica: Replica) -> None:
    ada, ben = make.user(), make.user()
    replica.catch_up()
    with replica.paused():
        with called(ada) as caller:
            write()
        token = written.token_of(caller.seen)
        with called(ada):
            assert replicas.read(node) == "primary"
        with called(None, token):
            assert replicas.read(node) == "primary"
        with called(ben):
            assert replicas.read(node) == "replica"
    replica.catch_up()
    with called(ada):
        assert replicas.read(node) == "replica"
    with called(None, token):
        assert replicas.read(node) == "replica"


def test_a_write_that_is_on_its_way_is_waited_for(replica: Replica, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replication, "WAIT_S", 10.0)
    monkeypatch.setattr(replicas, "FIRST_S", 10.0)
    ada = make.user()
    resumed = threading.Event()
    with replica.paused():
        with called(ada):
            write()

        def resume() -> None:
            resumed.set()  # before it: the read may be back sooner than this thread
            replica_sql(replica, "SELECT pg_wal_replay_resume()")

        timer = threading.Timer(0.1, resume)
        timer.start()
        with called(ada):
            assert replicas.read(node) == "replica"
        assert resumed.is_set()
        timer.join()


def replica_sql(replica: Replica, statement: str) -> None:
    try:
        replica.sql(statement)
    finally:
        connections.close_all()


def test_while_the_primary_is_away_a_replica_that_is_behind_serves_and_says_so(replica: Replica) -> None:
    ada = make.user()
    with replica.paused():
        with called(ada):
            write()
        with called(ada) as caller, away(PRIMARY):
            assert replicas.read(node) == "replica"
            assert caller.stale_s is not None


def test_what_was_seen_at_the_primary_is_never_unseen_at_a_replica(replica: Replica) -> None:
    ada = make.user()
    replica.catch_up()
    with replica.paused():
        write()
        with called(ada):
            assert replicas.read(node, needs_primary=True) == "primary"
            assert replicas.read(node) == "primary"
        with called(ada):
            assert replicas.read(node) == "primary"
        forget_what_redis_knows(make.viewer(ada))
        with called(ada):
            assert replicas.read(node) == "replica"


def test_nobody_knows_what_was_written_when_redis_is_away_so_the_primary_answers(
    replica: Replica, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada = make.user()
    replica.catch_up()
    with called(ada) as caller:
        write()
    token = written.token_of(caller.seen)
    replica.catch_up()
    monkeypatch.setattr(redis, "is_blocked", lambda: True)
    with called(ada):
        assert replicas.read(node) == "primary"
    with called(ada, token):
        assert replicas.read(node) == "replica"
    with called():
        assert replicas.read(node) == "replica"


def test_when_its_place_cannot_be_kept_a_write_is_answered_when_replicas_have_it(
    replica: Replica, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada = make.user()
    replica.catch_up()
    resumed = threading.Event()

    def resume() -> None:
        resumed.set()
        replica_sql(replica, "SELECT pg_wal_replay_resume()")

    monkeypatch.setattr(written, "_REPLAYED_S", 60.0)
    with replica.paused(), pytest.MonkeyPatch.context() as without_redis:
        without_redis.setattr(redis, "is_blocked", lambda: True)
        timer = threading.Timer(0.3, resume)
        timer.start()
        with called(ada) as caller:
            write()
        assert resumed.is_set()
        timer.join()
    # Another process has Redis and finds nothing there: any replica will do, and does.
    with called(ada):
        assert replicas.read(node) == "replica"
    assert replica.sql(f"SELECT pg_last_wal_replay_lsn() >= '0/0'::pg_lsn + {caller.seen}")


def test_a_replica_that_does_not_come_holds_no_write_up_for_long(
    replica: Replica, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada = make.user()
    monkeypatch.setattr(written, "_REPLAYED_S", 0.1)
    with replica.paused(), pytest.MonkeyPatch.context() as without_redis:
        without_redis.setattr(redis, "is_blocked", lambda: True)
        with called(ada):
            write()
        assert User.objects.get(pk=ada.pk).version == ada.version + 1


def test_what_was_written_while_redis_was_in_doubt_is_kept_in_it(replica: Replica) -> None:
    ada = make.user()
    replica.catch_up()
    redis._doubt()
    with replica.paused():
        with called(ada):
            assert replicas.read(node) == "primary"  # it may have forgotten
            write()
        redis._doubted_at -= 60
        with called(ada):
            assert replicas.read(node) == "primary"


def test_a_token_is_ours_or_nothing() -> None:
    assert written.place_of(written.token_of(0x16B374D848)) == 0x16B374D848
    assert written.token_of(7) != written.token_of(7)
    token = written.token_of(7)
    changed = ("A" if token[0] != "A" else "B") + token[1:]
    assert [written.place_of(each) for each in (None, "", changed, "0/1", "é" * 28, token * 2)] == [0] * 6


# Stale answers


def name_of(user: User, viewer: Viewer) -> str:
    return users.profile(viewer=viewer, user=user.pk).handle


def test_when_no_database_answers_the_last_answer_is_given_with_its_age(replica: Replica) -> None:
    ada, ben = make.user(handle="ada"), make.user()
    replica.catch_up()
    with called(ben):
        name_of(ada, Viewer(ben.pk, 1))
    with replica.away(), away(PRIMARY):
        with called(ben) as caller:
            assert name_of(ada, Viewer(ben.pk, 1)) == "ada"
            assert caller.stale_s == 1
        for other in (ANONYMOUS, Viewer(ada.pk, 2), Viewer(ben.pk, 2)):
            with called(), pytest.raises(OperationalError):
                name_of(ada, other)
        with called(ben), pytest.raises(OperationalError):
            name_of(ben, Viewer(ben.pk, 1))


def test_a_log_out_drops_what_the_user_has_seen(replica: Replica) -> None:
    ada, ben = make.user(handle="ada"), make.user()
    tokens = logins.begin(ben)
    login = Viewer(ben.pk, ben_login(ben))
    replica.catch_up()
    assert tokens.access_token
    with called(ben):
        name_of(ada, login)
        database.in_transaction(lambda: log_out(actor=login), is_repeatable=True)
    with replica.away(), away(PRIMARY), called(ben), pytest.raises(OperationalError):
        name_of(ada, login)


def ben_login(ben: User) -> int:
    return int(Login.objects.get(user=ben).pk)


def test_what_is_gone_is_not_kept_any_longer(replica: Replica) -> None:
    ada = make.user(handle="ada")
    replica.catch_up()
    viewer = Viewer(ada.pk + 1, 1)
    with called():
        name_of(ada, viewer)
    User.objects.filter(pk=ada.pk).update(is_active=False)
    replica.catch_up()
    with called(), pytest.raises(NotFound):
        name_of(ada, viewer)
    with replica.away(), away(PRIMARY), called(), pytest.raises(OperationalError):
        name_of(ada, viewer)


def test_a_copy_is_renewed_by_each_process_each_five_seconds_and_not_too_large(replica: Replica) -> None:
    where = stale.place("question", ANONYMOUS, {"limit": 20})
    stale.keep(where, "first", time.time())
    stale.keep(where, "second", time.time())
    found = stale.kept(where)
    assert found is not None
    assert found.answer == "first"
    assert 0 < int(redis.client().ttl(where.key)) <= 60
    large = stale.place("question", ANONYMOUS, {"limit": 100})
    stale.keep(large, "x" * stale.SIZE_MAX, time.time())
    assert stale.kept(large) is None


def test_a_copy_at_a_place_of_somebody_else_is_worth_nothing(replica: Replica) -> None:
    mine, yours = (stale.place("question", Viewer(user_id, 1), {}) for user_id in (1, 2))
    stale.keep(mine, "secret", time.time())
    sealed = redis.client().get(mine.key)
    assert isinstance(sealed, bytes)
    redis.client().set(yours.key, sealed)
    assert stale.kept(yours) is None
    redis.client().set(mine.key, sealed[:-1] + b"?")
    assert stale.kept(mine) is None


# Without replicas


@pytest.mark.django_db(transaction=True)
def test_without_replicas_nothing_of_this_happens() -> None:
    ada = make.user()
    with called(ada) as caller:
        assert replicas.read(node) == "primary"
    assert caller.seen == 0
    assert [key for pattern in ("stale:*", "written:*") for key in redis.client().keys(pattern)] == []
