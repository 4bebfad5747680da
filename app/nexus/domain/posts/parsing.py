"""What a text is about and whom it names. Read once, when the post is published or edited."""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from nexus.domain.posts.models import HASHTAG_MAX, TAGS_MAX
from nexus.domain.users.models import HANDLE_MAX
from nexus.kernel.errors import FieldError
from nexus.kernel.text import IGNORABLE

# The bound on the scheme keeps the search linear.
_URL: Final = re.compile(r"(?<![a-z0-9])(?:[a-z][a-z0-9+.-]{0,30}://|www\.)\S+", re.IGNORECASE)
_HASH_SIGN: Final = re.compile("[#＃﹟]")
_MENTION: Final = re.compile(rf"[@＠]([a-z0-9_]{{1,{HANDLE_MAX}}})", re.IGNORECASE | re.ASCII)
# Joiners shape letters in Persian and in the scripts of India; they count neither as letters nor for equality.
_JOINERS: Final = "\u200c\u200d"


@dataclass(frozen=True, slots=True)
class Parsed:
    """Hashtags by their keys and handles in lower case; each once, in the order of the text."""

    hashtags: tuple[str, ...]
    handles: tuple[str, ...]


def parse(text: str, *, pointer: str, errors: list[FieldError]) -> Parsed:
    """The hashtags and handles in a clean text; more than `TAGS_MAX` of either is an error."""
    prose = _URL.sub(" ", text)
    hashtags = tuple(dict.fromkeys(_hashtags(prose)))
    handles = tuple(dict.fromkeys(_handles(prose)))
    for found, code, name in ((hashtags, "too_many_hashtags", "hashtags"), (handles, "too_many_mentions", "mentions")):
        if len(found) > TAGS_MAX:
            errors.append(FieldError(pointer, code, f"A post can have at most {TAGS_MAX} {name}."))
    return Parsed(hashtags, handles)


def hashtag_key(name: str) -> str | None:
    """The form in which all spellings of a hashtag (without #) are equal; None for what cannot be one.

    Unicode's NFKC_Casefold: compatible forms and cases are folded, ignorable characters dropped.
    """
    folded = unicodedata.normalize("NFD", name).casefold()
    folded = IGNORABLE.sub("", unicodedata.normalize("NFKC", folded)).casefold()
    key = unicodedata.normalize("NFKC", folded)
    # Looked at after folding: a single Arabic letter form can stand for a sentence with spaces.
    is_tag = len(key) <= HASHTAG_MAX and all(map(_is_in_word, key)) and any(map(_is_letter, key))
    return key if is_tag and not _is_mark(key[0]) else None


def _hashtags(text: str) -> Iterator[str]:
    for match in _HASH_SIGN.finditer(text):
        start = end = match.end()
        if not _can_begin(text, match.start(), "#＃﹟&/"):
            continue
        while end < len(text) and (_is_in_word(text[end]) or text[end] in _JOINERS):
            end += 1
        if start < end and not _is_mark(text[start]) and (key := hashtag_key(text[start:end])):
            yield key


def _handles(text: str) -> Iterator[str]:
    for match in _MENTION.finditer(text):
        after = text[match.end() : match.end() + 1]
        # A letter after it belongs to a longer word; an @ after it makes it an address elsewhere (@name@host).
        if after and (after in "@＠" or _is_in_word(after)):
            continue
        if _can_begin(text, match.start(), "@＠/"):
            yield match[1].lower()


def _can_begin(text: str, start: int, refused: str) -> bool:
    """Whether a tag may stand here: not in the middle of a word, an e-mail address or a path."""
    before = text[start - 1 : start] if start else ""
    return not before or not (before in refused or _is_in_word(before))


def _is_in_word(character: str) -> bool:
    category = unicodedata.category(character)
    return character == "_" or category[0] in "LM" or category in ("Nd", "Nl")


def _is_letter(character: str) -> bool:
    category = unicodedata.category(character)
    return category[0] == "L" or category == "Nl"


def _is_mark(character: str) -> bool:
    return unicodedata.category(character)[0] == "M"
