"""Keyset pages and cursors."""

import base64
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nexus.kernel.errors import InvalidCursor, InvalidInput
from nexus.kernel.pages import Cursor, Page, PageRequest, decode_cursor, encode_cursor, page_of

positions = st.integers(min_value=0, max_value=(1 << 63) - 1)


def read(rows: list[int], request: PageRequest) -> Page[int]:
    """A page of `rows`, largest first."""

    def fetch(cursor: Cursor | None, count: int) -> Sequence[int]:
        ordered = sorted(rows, reverse=True)
        if cursor is None:
            return ordered[:count]
        if cursor.is_backward:
            return [row for row in reversed(ordered) if row > cursor.position][:count]
        return [row for row in ordered if row < cursor.position][:count]

    return page_of("test", request, fetch, lambda row: row)


@given(positions, st.booleans(), st.text(max_size=20))
def test_a_cursor_comes_back_as_it_was(position: int, is_backward: bool, scope: str) -> None:
    token = encode_cursor(scope, Cursor(position, is_backward))
    assert decode_cursor(scope, token) == Cursor(position, is_backward)


@given(st.one_of(st.text(max_size=60), st.binary(max_size=60).map(lambda raw: base64.urlsafe_b64encode(raw).decode())))
def test_what_is_not_ours_is_refused(token: str) -> None:
    with pytest.raises(InvalidCursor):
        decode_cursor("test", token)


def test_a_cursor_of_another_list_is_refused() -> None:
    with pytest.raises(InvalidCursor):
        decode_cursor("followers:1", encode_cursor("followers:2", Cursor(7)))


@given(positions, st.data())
def test_a_cursor_with_one_character_changed_is_refused(position: int, data: st.DataObject) -> None:
    token = encode_cursor("test", Cursor(position))
    place = data.draw(st.integers(0, len(token) - 1))
    other = data.draw(st.sampled_from("abcXYZ019-_").filter(lambda character: character != token[place]))
    changed = token[:place] + other + token[place + 1 :]
    with pytest.raises(InvalidCursor):
        decode_cursor("test", changed)


@given(st.sets(st.integers(1, 10_000), max_size=60), st.integers(1, 25))
def test_following_next_reads_every_row_once(rows: set[int], limit: int) -> None:
    seen: list[int] = []
    page = read(list(rows), PageRequest(limit))
    seen += page.items
    while page.next is not None:
        page = read(list(rows), PageRequest(limit, page.next))
        seen += page.items
    assert seen == sorted(rows, reverse=True)


@given(st.sets(st.integers(1, 100), min_size=1), st.sets(st.integers(101, 200), max_size=40), st.integers(1, 25))
def test_following_prev_finds_all_that_is_newer(rows: set[int], newer: set[int], limit: int) -> None:
    page = read(list(rows), PageRequest(limit))
    seen: list[int] = []
    for _ in range(50):
        page = read([*rows, *newer], PageRequest(limit, page.prev))
        seen = [*page.items, *seen]
    assert seen == sorted(newer, reverse=True)


def test_a_list_that_is_empty_from_the_start_has_no_neighbours() -> None:
    assert read([], PageRequest()) == Page((), (), None, None)


@pytest.mark.parametrize("limit", [0, -1, 101])
def test_a_limit_out_of_range_is_refused(limit: int) -> None:
    with pytest.raises(InvalidInput) as caught:
        PageRequest(limit)
    assert [(error.pointer, error.code) for error in caught.value.errors] == [("/limit", "out_of_range")]


def test_a_page_has_a_cursor_for_each_item_that_leads_to_what_follows_it() -> None:
    page = read([1, 2, 3, 4], PageRequest(3)).map(str)
    assert page.items == ("4", "3", "2")
    assert [read([1, 2, 3, 4], PageRequest(1, cursor)).items for cursor in page.cursors()] == [(3,), (2,), (1,)]


def test_a_request_may_say_the_direction_itself() -> None:
    forward, backward = encode_cursor("test", Cursor(5)), encode_cursor("test", Cursor(5, is_backward=True))
    for cursor in (forward, backward):
        assert PageRequest(10, cursor, is_backward=True).place("test") == Cursor(5, is_backward=True)
        assert PageRequest(10, cursor, is_backward=False).place("test") == Cursor(5)
    assert PageRequest(10, backward).place("test") == Cursor(5, is_backward=True)
    assert PageRequest(10, is_backward=True).place("test") is None
