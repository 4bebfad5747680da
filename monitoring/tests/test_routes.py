"""Who is told what, and what is kept from them because another alert says it: by a running Alertmanager."""

import json
import subprocess
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from haproxy.tests.door import wait_until
from local.ports import free_port
from local.prometheus import ROUTES, Watcher
from monitoring.alerts import ALERTS

LABELS = {
    alert.name: {"alertname": alert.name, "severity": alert.severity, "follows": alert.follows} for alert in ALERTS
}


def run(*words: str) -> None:
    done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("labels", "receiver"),
    [
        (("alertname=NexusWatchdog", "severity=none"), "watchdog"),
        (("alertname=NexusWebAway", "severity=page"), "pager"),
        (("alertname=NexusDeadLetters", "severity=ticket"), "tickets"),
    ],
)
def test_who_is_told(labels: tuple[str, ...], receiver: str) -> None:
    run("amtool", "check-config", str(ROUTES))
    run("amtool", "config", "routes", "test", f"--config.file={ROUTES}", f"--verify.receivers={receiver}", *labels)


@pytest.fixture
def alertmanager(tmp_path: Path) -> Iterator[str]:
    options = [f"--config.file={ROUTES}", f"--storage.path={tmp_path}", "--cluster.listen-address="]
    with Watcher("prometheus-alertmanager", tmp_path / "a" / "b", free_port(), options, "/-/ready", {}) as running:
        yield f"http://{running.address}/api/v2/alerts"


def of(name: str, **labels: str) -> dict[str, str]:
    """An alert with the labels that its rule gives it."""
    return {key: value for key, value in {**LABELS[name], **labels}.items() if value}


def told(address: str, *alerts: Mapping[str, str]) -> list[dict[str, str]]:
    """The labels of those that are not inhibited, of those that fire together."""
    # Alertmanager learns who inhibits whom beside the request, one alert after the other: when the last of these two
    # keeps the first one back, all that were sent before them have been judged as well.
    marks = [of("NexusLatencyBudgetBurns", objective="mark", severity=severity) for severity in ("ticket", "page")]
    body = json.dumps([{"labels": alert} for alert in (*alerts, *marks)]).encode()
    request = urllib.request.Request(address, body, {"Content-Type": "application/json"})
    urllib.request.urlopen(request, timeout=10).close()

    def seen() -> list[dict[str, Any]]:
        with urllib.request.urlopen(address, timeout=10) as answer:
            found: list[dict[str, Any]] = json.loads(answer.read())
        return found

    def is_judged() -> bool:
        return any(each["labels"] == marks[0] and each["status"]["state"] == "suppressed" for each in seen())

    wait_until(is_judged, "all alerts judged")
    return [each["labels"] for each in seen() if each["status"]["state"] == "active" and each["labels"] in alerts]


CONSEQUENCES = [
    (of("NexusPostgresPrimaryAway"), of("NexusAvailabilityBudgetBurns", objective="rest-availability")),
    (of("NexusPostgresPrimaryAway"), of("NexusOutboxStuck")),
    (of("NexusPostgresQuorumLost"), of("NexusDoorWithoutReplicas", proxy="web")),
    (of("NexusWorkerAway", role="worker"), of("NexusWorkerSilent", queue="mail")),
    (of("NexusRedisAway"), of("NexusFreshnessBudgetBurns", objective="home-freshness")),
    (of("NexusWebAway", role="web"), of("NexusDoorWithoutReplicas", proxy="web")),
    (of("NexusWebAway", role="web"), of("NexusReplicasMissing", role="web")),
    (of("NexusDoorWithoutReplicas", proxy="web"), of("NexusAvailabilityBudgetBurns", objective="rest-availability")),
    (of("NexusRelayAway", role="relay"), of("NexusMetricsMissing")),
    (
        of("NexusLatencyBudgetBurns", objective="rest-latency", severity="page"),
        of("NexusLatencyBudgetBurns", objective="rest-latency", severity="ticket"),
    ),
]
STRANGERS = [
    (of("NexusPostgresPrimaryAway"), of("NexusRedisAway")),
    (of("NexusPostgresPrimaryAway"), of("NexusCertificateExpires", instance="a")),
    (of("NexusWorkerAway", role="worker"), of("NexusAvailabilityBudgetBurns", objective="rest-availability")),
    (of("NexusWebAway", role="web"), of("NexusDoorWithoutReplicas", proxy="live")),
    (of("NexusWebAway", role="web"), of("NexusReplicasMissing", role="relay")),
    (
        of("NexusLatencyBudgetBurns", objective="rest-latency", severity="page"),
        of("NexusLatencyBudgetBurns", objective="graphql-latency", severity="ticket"),
    ),
]


@pytest.mark.parametrize(("cause", "consequence"), CONSEQUENCES)
def test_a_consequence_is_kept_back(alertmanager: str, cause: dict[str, str], consequence: dict[str, str]) -> None:
    assert told(alertmanager, cause, consequence) == [cause]


@pytest.mark.parametrize(("cause", "other"), STRANGERS)
def test_what_has_a_cause_of_its_own_is_told(alertmanager: str, cause: dict[str, str], other: dict[str, str]) -> None:
    found = told(alertmanager, cause, other)
    assert len(found) == 2
    assert cause in found
    assert other in found
