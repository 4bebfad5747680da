"""Who asks."""

from dataclasses import dataclass
from typing import Final, Literal

from nexus.kernel.errors import NotAuthenticated

Role = Literal["user", "moderator", "admin"]


@dataclass(frozen=True, slots=True)
class Viewer:
    """The person behind a call, or nobody. It is called `actor` where it changes something."""

    user_id: int | None = None
    login_id: int | None = None
    role: Role = "user"
    # False while the address is not confirmed, where NEXUS_REQUIRE_CONFIRMED_EMAIL is on.
    may_write: bool = True

    @property
    def is_anonymous(self) -> bool:
        return self.user_id is None

    def must_be_known(self) -> int:
        """The user's id; raises NotAuthenticated for nobody."""
        if self.user_id is None:
            raise NotAuthenticated
        return self.user_id


ANONYMOUS: Final = Viewer()
