"""The checker finds what it is there for; otherwise each green row would mean nothing."""

from collections import Counter
from dataclasses import replace

import pytest

from drills import checker
from drills.checker import Stored
from drills.records import Record, figures

ADA, BEN = 11, 22
FIRST, ANSWER = 100, 200

WHOLE = Stored(
    posts=[(FIRST, ADA, "ada 0", None, 1, 1), (ANSWER, BEN, "ben 0", FIRST, 0, 0)],
    likes=frozenset({(BEN, FIRST)}),
    follows=frozenset({(BEN, ADA)}),
    told=Counter(
        [(ADA, "liked", FIRST, BEN), (ADA, "replied", ANSWER, BEN), (ADA, "followed", None, BEN)],
    ),
    people={ADA: (1, 0, 1), BEN: (0, 1, 1)},
)


def record(kind: str, verdict: str = "ok", user: int = BEN, at: float = 1.0, **about: object) -> Record:
    return Record(str(user), int(at), kind, "key", at, at + 0.1, verdict, about=about)  # type: ignore[arg-type]


DONE = [
    record("publish_post", user=ADA, post=str(FIRST), text="ada 0"),
    record("comment", at=2, post=str(ANSWER), text="ben 0", parent=str(FIRST)),
    record("like_post", at=3, target=str(FIRST)),
    record("follow_user", at=4, target=str(ADA)),
]


def lost(records: list[Record], stored: Stored = WHOLE) -> list[str]:
    return list(checker._lost("db2", records, stored))


def test_a_whole_store_has_nothing_to_complain_of() -> None:
    assert lost(DONE) == []
    assert list(checker._duplicated("db2", WHOLE)) == []
    assert list(checker._effects(WHOLE, is_missing=True)) == []
    assert list(checker._effects(WHOLE, is_missing=False)) == []
    assert list(checker._counters(WHOLE)) == []
    assert list(checker._timelines_incomplete(WHOLE, {str(BEN): [ANSWER, FIRST], str(ADA): [FIRST]})) == []


def test_an_acknowledged_post_that_is_missing_is_lost() -> None:
    assert lost(DONE, replace(WHOLE, posts=WHOLE.posts[:1])) == ["post 200 “ben 0” is not on db2"]


def test_an_acknowledged_post_under_another_id_is_lost() -> None:
    moved = [*WHOLE.posts[:1], (201, BEN, "ben 0", FIRST, 0, 0)]
    assert lost(DONE, replace(WHOLE, posts=moved)) == ["post 200 “ben 0” is not on db2"]


def test_an_acknowledged_like_that_is_missing_is_lost() -> None:
    assert lost(DONE, replace(WHOLE, likes=frozenset())) == [f"{BEN} like {FIRST} on db2"]


@pytest.mark.parametrize("likes", [frozenset(), frozenset({(BEN, FIRST)})])
def test_an_unlike_with_an_unknown_outcome_may_be_done_or_not(likes: frozenset[tuple[int, int]]) -> None:
    unsure = [*DONE, record("unlike_post", "unknown", at=5, target=str(FIRST))]
    assert lost(unsure, replace(WHOLE, likes=likes)) == []


def test_an_unlike_that_was_refused_must_not_be_done() -> None:
    refused = [*DONE, record("unlike_post", "fail", at=5, target=str(FIRST))]
    assert lost(refused, replace(WHOLE, likes=frozenset())) == [f"{BEN} like {FIRST} on db2"]


def test_a_post_that_is_there_twice_is_doubled() -> None:
    twice = replace(WHOLE, posts=[*WHOLE.posts, (300, BEN, "ben 0", FIRST, 0, 0)])
    assert list(checker._duplicated("db3", twice)) == ["“ben 0” is 2 times on db3"]


def test_a_refused_post_that_is_there_is_found() -> None:
    refused = [record("publish_post", "fail", text="ben 0")]
    assert len(list(checker._done_although_refused(refused, WHOLE))) == 1


def test_a_missing_notification_and_one_too_many_are_found() -> None:
    told = Counter(WHOLE.told)
    told[(ADA, "liked", FIRST, BEN)] = 0
    told[(BEN, "followed", None, ADA)] = 1
    wrong = replace(WHOLE, told=told)
    assert list(checker._effects(wrong, is_missing=True)) == [f"{ADA} was not told: {BEN} liked {FIRST} (1)"]
    assert list(checker._effects(wrong, is_missing=False)) == [f"{BEN} was told too often: {ADA} followed None (1)"]


def test_a_wrong_counter_is_found() -> None:
    wrong = replace(WHOLE, people={**WHOLE.people, ADA: (2, 0, 1)})
    assert list(checker._counters(wrong)) == [f"{ADA} counts followers, following, posts (2, 0, 1) of (1, 0, 1)"]


def test_a_timeline_that_misses_a_post_is_found() -> None:
    assert list(checker._timelines_incomplete(WHOLE, {str(BEN): [ANSWER]})) == [
        f"home of {BEN}: 1 missing, 0 strange, of 2"
    ]


def test_posts_of_one_person_that_changed_places_are_found() -> None:
    records = [record("publish_post", post="9", text="late"), record("publish_post", at=2, post="8", text="early")]
    assert list(checker._out_of_order(records)) == ["“early” stands before “late”"]


def test_a_write_that_its_author_does_not_see_is_found_unless_the_answer_says_that_it_is_old() -> None:
    unseen = record("post", post="9", sees_own_write=False)
    assert len(list(checker._own_writes_not_read([unseen]))) == 1
    assert list(checker._own_writes_not_read([replace(unseen, stale=3.0)])) == []


def test_a_count_that_went_back_is_found() -> None:
    records = [record("post", post="9", comment_count=5), record("post", at=2, post="9", comment_count=4)]
    assert list(checker._reads_went_back(records)) == [f"{BEN} saw 5 comments, then 4, at 2.00"]


def test_the_pause_is_the_longest_time_without_an_acknowledged_write() -> None:
    acknowledged = [record("like_post", at=at) for at in (1.0, 1.5, 4.5, 5.0)]
    seen = figures([*acknowledged, record("like_post", "unknown", at=3.0), record("post", at=3.5)], 0.5, 5.5)
    assert (round(seen.pause_s, 6), round(seen.pause_at, 6)) == (3.0, 1.6)
    assert (seen.failed_writes, seen.failed_reads, seen.operations) == (1, 0, 6)


def test_writes_that_never_come_back_are_a_pause_until_the_end() -> None:
    assert figures([record("like_post", at=1.0)], 0.5, 60.0).pause_s == pytest.approx(58.9)
