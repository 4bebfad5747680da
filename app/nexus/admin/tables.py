"""What every page of the operators has in common: it shows, and changes nothing but by an operation."""

from collections.abc import Callable, Iterable
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from django.contrib import messages
from django.contrib.admin import ModelAdmin
from django.core.paginator import Paginator
from django.db.models import Model
from django.http import HttpRequest

from nexus.kernel.errors import DomainError
from nexus.kernel.viewer import Viewer

if TYPE_CHECKING:  # Django's classes are generic for the type checker only
    _ModelAdmin = ModelAdmin[Model]
    _Paginator = Paginator[Model]
else:
    _ModelAdmin, _Paginator = ModelAdmin, Paginator

Operation = Callable[[Viewer, int], object]
COUNTED_MAX: Final = 10_000


class BoundedPaginator(_Paginator):
    """Counts up to 10,000 rows: counting millions would take longer than a statement may."""

    @cached_property
    def count(self) -> int:
        """How many rows there are, or 10,000."""
        rows: Any = self.object_list
        return int(rows.order_by()[:COUNTED_MAX].count())


class Table(_ModelAdmin):
    """Rows to look at. Django's forms would save past the operations, so there are none; actions call operations."""

    paginator = BoundedPaginator
    show_full_result_count = False
    list_per_page = 50
    ordering = ("-pk",)
    view_on_site = False

    def has_module_permission(self, request: HttpRequest) -> bool:
        """Operators see everything that is shown at all; the operations check who may change what."""
        return _is_operator(request)

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return _is_operator(request)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def run(
        self, request: HttpRequest, rows: Iterable[Model], done: str, operation: Callable[[Viewer, int], object]
    ) -> None:
        """Calls the operation for each row, tells how many it was done for, and why it was refused for the others."""
        actor, count = viewer_of(request), 0
        for row in rows:
            try:
                operation(actor, row.pk)
            except DomainError as refusal:
                self.message_user(request, f"{row}: {refusal.detail}", messages.ERROR)
            else:
                count += 1
                self.log_change(request, row, done)
        if count:
            self.message_user(request, f"{done}: {count}", messages.SUCCESS)


def viewer_of(request: HttpRequest) -> Viewer:
    """The operator as an actor."""
    return Viewer(user_id=request.user.pk, role=getattr(request.user, "role", "user"))


def _is_operator(request: HttpRequest) -> bool:
    return bool(request.user.is_active and getattr(request.user, "is_staff", False))
