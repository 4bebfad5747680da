"""What the worker does after something happened to a post."""

from nexus.kernel import live
from nexus.kernel.use_cases import reaction


@reaction
def push_post_changed(*, post_id: int) -> None:
    """Tells those who have the post on screen that it is no longer the same."""
    live.push_post(post_id)
