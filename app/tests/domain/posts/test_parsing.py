"""Hashtags and mentions are found in every script, once each, and nowhere where people did not mean them."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nexus.domain.posts.parsing import hashtag_key, parse
from nexus.kernel.errors import FieldError


def hashtags(text: str) -> list[str]:
    return list(parse(text, pointer="/text", errors=[]).hashtags)


def handles(text: str) -> list[str]:
    return list(parse(text, pointer="/text", errors=[]).handles)


@pytest.mark.parametrize(
    ("text", "tags"),
    [
        ("#Tea and #tea and #TEA", ["tea"]),
        ("first #b then #a", ["b", "a"]),
        ("(#left) #right, #end.", ["left", "right", "end"]),
        ("#snake_case_2026", ["snake_case_2026"]),
        ("#Straße = #STRASSE", ["strasse"]),
        ("#ＦＵＬＬ ＃ｗｉｄｔｈ", ["full", "width"]),
        ("#Cafe\u0301 #café", ["café"]),
        ("#हिन्दी में", ["हिन्दी"]),
        ("#می\u200cخواهم #میخواهم", ["میخواهم"]),
        ("#東京 #日本語。", ["東京", "日本語"]),
        ("#ΣΊΣΥΦΟΣ #σίσυφος", ["σίσυφοσ"]),
        ("#love❤️ #x²", ["love", "x"]),
        ("line\n#newline\ttab\t#tab", ["newline", "tab"]),
    ],
)
def test_hashtags_are_words_of_any_script_in_one_spelling(text: str, tags: list[str]) -> None:
    assert hashtags(text) == tags


@pytest.mark.parametrize(
    "text",
    [
        "#", "# tea", "#123", "#_", "#2026_", "C#sharp", "a_#b", "&#39;", "##double", "#-dash", "#️⃣ 1️⃣", "#\u0301mark",
        "#\u3164", "https://example.org/#fragment", "www.example.org/#fragment", "HTTPS://example.org/x?a=b#top",
        "example.org/#fragment", "gemini://example.org/a,#b", "#ﷺ",
    ],
)  # fmt: skip
def test_what_only_looks_like_a_hashtag_is_none(text: str) -> None:
    assert hashtags(text) == []


def test_a_hashtag_has_at_most_a_hundred_characters() -> None:
    assert hashtags("#" + "a" * 100) == ["a" * 100]
    assert hashtags("#" + "a" * 101) == []


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("@ada", ["ada"]),
        ("Hi @Ada, @ADA and (@bob)!", ["ada", "bob"]),
        (".@ada said: “@bob_2”.", ["ada", "bob_2"]),
        ("＠ada", ["ada"]),
        ("@ada's cat", ["ada"]),
        ("see https://example.org/ @ada", ["ada"]),
    ],
)
def test_mentions_are_handles_after_an_at_sign(text: str, names: list[str]) -> None:
    assert handles(text) == names


@pytest.mark.parametrize(
    "text",
    [
        "ada@example.org", "é@ada", "x_@ada", "@@ada", "@ada@example.org", "@", "@ ada", "@adaé", "@é",
        "https://example.org/@ada", "example.org/@ada", "https://ada@example.org", "@" + "a" * 31,
    ],
)  # fmt: skip
def test_addresses_and_parts_of_words_mention_nobody(text: str) -> None:
    assert handles(text) == []


def test_more_than_a_hundred_of_either_is_an_error_and_repetitions_do_not_count() -> None:
    errors: list[FieldError] = []
    parse(" ".join(f"#tag{n} @user{n}" for n in range(100)) + " #tag1 @user1", pointer="/text", errors=errors)
    assert errors == []
    parse(" ".join(f"#tag{n} @user{n}" for n in range(101)), pointer="/text", errors=errors)
    assert [(error.pointer, error.code) for error in errors] == [
        ("/text", "too_many_hashtags"),
        ("/text", "too_many_mentions"),
    ]


@pytest.mark.parametrize("piece", ["#", "@", "#a", "@a", "a.", "a://", "www.", "#a@a", "://", "a+", "\u0301#", "＃﹟"])
def test_reading_the_longest_text_takes_no_time(piece: str) -> None:
    text = (piece * 5_000)[:5_000]
    started = time.perf_counter()
    parse(text, pointer="/text", errors=[])
    assert time.perf_counter() - started < 0.2


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=30))
def test_the_key_of_a_key_is_the_key(name: str) -> None:
    key = hashtag_key(name)
    if key is not None:
        assert hashtag_key(key) == key
        assert hashtags(f"#{key}") == [key]
        assert 1 <= len(key) <= 100


@given(st.text(alphabet="aB#@ ._/:é1\u0301w", max_size=80))
def test_everything_found_stands_in_the_text_with_its_sign(text: str) -> None:
    parsed = parse(text, pointer="/text", errors=[])
    assert all("@" + handle in text.lower() for handle in parsed.handles)
    assert len(set(parsed.hashtags)) == len(parsed.hashtags)
    assert len(parsed.hashtags) <= text.count("#")
