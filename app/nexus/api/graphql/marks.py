"""What is special about a field at the root."""

from dataclasses import dataclass

from nexus.api.limits import Policy


@dataclass(frozen=True, slots=True)
class Marks:
    """`limit`: its rate limit. `is_secret`: its answer holds tokens, so it is stored encrypted and for a minute only."""

    limit: Policy = "default"
    is_secret: bool = False
