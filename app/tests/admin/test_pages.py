"""What operators see and do in the admin pages."""

from typing import Any

import pytest
from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.test import Client
from django.urls import reverse

from nexus.domain.posts.models import Post
from nexus.domain.users.models import User
from nexus.kernel.outbox import DeadLetter, Delivery, OutboxEvent
from tests import factories as make

pytestmark = pytest.mark.django_db

MODELS = sorted(model._meta.model_name or "" for model in admin.site._registry)


@pytest.fixture
def operator() -> User:
    return make.user(handle="operator", role="admin", is_staff=True, is_superuser=True)


@pytest.fixture
def browser(operator: User) -> Client:
    client = Client(headers={"X-Forwarded-Proto": "https"})
    client.force_login(operator)
    return client


def act(browser: Client, model: str, action: str, *rows: Any) -> list[str]:
    """Runs an action on rows and returns what the operator is told."""
    page = reverse(f"admin:nexus_{model}_changelist")
    answer = browser.post(page, {"action": action, "_selected_action": [row.pk for row in rows]}, follow=True)
    assert answer.redirect_chain == [(page, 302)]
    return [str(message) for message in answer.context["messages"]]


def test_only_what_has_rules_of_its_own_is_registered() -> None:
    assert MODELS == ["deadletter", "delivery", "login", "outboxevent", "post", "scheduledrun", "user"]


@pytest.mark.parametrize("model", MODELS)
def test_every_list_opens_and_offers_no_form(browser: Client, model: str) -> None:
    make.post(text="Hello")
    assert browser.get(reverse(f"admin:nexus_{model}_changelist")).status_code == 200
    assert browser.get(reverse(f"admin:nexus_{model}_add")).status_code == 403


def test_a_person_is_shown_and_cannot_be_edited(browser: Client) -> None:
    ada = make.user(handle="ada", password="!secret-hash")
    page = reverse("admin:nexus_user_change", args=[ada.pk])
    shown = browser.get(page).content.decode()
    assert "ada" in shown
    assert ada.password not in shown
    assert 'name="_save"' not in shown
    assert browser.post(page, {"handle": "eve"}).status_code == 403
    assert browser.post(reverse("admin:nexus_user_delete", args=[ada.pk]), {"post": "yes"}).status_code == 403
    assert User.objects.get(pk=ada.pk).handle == "ada"


def test_people_are_found_by_the_beginning_of_their_handles(browser: Client) -> None:
    make.user(handle="ada"), make.user(handle="bob")
    shown = browser.get(reverse("admin:nexus_user_changelist"), {"q": "ad"}).content.decode()
    assert "ada" in shown
    assert "bob" not in shown


def test_posts_are_found_by_id_and_by_author(browser: Client) -> None:
    post, other = make.post(make.user(handle="ada"), text="Tea is ready"), make.post(text="No tea here")
    for search in (str(post.pk), "ada"):
        shown = browser.get(reverse("admin:nexus_post_changelist"), {"q": search}).content.decode()
        assert "Tea is ready" in shown
        assert other.text not in shown


def test_deactivating_and_reactivating_go_through_the_operations(browser: Client, operator: User) -> None:
    ada = make.user(handle="ada")
    assert act(browser, "user", "deactivate", ada) == ["Deactivated: 1"]
    assert User.objects.get(pk=ada.pk).is_active is False
    assert act(browser, "user", "reactivate", ada) == ["Reactivated: 1"]
    assert User.objects.get(pk=ada.pk).is_active is True
    assert list(OutboxEvent.objects.order_by("id").values_list("name", flat=True)) == [
        "UserDeactivated",
        "UserReactivated",
    ]
    assert [entry.user_id for entry in LogEntry.objects.all()] == [operator.pk, operator.pk]


def test_a_refusal_of_the_operation_is_told_and_changes_nothing(browser: Client, operator: User) -> None:
    ada = make.user(handle="ada")
    told = act(browser, "user", "deactivate", operator, ada)
    assert "@operator: Only another administrator can do this to an operator's account." in told
    assert "Deactivated: 1" in told
    assert User.objects.get(pk=operator.pk).is_active is True


def test_a_moderator_without_djangos_permissions_acts_too() -> None:
    moderator, ada = make.user(role="moderator", is_staff=True), make.user()
    client = Client(headers={"X-Forwarded-Proto": "https"})
    client.force_login(moderator)
    assert act(client, "user", "deactivate", ada) == ["Deactivated: 1"]


def test_deleting_a_post_empties_its_place(browser: Client) -> None:
    post = make.post(text="Spam")
    assert act(browser, "post", "delete_posts", post) == ["Deleted: 1"]
    row = Post.objects.get(pk=post.pk)
    assert row.deleted_at is not None


def test_a_dead_letter_runs_again_as_a_delivery_that_is_due(browser: Client) -> None:
    letter = DeadLetter.objects.create(
        id=7,
        reaction="notify_post_liked",
        payload={"user_id": 1, "post_id": 2},
        request_id="r-1",
        created_at=make.user().created_at,
        attempts=8,
        last_error="Traceback\nValueError: no",
    )
    other = DeadLetter.objects.create(
        id=8, reaction="x", payload={}, created_at=letter.created_at, attempts=8, last_error=""
    )
    assert act(browser, "deadletter", "run_again", letter) == ["Run again: 1"]
    delivery = Delivery.objects.get()
    assert (delivery.pk, delivery.reaction, delivery.payload, delivery.request_id, delivery.attempts) == (
        7,
        "notify_post_liked",
        {"user_id": 1, "post_id": 2},
        "r-1",
        0,
    )
    assert delivery.created_at == letter.created_at
    assert list(DeadLetter.objects.all()) == [other]
