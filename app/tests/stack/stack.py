"""The whole of Nexus for a test: servers, roles, HAProxy; people who talk to it; and the rows behind."""

import json
import os
import secrets
import subprocess
import sys
import uuid
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import psycopg2

from haproxy.tests.door import Door, wait_until
from haproxy.tests.load import Call
from local.certificates import Certificate
from local.certificates import certificate as make_certificate
from local.ports import free_port
from local.postgres import Postgres
from local.redis import Redis
from local.role import APP, Role
from tests.stack.client import Client, Person


class Stack(Client):
    """3 web replicas, 1 live, 1 worker, 2 relays, a meter and HAProxy, as in `make run`; leaves nothing behind."""

    def __init__(self, directory: Path, *, webs: int = 3, variables: Mapping[str, str] | None = None) -> None:
        self.directory = directory
        self.certificate: Certificate = make_certificate(directory)
        self.postgres = Postgres(directory / "postgres", free_port())
        self.redis = Redis(directory / "redis", free_port())
        self.variables = {**self._variables(), **(variables or {})}
        self.webs = [self.role("web") for _ in range(webs)]
        self.live = self.role("live")
        self.worker = self.role("worker")
        self.meter = self.role("meter")
        self.variables["NEXUS_METERS"] = self.meter.metrics.removeprefix("http://").removesuffix("/metrics")
        self.relays = [self.role("relay") for _ in range(2)]
        self.door = Door(
            directory / "door",
            self.certificate,
            web=[web.address for web in self.webs],
            live=[self.live.address],
            variables={"METER": self.meter.address},
        )
        super().__init__(self.door.url, self.door.ca)
        self._running = ExitStack()

    def _variables(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("NEXUS_")}
        return {
            **kept,
            "NEXUS_ENVIRONMENT": "test",
            "NEXUS_SECRET_KEY": secrets.token_urlsafe(48),
            "NEXUS_JWT_KEYS": f"stack:{secrets.token_urlsafe(48)}",
            "NEXUS_DATABASE_URL": self.postgres.url,
            "NEXUS_REDIS_URL": self.redis.database_url(0),
            "NEXUS_BROKER_URL": self.redis.database_url(1),
            "NEXUS_PUBLIC_URL": "https://localhost:8443",
            "NEXUS_ALLOWED_HOSTS": "localhost,127.0.0.1",
            "NEXUS_EMAIL_URL": f"file://{self.directory / 'mail'}",
            "NEXUS_RATE_LIMITS": "off",
            "NEXUS_METER_CERTIFICATE": str(self.certificate.pem),
        }

    def role(self, name: str) -> Role:
        """Another process of this kind, not started yet."""
        return Role(self.directory, name, self.variables, port=free_port(), metrics_port=free_port())

    def __enter__(self) -> "Stack":
        with ExitStack() as starting:
            for server in (self.postgres, self.redis):
                starting.enter_context(server)
            starting.callback(self.postgres.remove)
            subprocess.run(
                [sys.executable, "-m", "nexus.config", "migrate"],
                env={**self.variables, "PYTHONPATH": str(APP)},
                check=True,
                capture_output=True,
            )
            for role in (*self.webs, self.live, self.worker, *self.relays, self.meter, self.door):
                starting.enter_context(role)
            wait_until(lambda: set(self.door.states().values()) == {"UP"}, "all replicas behind the door")
            self._running = starting.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._running.close()

    def rows(self, sql: str, *parameters: object) -> list[tuple[Any, ...]]:
        """What Postgres itself says."""
        connection = psycopg2.connect(self.postgres.url)
        try:
            with connection, connection.cursor() as cursor:
                cursor.execute(sql, parameters)
                return list(cursor.fetchall())
        finally:
            connection.close()

    def log_lines(self) -> list[str]:
        """What every role has told so far."""
        roles = [*self.webs, self.live, self.worker, *self.relays, self.meter]
        texts = [role.log.read_text() for role in roles]
        # HAProxy also tells on standard error how its servers are, which is no JSON.
        door = [line for line in self.door.log.read_text().splitlines() if line.startswith("{")]
        return [line for text in texts for line in text.splitlines() if line] + door

    def nothing_is_left_to_do(self) -> bool:
        """Whether every event has had its effect."""
        return self.rows("SELECT (SELECT count(*) FROM nexus_outboxevent) + (SELECT count(*) FROM nexus_delivery)") == [
            (0,)
        ]


class Mix:
    """Two thirds reads of two kinds, one third posts with a key, by several people; the text of a post is its key."""

    def __init__(self, people: Sequence[Person]) -> None:
        self._people = people

    def __call__(self, number: int) -> Call:
        person = self._people[number % len(self._people)]
        if number % 3 == 0:
            return Call("GET", "/api/v1/timelines/home", person.headers)
        if number % 3 == 1:
            return Call("GET", "/api/v1/timelines/public?limit=5", person.headers)
        key = str(uuid.uuid4())
        headers = {**person.headers, "Idempotency-Key": key}
        return Call("POST", "/api/v1/posts", headers, json.dumps({"text": key}).encode(), key)
