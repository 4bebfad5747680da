"""The addresses of Redis behind Sentinels."""

import pytest

from nexus.kernel.sentinel import Group, with_database

EVERYTHING = "redis+sentinel://us%40er:p%2Fa%2Cs%3Bs@one:1,[fd00::2]:2,three/Main/7?sentinel_password=w%26atch"


def test_an_address_names_sentinels_master_database_and_credentials() -> None:
    assert Group.of(EVERYTHING) == Group(
        sentinels=(("one", 1), ("fd00::2", 2), ("three", 26379)),
        master="Main",
        database=7,
        user="us@er",
        password="p/a,s;s",
        sentinel_password="w&atch",
    )


def test_the_least_address_has_one_sentinel_and_no_password() -> None:
    group = Group.of("redis+sentinel://one/main")
    assert group == Group(sentinels=(("one", 26379),), master="main", database=0)
    assert (group.credentials, group.sentinel_credentials) == ({}, {})


@pytest.mark.parametrize(
    "url", [EVERYTHING, "redis+sentinel://one:26379/main/0", "redis+sentinel://:word@one:1/main/3"]
)
def test_a_group_says_its_address_so_that_it_is_the_same_group_again(url: str) -> None:
    assert Group.of(Group.of(url).url) == Group.of(url)


def test_kombu_gets_one_address_for_each_sentinel() -> None:
    assert Group.of(EVERYTHING).broker_url() == (
        "sentinel://us%40er:p%2Fa%2Cs%3Bs@one:1/7;sentinel://us%40er:p%2Fa%2Cs%3Bs@[fd00::2]:2/7;"
        "sentinel://us%40er:p%2Fa%2Cs%3Bs@three:26379/7"
    )


@pytest.mark.parametrize(
    ("url", "other"),
    [
        ("redis://host:6379/0", "redis://host:6379/1"),
        ("rediss://user:word@host", "rediss://user:word@host/1"),
        ("redis://host/0?client_name=x", "redis://host/1?client_name=x"),
        ("redis+sentinel://a:1,b:2/main/0?sentinel_password=w", "redis+sentinel://a:1,b:2/main/1?sentinel_password=w"),
    ],
)
def test_another_database_of_the_same_redis(url: str, other: str) -> None:
    assert with_database(url, 1) == other
