"""The bounded share of password hashing."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.contrib.auth.hashers import check_password, identify_hasher, make_password

from nexus.domain.identity.passwords import Bounded, hashing
from nexus.kernel.errors import Unavailable


def hold(bounded: Bounded, started: threading.Semaphore, end: threading.Event) -> None:
    with bounded.turn():
        started.release()
        end.wait(10)


def test_no_more_than_the_limit_run_at_once() -> None:
    bounded, lock, running, most = Bounded(2, wait_s=10), threading.Lock(), 0, 0

    def work(_: int) -> None:
        nonlocal running, most
        with bounded.turn():
            with lock:
                running += 1
                most = max(most, running)
            time.sleep(0.02)
            with lock:
                running -= 1

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(20)))
    assert most == 2


def test_who_finds_no_place_is_told_at_once_to_come_again() -> None:
    bounded, started, end = Bounded(1, wait_s=10), threading.Semaphore(0), threading.Event()
    with ThreadPoolExecutor(2) as pool:
        runner = pool.submit(hold, bounded, started, end)
        assert started.acquire(timeout=5)
        waiter = pool.submit(hold, bounded, started, end)
        while bounded._places._value:  # until the second one waits
            time.sleep(0.001)
        before = time.monotonic()
        with pytest.raises(Unavailable) as refused, bounded.turn():
            raise AssertionError("there is no turn")
        assert time.monotonic() - before < 1
        assert refused.value.retry_after == 1
        end.set()
        runner.result(5)
        waiter.result(5)
    with bounded.turn():
        pass


def test_a_wait_has_an_end_and_gives_its_place_back() -> None:
    bounded, started, end = Bounded(1, wait_s=0.05), threading.Semaphore(0), threading.Event()
    with ThreadPoolExecutor(1) as pool:
        runner = pool.submit(hold, bounded, started, end)
        assert started.acquire(timeout=5)
        for _ in range(3):
            with pytest.raises(Unavailable), bounded.turn():
                raise AssertionError("there is no turn")
        end.set()
        runner.result(5)
    with bounded.turn():
        pass


def test_a_failure_inside_gives_the_turn_back() -> None:
    bounded = Bounded(1, wait_s=0.05)
    for _ in range(3):
        with pytest.raises(ZeroDivisionError), bounded.turn():
            _ = 1 / 0
    with bounded.turn():
        pass


def test_a_quarter_of_the_threads_hashes() -> None:
    """Eight threads by default: two hash, two wait, four are left for everybody else."""
    assert (hashing._running._value, hashing._places._value) == (2, 4)


def test_every_hash_of_django_takes_a_turn() -> None:
    encoded, started, end = make_password("a secret"), threading.Semaphore(0), threading.Event()
    with ThreadPoolExecutor(4) as pool:
        held = [pool.submit(hold, hashing, started, end) for _ in range(4)]
        for _ in range(2):
            assert started.acquire(timeout=5)
        while hashing._places._value:
            time.sleep(0.001)
        with pytest.raises(Unavailable):
            make_password("another")
        with pytest.raises(Unavailable):
            check_password("a secret", encoded)
        end.set()
        for each in held:
            each.result(5)
    assert check_password("a secret", encoded)
    assert not check_password("another", encoded)


def test_the_hash_is_argon2id_by_the_parameters_of_owasp() -> None:
    encoded = make_password("a secret")
    assert encoded.startswith("argon2$argon2id$v=19$m=19456,t=2,p=1$")
    assert not identify_hasher(encoded).must_update(encoded)
