"""Who may see a post: the one rule.

In SQL, because building it from the parts of the ORM at every read takes longer than running it. A model in plain
Python says the same in tests/domain/test_visibility_model.py.
"""

from typing import Any, Final

from django.db.models import BooleanField, F, Func
from django.db.models.sql.compiler import SQLCompiler

_COLUMNS: Final = ("deleted_at", "author_id", "visibility", "mention_ids")
# OFFSET 0 keeps each EXISTS a look into an index for the one row. Joined or hashed, it would read all users
# where the rule stands beside an OR, and planning it would take longer than running it.
_FOR_NOBODY: Final = """(
    {deleted_at} IS NULL
    AND {visibility} IN ('public', 'unlisted')
    AND EXISTS (SELECT FROM nexus_user AS author WHERE author.id = {author_id} AND author.is_active OFFSET 0)
)"""
_FOR_VIEWER: Final = """(
    {deleted_at} IS NULL
    AND EXISTS (SELECT FROM nexus_user AS author WHERE author.id = {author_id} AND author.is_active OFFSET 0)
    AND NOT EXISTS (SELECT FROM nexus_block WHERE blocker_id = %s AND blocked_id = {author_id} OFFSET 0)
    AND NOT EXISTS (SELECT FROM nexus_block WHERE blocked_id = %s AND blocker_id = {author_id} OFFSET 0)
    AND (
        {visibility} IN ('public', 'unlisted')
        OR {author_id} = %s
        OR {mention_ids} @> ARRAY[%s]::bigint[]
        OR {visibility} = 'followers' AND EXISTS (
            SELECT FROM nexus_follow WHERE follower_id = %s AND followee_id = {author_id} OFFSET 0
        )
    )
)"""


class IsVisibleTo(Func):
    """Whether a viewer (None: nobody) may see the row of `nexus_post` that a query stands on."""

    output_field = BooleanField()

    def __init__(self, viewer_id: int | None) -> None:
        super().__init__(*map(F, _COLUMNS))
        self.viewer_id = viewer_id

    def as_sql(self, compiler: SQLCompiler, *_: Any, **__: Any) -> tuple[str, tuple[int, ...]]:
        columns = [compiler.compile(column)[0] for column in self.get_source_expressions()]
        names = dict(zip(_COLUMNS, columns, strict=True))
        if self.viewer_id is None:
            return _FOR_NOBODY.format(**names), ()
        return _FOR_VIEWER.format(**names), (self.viewer_id,) * _FOR_VIEWER.count("%s")
