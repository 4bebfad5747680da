"""Redis that is found through its Sentinels: the address of such a group, and how its sockets notice a dead peer."""

import re
import socket
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, Final, Self
from urllib.parse import parse_qsl, quote, unquote, urlsplit

SCHEME: Final = "redis+sentinel"
FORM: Final = f"{SCHEME}://[user:password@]host:26379,host:26379/master-name/0"
_PORT: Final = 26379
_NETLOC: Final = re.compile(r"^([^/?#]*)(.*)$", re.DOTALL)
_SENTINEL_PASSWORD: Final = "sentinel_password"  # noqa: S105 (a name)

# A peer that is gone without a word is noticed by the kernel, also by a connection that only listens.
KEEPALIVE: Final[dict[str, Any]] = {
    "socket_keepalive": True,
    "socket_keepalive_options": {
        socket.TCP_KEEPIDLE: 2,
        socket.TCP_KEEPINTVL: 1,
        socket.TCP_KEEPCNT: 3,
        socket.TCP_USER_TIMEOUT: 3_000,
    },
}
# How often who has connections asks whether they still lead to the master.
LOOK_S: Final = 1.0
LOOK_AFTER_FAILURE_S: Final = 5.0
# A Sentinel answers from memory: one that does not within this time is left for the next one. Without these redis-py
# waits 5 s and tries ten times for each Sentinel that is away.
QUICK: Final[dict[str, Any]] = {"socket_connect_timeout": 0.15, "socket_timeout": 0.15, **KEEPALIVE}


@dataclass(frozen=True, slots=True)
class Group:
    """One master and its replicas, as their Sentinels know them."""

    sentinels: tuple[tuple[str, int], ...]
    master: str
    database: int
    user: str = ""
    password: str = ""
    sentinel_password: str = ""

    @classmethod
    def of(cls, url: str) -> Self:
        """The group that `url` names; raises ValueError with the end of a sentence."""
        # Not by urlsplit as a whole: it takes an address in brackets for the only one.
        netloc, rest = _NETLOC.findall(url.removeprefix(f"{SCHEME}://"))[0]
        parts = urlsplit(rest)
        credentials, _, hosts = netloc.rpartition("@")
        user, _, password = credentials.partition(":")
        master, _, database = parts.path.removeprefix("/").partition("/")
        query = dict(parse_qsl(parts.query, keep_blank_values=True))
        sentinel_password = query.pop(_SENTINEL_PASSWORD, "")
        if not (hosts and master and (database or "0").isdecimal()) or query or parts.fragment:
            raise ValueError(f"must be {FORM}, with ?{_SENTINEL_PASSWORD}=.. where the Sentinels want one")
        return cls(
            sentinels=tuple(_host_and_port(each) for each in hosts.split(",")),
            master=unquote(master),
            database=int(database or "0"),
            user=unquote(user),
            password=unquote(password),
            sentinel_password=sentinel_password,
        )

    @property
    def url(self) -> str:
        """The address, from which `of` makes the same group."""
        credentials = f"{quote(self.user, '')}:{quote(self.password, '')}@" if self.user or self.password else ""
        hosts = ",".join(f"{_bracketed(host)}:{port}" for host, port in self.sentinels)
        query = f"?{_SENTINEL_PASSWORD}={quote(self.sentinel_password, '')}" if self.sentinel_password else ""
        return f"{SCHEME}://{credentials}{hosts}/{quote(self.master, '')}/{self.database}{query}"

    @property
    def credentials(self) -> dict[str, str]:
        """Arguments of a connection to one of its servers."""
        named = {"username": self.user, "password": self.password}
        return {name: value for name, value in named.items() if value}

    @property
    def sentinel_credentials(self) -> dict[str, str]:
        """Arguments of a connection to one of its Sentinels."""
        return {"password": self.sentinel_password} if self.sentinel_password else {}

    def broker_url(self) -> str:
        """The same for kombu, which wants an address for each Sentinel and the master's name elsewhere."""
        user = f"{quote(self.user, '')}:{quote(self.password, '')}@" if self.user or self.password else ""
        return ";".join(f"sentinel://{user}{_bracketed(host)}:{port}/{self.database}" for host, port in self.sentinels)


def is_sentinel(url: str) -> bool:
    """Whether the address names Sentinels."""
    return url.startswith(f"{SCHEME}://")


def with_database(url: str, number: int) -> str:
    """The same Redis, another database of it."""
    if is_sentinel(url):
        return replace(Group.of(url), database=number).url
    return urlsplit(url)._replace(path=f"/{number}").geturl()


def _host_and_port(text: str) -> tuple[str, int]:
    parts = urlsplit(f"//{text}")
    with suppress(ValueError):  # of a port that is no number; its words would show what was taken for one
        if parts.hostname and not (parts.path or parts.query or parts.fragment):
            return parts.hostname, parts.port or _PORT
    raise ValueError(f"must be {FORM}: each host is a name or an address, with its port")


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
