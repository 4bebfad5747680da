"""What people change of their profiles, and what operators do with accounts."""

from nexus.domain.users.events import UserDeactivated, UserReactivated
from nexus.domain.users.models import BIO_MAX, DISPLAY_NAME_MAX, User
from nexus.domain.users.queries import abandon_profiles, shape_of
from nexus.domain.users.shapes import UserShape
from nexus.kernel import caches, database, outbox
from nexus.kernel.errors import (
    FieldError,
    Forbidden,
    InvalidInput,
    NotAuthenticated,
    NotFound,
    PreconditionFailed,
)
from nexus.kernel.text import clean_text
from nexus.kernel.use_cases import operation
from nexus.kernel.viewer import Viewer


@operation(NotAuthenticated, InvalidInput, PreconditionFailed)
def update_profile(
    *, actor: Viewer, display_name: str | None = None, bio: str | None = None, version: int | None = None
) -> UserShape:
    """Changes what is given of the actor's profile; with `version`, only when that is still the current one."""
    user_id = actor.must_be_known()
    changes = _clean(display_name=display_name, bio=bio)
    with database.atomic():
        user = User.objects.active().select_for_update(no_key=True).filter(pk=user_id).first()
        if user is None:
            raise NotAuthenticated
        if version is not None and version != user.version:
            raise PreconditionFailed
        if any(getattr(user, name) != value for name, value in changes.items()):
            for name, value in changes.items():
                setattr(user, name, value)
            user.version += 1
            user.save(update_fields=[*changes, "version"])
            abandon_profiles(user_id)
    return shape_of(user, actor)


@operation(NotAuthenticated, Forbidden, NotFound)
def deactivate_user(*, actor: Viewer, user_id: int) -> None:
    """Closes an account: nobody sees its profile and posts, and it cannot log in. Repeating it changes nothing."""
    _set_active(actor, user_id, False)


@operation(NotAuthenticated, Forbidden, NotFound)
def reactivate_user(*, actor: Viewer, user_id: int) -> None:
    """Opens a closed account again, with everything it had. Repeating it changes nothing."""
    _set_active(actor, user_id, True)


def _set_active(actor: Viewer, user_id: int, is_active: bool) -> None:
    _must_be_moderator(actor)
    with database.atomic():
        user = User.objects.select_for_update(no_key=True).filter(pk=user_id).first()
        if user is None:
            raise NotFound
        if user.pk == actor.user_id or (user.role != User.Role.USER and actor.role != "admin"):
            raise Forbidden("Only another administrator can do this to an operator's account.")
        if user.is_active == is_active:
            return
        user.is_active = is_active
        user.save(update_fields=["is_active"])
        abandon_profiles(user_id)
        caches.abandon("statistics")
        outbox.publish(UserReactivated(user_id=user_id) if is_active else UserDeactivated(user_id=user_id))


def _must_be_moderator(actor: Viewer) -> None:
    actor.must_be_known()
    if actor.role not in ("moderator", "admin"):
        raise Forbidden


def _clean(**fields: str | None) -> dict[str, str]:
    limits = {"display_name": DISPLAY_NAME_MAX, "bio": BIO_MAX}
    errors: list[FieldError] = []
    cleaned = {
        name: clean_text(
            value, pointer=f"/{name}", max_length=limits[name], errors=errors, multiline=name == "bio"
        ).strip()
        for name, value in fields.items()
        if value is not None
    }
    if errors:
        raise InvalidInput(errors=errors)
    return cleaned
