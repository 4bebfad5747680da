"""Every variable: what is accepted, what is refused, and with which sentence; secrets are never shown."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from nexus.config.environment import BadEnvironment, Environment, load, variables
from nexus.kernel import sentinel

SECRET = "s" * 50
GOOD: Mapping[str, str] = {
    "NEXUS_SECRET_KEY": SECRET,
    "NEXUS_JWT_KEYS": "one:" + "j" * 32,
    "NEXUS_DATABASE_URL": "postgres://nexus:hunter2@db:5432/nexus",
    "NEXUS_PUBLIC_URL": "https://nexus.example",
    "NEXUS_ALLOWED_HOSTS": "nexus.example",
    "NEXUS_EMAIL_URL": "smtp://mail.example:25",
}
SECRETS = [
    "SECRET_KEY",
    "JWT_KEYS",
    "DATABASE_URL",
    "DATABASE_REPLICA_URL",
    "DATABASE_DIRECT_URL",
    "REDIS_URL",
    "BROKER_URL",
    "EMAIL_URL",
    "SENTRY_DSN",
]


def refusal(**changes: str) -> str:
    with pytest.raises(BadEnvironment) as caught:
        load({**GOOD, **changes})
    return str(caught.value)


def test_the_least_environment_gives_every_default() -> None:
    found = load(GOOD)
    assert (found.environment, found.release) == ("production", "development")
    assert (found.web_workers, found.web_threads, found.worker_concurrency) == (2, 8, 2)
    assert (found.graceful_timeout, found.drain_seconds) == (30, 2)
    assert (found.rate_limits, found.require_confirmed_email) == (True, False)
    assert (found.redis_url, found.broker_url, found.sentry_dsn, found.metrics_bind) == ("", "", "", "")
    assert found.jwt_keys == (("one", "j" * 32),)
    assert found.rate_limit == (300, 300)


@pytest.mark.parametrize("name", sorted(GOOD))
def test_what_has_no_default_must_be_set(name: str) -> None:
    with pytest.raises(BadEnvironment) as caught:
        load({other: value for other, value in GOOD.items() if other != name})
    assert str(caught.value).startswith(f"{name} is not set")
    assert "It means: " in str(caught.value)


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("WEB_WORKERS", "0", '"0" must be a whole number from 1 to 64. It means: Processes of one web replica.'),
        ("WEB_WORKERS", "65", '"65" must be a whole number from 1 to 64. It means: Processes of one web replica.'),
        ("WEB_THREADS", "8.5", '"8.5" must be a whole number from 1 to 64. It means: Threads of one web process.'),
        ("WORKER_CONCURRENCY", "²", '"²" must be a whole number from 1 to 64. It means: Processes of one worker.'),
        ("GRACEFUL_TIMEOUT", "", '"" must be a whole number from 1 to 600. It means: '),
        ("DRAIN_SECONDS", "-1", '"-1" must be a whole number from 0 to 120. It means: '),
        ("TRUSTED_PROXY_COUNT", "6", '"6" must be a whole number from 0 to 5. It means: '),
        ("STATEMENT_TIMEOUT_MS", "2s", '"2s" must be a whole number from 100 to 60000. It means: '),
        ("RATE_LIMITS", "true", '"true" must be on or off. It means: '),
        ("GRAPHQL_INTROSPECTION", "ON", '"ON" must be on or off. It means: '),
        ("LOG_LEVEL", "verbose", '"verbose" must be one of debug, info, warning, error. It means: '),
        ("BIND", "8000", '"8000" must be address:port, for example 127.0.0.1:8000. It means: '),
        ("METRICS_BIND", "127.0.0.1:65536", '"127.0.0.1:65536" must be address:port, for example 127.0.0.1:8000.'),
        ("FENCER_ETCD", "db1:2379,db2", '"db1:2379,db2" must be address:port, for example 127.0.0.1:8000. It means: '),
        ("PUBLIC_URL", "nexus.example", '"nexus.example" must be a URL that starts with https:// or http://.'),
        ("RATE_LIMIT", "300", '"300" must be calls/seconds, for example 300/300. It means: '),
        ("RATE_LIMIT_CREDENTIALS", "0/10", '"0/10" must be calls/seconds, for example 300/300. It means: '),
        ("SECRET_KEY", "short", "its value must have at least 50 characters; make one with: openssl rand -base64 48."),
        ("JWT_KEYS", "one", "its value must be kid:secret[,kid:secret] with distinct kids and secrets of at least 32"),
        (
            "JWT_KEYS",
            "a:" + "x" * 32 + ",a:" + "y" * 32,
            "its value must be kid:secret[,kid:secret] with distinct kids",
        ),
        ("DATABASE_URL", "mysql://db/nexus", "its value must be a URL that starts with postgres:// or postgresql://."),
        ("DATABASE_URL", "postgres://db:port/nexus", "its value Port could not be cast to integer value as 'port'."),
        (
            "REDIS_URL",
            "127.0.0.1:6379",
            "its value must be a URL that starts with redis:// or rediss:// or redis+sentinel://.",
        ),
        (
            "BROKER_URL",
            "kafka://k",
            "its value must be a URL that starts with redis:// or rediss:// or redis+sentinel:// or amqp:// or amqps://.",
        ),
        ("REDIS_URL", "redis+sentinel://a:26379", f"its value must be {sentinel.FORM}, with ?sentinel_password=.. "),
        ("REDIS_URL", "redis+sentinel:///name/0", f"its value must be {sentinel.FORM}, with ?sentinel_password=.. "),
        ("REDIS_URL", "redis+sentinel://a/name/zero", f"its value must be {sentinel.FORM}, with "),
        ("REDIS_URL", "redis+sentinel://a/name/0?db=1", f"its value must be {sentinel.FORM}, with "),
        ("BROKER_URL", "redis+sentinel://a,b:x/name/0", f"its value must be {sentinel.FORM}: each host is a name or "),
        ("BROKER_URL", "redis+sentinel://a,,b/name/0", f"its value must be {sentinel.FORM}: each host is a name or "),
        ("EMAIL_URL", "mail.example", "its value must be a URL that starts with smtp:// or smtps:// or file://."),
        ("SENTRY_DSN", "key@sentry.example", "its value must be a URL that starts with https:// or http://."),
    ],
)
def test_a_bad_value_is_named_and_explained(name: str, value: str, sentence: str) -> None:
    assert refusal(**{f"NEXUS_{name}": value}).startswith(f"NEXUS_{name}: {sentence}")


def test_a_password_where_a_port_was_expected_is_not_shown_either() -> None:
    assert "hunter2" not in refusal(NEXUS_REDIS_URL="redis+sentinel://user:hunter2/name/0")


@pytest.mark.parametrize("name", SECRETS)
def test_a_refused_secret_is_never_shown(name: str) -> None:
    assert "hunter2" not in refusal(**{f"NEXUS_{name}": "no-scheme-hunter2:"})


def test_the_secrets_are_these() -> None:
    assert [each.name for each in variables() if each.secret] == [f"NEXUS_{name}" for name in SECRETS]


@pytest.mark.parametrize("name", SECRETS)
def test_every_secret_can_lie_in_a_file(name: str, tmp_path: Path) -> None:
    value = {**{f"NEXUS_{each}": "" for each in SECRETS}, **GOOD, "NEXUS_SENTRY_DSN": "https://key@sentry.example/1"}
    file = tmp_path / "secret"
    file.write_text(value[f"NEXUS_{name}"] + "\n", encoding="utf-8")
    environment = {other: text for other, text in GOOD.items() if other != f"NEXUS_{name}"}
    found = load({**environment, f"NEXUS_{name}_FILE": str(file)})
    expected = load({**GOOD, f"NEXUS_{name}": value[f"NEXUS_{name}"]})
    assert getattr(found, name.lower()) == getattr(expected, name.lower())


def test_a_secret_is_set_once(tmp_path: Path) -> None:
    assert refusal(NEXUS_SECRET_KEY_FILE=str(tmp_path)) == (
        "NEXUS_SECRET_KEY and NEXUS_SECRET_KEY_FILE are both set: remove one of them."
    )


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadEnvironment, match=r"NEXUS_SECRET_KEY_FILE: .*/nothing cannot be read \(.*No such file"):
        load(
            {**{name: value for name, value in GOOD.items() if name != "NEXUS_SECRET_KEY"}}
            | {"NEXUS_SECRET_KEY_FILE": str(tmp_path / "nothing")}
        )


@pytest.mark.parametrize("name", ["NEXUS_WEB_WORKER", "NEXUS_WEB_WORKERS_FILE", "NEXUS_", "NEXUS_SECRET_KEY_FILES"])
def test_a_variable_that_nobody_reads_is_refused(name: str) -> None:
    assert refusal(**{name: "1"}) == f"{name} is not a variable of Nexus: remove it or correct its name."


def test_the_variables_of_the_proxy_and_of_others_are_none_of_ours() -> None:
    assert load({**GOOD, "NEXUS_PROXY_HTTPS_BIND": "127.0.0.1:8443", "PATH": "/bin"}) == load(GOOD)


def test_every_variable_has_a_meaning_and_its_default_is_accepted() -> None:
    found = list(variables())
    assert len({each.name for each in found}) == len(found) == len(Environment.__slots__)
    for each in found:
        assert each.meaning
        assert not each.meaning.endswith(".")
        assert each.default is not None or each.name in GOOD


def test_no_secret_has_a_default() -> None:
    assert {each.default for each in variables() if each.secret} == {None, ""}
