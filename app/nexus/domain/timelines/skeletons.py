"""Where the ids of timelines come from: candidates only, `rules` decide which are shown.

Each is flat: what it reads grows with the size of the page and with the number of followees, never with that of posts.
"""

from collections.abc import Sequence
from typing import Final

from nexus.domain.posts.models import Hashtag, Post, PostHashtag, Visibility
from nexus.domain.timelines import feeds
from nexus.domain.timelines.feeds import Feed, Stretch
from nexus.domain.timelines.spans import Span
from nexus.kernel import nodes, redis, replicas
from nexus.kernel.errors import NotAuthenticated
from nexus.kernel.ids import MAX_ID

# The newest post of each author names the authors that the page can hold at all, and (if they fill it) how far back it
# can reach: without this step, each of a thousand authors would be asked for a whole page.
_FOLLOWED: Final = """
WITH authors AS (
  SELECT followee_id AS id FROM nexus_follow WHERE follower_id = %(reader)s UNION ALL SELECT %(reader)s
), firsts AS MATERIALIZED (
  SELECT authors.id AS author_id, post.id FROM authors CROSS JOIN LATERAL (
    SELECT id FROM nexus_post
    WHERE author_id = authors.id AND deleted_at IS NULL AND id > %(above)s AND id < %(below)s
    ORDER BY id {order} LIMIT 1
  ) post ORDER BY post.id {order} LIMIT %(count)s
), reach AS MATERIALIZED (
  SELECT CASE WHEN count(*) = %(count)s THEN {furthest}(id) ELSE %(end)s END AS id FROM firsts
)
SELECT post.id FROM firsts CROSS JOIN LATERAL (
  SELECT id FROM nexus_post
  WHERE author_id = firsts.author_id AND deleted_at IS NULL AND id > %(above)s AND id < %(below)s
    AND id {within} (SELECT id FROM reach)
  ORDER BY id {order} LIMIT %(count)s
) post ORDER BY post.id {order} LIMIT %(count)s
"""
_DOWN: Final = {"order": "DESC", "furthest": "min", "within": ">="}
_UP: Final = {"order": "ASC", "furthest": "max", "within": "<="}
# What no feed has: the reader's own posts (they are there at once) and those of authors who have too many followers.
_READER: Final = """
SELECT reader.feed_epoch, ARRAY(
  SELECT post.id FROM (
    SELECT reader.id UNION ALL
    SELECT author.id FROM nexus_user author
    JOIN nexus_follow follow ON follow.followee_id = author.id AND follow.follower_id = reader.id
    WHERE author.is_merged_at_read
  ) author CROSS JOIN LATERAL (
    SELECT id FROM nexus_post
    WHERE author_id = author.id AND deleted_at IS NULL AND id > %(above)s AND id < %(below)s
    ORDER BY id {order} LIMIT %(count)s
  ) post ORDER BY post.id {order} LIMIT %(count)s
)
FROM nexus_user reader WHERE reader.id = %(reader)s
"""


def home(reader_id: int, span: Span, count: int) -> Sequence[int]:
    """Posts by whom the reader follows, and his own: from the feed as far as it goes, then from Postgres."""
    if redis.is_blocked():
        return followed(reader_id, span, count)
    epoch, merged = _reader(reader_id, span, count)
    feed = Feed(reader_id, epoch)
    stretch = feeds.read(feed, span, count)
    if isinstance(stretch, feeds.Missing) and stretch.is_cold and _build(feed):
        stretch = feeds.read(feed, span, count)
    if isinstance(stretch, feeds.Missing):
        return followed(reader_id, span, count)
    return _nearest({*merged, *_completed(reader_id, stretch, span, count)}, span, count)


def public(span: Span, count: int) -> Sequence[int]:
    """Public posts that begin a thread."""
    rows = Post.objects.filter(deleted_at=None, reply_to=None, visibility=Visibility.PUBLIC)
    rows = rows.filter(id__gt=span.above, id__lt=span.below).order_by(f"{span.order}id")
    return list(rows.values_list("id", flat=True)[:count])


def tagged(hashtag: str, span: Span, count: int) -> Sequence[int]:
    """Posts that carry the hashtag, given by its key."""
    # Not a join: with one id in its hands, Postgres walks the primary key in our order and stops.
    hashtag_id = Hashtag.objects.filter(name=hashtag).values("pk")[:1]
    rows = PostHashtag.objects.filter(hashtag_id=hashtag_id, post_id__gt=span.above, post_id__lt=span.below)
    return list(rows.order_by(f"{span.order}post_id").values_list("post_id", flat=True)[:count])


def written(author_id: int, span: Span, count: int) -> Sequence[int]:
    """Posts and comments by one author."""
    rows = Post.objects.filter(author_id=author_id, deleted_at=None, id__gt=span.above, id__lt=span.below)
    return list(rows.order_by(f"{span.order}id").values_list("id", flat=True)[:count])


def followed(reader_id: int, span: Span, count: int) -> Sequence[int]:
    """What `home` is without Redis, in one statement."""
    parts = _UP if span.is_upward else _DOWN
    end = MAX_ID if span.is_upward else 0
    with nodes.cursor() as cursor:
        cursor.execute(_FOLLOWED.format(**parts), {**_values(reader_id, span, count), "end": end})
        return [post_id for (post_id,) in cursor.fetchall()]


def _reader(reader_id: int, span: Span, count: int) -> tuple[int, list[int]]:
    """The epoch of the reader's feed, and the ids that no feed has."""
    order = (_UP if span.is_upward else _DOWN)["order"]
    with nodes.cursor() as cursor:
        cursor.execute(_READER.format(order=order), _values(reader_id, span, count))
        row = cursor.fetchone()
    if row is None:
        raise NotAuthenticated
    epoch, merged = row
    return epoch, merged


def _values(reader_id: int, span: Span, count: int) -> dict[str, int]:
    return {"reader": reader_id, "above": span.above, "below": span.below, "count": count}


def _build(feed: Feed) -> bool:
    """Whether the feed was built; everybody else reads from Postgres meanwhile."""
    token = feeds.begin(feed)
    if token is None:
        return False
    # A post is there already, or is pushed from now on: this holds for the primary, not for a replica that is behind.
    ids = replicas.of_primary(lambda: followed(feed.reader_id, Span(), feeds.BUILT_SIZE))
    if ids is None:
        return False
    feeds.finish(feed, token, ids, mark=ids[-1] if len(ids) == feeds.BUILT_SIZE else 0)
    return True


def _completed(reader_id: int, stretch: Stretch, span: Span, count: int) -> Sequence[int]:
    """The feed's part of the span, and what Postgres has of it where the feed knows nothing."""
    if span.is_upward:
        is_known = span.above >= stretch.mark - 1
        return stretch.ids if is_known else followed(reader_id, span, count)
    missing = count - len(stretch.ids)
    if not missing or span.above >= stretch.mark - 1:
        return stretch.ids
    below = Span(above=span.above, below=min(span.below, stretch.mark))
    return [*stretch.ids, *followed(reader_id, below, missing)]


def _nearest(ids: set[int], span: Span, count: int) -> Sequence[int]:
    return sorted(ids, reverse=not span.is_upward)[:count]
