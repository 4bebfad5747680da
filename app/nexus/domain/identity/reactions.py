"""What the worker does about identity: mail, with keys that are made as it is sent, and tidying up."""

from datetime import timedelta
from typing import Final

from django.db.models import Exists, OuterRef, Q

from nexus.domain.identity import addresses, mails
from nexus.domain.identity.logins import REFRESH_LIFETIME
from nexus.domain.identity.models import Login, RefreshToken
from nexus.kernel import clock
from nexus.kernel.use_cases import reaction

_PURGED_AT_ONCE: Final = 5_000
_ENDED_KEPT: Final = timedelta(days=1)


@reaction
def send_confirmation_mail(*, user_id: int | None, email: str) -> None:
    """Sends a key for each account that claims the address and has not confirmed it; with `user_id`, for that one."""
    keys = {
        address.user.handle: addresses.confirmation_key(address)
        for address in addresses.holders(email, user_id=user_id)
        if not address.verified
    }
    if keys:
        mails.send_confirmation(email, keys)


@reaction
def warn_address_owner(*, email: str) -> None:
    """Tells the owner of an address that somebody has signed up with it."""
    owner = addresses.owner_of(email)
    if owner is not None and owner.is_active:
        mails.send_warning(email, owner.handle)


@reaction
def send_password_reset_mail(*, email: str) -> None:
    """Sends a key to set a new password to the owner of the address, or for each account that claims it."""
    keys = {address.user.handle: addresses.reset_key(address) for address in addresses.holders(email)}
    if keys:
        mails.send_password_reset(email, keys)


@reaction
def purge_spent_tokens() -> None:
    """Deletes refresh tokens that have expired, and logins that ended a day ago or have no token left."""
    now = clock.now()
    expired = RefreshToken.objects.filter(expires_at__lt=now).values("pk")[:_PURGED_AT_ONCE]
    RefreshToken.objects.filter(pk__in=expired).delete()
    ended = Q(ended_at__lt=now - _ENDED_KEPT)
    abandoned = Q(created_at__lt=now - REFRESH_LIFETIME) & ~Exists(RefreshToken.objects.filter(login_id=OuterRef("pk")))
    over = list(Login.objects.filter(ended | abandoned).values_list("pk", flat=True)[:_PURGED_AT_ONCE])
    RefreshToken.objects.filter(login_id__in=over).delete()
    Login.objects.filter(pk__in=over).delete()
