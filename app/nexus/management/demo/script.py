"""Reads people.txt and posts.txt: who there is and what is said, in threads by indentation."""

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

HERE: Final = Path(__file__).parent
_MARK: Final = re.compile(r"\[(followers|unlisted|cw: [^]]+)\] ")


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody in the community."""

    handle: str
    name: str
    bio: str
    interests: frozenset[str]


@dataclass(frozen=True, slots=True)
class Line:
    """A post and what answers it."""

    author: str
    text: str
    visibility: str = "public"
    content_warning: str = ""
    answers: "list[Line]" = field(default_factory=list)


def people() -> list[Person]:
    """Everybody, in the order of the file."""
    rows = (line.split(" | ") for line in _lines("people.txt"))
    return [Person(handle, name, bio, frozenset(interests.split(", "))) for handle, name, bio, interests in rows]


def threads() -> list[Line]:
    """The first post of each thread, with its answers below it; an answer is as visible as what it answers."""
    beginning: list[Line] = []
    path: list[Line] = []
    for text in _lines("posts.txt"):
        depth = (len(text) - len(text.lstrip())) // 2
        above = path[depth - 1] if depth else None
        line = _line(text.strip(), above)
        (above.answers if above else beginning).append(line)
        path[depth:] = [line]
    return beginning


def _line(text: str, above: Line | None) -> Line:
    author, _, said = text.partition(" | ")
    mark = _MARK.match(said)
    what = mark[1] if mark else ""
    is_warning = what.startswith("cw: ")
    return Line(
        author=author,
        text=said[mark.end() :] if mark else said,
        visibility=what if what and not is_warning else above.visibility if above else "public",
        content_warning=what.removeprefix("cw: ") if is_warning else "",
    )


def _lines(name: str) -> list[str]:
    return [line for line in (HERE / name).read_text(encoding="utf-8").splitlines() if line.strip()]
