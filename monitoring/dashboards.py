"""Writes monitoring/dashboards/*.json, which Grafana takes by provisioning, by sidecar and by import."""

from pathlib import Path
from typing import Any, Final

from grafana_foundation_sdk.builders import dashboard, prometheus, stat, timeseries
from grafana_foundation_sdk.builders.common import VizLegendOptions
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.common import LegendDisplayMode, LegendPlacement
from grafana_foundation_sdk.models.dashboard import (
    DashboardCursorSync,
    DashboardLinkType,
    DataSourceRef,
    Threshold,
    ThresholdsMode,
)

from monitoring.panels import DASHBOARDS, Dashboard, Panel

FOLDER: Final = Path(__file__).parent / "dashboards"
SOURCE: Final = DataSourceRef(type_val="prometheus", uid="${source}")
HEIGHT: Final = 8
# A line where another release has begun to run.
DEPLOYS: Final = "count by (release) (nexus_build_info) unless count by (release) (nexus_build_info offset 1m)"


def build(board: Dashboard) -> Any:
    """As Grafana has it."""
    built = (
        dashboard.Dashboard(board.title)
        .uid(f"nexus-{board.name}")
        .description(board.description)
        .tags(["nexus"])
        .refresh("30s")
        .time("now-1h", "now")
        .timezone("browser")
        .tooltip(DashboardCursorSync.CROSSHAIR)
        .with_variable(dashboard.DatasourceVariable("source").label("Prometheus").type("prometheus"))
        .annotation(
            dashboard.AnnotationQuery().name("Deploys").datasource(SOURCE).enable(True).icon_color("blue").expr(DEPLOYS)
        )
        .link(dashboard.DashboardLink("Nexus").type(DashboardLinkType.DASHBOARDS).tags(["nexus"]).as_dropdown(True))
    )
    for title, panels in board.rows:
        built = built.with_row(dashboard.Row(title))
        for panel in panels:
            built = built.with_panel(_panel(panel))
    return built.build()


def _panel(panel: Panel) -> Any:
    kind: Any = stat if panel.look == "number" else timeseries
    built = (
        kind.Panel()
        .title(panel.title)
        .description(panel.description)
        .datasource(SOURCE)
        .unit(panel.unit)
        .min(0)
        .height(HEIGHT)
        .span(panel.span)
        .thresholds(_thresholds(panel))
    )
    if kind is timeseries:
        legend = VizLegendOptions().show_legend(True)
        built = built.fill_opacity(10).legend(
            legend.display_mode(LegendDisplayMode.LIST).placement(LegendPlacement.BOTTOM)
        )
    for number, (expression, name) in enumerate(panel.queries):
        query = (
            prometheus.Dataquery()
            .expr(expression.replace("[R]", "[$__rate_interval]"))
            .ref_id(chr(ord("A") + number))
            .range()
        )
        built = built.with_target(query.legend_format(name) if name else query)
    return built


def _thresholds(panel: Panel) -> Any:
    steps = [Threshold(value=None, color="green")]
    steps += [Threshold(value=panel.warns, color="orange")] if panel.warns is not None else []
    steps += [Threshold(value=panel.fails, color="red")] if panel.fails is not None else []
    return dashboard.ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps(steps)


def main() -> None:
    """Writes all of them."""
    FOLDER.mkdir(exist_ok=True)
    for board in DASHBOARDS:
        text = JSONEncoder(sort_keys=True, indent=2).encode(build(board))
        (FOLDER / f"{board.name}.json").write_text(text + "\n")


if __name__ == "__main__":
    main()
