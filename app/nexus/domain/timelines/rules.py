"""Which candidates a timeline shows: the same predicates, wherever the candidates come from."""

from collections.abc import Collection, Sequence

from django.db.models import Exists, OuterRef, Q, QuerySet

from nexus.domain.graph.models import Follow
from nexus.domain.posts.models import Post, Visibility


def home(reader_id: int, ids: Sequence[int]) -> Collection[int]:
    """The reader's own posts, and those of people whom he follows now.

    Of what they answer to others, he sees what is addressed to himself or to somebody else whom he follows.
    """
    answers_somebody_known = Q(reply_to__author_id=reader_id) | Q(_is_followed(reader_id, "reply_to__author_id"))
    return _ids(
        Post.objects.visible_to(reader_id).filter(
            Q(author_id=reader_id)
            | Q(_is_followed(reader_id, "author_id")) & (Q(reply_to=None) | answers_somebody_known)
        ),
        ids,
    )


def public(viewer_id: int | None, ids: Sequence[int]) -> Collection[int]:
    """Public posts, without those of people whom the viewer blocks or who block him."""
    return _ids(Post.objects.visible_to(viewer_id).filter(visibility=Visibility.PUBLIC), ids)


def visible(viewer_id: int | None, ids: Sequence[int]) -> Collection[int]:
    """All that the viewer may see."""
    return _ids(Post.objects.visible_to(viewer_id), ids)


def public_versions(ids: Sequence[int]) -> dict[int, int]:
    """The current versions of the posts that everybody may see."""
    rows = Post.objects.visible_to(None).filter(visibility=Visibility.PUBLIC, pk__in=ids)
    return dict(rows.values_list("pk", "version"))


def _is_followed(reader_id: int, author: str) -> Exists:
    return Exists(Follow.objects.filter(follower_id=reader_id, followee_id=OuterRef(author)))


def _ids(rows: "QuerySet[Post]", ids: Sequence[int]) -> Collection[int]:
    return set(rows.filter(pk__in=ids).values_list("pk", flat=True))
