"""What a laboratory can be without, and what it cannot do."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from local.failure import Failure


class NotPossible(Failure):
    """This machine, or the reduced laboratory, cannot show a fault; says why."""


@dataclass(frozen=True)
class Options:
    """What a scenario or a negative control changes; the defaults are what is promised."""

    synchronous: str = "quorum"  # or "off": a commit waits for no standby
    failsafe: bool = True
    fencer: bool = False
    ttl: int = 5
    loop_wait: int = 1
    retry_timeout: int = 2
    environment: Mapping[str, str] = field(default_factory=dict)  # more variables of the roles
    proxy_config: Callable[[str], str] | None = None  # edits the text of haproxy.cfg
    without: str = ""  # which mechanism of drills.lab.without the application lacks
