"""`manage.py createsuperuser`."""

import pytest
from django.core.management import CommandError, call_command

from nexus.domain.users.models import User

pytestmark = pytest.mark.django_db


def test_it_makes_an_operator_who_may_log_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DJANGO_SUPERUSER_PASSWORD", "correct horse battery")
    call_command("createsuperuser", handle="Root_1", interactive=False, verbosity=0)
    operator = User.objects.get()
    assert (operator.handle, operator.role, operator.is_staff, operator.is_superuser) == ("root_1", "admin", True, True)
    assert operator.check_password("correct horse battery")


def test_a_handle_that_is_none_is_refused_in_words() -> None:
    with pytest.raises(CommandError, match="A handle has 1 to 30 of the characters"):
        call_command("createsuperuser", handle="Röot!", interactive=False, verbosity=0)
    assert not User.objects.exists()
