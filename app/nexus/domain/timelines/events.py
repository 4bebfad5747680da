"""What happens while posts are brought to their readers."""

from dataclasses import dataclass

from nexus.kernel.outbox import Event


@dataclass(frozen=True, slots=True)
class PostFanOutContinued(Event):
    """A post has reached the followers whose follow is at least as new as `after_id`; older ones are next."""

    post_id: int
    after_id: int
