"""`make pictures`: what each dashboard shows, drawn from a real Prometheus that has scraped a whole Nexus in use."""

import math
import os
import re
import tempfile
import time
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Final

import matplotlib as mpl
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.gridspec import GridSpec
from matplotlib.ticker import FuncFormatter
from PIL import Image

from local.progress import step
from local.state import ROOT
from monitoring.panels import DASHBOARDS, Dashboard, Panel
from monitoring.questions import RATE, ask
from monitoring.used import used
from monitoring.watched import watching
from tests.stack.stack import Stack

FOLDER: Final = ROOT / "docs" / "pictures"
CALLS_EACH_S: Final = 4.0
USED_S: Final = float(os.environ.get("USED", "240"))
AWAY_S: Final = 20.0  # so that something is to be seen: for so long the worker is gone
STEP_S: Final = 5
COLUMNS: Final = 24
NAMES_MAX: Final = 8
COLORS: Final = 64
_PREFIXES: Final = ((1e9, "G"), (1e6, "M"), (1e3, "k"), (1, ""))
_SUFFIXES: Final = {"reqps": "/s", "ops": "/s", "bytes": "B", "s": " s"}
Line = tuple[str, list[float], list[float]]


def told(value: float, unit: str) -> str:
    """A value with its unit, as short as Grafana tells it."""
    if unit == "percentunit":
        return f"{value:.1%}"
    if unit == "s" and abs(value) >= 172_800:
        return f"{value / 86_400:.0f} days"
    if unit == "s" and 0 < abs(value) < 1:
        return f"{value * 1000:.3g} ms"
    size, prefix = next(((size, prefix) for size, prefix in _PREFIXES if abs(value) >= size), (1, ""))
    return f"{value / size:.3g}{prefix}{_SUFFIXES.get(unit, '')}"


def lines(url: str, panel: Panel, begun: float, ended: float) -> list[Line]:
    """Name, minutes and values of each."""
    found = []
    for expression, legend in panel.queries:
        asked = {"query": expression.replace("[R]", RATE), "start": str(begun), "end": str(ended), "step": str(STEP_S)}
        for series in ask(url, "query_range", **asked)["result"]:
            name = re.sub(r"\{\{(\w+)\}\}", partial(_label, series["metric"]), legend)
            points = [(float(at), float(value)) for at, value in series["values"] if math.isfinite(float(value))]
            found.append((name, [(at - begun) / 60 for at, _ in points], [value for _, value in points]))
    return sorted(found, key=lambda line: -max(line[2], default=0.0))


def _label(of: dict[str, str], label: re.Match[str]) -> str:
    return of.get(label[1], "")


def draw(axes: Axes, panel: Panel, found: list[Line]) -> None:
    """One panel."""
    axes.set_title(panel.title, fontsize=9, loc="left", fontweight="bold")
    if panel.look == "number":
        axes.axis("off")
        value = found[0][2][-1] if found and found[0][2] else 0.0
        axes.text(0.5, 0.45, told(value, panel.unit), ha="center", va="center", fontsize=20, color=_color(panel, value))
        return
    for name, at, values in found:
        axes.plot(at, values, linewidth=1.2, label=name)
    highest = max((value for _, _, values in found for value in values), default=0.0)
    for limit, color in ((panel.warns, "orange"), (panel.fails, "red")):
        if limit is not None and limit <= 2 * highest:
            axes.axhline(limit, color=color, linewidth=0.8, linestyle="--")
    axes.set_ylim(-0.03 * (highest or 1), 1.08 * (highest or 1))  # so that nothing is seen as a line of nothing
    axes.set_xlabel("minutes", fontsize=7, loc="right", labelpad=0)
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: told(value, panel.unit)))
    axes.tick_params(labelsize=7)
    axes.grid(alpha=0.25)
    names = [name for name, _, _ in found if name]
    labels = (
        names if len(names) <= NAMES_MAX else [*names[: NAMES_MAX - 1], f".. and {len(names) - NAMES_MAX + 1} more"]
    )
    columns = 3 if panel.span > 8 else 2
    axes.legend(
        axes.get_lines()[: len(labels)], labels, fontsize=7, ncols=columns, frameon=False,
        loc="upper left", bbox_to_anchor=(-0.02, -0.1), borderaxespad=0,
    )  # fmt: skip


def picture(url: str, board: Dashboard, begun: float, ended: float) -> Figure | None:
    """One dashboard; None where nothing of it is to be seen outside of a cluster."""
    shelves: list[list[Panel]] = []
    for _, panels in board.rows:
        filled = 0
        shelves.append([])
        for panel in (each for each in panels if "run" in each.places):
            if filled + panel.span > COLUMNS:
                shelves.append([])
                filled = 0
            shelves[-1].append(panel)
            filled += panel.span
    shelves = [shelf for shelf in shelves if shelf]
    if not shelves:
        return None
    heights = [0.4 if all(panel.look == "number" for panel in shelf) else 1.0 for shelf in shelves]
    figure = plt.figure(figsize=(13, 1.3 + 2.6 * sum(heights)))
    figure.suptitle(board.title, fontsize=12, fontweight="bold", x=0.05, y=0.995, ha="left", va="top")
    grid = GridSpec(
        len(shelves), COLUMNS, figure=figure, hspace=0.8, height_ratios=heights, wspace=5.5,
        left=0.05, right=0.985, bottom=0.95 / figure.get_figheight(), top=1 - 0.6 / figure.get_figheight(),
    )  # fmt: skip
    for number, shelf in enumerate(shelves):
        left = 0
        for panel in shelf:
            axes = figure.add_subplot(grid[number, left : left + panel.span])
            draw(axes, panel, lines(url, panel, begun, ended))
            left += panel.span
    return figure


def save(figure: Figure, path: Path) -> None:
    """With few colours, so that it is small."""
    drawn = BytesIO()
    figure.savefig(drawn, dpi=85)
    Image.open(drawn).convert("RGB").quantize(COLORS).save(path, optimize=True)


def _color(panel: Panel, value: float) -> str:
    for limit, color in ((panel.fails, "red"), (panel.warns, "darkorange")):
        if limit is not None and value >= limit:
            return color
    return "green"


def main() -> None:
    """Uses a Nexus for a while and draws all of them."""
    mpl.use("Agg")
    mpl.rcParams["axes.prop_cycle"] = plt.cycler(color=plt.get_cmap("tab20").colors)  # type: ignore[attr-defined]  # it has colors
    with tempfile.TemporaryDirectory(prefix="nexus-pictures-") as name:
        directory = Path(name)
        directory.chmod(0o711)
        with (
            Stack(directory) as stack,
            watching(stack, directory / "prometheus") as prometheus,
            used(stack, CALLS_EACH_S),
        ):
            begun = time.time()
            with step(f"Used for {USED_S:.0f} s"):
                time.sleep(USED_S / 2)
                stack.worker.stop()
                time.sleep(AWAY_S)
                stack.worker.start()
                time.sleep(max(0.0, begun + USED_S - time.time()))
            FOLDER.mkdir(exist_ok=True)
            for board in DASHBOARDS:
                # The first minute has no rates yet.
                if figure := picture(f"http://{prometheus.address}", board, begun + 60, time.time()):
                    save(figure, FOLDER / f"{board.name}.png")
                    plt.close(figure)


if __name__ == "__main__":
    main()
