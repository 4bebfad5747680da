"""What is measured. Each scenario makes call number n; the first is the reference."""

import json
import uuid
from collections.abc import Callable
from dataclasses import dataclass

from haproxy.tests.load import Call

HOME = """{ homeTimeline(first: 20) { pageInfo { endCursor hasNextPage } edges { node { post {
  id text contentWarning visibility replyToId hashtags mentions { id handle }
  likeCount commentCount createdAt editedAt version
  author { id handle displayName bio followerCount followingCount postCount createdAt
    viewer { isFollowing isFollowedBy isBlocking } }
  viewer { isLiked } } } } } }"""


@dataclass(frozen=True, slots=True)
class Scenario:
    """One row of the table. `door`: behind which HAProxy it is."""

    name: str
    door: str
    make: Callable[[int], Call]


def scenarios(headers: dict[str, str], post_ids: list[str]) -> list[Scenario]:
    """D0 and the four of this stage."""

    def keyed() -> dict[str, str]:
        return {**headers, "Idempotency-Key": str(uuid.uuid4())}

    def publish(number: int) -> Call:
        return Call("POST", "/api/v1/posts", keyed(), json.dumps({"text": f"Measured thought {number}"}).encode())

    def like(number: int) -> Call:
        method = "PUT" if number // len(post_ids) % 2 == 0 else "DELETE"
        return Call(method, f"/api/v1/posts/{post_ids[number % len(post_ids)]}/like", keyed())

    document = json.dumps({"query": HOME}).encode()
    return [
        Scenario("D0", "d0", lambda _: Call("GET", "/api/v1/d0")),
        Scenario("home_timeline", "nexus", lambda _: Call("GET", "/api/v1/timelines/home", headers)),
        Scenario("publish_post", "nexus", publish),
        Scenario("like_post", "nexus", like),
        Scenario("home_timeline by GraphQL", "nexus", lambda _: Call("POST", "/graphql", headers, document)),
    ]
