"""What people do with posts.

Rows are locked in one order by all: hashtags by name, then a post, then the post that it answers, then its author.
"""

from dataclasses import dataclass, replace

from django.db.models import F, QuerySet

from nexus.domain.posts import queries
from nexus.domain.posts.events import PostDeleted, PostEdited, PostLiked, PostPublished, PostUnliked
from nexus.domain.posts.models import (
    CONTENT_WARNING_MAX,
    TEXT_MAX,
    Hashtag,
    Like,
    Post,
    PostHashtag,
    Visibility,
)
from nexus.domain.posts.parsing import Parsed, parse
from nexus.domain.posts.shapes import PostFlags, PostShape
from nexus.domain.users.models import User
from nexus.domain.users.queries import abandon_profiles
from nexus.kernel import caches, clock, database, outbox
from nexus.kernel.errors import FieldError, Forbidden, InvalidInput, NotAuthenticated, NotFound, PreconditionFailed
from nexus.kernel.ids import new_id
from nexus.kernel.text import clean_text
from nexus.kernel.use_cases import operation
from nexus.kernel.viewer import Viewer


@operation(NotAuthenticated, NotFound, InvalidInput)
def publish_post(
    *,
    actor: Viewer,
    text: str,
    visibility: str = Visibility.PUBLIC,
    reply_to_id: int | None = None,
    content_warning: str = "",
) -> PostShape:
    """Writes a post, or a comment on a post that the actor may see; its visibility is its own, not the thread's."""
    author_id = actor.must_be_known()
    draft = _read(text=text, content_warning=content_warning, visibility=visibility)
    with database.atomic():
        parent = None if reply_to_id is None else _visible_post(actor, reply_to_id)
        hashtag_ids = Hashtag.objects.ids_of(draft.parsed.hashtags)
        post_id = new_id()
        post = Post.objects.create(
            id=post_id,
            author_id=author_id,
            text=draft.text,
            content_warning=draft.content_warning,
            visibility=visibility,
            reply_to_id=reply_to_id,
            root_id=parent.root_id if parent else post_id,
            hashtags=list(draft.parsed.hashtags),
            mention_ids=_mentioned(author_id, draft.parsed),
        )
        _carry(post, hashtag_ids)
        _count(post, 1)
        outbox.publish(PostPublished(post_id=post_id))
        people = queries.people_of(actor, [post])
        if author_id not in people:  # deactivated a moment ago
            raise NotAuthenticated
        return queries.shape_of(post, actor, people)


@operation(NotAuthenticated, Forbidden, NotFound, InvalidInput, PreconditionFailed)
def edit_post(
    *,
    actor: Viewer,
    post_id: int,
    text: str | None = None,
    content_warning: str | None = None,
    version: int | None = None,
) -> PostShape:
    """Changes what is given of the actor's own post; with `version`, only when that is still the current one."""
    author_id = actor.must_be_known()
    draft = _read(text=text, content_warning=content_warning)
    with database.atomic():
        hashtag_ids = Hashtag.objects.ids_of(draft.parsed.hashtags)
        post = _visible_post(actor, post_id, lock=True)
        if post.author_id != author_id:
            raise Forbidden("Only its author can edit a post.")
        if version is not None and version != post.version:
            raise PreconditionFailed
        has_new_text = text is not None and draft.text != post.text
        if has_new_text:
            if post.hashtags:
                PostHashtag.objects.filter(post=post).delete()
            post.text = draft.text
            post.hashtags = list(draft.parsed.hashtags)
            post.mention_ids = _mentioned(author_id, draft.parsed)
            _carry(post, hashtag_ids)
        if has_new_text or (content_warning is not None and draft.content_warning != post.content_warning):
            post.content_warning = post.content_warning if content_warning is None else draft.content_warning
            post.version += 1
            post.edited_at = clock.now()
            post.save(update_fields=["text", "hashtags", "mention_ids", "content_warning", "version", "edited_at"])
            caches.abandon("public_timeline", *_hashtag_timelines(post))
            outbox.publish(PostEdited(post_id=post_id))
        return queries.shape_of(post, actor, queries.people_of(actor, [post]))


@operation(NotAuthenticated, Forbidden, NotFound)
def delete_post(*, actor: Viewer, post_id: int) -> None:
    """Takes a post away, by its author or a moderator; its place in the thread stays, and with it what answers it."""
    actor_id = actor.must_be_known()
    is_moderator = actor.role in ("moderator", "admin")
    with database.atomic():
        post = _any_post(post_id) if is_moderator else _visible_post(actor, post_id, lock=True)
        if not is_moderator and post.author_id != actor_id:
            raise Forbidden("Only its author can delete a post.")
        Post.objects.filter(pk=post_id).update(
            text="", content_warning="", hashtags=[], mention_ids=[], deleted_at=clock.now()
        )
        if post.hashtags:
            PostHashtag.objects.filter(post=post).delete()
        _count(post, -1)
        outbox.publish(PostDeleted(post_id=post_id, author_id=post.author_id))


@operation(NotAuthenticated, NotFound)
def like_post(*, actor: Viewer, post_id: int) -> PostShape:
    """The actor likes a post. Repeating it changes nothing."""
    return _set_liked(actor, post_id, True)


@operation(NotAuthenticated, NotFound)
def unlike_post(*, actor: Viewer, post_id: int) -> PostShape:
    """The actor takes back a like, as long as he may see the post. Repeating it changes nothing."""
    return _set_liked(actor, post_id, False)


@dataclass(frozen=True, slots=True)
class _Draft:
    text: str
    content_warning: str
    parsed: Parsed


def _read(*, text: str | None, content_warning: str | None, visibility: str = Visibility.PUBLIC) -> _Draft:
    """Raises InvalidInput with everything that is wrong. What is not given is read as the empty string."""
    errors: list[FieldError] = []
    warning = clean_text(
        content_warning or "", pointer="/content_warning", max_length=CONTENT_WARNING_MAX, errors=errors
    )
    if visibility not in Visibility.values:
        errors.append(FieldError("/visibility", "not_a_choice", f"Must be one of {', '.join(Visibility.values)}."))
    clean = clean_text(
        text or "", pointer="/text", max_length=TEXT_MAX, errors=errors, multiline=True, required=text is not None
    )
    parsed = parse(clean, pointer="/text", errors=errors)
    if errors:
        raise InvalidInput(errors=errors)
    return _Draft(clean, warning, parsed)


def _visible_post(actor: Viewer, post_id: int, *, lock: bool = False) -> Post:
    posts = Post.objects.filter(pk=post_id).visible_to(actor.user_id)
    if lock:
        posts = posts.with_flags(actor.user_id).select_for_update(no_key=True)
    return _only(posts)


def _any_post(post_id: int) -> Post:
    return _only(Post.objects.filter(pk=post_id, deleted_at=None).select_for_update(no_key=True))


def _only(posts: "QuerySet[Post]") -> Post:
    post = posts.first()
    if post is None:
        raise NotFound
    return post


def _mentioned(author_id: int, parsed: Parsed) -> list[int]:
    """The ids of those who are named and whom the author may see, in the order of the text."""
    if not parsed.handles:
        return []
    people = User.objects.filter(handle__in=parsed.handles).visible_to(author_id)
    ids = dict(people.values_list("handle", "id"))
    return [ids[handle] for handle in parsed.handles if handle in ids]


def _carry(post: Post, hashtag_ids: dict[str, int]) -> None:
    PostHashtag.objects.bulk_create(
        PostHashtag(post=post, hashtag_id=hashtag_id) for hashtag_id in hashtag_ids.values()
    )


def _count(post: Post, amount: int) -> None:
    """Counts a post that has come or gone, in the public numbers only if everybody may see it."""
    caches.abandon("statistics", "public_timeline", *_hashtag_timelines(post))
    if not post.is_open:
        return
    abandon_profiles(post.author_id)
    if post.reply_to_id is not None:
        Post.objects.filter(pk=post.reply_to_id).update(comment_count=F("comment_count") + amount)
    User.objects.filter(pk=post.author_id).update(post_count=F("post_count") + amount)


def _hashtag_timelines(post: Post) -> list[str]:
    """The names of the kept first pages that the post is on."""
    return [f"hashtag_timeline:{hashtag}" for hashtag in post.hashtags]


def _set_liked(actor: Viewer, post_id: int, is_liked: bool) -> PostShape:
    user_id = actor.must_be_known()
    with database.atomic():
        shape = queries.post(viewer=actor, post_id=post_id)
        flags = PostFlags(is_liked=is_liked)
        if shape.viewer == flags:
            return shape
        change = Like.objects.add if is_liked else Like.objects.remove
        count = change(user_id, post_id)
        if count is None:  # a twin of this call was faster
            return queries.post(viewer=actor, post_id=post_id)
        event = PostLiked if is_liked else PostUnliked
        outbox.publish(event(user_id=user_id, post_id=post_id))
        return replace(shape, like_count=count, viewer=flags)
