"""Text that people write: one normal form, nothing in it that breaks a database, a log line or a neighbour's text."""

import re
import unicodedata
from typing import Final

from nexus.kernel.errors import FieldError

# UAX #15's stream-safe limit. Longer runs are no language, and the time to normalise them grows with their square.
MARKS_IN_A_ROW: Final = 30
# No character has a longer canonical decomposition, so a longer input cannot become short enough.
_DECOMPOSITION_MAX: Final = 4

# Controls, lone surrogates, and bidi overrides, whose only use is to show text in an order that it does not have.
_CONTROLS: Final = r"\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202d\u202e"
_REFUSED: Final = _CONTROLS + r"\r\ud800-\udfff"
# A line stands inside other text, where an open bidi embedding or isolate would reorder what follows it. In a text of
# several lines they end with the paragraph, and Arabic and Hebrew texts have them for good reason.
_BREAKS: Final = r"\t\n\u2028\u2029\u202a-\u202c\u2066-\u2069"
_REFUSED_IN_LINE: Final = _REFUSED + _BREAKS
_REFUSED_IN_TEXT_PATTERN: Final = re.compile(f"[{_REFUSED}]")
_REFUSED_IN_LINE_PATTERN: Final = re.compile(f"[{_REFUSED_IN_LINE}]")
# For a JSON Schema, whose readers know no surrogates. A carriage return may stand before a line feed.
TEXT_PATTERN: Final = rf"^[^{_CONTROLS}]*$"
LINE_PATTERN: Final = rf"^[^{_CONTROLS}\r{_BREAKS}]*$"

# Unicode's Default_Ignorable_Code_Point: nothing is seen of them.
IGNORABLE: Final = re.compile(
    r"[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164"
    r"\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufff8\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)


def clean_text(
    value: str,
    *,
    pointer: str,
    max_length: int,
    errors: list[FieldError],
    multiline: bool = False,
    required: bool = False,
) -> str:
    """`value` in Unicode's normal form C, its lines ended by \\n. What is wrong with it is added to `errors`.

    `max_length` counts code points of the result. `required`: something of it must be visible.
    """
    value = value.replace("\r\n", "\n")
    problem = _problem_before(value, max_length, multiline)
    if problem is None:
        value = unicodedata.normalize("NFC", value)
        problem = _problem_after(value, max_length, required)
    if problem is not None:
        code, detail = problem
        errors.append(FieldError(pointer, code, detail))
    return value


def is_blank(value: str) -> bool:
    """Whether nothing of it can be seen."""
    return not IGNORABLE.sub("", value).strip()


def _problem_before(value: str, max_length: int, multiline: bool) -> tuple[str, str] | None:
    """What must be known before anything else is done with the value."""
    if len(value) > _DECOMPOSITION_MAX * max_length:
        return _too_long(max_length)
    if found := (_REFUSED_IN_TEXT_PATTERN if multiline else _REFUSED_IN_LINE_PATTERN).search(value):
        return "control_character", f"U+{ord(found[0]):04X} at position {found.start()} is not allowed here."
    if not value.isascii() and _longest_run_of_marks(value) > MARKS_IN_A_ROW:
        return "too_many_marks", f"A character can carry at most {MARKS_IN_A_ROW} marks."
    return None


def _problem_after(value: str, max_length: int, required: bool) -> tuple[str, str] | None:
    if len(value) > max_length:
        return _too_long(max_length)
    if required and is_blank(value):
        return "blank", "Write something."
    return None


def _too_long(max_length: int) -> tuple[str, str]:
    return "too_long", f"It can have at most {max_length} characters."


def _longest_run_of_marks(value: str) -> int:
    longest = run = 0
    for character in value:
        run = run + 1 if unicodedata.combining(character) else 0
        longest = max(longest, run)
    return longest
