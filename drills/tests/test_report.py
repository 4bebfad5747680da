"""The report, the figures in the documentation, and the files of the controls."""

import subprocess
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

from drills import controls, document, report, results
from drills.checker import Findings
from drills.controls import CONTROLS
from drills.mechanisms import MECHANISMS
from drills.play import Result
from drills.records import Figures
from drills.results import Store
from drills.run import Moment
from drills.scenario import all_scenarios
from local.state import ROOT

PROXY = ROOT / "haproxy" / "haproxy.cfg"


def result(name: str = "primary-killed", number: int = 1, pause: float = 2.5) -> Result:
    return Result(
        name=name,
        number=number,
        commit="0123456789",
        at="2026-01-01T00:00:00+00:00",
        seconds=30.0,
        broken=[],
        figures=Figures(3, 0, 0, pause, 1.0, 3.0, 0.2, 0, 0.0, 2, 24.0),
        findings=Findings(),
        moments=[Moment(0.9, 1.0, "kill -9 <of> Postgres", True)],
        records=[
            ("publish_post", 0.1, 0.2, "ok", 1, ""),
            ("post", 1.0, 1.1, "ok", 1, ""),
            ("comment", 1, 4, "ok", 2, ""),
        ],
        lines=[(1.2, "patroni@db2", "promoted self to leader by acquiring session lock")],
        versions={"postgres": "17.5"},
    )


def sums(tmp_path: Path, *runs: Result) -> dict[str, Any]:
    scenario = next(each for each in all_scenarios() if each.name == runs[0].name)
    return results.write_latest([results.promise_row(scenario, runs)], [], {}, path=tmp_path / "latest.json")


class Tags(HTMLParser):
    """Counts what is opened and not closed."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.add(tag)
        if tag not in ("meta", "path", "rect", "circle", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in ("path", "rect", "circle"):
            assert self.open.pop() == tag


def test_the_report_is_one_well_formed_file_that_needs_nothing_else(tmp_path: Path) -> None:
    page = report.html(sums(tmp_path, result()), {"primary-killed": [result()]})
    tags = Tags()
    tags.feed(page)
    assert tags.open == []
    assert tags.seen & {"script", "link", "img", "iframe"} == set()
    assert "kill -9 &lt;of&gt; Postgres" in page
    assert "2.50 s without an acknowledged write" in page
    assert "promoted self to leader" in page


def test_a_promise_is_as_bad_as_its_worst_run(tmp_path: Path) -> None:
    known = results.latest(tmp_path / "latest.json")
    assert known == {"promises": [], "controls": [], "versions": {}}
    told = sums(tmp_path, result(), result(number=2, pause=4.0), result(number=3, pause=3.0))
    (row,) = told["promises"]
    assert row["pause_s"] == {"worst": 4.0, "median": 3.0}
    assert (row["runs"], row["limit_s"], row["verdict"]) == (3, 5.0, "green")


def test_a_run_is_kept_by_commit_name_and_number(tmp_path: Path) -> None:
    store = Store("0123456789", tmp_path)
    store.keep(result(number=2))
    assert store.kept("primary-killed", 2) == result(number=2)
    assert store.kept("primary-killed", 1) is None
    assert Store("other", tmp_path).kept("primary-killed", 2) is None


def test_the_figures_come_into_the_documentation(tmp_path: Path) -> None:
    sums(tmp_path, result())
    page = tmp_path / "page.md"
    page.write_text(document.PAGE.read_text())
    document.write(page, tmp_path / "latest.json")
    assert "| 6 | `primary-killed` | 1 | 0 | 0 | 0 | 0 | 2.50 s, 2.50 s | 5 s | 0.20 s | green |" in page.read_text()


def test_every_row_of_the_promises_has_a_drill_and_says_given_when_then() -> None:
    assert {each.row for each in all_scenarios()} == set(range(17))


def test_what_the_controls_make_of_the_proxys_configuration_is_another_one() -> None:
    text = PROXY.read_text()
    every = [each.scenario.options.proxy_config for each in (*CONTROLS, *MECHANISMS)]
    edits = [edit for edit in every if edit]
    assert len(edits) == 4
    for edit in edits:
        assert edit(text) != text
    assert "disable-l7-retry" not in controls.retry_everything(text)
    assert "set-timeout server" not in controls.default_timeouts(text)


def test_results_belong_to_the_last_commit_that_changed_what_is_drilled() -> None:
    changed = results.commit().partition("+")[0]
    since = ["git", "diff", "--quiet", changed, "HEAD", "--", *results._OURS]
    assert subprocess.run(since, cwd=ROOT, check=False).returncode == 0
    before = ["git", "diff", "--quiet", f"{changed}~1", "HEAD", "--", *results._OURS]
    assert subprocess.run(before, cwd=ROOT, check=False).returncode == 1
