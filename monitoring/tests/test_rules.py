"""The rules mean what they say: Prometheus' own tools, and no name that nobody has."""

import re
import subprocess
from pathlib import Path

import pytest

from monitoring import rules
from monitoring.alerts import ALERTS, Alert
from monitoring.known import unknown
from monitoring.objectives import OBJECTIVES, WINDOWS, Objective
from nexus.config import fencer

RUNBOOKS = rules.FOLDER / "runbooks"
SECTIONS = ["What users feel", "Is it so?", "Now", "Why", "Not"]
RECORDED = frozenset(rule["record"] for each in OBJECTIVES for rule in each.rules())
NAMED = sorted(rules.files())
NAMES = sorted({alert.name for alert in ALERTS})


def run(*words: str) -> str:
    done = subprocess.run(words, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_prometheus_takes_the_rules() -> None:
    run(
        "promtool",
        "check",
        "rules",
        "--lint=all",
        "--lint-fatal",
        *(str(rules.RULES / name) for name in NAMED if "test" not in name),
    )


def test_every_alert_fires_and_holds_just_below_and_objectives_count_what_is_bad() -> None:
    told = run("promtool", "test", "rules", *(str(rules.RULES / name) for name in NAMED if "test" in name))
    assert told.count("SUCCESS") == 2


def test_a_rule_that_is_changed_makes_its_test_fail(tmp_path: Path) -> None:
    text = (rules.RULES / "alerts.yaml").read_text()
    assert "max(nexus_dead_letters_waiting) > 0" in text
    (tmp_path / "alerts.yaml").write_text(text.replace("max(nexus_dead_letters_waiting) > 0", "vector(0) > 1"))
    test = tmp_path / "alerts.test.yaml"
    test.write_text((rules.RULES / test.name).read_text())
    done = subprocess.run(["promtool", "test", "rules", str(test)], capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "NexusDeadLetters" in done.stdout + done.stderr


@pytest.mark.parametrize("alert", [each for each in ALERTS if each.name != "NexusWatchdog"], ids=lambda each: each.name)
def test_every_alert_has_both_cases(alert: Alert) -> None:
    assert alert.fires
    assert alert.holds
    assert alert.fires != alert.holds


@pytest.mark.parametrize("alert", ALERTS, ids=lambda each: each.name)
def test_no_alert_names_what_nobody_has(alert: Alert) -> None:
    assert unknown(alert.expr, RECORDED) == []


@pytest.mark.parametrize("objective", OBJECTIVES, ids=lambda each: each.name)
def test_no_objective_names_what_nobody_has(objective: Objective) -> None:
    assert [name for rule in objective.rules() for name in unknown(rule["expr"])] == []


@pytest.mark.parametrize(
    ("expression", "found"),
    [
        ("rate(nexus_no_such_total[5m])", ["nexus_no_such_total"]),
        ('nexus_queue_messages{line="a"}', ["nexus_queue_messages{line}"]),
        ('sum(nexus_queue_messages{queue="a",role="relay"})', []),
        ("sum by (queue, line) (nexus_queue_messages)", ["line"]),
        ("nexus:objective_bad:ratio_rate7m > 1", ["nexus:objective_bad:ratio_rate7m"]),
    ],
)
def test_a_name_that_nobody_has_is_found(expression: str, found: list[str]) -> None:
    assert unknown(expression, RECORDED) == found


def test_limits_of_objectives_are_whole_buckets() -> None:
    from nexus.kernel import metrics

    for name, metric in (("door", metrics.DOOR_SECONDS), ("reaction", metrics.REACTION_DELAY)):
        wanted = set(re.findall(rf'nexus_{name}\w+_bucket{{[^}}]*le="([^"]+)"', str([o.bad for o in OBJECTIVES])))
        assert wanted
        assert {float(each) for each in wanted} <= set(metric._upper_bounds)


def test_every_alert_has_a_page_and_every_page_an_alert() -> None:
    assert sorted(path.stem for path in RUNBOOKS.glob("*.md")) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_a_page_says_what_to_do(name: str) -> None:
    text = (RUNBOOKS / f"{name}.md").read_text()
    assert text.startswith(f"# {name}\n")
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == SECTIONS
    for query in re.findall(r"```promql\n(.*?)```", text, re.DOTALL):
        assert unknown(query, RECORDED) == []


@pytest.mark.parametrize("name", NAMES)
def test_a_page_leads_only_to_pages_and_files_that_are_there(name: str) -> None:
    text = (RUNBOOKS / f"{name}.md").read_text()
    assert set(re.findall(r"\bNexus[A-Z]\w+", text)) <= set(NAMES)
    assert [path for path in re.findall(r"docs/[\w/.-]+\.md", text) if not (rules.FOLDER.parent / path).exists()] == []


def test_the_page_of_the_fencer_explains_each_reason() -> None:
    told = re.findall(r"`(\w+)`", (RUNBOOKS / "NexusFencerRefuses.md").read_text())
    assert set(fencer.REASONS) <= set(told)


def test_windows_are_those_of_the_burn_rates() -> None:
    used = {window for each in ALERTS for window in re.findall(r"ratio_rate(\w+)", each.expr)}
    assert used == set(WINDOWS)
