"""The dashboards are what the table says, and every question in them can be answered."""

import json
import re

import pytest
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard as Model

from monitoring import dashboards
from monitoring.alerts import ALERTS
from monitoring.known import unknown
from monitoring.panels import DASHBOARDS, Dashboard, Panel
from monitoring.tests.test_rules import RECORDED

PANELS = [(board, panel) for board in DASHBOARDS for _, panels in board.rows for panel in panels]


@pytest.mark.parametrize("board", DASHBOARDS, ids=lambda each: each.name)
def test_what_is_committed_is_what_the_table_says(board: Dashboard) -> None:
    committed = json.loads((dashboards.FOLDER / f"{board.name}.json").read_text())
    titles = [panel["title"] for panel in committed["panels"] if panel["type"] != "row"]
    assert titles == [panel.title for _, panels in board.rows for panel in panels]
    assert committed["uid"] == f"nexus-{board.name}"
    assert [each["name"] for each in committed["annotations"]["list"]] == ["Deploys"]
    read = json.loads(JSONEncoder(sort_keys=True).encode(Model.from_json(committed)))
    assert read == committed, "Grafana's own model has no such field, or reads it as something else"


@pytest.mark.parametrize(("board", "panel"), PANELS, ids=lambda each: getattr(each, "title", None))
def test_a_panel_asks_for_what_is_there_and_says_what_it_shows(board: Dashboard, panel: Panel) -> None:
    assert [name for expression, _ in panel.queries for name in unknown(expression, RECORDED)] == []
    assert panel.description.endswith((".", "!"))
    for expression, legend in panel.queries:
        assert set(re.findall(r"\{\{(\w+)\}\}", legend)) <= set(re.findall(r"\w+", expression)) | {"objective"}
    assert panel.look == "number" or all(legend for _, legend in panel.queries), "lines without a name"


def test_every_alert_leads_to_a_dashboard() -> None:
    assert {alert.dashboard for alert in ALERTS} <= {board.name for board in DASHBOARDS}
