"""What operators see and do, one class for each kind of thing."""

from django.contrib.admin import action, display, register
from django.db.models import QuerySet
from django.http import HttpRequest

from nexus.admin.tables import Table
from nexus.domain.identity.models import Login
from nexus.domain.posts.models import Post
from nexus.domain.posts.operations import delete_post
from nexus.domain.users.models import User
from nexus.domain.users.operations import deactivate_user, reactivate_user
from nexus.kernel.outbox import DeadLetter, Delivery, OutboxEvent, ScheduledRun, run_dead_letters_again

EXCERPT = 80


@register(User)
class UserTable(Table):
    """People."""

    list_display = ("handle", "display_name", "role", "is_active", "follower_count", "post_count", "created_at")
    list_filter = ("is_active", "role")
    search_fields = ("handle__startswith",)
    search_help_text = "The beginning of a handle, in small letters"
    fields = (
        *("id", "handle", "display_name", "bio", "role", "is_active", "is_staff", "is_superuser"),
        *("follower_count", "following_count", "post_count", "version", "created_at", "last_login"),
    )
    actions = ("deactivate", "reactivate")

    @action(description="Deactivate: hide them and keep them from logging in")
    def deactivate(self, request: HttpRequest, queryset: "QuerySet[User]") -> None:
        """The operation deactivate_user for each."""
        self.run(request, queryset, "Deactivated", lambda actor, user_id: deactivate_user(actor=actor, user_id=user_id))

    @action(description="Reactivate: open their accounts again")
    def reactivate(self, request: HttpRequest, queryset: "QuerySet[User]") -> None:
        """The operation reactivate_user for each."""
        self.run(request, queryset, "Reactivated", lambda actor, user_id: reactivate_user(actor=actor, user_id=user_id))


@register(Post)
class PostTable(Table):
    """Posts and comments."""

    list_display = ("id", "author", "excerpt", "visibility", "like_count", "comment_count", "created_at", "deleted_at")
    list_filter = ("visibility",)
    list_select_related = ("author",)
    search_fields = ("id__exact", "author__handle__exact")
    search_help_text = "The id of a post, or the handle of its author"
    fields = (
        *("id", "author", "text", "content_warning", "visibility", "hashtags", "reply_to", "root_id"),
        *("like_count", "comment_count", "version", "created_at", "edited_at", "deleted_at"),
    )
    actions = ("delete_posts",)

    @display(description="text")
    def excerpt(self, post: Post) -> str:
        """The beginning of the text."""
        return post.text if len(post.text) <= EXCERPT else post.text[: EXCERPT - 1] + "…"

    @action(description="Delete: empty their places in their threads")
    def delete_posts(self, request: HttpRequest, queryset: "QuerySet[Post]") -> None:
        """The operation delete_post for each."""
        self.run(request, queryset, "Deleted", lambda actor, post_id: delete_post(actor=actor, post_id=post_id))


@register(DeadLetter)
class DeadLetterTable(Table):
    """What the worker has given up."""

    list_display = ("id", "reaction", "attempts", "died_at", "reason")
    list_filter = ("reaction",)
    fields = ("id", "reaction", "payload", "request_id", "attempts", "created_at", "died_at", "last_error")
    actions = ("run_again",)

    @display(description="last error")
    def reason(self, letter: DeadLetter) -> str:
        """The last line of what went wrong."""
        return (letter.last_error.strip().splitlines() or [""])[-1][:200]

    @action(description="Run again: the cause has been mended")
    def run_again(self, request: HttpRequest, queryset: "QuerySet[DeadLetter]") -> None:
        """Makes deliveries of them again."""
        self.run(request, queryset, "Run again", lambda _, letter_id: run_dead_letters_again([letter_id]))


@register(Delivery)
class DeliveryTable(Table):
    """What the worker still has to do."""

    list_display = ("id", "reaction", "attempts", "due_at", "created_at", "last_error")
    list_filter = ("reaction",)


@register(OutboxEvent)
class OutboxEventTable(Table):
    """What has happened and waits for the relay."""

    list_display = ("id", "name", "payload", "request_id", "created_at")
    list_filter = ("name",)


@register(ScheduledRun)
class ScheduledRunTable(Table):
    """When each row of the schedule runs next."""

    list_display = ("reaction", "next_at")


@register(Login)
class LoginTable(Table):
    """Who is logged in where."""

    list_display = ("id", "user", "created_at", "last_used_at", "ended_at")
    list_select_related = ("user",)
    search_fields = ("user__handle__exact",)
    search_help_text = "A handle"
