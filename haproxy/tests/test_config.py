"""The configuration starts with every set of variables that makes sense, and says what is missing otherwise."""

import re

import pytest

from haproxy.tests.conftest import OpenDoor
from haproxy.tests.door import CONFIGURATION

STATIC = {f"WEB_{number}": f"127.0.0.1:{8000 + number}" for number in range(1, 9)}
STATIC |= {f"LIVE_{number}": f"127.0.0.1:{8100 + number}" for number in range(1, 5)}
BY_DNS = {"WEB_HOST": "localhost", "LIVE_HOST": "localhost"}
POSTGRES = {f"POSTGRES_{number}": f"127.0.0.{number}:5432" for number in range(1, 4)}
POSTGRES |= {"POSTGRES_BIND": "127.0.0.9:5432", "POSTGRES_REPLICA_BIND": "127.0.0.9:5433"}
PEERS = {"PEER_1": "127.0.0.1:7001", "PEER_2": "127.0.0.1:7002", "PEER_3": "127.0.0.1:7003", "PEER_NAME": "peer2"}

ACCEPTED = {
    "one replica": {"WEB_1": "127.0.0.1:8001"},
    "every static server": STATIC,
    "DNS": BY_DNS,
    "DNS with a name server": {**BY_DNS, "RESOLVER": "127.0.0.1:53"},
    "DNS with fallbacks": {**BY_DNS, "WEB_FALLBACK": "127.0.0.1:1", "LIVE_FALLBACK": "127.0.0.1:2"},
    "only what is needed": {
        "WEB_1": "127.0.0.1:8001", "HTTP_BIND": "", "METRICS_BIND": "", "SOCKET": "", "HTTPS_PORT": "443"
    },
    "no rate limit": {"WEB_1": "127.0.0.1:8001", "RATE_LIMIT": "0"},
    "routes to Postgres": {"WEB_1": "127.0.0.1:8001", **POSTGRES},
    "a route to one primary": {"WEB_1": "127.0.0.1:8001", **POSTGRES, "POSTGRES_REPLICA_BIND": "", "POSTGRES_2": ""},
    "several proxies": {"WEB_1": "127.0.0.1:8001", **PEERS},
}  # fmt: skip


@pytest.mark.parametrize("variables", ACCEPTED.values(), ids=ACCEPTED.keys())
def test_haproxy_accepts_the_configuration(variables: dict[str, str], make_door: OpenDoor) -> None:
    ended = make_door(variables=variables).check()
    complaints = [line for line in ended.stderr.splitlines() if re.match(r"\[(WARNING|ALERT)", line)]
    assert (ended.returncode, complaints) == (0, [])


@pytest.mark.parametrize("missing", ["HTTPS_BIND", "CERTIFICATE", "ERRORS", "WEB_1"])
def test_a_missing_variable_is_named(missing: str, make_door: OpenDoor) -> None:
    ended = make_door(variables={"WEB_1": "127.0.0.1:8001", missing: ""}).check()
    assert ended.returncode != 0
    assert f"NEXUS_PROXY_{missing}" in ended.stderr
    assert "is missing" in ended.stderr


def test_a_route_to_postgres_that_leads_nowhere_is_named(make_door: OpenDoor) -> None:
    ended = make_door(variables={"WEB_1": "127.0.0.1:8001", "POSTGRES_BIND": "127.0.0.9:5432"}).check()
    assert ended.returncode != 0
    assert "NEXUS_PROXY_POSTGRES_1 is missing" in ended.stderr


def test_every_variable_is_explained_with_its_default_and_every_explained_one_is_used() -> None:
    comments, configuration = split(CONFIGURATION.read_text())
    rows = re.findall(r"^# NEXUS_PROXY_(\w+) (?:\.\. _(\d) )? *\S.* {2,}(\S.*)$", comments, re.MULTILINE)
    explained = set()
    for name, last, _ in rows:
        prefix = name.rstrip("0123456789")
        explained |= {f"{prefix}{number}" for number in range(1, int(last) + 1)} if last else {name}
    assert explained == set(re.findall(r"NEXUS_PROXY_([A-Z0-9_]+)", re.sub(r'alert ".*"', "", configuration)))
    defaults = dict(re.findall(r"presetenv NEXUS_PROXY_(\w+) (\S+)", configuration))
    documented = {name: default for name, _, default in rows}
    assert {name: documented[name] for name in defaults} == defaults


def split(text: str) -> tuple[str, str]:
    """The comment at the top, and the rest."""
    comments, _, configuration = text.partition("\nglobal\n")
    return comments, configuration
