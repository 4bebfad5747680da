"""All cause and effect: event -> what follows from it -> on which queue.

Events and deliveries may arrive in any order and more than once. A reaction therefore reads the current state and is
idempotent: like, unlike, like ends as "liked", whichever of the three comes last. A reaction takes those of its
event's fields that it names; what does not follow from an event here, the operation has done itself in its transaction
(counters, epochs of feeds).
"""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from nexus.domain.graph.events import UserBlocked, UserFollowed, UserUnblocked, UserUnfollowed
from nexus.domain.identity.events import AddressOwnerWarned, EmailConfirmationRequested, PasswordResetRequested
from nexus.domain.identity.reactions import send_confirmation_mail, send_password_reset_mail, warn_address_owner
from nexus.domain.notifications.operations import (
    notify_post_liked,
    notify_post_mentioned,
    notify_post_replied,
    notify_user_followed,
    withdraw_post_liked,
    withdraw_user_followed,
)
from nexus.domain.posts.events import PostDeleted, PostEdited, PostLiked, PostPublished, PostUnliked
from nexus.domain.posts.reactions import push_post_changed
from nexus.domain.timelines.events import PostFanOutContinued
from nexus.domain.timelines.operations import fan_out_post
from nexus.domain.users.events import UserDeactivated, UserReactivated
from nexus.kernel.outbox import Event

# By what a task waits for, so that a mail server that is away holds up mail and nothing else.
QUEUES: Final = ("default", "fan_out", "mail")


@dataclass(frozen=True, slots=True)
class Reaction:
    """One thing the worker does; its name is the function's, the Celery task's and the metric's label."""

    name: str
    function: Callable[..., None]
    queue: str
    fields: frozenset[str]

    def react(self, payload: dict[str, Any]) -> None:
        """Runs it. Fields of the event that it does not name are left out, those of a newer release too."""
        self.function(**{name: value for name, value in payload.items() if name in self.fields})


def reaction_of(function: Callable[..., None], queue: str = "default") -> Reaction:
    """The row of a function that is decorated as a reaction."""
    if queue not in QUEUES:
        raise ValueError(f"{queue} is not a queue")
    return Reaction(function.__name__, function, queue, frozenset(inspect.signature(function).parameters))


_mail_confirmation: Final = reaction_of(send_confirmation_mail, "mail")
_mail_warning: Final = reaction_of(warn_address_owner, "mail")
_mail_reset: Final = reaction_of(send_password_reset_mail, "mail")
_fan_out: Final = reaction_of(fan_out_post, "fan_out")
_notify_followed: Final = reaction_of(notify_user_followed)
_withdraw_followed: Final = reaction_of(withdraw_user_followed)
_notify_mentioned: Final = reaction_of(notify_post_mentioned)
_notify_replied: Final = reaction_of(notify_post_replied)
_notify_liked: Final = reaction_of(notify_post_liked)
_withdraw_liked: Final = reaction_of(withdraw_post_liked)
_push_changed: Final = reaction_of(push_post_changed)

REACTIONS: Final[dict[type[Event], tuple[Reaction, ...]]] = {
    # identity. The keys in mails are made as the mail is sent: no event and no delivery holds a secret.
    EmailConfirmationRequested: (_mail_confirmation,),
    AddressOwnerWarned: (_mail_warning,),
    PasswordResetRequested: (_mail_reset,),
    # users. Nobody sees a deactivated user, at read: there is nothing to undo and nothing to tell.
    UserDeactivated: (),
    UserReactivated: (),
    # graph. Both look whether the follow is there now, so that it does not matter which is run last.
    UserFollowed: (_notify_followed,),
    UserUnfollowed: (_withdraw_followed,),
    # Blocks hide at read, in both directions and at once: no reaction could be quick enough.
    UserBlocked: (),
    UserUnblocked: (),
    # posts. The author of the post that is answered is told of the reply and not of the mention in it, whichever comes
    # first.
    PostPublished: (_fan_out, _notify_mentioned, _notify_replied),
    # Those who were named before are not told again: one notification per recipient, kind and post.
    PostEdited: (_notify_mentioned, _push_changed),
    # Timelines and notifications leave deleted posts out at read.
    PostDeleted: (_push_changed,),
    PostLiked: (_notify_liked, _push_changed),
    PostUnliked: (_withdraw_liked, _push_changed),
    # timelines. A long list of followers in short tasks, each of which leaves the next one.
    PostFanOutContinued: (_fan_out,),
}
