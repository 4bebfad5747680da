"""Simulated people: what each does, one thing at a time, and what each expects to see of it afterwards."""

import hashlib
import json
import random
import threading
import time
import uuid
from dataclasses import dataclass
from typing import Any, Final, TextIO
from urllib.parse import urlencode

from drills.client import Client, Outcome
from drills.records import Record
from local.state import ROOT

PASSWORD: Final = "a long enough phrase"
FOLLOWED_AT_FIRST: Final = 3
PAGE: Final = 50
SIGN_UP_S: Final = 60.0
# An access token lasts for five minutes.
RENEW_S: Final = 200.0
AUDITED: Final = 100
# Two thirds reads, one third writes. Reads follow the writes that they must show.
PLAN: Final = (
    *("write_post", "read_home", "read_own_post", "like", "read_liked_post", "read_notifications"),
    *("write_comment", "read_thread_post", "read_home_by_graphql", "follow", "read_followed", "read_thread_post"),
)
PUBLISH: Final = "mutation($input: PublishPostInput!) { publishPost(input: $input) { id text } }"
# A trusted document, because that is asked for by GET, which the proxy may repeat.
_HOME: Final = ROOT / "app" / "contracts" / "trusted_documents" / "home.graphql"
HOME: Final = "/graphql?" + urlencode(
    {
        "documentId": f"sha256:{hashlib.sha256(_HOME.read_bytes()).hexdigest()}",
        "variables": json.dumps({"first": PAGE}),
    }
)


@dataclass(frozen=True, slots=True)
class Settings:
    """`keys`: whether writes carry one; `retries`: whether a call is sent again; `accounts`: how many, if not each user
    has one of his own (a crowd is large, and signing up is dear)."""

    url: str
    ca: str
    output: str
    run: str
    users: int = 8
    rate: float = 24.0
    retries: bool = True
    keys: bool = True
    accounts: int | None = None


class Community:
    """What the users of one process share: each other, what was posted, and the file of records."""

    def __init__(self, output: TextIO) -> None:
        self._output, self._lock = output, threading.Lock()
        self.people: list[Person] = []
        self.posts: list[tuple[str, str]] = []  # id, author's id
        self.stopping = threading.Event()

    def keep(self, record: Record) -> None:
        """Writes it down at once: whoever watches the run reads along."""
        with self._lock:
            self._output.write(record.line() + "\n")
            self._output.flush()


class Person:
    """Somebody who reads and writes, one thing at a time."""

    def __init__(self, community: Community, settings: Settings, place: int) -> None:
        self.community, self.settings, self.place = community, settings, place
        self.handle = self.login = f"{settings.run}_{place}"
        self.id = ""
        # Every second one is a simple client that keeps nothing of an answer's headers.
        self.client = Client(settings.url, settings.ca, retries=True, keeps_cookies=place % 2 == 0)
        self._number = 0
        self._own: tuple[str, str] | None = None
        self._likes: dict[str, bool] = {}
        self._follows: dict[str, bool] = {}
        self._unsure: set[str] = set()  # what an unknown write may still change is not touched again
        self._last_liked = self._last_followed = ""
        self._renew_at = time.monotonic() + RENEW_S

    def sign_up(self) -> None:
        """Before the load begins, with all the time in the world."""
        body = {"handle": self.handle, "email": f"{self.handle}@example.org", "password": PASSWORD}
        key, end = str(uuid.uuid4()), time.monotonic() + SIGN_UP_S
        done = self.client.call("POST", "/api/v1/identity/sign-up", body, key=key)
        while done.last.status != 201 and time.monotonic() < end:
            done = self.client.call("POST", "/api/v1/identity/sign-up", body, key=key)
        if done.last.status != 201:
            raise SystemExit(f"nobody can sign up: {done.last.status} {done.detail} {done.last.body}")
        self.id, self.client.token = done.last.body["user"]["id"], done.last.body["access_token"]

    def share(self, account: "Person") -> None:
        """The same account on another device."""
        self.id, self.login, self.client.token = account.id, account.login, account.client.token

    def settle(self) -> None:
        """Follows the next ones and writes a first post, so that there is something to read."""
        for step in range(1, FOLLOWED_AT_FIRST + 1):
            followee = self.community.people[(self.place + step) % len(self.community.people)]
            if followee is not self:
                self._set_followed(followee.id, True)
        self.write_post()

    def live(self, begin: float) -> None:
        """Does the next thing whenever it is due; what was missed while it waited is not made up for."""
        self.client.close()
        self.client = self._same_with(retries=self.settings.retries)
        interval = self.settings.users / self.settings.rate
        due = begin + interval * self.place / self.settings.users
        step = self.place  # not everybody does the same at once
        while not self.community.stopping.wait(max(0.0, due - time.monotonic())):
            if time.monotonic() > self._renew_at:
                self._log_in()
            getattr(self, PLAN[step % len(PLAN)])()
            step += 1
            due = max(due + interval, time.monotonic())
        self.client.close()

    # What they do

    def write_post(self) -> None:
        """By REST, and every fourth one by GraphQL."""
        text = f"{self.handle} {self._number}"
        if self._number % 4 == 3:
            body = {"query": PUBLISH, "variables": {"input": {"text": text}}}
            done, key = self._write("POST", "/graphql", body)
            post = ((done.last.body or {}).get("data") or {}).get("publishPost") if done.verdict == "ok" else None
        else:
            done, key = self._write("POST", "/api/v1/posts", {"text": text})
            post = done.last.body if done.verdict == "ok" else None
        post_id = str(post["id"]).removeprefix("Post:") if post else None
        self._keep("publish_post", done, key, {"text": text, "post": post_id})
        if post_id:
            self._own = (post_id, text)
            self.community.posts.append((post_id, self.id))

    def write_comment(self) -> None:
        """On one of two posts that everybody comments on."""
        parent = self._thread_post()
        if parent is None:
            self.write_post()
            return
        text = f"{self.handle} {self._number}"
        done, key = self._write("POST", "/api/v1/posts", {"text": text, "reply_to_id": parent})
        post_id = done.last.body["id"] if done.verdict == "ok" and done.last.status == 201 else None
        self._keep("comment", done, key, {"text": text, "post": post_id, "parent": parent})

    def like(self) -> None:
        """Likes a post of the last minutes; every third time takes a like back."""
        liked = [post for post, is_liked in self._likes.items() if is_liked and post not in self._unsure]
        if liked and self._number % 3 == 0:
            return self._set_liked(random.choice(liked), False)
        known = [post for post, author in self.community.posts[-60:] if author != self.id and not self._likes.get(post)]
        known = [post for post in known if post not in self._unsure]
        return self._set_liked(random.choice(known), True) if known else self.write_post()

    def follow(self) -> None:
        """Follows somebody, or stops."""
        others = [other.id for other in self.community.people if other.id != self.id and other.id not in self._unsure]
        if not others:
            return self.write_post()
        other = random.choice(others)
        return self._set_followed(other, not self._follows.get(other, False))

    def read_home(self) -> None:
        """The own newest post must be on it, unless it is older than the page."""
        done = self.client.call("GET", f"/api/v1/timelines/home?limit={PAGE}")
        items = done.last.body["items"] if done.last.status == 200 else []
        self._keep("home_timeline", done, None, self._home([item["post"]["id"] for item in items], done))

    def read_home_by_graphql(self) -> None:
        """The same by the other door."""
        done = self.client.call("GET", HOME)
        edges = done.last.body["data"]["homeTimeline"]["edges"] if done.last.status == 200 else []
        ids = [edge["node"]["post"]["id"].removeprefix("Post:") for edge in edges]
        self._keep("home_timeline_by_graphql", done, None, self._home(ids, done))

    def read_notifications(self) -> None:
        """The first page."""
        done = self.client.call("GET", "/api/v1/notifications")
        self._keep("notifications", done, None, {})

    def read_own_post(self) -> None:
        """The one that was written last."""
        if self._own is None:
            self.read_home()
            return
        post_id, text = self._own
        done = self.client.call("GET", f"/api/v1/posts/{post_id}")
        found = done.last.status == 200 and done.last.body["text"] == text
        self._keep("post", done, None, {"post": post_id, "sees_own_write": found})

    def read_liked_post(self) -> None:
        """Whether it shows what this reader did with it last."""
        if not self._last_liked or self._last_liked in self._unsure:
            return self.read_thread_post()
        done = self.client.call("GET", f"/api/v1/posts/{self._last_liked}")
        flag = done.last.body["viewer"]["is_liked"] if done.last.status == 200 else None
        about = {"post": self._last_liked, "sees_own_write": flag == self._likes[self._last_liked]}
        return self._keep("post", done, None, about)

    def read_followed(self) -> None:
        """Whether the profile shows what this reader did last."""
        if not self._last_followed or self._last_followed in self._unsure:
            return self.read_home()
        done = self.client.call("GET", f"/api/v1/users/{self._last_followed}")
        flag = done.last.body["viewer"]["is_following"] if done.last.status == 200 else None
        about = {"user": self._last_followed, "sees_own_write": flag == self._follows[self._last_followed]}
        return self._keep("profile", done, None, about)

    def read_thread_post(self) -> None:
        """Its number of comments only grows."""
        parent = self._thread_post()
        if parent is None:
            return self.read_home()
        done = self.client.call("GET", f"/api/v1/posts/{parent}")
        count = done.last.body["comment_count"] if done.last.status == 200 else None
        about = {"post": parent, "comment_count": count, "sees_own_write": count is not None}
        return self._keep("post", done, None, about)

    def audit(self) -> list[str]:
        """The ids on the first page of home, once everything is over."""
        done = self.client.call("GET", f"/api/v1/timelines/home?limit={AUDITED}")
        if done.last.status == 401:
            self._log_in()
            done = self.client.call("GET", f"/api/v1/timelines/home?limit={AUDITED}")
        return [item["post"]["id"] for item in done.last.body["items"]]

    # How they do it

    def _log_in(self) -> None:
        """For a new access token; what does not succeed is tried again before the next thing."""
        login = self.client.call("POST", "/api/v1/identity/log-in", {"login": self.login, "password": PASSWORD})
        if login.last.status == 200:
            self.client.token, self._renew_at = login.last.body["access_token"], time.monotonic() + RENEW_S

    def _set_liked(self, post: str, is_liked: bool) -> None:
        done, key = self._write("PUT" if is_liked else "DELETE", f"/api/v1/posts/{post}/like", None)
        self._keep("like_post" if is_liked else "unlike_post", done, key, {"target": post})
        self._likes[post], self._last_liked = is_liked, post
        if done.verdict != "ok":
            self._unsure.add(post)

    def _set_followed(self, user: str, is_following: bool) -> None:
        done, key = self._write("PUT" if is_following else "DELETE", f"/api/v1/users/{user}/follow", None)
        self._keep("follow_user" if is_following else "unfollow_user", done, key, {"target": user})
        self._follows[user], self._last_followed = is_following, user
        if done.verdict != "ok":
            self._unsure.add(user)

    def _write(self, method: str, path: str, body: object) -> tuple[Outcome, str | None]:
        key = str(uuid.uuid4())
        if self.settings.keys:
            return self.client.call(method, path, body, key=key), key
        return self.client.call(method, path, body), None

    def _home(self, ids: list[str], done: Outcome) -> dict[str, Any]:
        if done.last.status != 200 or self._own is None:
            return {}
        own = self._own[0]
        is_beyond = len(ids) >= PAGE - 5 and int(own) < min(map(int, ids))
        return {"post": own, "sees_own_write": own in ids or is_beyond}

    def _thread_post(self) -> str | None:
        """One of the two oldest posts of this load."""
        return self.community.posts[self.place % 2][0] if len(self.community.posts) > 1 else None

    def _same_with(self, *, retries: bool) -> Client:
        client = Client(self.settings.url, self.settings.ca, retries=retries, keeps_cookies=self.place % 2 == 0)
        client.token = self.client.token
        return client

    def _keep(self, kind: str, done: Outcome, key: str | None, about: dict[str, Any]) -> None:
        stale = done.last.headers.get("x-nexus-stale", "")
        record = Record(
            user=self.id,
            number=self._number,
            kind=kind,
            key=key,
            started=done.started,
            ended=done.ended,
            verdict=done.verdict,
            attempts=done.attempts,
            status=done.last.status,
            detail=done.detail,
            about=about,
            stale=float(stale) if stale else None,
        )
        self._number += 1
        self.community.keep(record)
