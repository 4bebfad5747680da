"""Text that people write is kept in one form, and what would do harm is refused with a reason."""

import time
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nexus.kernel.errors import FieldError
from nexus.kernel.text import clean_text


def clean(
    value: str, *, max_length: int = 100, multiline: bool = False, required: bool = False
) -> tuple[str, list[str]]:
    errors: list[FieldError] = []
    text = clean_text(
        value, pointer="/text", max_length=max_length, errors=errors, multiline=multiline, required=required
    )
    assert all(error.pointer == "/text" for error in errors)
    return text, [error.code for error in errors]


def test_text_is_kept_in_normal_form_c() -> None:
    assert clean("Cafe\u0301") == ("Café", [])


def test_the_length_counts_code_points_of_the_normal_form() -> None:
    assert clean("e\u0301" * 100) == ("é" * 100, [])
    assert clean("😀" * 100)[1] == []
    assert clean("😀" * 101)[1] == ["too_long"]


def test_a_text_four_times_too_long_is_refused_without_being_normalised() -> None:
    text = "e\u0301" * 201
    assert clean(text) == (text, ["too_long"])


@pytest.mark.parametrize(
    "character", ["\x00", "\x07", "\x1b", "\x7f", "\x85", chr(0xD800), chr(0xDFFF), "\u202d", "\u202e", "\r"]
)
def test_controls_surrogates_and_bidi_overrides_are_refused_everywhere(character: str) -> None:
    assert clean(f"a{character}b")[1] == ["control_character"]
    assert clean(f"a{character}b", multiline=True)[1] == ["control_character"]


@pytest.mark.parametrize(
    "character", ["\n", "\t", "\u2028", "\u2029", "\u202a", "\u202b", "\u202c", "\u2066", "\u2069"]
)
def test_what_reaches_beyond_its_line_is_allowed_in_texts_of_several_lines_only(character: str) -> None:
    assert clean(f"a{character}b")[1] == ["control_character"]
    assert clean(f"a{character}b", multiline=True) == (f"a{character}b", [])


def test_the_refused_character_is_named_with_its_place() -> None:
    errors: list[FieldError] = []
    clean_text("ab\x00", pointer="/bio", max_length=10, errors=errors)
    assert errors == [FieldError("/bio", "control_character", "U+0000 at position 2 is not allowed here.")]


def test_a_browsers_line_ends_become_newlines() -> None:
    assert clean("one\r\ntwo", multiline=True) == ("one\ntwo", [])


@pytest.mark.parametrize(
    "text", ["शुभकामनाएँ", "👩‍👩‍👧", "می\u200cخواهم", "\u200fשלום", "🏴\U000e0067\U000e0062\U000e007f"]
)
def test_joiners_direction_marks_and_tags_that_languages_and_emoji_need_are_kept(text: str) -> None:
    assert clean(text) == (unicodedata.normalize("NFC", text), [])


@pytest.mark.parametrize("text", ["", "  \n", "\u200b\u200d", "\u3164", "\ufeff\u00ad", "\u2003"])
def test_a_required_text_must_show_something(text: str) -> None:
    assert clean(text, multiline=True, required=True)[1] == ["blank"]
    assert clean(text, multiline=True)[1] == []


def test_piles_of_marks_are_refused_before_they_cost_time() -> None:
    pile = "a" + "\u0301\u0323" * 10_000
    started = time.perf_counter()
    assert clean(pile, max_length=5_001)[1] == ["too_many_marks"]
    assert time.perf_counter() - started < 0.05
    assert clean("a" + "\u0301" * 30)[1] == []


@given(st.text(alphabet=st.characters(codec=None), max_size=60))
def test_cleaning_again_changes_nothing_and_what_passes_can_be_stored(value: str) -> None:
    text, errors = clean(value, multiline=True)
    if errors:
        return
    assert clean(text, multiline=True) == (text, [])
    assert text.encode().decode() == text
    assert "\x00" not in text
    assert len(text) <= 100
