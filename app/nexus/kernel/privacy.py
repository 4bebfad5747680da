"""What is told of errors, to logs and to Sentry, without what they quote of people and secrets."""

import re
import traceback
from collections.abc import Iterator
from typing import Final

_ADDRESS: Final = re.compile(r"[\w.+%-]+@[\w-]+(\.[\w-]+)+")
_URL_PASSWORD: Final = re.compile(r"(://[^:/@\s]*:)[^@\s]+@")
# Of what Postgres says, the first sentence tells what is wrong. What comes after it quotes rows and statements with
# their values (DETAIL: Key (email)=(..) already exists; LINE 1: INSERT .. VALUES (..)); so may that sentence's end
# (invalid input syntax for type json: "..").
_QUOTED: Final = re.compile(r"\n(DETAIL|CONTEXT|QUERY|LINE \d+):.*", re.DOTALL)
_VALUE: Final = re.compile(r"((?:invalid input|value)[^\"\n]* )\".*|\)=\(.*", re.DOTALL)


def without_persons(text: str) -> str:
    """What an error says, without rows, values, e-mail addresses and passwords in addresses of servers."""
    told = _VALUE.sub(lambda found: f"{found[1] or ')=('}[value]", _QUOTED.sub("", text))
    return _ADDRESS.sub("[address]", _URL_PASSWORD.sub(r"\1[password]@", told))


def traceback_of(error: BaseException) -> str:
    """The traceback, with its causes, in the same way."""
    text = "".join(traceback.format_exception(error))
    for each in _with_causes(error):
        if said := str(each):
            text = text.replace(said, without_persons(said))
    return text.rstrip("\n")


def _with_causes(error: BaseException | None) -> Iterator[BaseException]:
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__
