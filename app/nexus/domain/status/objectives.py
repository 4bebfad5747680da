"""What users may expect, as the status page shows it; alerts stand on the same figures (monitoring/objectives.py)."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Objective:
    """`target`: the share of events that are good. One of a door is counted by the meters, one without by the relay.

    `seconds`: how long a good one may take; None where every answer that is no error of ours is good.
    """

    name: str
    meaning: str
    target: float
    door: str = ""
    seconds: float | None = None
    # The beginnings of the names of the reactions whose oldest delivery is looked at.
    reactions: tuple[str, ...] = ()


OBJECTIVES: Final = (
    Objective("rest-availability", "REST: answered without an error of ours", 0.999, "rest"),
    Objective("rest-latency", "REST: answered within 0.5 s", 0.99, "rest", 0.5),
    Objective("graphql-availability", "GraphQL: answered without an error of ours", 0.999, "graphql"),
    Objective("graphql-latency", "GraphQL: answered within 1 s", 0.99, "graphql", 1.0),
    Objective("sign_in-availability", "Sign-in: answered without an error of ours", 0.999, "sign_in"),
    Objective("sign_in-latency", "Sign-in: answered within 2 s", 0.99, "sign_in", 2.0),
    Objective("live-availability", "Live stream: begun without an error of ours", 0.999, "live"),
    Objective("live-latency", "Live stream: begun within 1 s", 0.99, "live", 1.0),
    Objective("home-freshness", "New posts: in home timelines within 5 s", 0.99, "", 5.0, ("fan_out_post",)),
    Objective(
        "live-freshness", "Notifications: on their way within 5 s", 0.99, "", 5.0, ("notify_", "push_post_changed")
    ),
)
BY_NAME: Final = {each.name: each for each in OBJECTIVES}
# Counted like an objective and shown as a component only: whether anything that waits has waited for half a minute. The
# heartbeats of the queues see to it that something does.
WORK: Final = Objective("work", "Background work: begun within 30 s", 0.99, "", 30.0, ("",))
