"""Ids and people in paths. What cannot be one is not found, like one that does not exist."""

from nexus.kernel.ids import parse_id


class IdConverter:
    """A number of at most 19 digits."""

    regex = "[0-9]{1,19}"

    def to_python(self, value: str) -> int:
        found = parse_id(value)
        if found is None:
            raise ValueError(value)
        return found

    def to_url(self, value: int) -> str:
        return str(value)


class UserConverter:
    """An id, or @handle."""

    regex = "[0-9]{1,19}|@[A-Za-z0-9_]{1,30}"

    def to_python(self, value: str) -> int | str:
        return value.removeprefix("@").lower() if value.startswith("@") else IdConverter().to_python(value)

    def to_url(self, value: int | str) -> str:
        return f"@{value}" if isinstance(value, str) else str(value)
