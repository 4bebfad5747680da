"""What is asked at every door: for each use-case at least what succeeds, and what fails in a typical way."""

from dataclasses import dataclass
from typing import Final

from nexus.domain.identity import addresses
from nexus.kernel.pages import PageRequest
from tests import factories as make
from tests.api.situations import (
    EMAIL,
    MISSING,
    PAGE,
    Given,
    blocked_by,
    blocking,
    following,
    in_a_thread,
    inbox,
    nobody,
    of_a_crowd,
    replying_to_what_is_hidden,
    somebody,
    timeline,
    to_a_hidden_post,
    to_a_liked_post,
    to_a_post,
    to_an_own_post,
    to_self,
    to_somebody,
    with_account,
    with_an_incident,
    with_mail_key,
    with_refresh_token,
)


@dataclass(frozen=True, slots=True)
class Scenario:
    """Who asks with which arguments, after what was prepared; and how it ends at every door."""

    says: str
    given: Given
    code: str = "ok"


NEW_ACCOUNT: Final = {"handle": "ada", "email": EMAIL, "password": make.PASSWORD, "display_name": "Ada"}
CREDENTIALS: Final = {"login": "ada", "password": make.PASSWORD}

SCENARIOS: Final[dict[str, list[Scenario]]] = {
    "instance": [
        Scenario("everybody may know it", nobody()),
    ],
    "service_status": [
        Scenario("everybody may know it", with_an_incident),
    ],
    "sign_up": [
        Scenario("makes an account", nobody(**NEW_ACCOUNT)),
        Scenario("does not tell that an address is known", with_account(**{**NEW_ACCOUNT, "handle": "bob"})),
        Scenario("a handle is taken once", with_account(**NEW_ACCOUNT), "handle_taken"),
        Scenario(
            "everything wrong is told at once",
            nobody(handle="A b", email="x", password="short", display_name="x" * 51),
            "invalid_input",
        ),
    ],
    "confirm_email": [
        Scenario("a key confirms", with_mail_key(addresses.confirmation_key)),
        Scenario("a wrong key does not", nobody(key="wrong"), "invalid_key"),
    ],
    "resend_confirmation": [
        Scenario("whatever is known", nobody(email=EMAIL)),
        Scenario("for what is an address", nobody(email="nonsense"), "invalid_input"),
    ],
    "log_in": [
        Scenario("by handle", with_account(**CREDENTIALS)),
        Scenario("by address", with_account(**{**CREDENTIALS, "login": EMAIL})),
        Scenario("not by a wrong password", with_account(**{**CREDENTIALS, "password": "x"}), "invalid_credentials"),
        Scenario("not for nobody", nobody(**CREDENTIALS), "invalid_credentials"),
    ],
    "refresh_tokens": [
        Scenario("a token gives the next", with_refresh_token),
        Scenario("a wrong one does not", nobody(refresh_token="x"), "invalid_refresh_token"),
    ],
    "log_out": [
        Scenario("ends the login", somebody()),
        Scenario("nobody cannot", nobody(), "not_authenticated"),
    ],
    "request_password_reset": [
        Scenario("whatever is known", nobody(email=EMAIL)),
        Scenario("for what is an address", nobody(email="nonsense"), "invalid_input"),
    ],
    "reset_password": [
        Scenario("a key is enough", with_mail_key(addresses.reset_key, password="a wholly new secret")),
        Scenario("a wrong one is not", nobody(key="x", password="a wholly new secret"), "invalid_key"),
        Scenario("a weak password is refused", with_mail_key(addresses.reset_key, password="short"), "invalid_input"),
    ],
    "me": [
        Scenario("one's own profile", somebody()),
        Scenario("nobody has none", nobody(), "not_authenticated"),
    ],
    "profile": [
        Scenario("by id", lambda: (make.user(), {"user": make.user().pk})),
        Scenario("by handle", lambda: (make.user(), {"user": make.user(handle="ada").handle})),
        Scenario("for nobody", lambda: (None, {"user": make.user().pk})),
        Scenario("not of nobody", somebody(user=MISSING), "not_found"),
    ],
    "update_profile": [
        Scenario("changes what is given", somebody(display_name="Ada", version=1)),
        Scenario("refuses what is too long", somebody(display_name="x" * 51, bio="\0"), "invalid_input"),
        Scenario("not over another version", somebody(bio="x", version=7), "precondition_failed"),
        Scenario("not for nobody", nobody(bio="x"), "not_authenticated"),
    ],
    "follow_user": [
        Scenario("follows", to_somebody()),
        Scenario("once is as good as twice", following),
        Scenario("not oneself", to_self, "own_account"),
        Scenario("not whom one blocks", blocking, "user_is_blocked"),
        Scenario("not who blocks one", blocked_by, "not_found"),
    ],
    "unfollow_user": [
        Scenario("ends it", following),
        Scenario("not for nobody", lambda: (None, {"user_id": make.user().pk}), "not_authenticated"),
    ],
    "block_user": [
        Scenario("ends the follow too", following),
        Scenario("not nobody", somebody(user_id=MISSING), "not_found"),
    ],
    "unblock_user": [
        Scenario("takes it back", blocking),
        Scenario("not oneself", to_self, "own_account"),
    ],
    "followers": [
        Scenario("a page, without those who block", of_a_crowd()),
        Scenario("of nobody", somebody(user_id=MISSING, page=PAGE), "not_found"),
        Scenario("not by another list's cursor", of_a_crowd(page=PageRequest(2, "x")), "invalid_cursor"),
    ],
    "following": [
        Scenario("a page, without those who block", of_a_crowd()),
        Scenario("of who blocks the viewer", lambda: (blocked_by()[0], {**blocked_by()[1], "page": PAGE})),
        Scenario("of nobody", somebody(user_id=MISSING, page=PAGE), "not_found"),
    ],
    "publish_post": [
        Scenario("writes", somebody(text="Hello #nexus", visibility="unlisted", content_warning="cats")),
        Scenario(
            "answers",
            lambda: (make.user(), {"text": "Yes @ada", "reply_to_id": make.post(make.user(handle="ada")).pk}),
        ),
        Scenario("not an empty text", somebody(text=" ", content_warning="x" * 1000), "invalid_input"),
        Scenario("not to what is hidden", replying_to_what_is_hidden, "not_found"),
        Scenario("not for nobody", nobody(text="Hello"), "not_authenticated"),
    ],
    "post": [
        Scenario("for everybody", lambda: (None, to_a_post()()[1])),
        Scenario("for a viewer", to_a_liked_post()),
        Scenario("not what is hidden", to_a_hidden_post(), "not_found"),
    ],
    "edit_post": [
        Scenario("changes the text", to_an_own_post(text="New #text", version=1)),
        Scenario("only by its author", to_a_post(text="New"), "forbidden"),
        Scenario("not over another version", to_an_own_post(text="New", version=7), "precondition_failed"),
        Scenario("not what is hidden", to_a_hidden_post(text="New"), "not_found"),
        Scenario("not to nothing", to_an_own_post(text=""), "invalid_input"),
    ],
    "delete_post": [
        Scenario("takes it away", to_an_own_post()),
        Scenario("only by its author", to_a_post(), "forbidden"),
        Scenario("not what is hidden", to_a_hidden_post(), "not_found"),
    ],
    "thread": [
        Scenario("with an empty place for what is hidden", in_a_thread()),
        Scenario("not of what is hidden", to_a_hidden_post(page=PAGE), "not_found"),
        Scenario("not by another list's cursor", in_a_thread(page=PageRequest(2, "x")), "invalid_cursor"),
    ],
    "like_post": [
        Scenario("likes", to_a_post()),
        Scenario("once is as good as twice", to_a_liked_post()),
        Scenario("not what is hidden", to_a_hidden_post(), "not_found"),
    ],
    "unlike_post": [
        Scenario("takes it back", to_a_liked_post()),
        Scenario("not for nobody", lambda: (None, to_a_liked_post()()[1]), "not_authenticated"),
    ],
    "likers": [
        Scenario("a page", to_a_liked_post(page=PAGE)),
        Scenario("not of what is hidden", to_a_hidden_post(page=PAGE), "not_found"),
    ],
    "home_timeline": [
        Scenario("a page", timeline()),
        Scenario("nobody has none", nobody(page=PAGE), "not_authenticated"),
        Scenario("not by another list's cursor", timeline(page=PageRequest(2, "x")), "invalid_cursor"),
    ],
    "public_timeline": [
        Scenario("a page", timeline()),
        Scenario("for nobody", lambda: (None, timeline()()[1])),
        Scenario("not by another list's cursor", nobody(page=PageRequest(2, "x")), "invalid_cursor"),
    ],
    "hashtag_timeline": [
        Scenario("in any spelling", timeline(hashtag="NEXUS")),
        Scenario("not of what is none", nobody(hashtag="a b", page=PAGE), "invalid_input"),
    ],
    "user_timeline": [
        Scenario("for a follower", timeline(user_id=...)),
        Scenario("for nobody", lambda: (None, timeline(user_id=...)()[1])),
        Scenario("not of nobody", nobody(user_id=MISSING, page=PAGE), "not_found"),
    ],
    "notifications": [
        Scenario("a page of groups", inbox(page=PAGE)),
        Scenario("nobody has none", nobody(page=PAGE), "not_authenticated"),
    ],
    "unread_count": [
        Scenario("counts", inbox()),
        Scenario("nobody has none", nobody(), "not_authenticated"),
    ],
    "mark_notifications_read": [
        Scenario("all", inbox()),
        Scenario("up to one", inbox(up_to_id=...)),
        Scenario("nobody has none", nobody(), "not_authenticated"),
    ],
}
