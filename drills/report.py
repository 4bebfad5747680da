"""The report of a set of drills: one HTML file that needs nothing else."""

from collections.abc import Iterator, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any, Final

from drills.play import Result
from drills.timeline import svg

STYLE: Final = Path(__file__).with_suffix(".css")
Row = Mapping[str, Any]
EXPLAINED_S: Final = 1.0  # a pause as long as this one is explained without being asked
_REFUSABLE: Final = {"nothing": (), "writes": ("writes",), "anything": ("writes", "reads")}


def html(sums: Mapping[str, Any], runs: Mapping[str, Sequence[Result]]) -> str:
    """`sums` is latest.json; `runs` has, by name, those whose time lines are shown, the worst first."""
    body = "".join([*_head(sums), *_promises(sums), *_controls(sums), *_not_shown(sums), *_key(), *_cards(sums, runs)])
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>Nexus: availability, drilled</title><style>{STYLE.read_text()}</style></head>"
        f"<body><main>{body}</main></body></html>\n"
    )


def _head(sums: Mapping[str, Any]) -> Iterator[str]:
    promises, controls = sums["promises"], sums["controls"]
    held = sum(row["verdict"] == "green" for row in promises)
    turned = sum(row["verdict"] == "red" for row in controls)
    operations = sum(row["operations"] for row in promises)
    wrong = sum(row["lost"] + row["duplicated"] for row in promises)
    yield "<h1>What breaks, and what people notice</h1>"
    yield (
        '<p class="soft">Each promise of availability was put to the proof: real processes were killed, silenced and'
        " cut off under steady load; every operation of every client was recorded, and every node’s data was checked"
        " afterwards. Negative controls take one mechanism away and must turn red: a drill that cannot fail proves"
        " nothing.</p>"
    )
    yield '<div class="verdicts">'
    yield _card(f"{held} of {len(promises)}", "promises held", held == len(promises))
    yield _card(f"{turned} of {len(controls)}", "controls turned red, as they must", turned == len(controls))
    yield _card(f"{wrong}", f"lost or doubled effects in {operations:,} operations", wrong == 0)
    yield "</div>"
    versions = " · ".join(f"{escape(name)} {escape(version)}" for name, version in sums["versions"].items())
    days = sorted({row["at"][:10] for row in promises})
    days_shown = " to ".join(dict.fromkeys([days[0], days[-1]])) if days else ""
    commits = ", ".join(sorted({row["commit"] for row in promises}))
    yield f'<p class="facts">{days_shown} · commit {escape(commits)} · {versions}</p>'


def _card(figure: str, text: str, is_good: bool) -> str:
    return f'<div class="verdict-card {_name(is_good)}"><b>{figure}</b><span>{escape(text)}</span></div>'


def _promises(sums: Mapping[str, Any]) -> Iterator[str]:
    yield "<h2>Promises</h2>"
    yield '<div class="scroll"><table><thead><tr><th>#</th><th>fault</th><th></th><th class="number">runs</th>'
    for name in ("failed reads", "failed writes", "lost", "doubled"):
        yield f'<th class="number">{name.replace(" ", "<br>")}</th>'
    yield "<th>longest time without an acknowledged write<br>worst, median, and the limit</th>"
    yield '<th class="number">slowest<br>request</th><th class="number">rate</th></tr></thead><tbody>'
    for row in sums["promises"]:
        yield f'<tr><td class="number soft">{row["row"] or "–"}</td>'
        yield f'<td><a class="name" href="#{row["name"]}">{row["name"]}</a>'
        yield f'<div class="what">{escape(_when(row))}</div></td>'
        yield f"<td>{_pill(row['verdict'], row['verdict'] == 'green')}</td>"
        yield f'<td class="number">{row["runs"]}</td>'
        for name in ("failed_reads", "failed_writes", "lost", "duplicated"):
            yield _count(row[name], is_allowed=name.removeprefix("failed_") in _REFUSABLE[row["may_refuse"]])
        yield f"<td>{_pause(row)}</td>"
        yield f'<td class="number">{row["slowest_request_s"]:.2f} s</td><td class="number">{row["rate"]:.0f}/s</td>'
        yield "</tr>"
    yield "</tbody></table></div>"


def _when(row: Row) -> str:
    when = next(line for line in row["sentences"] if line.startswith("When "))
    return str(when[5:6].upper() + when[6:])


def _count(count: int, *, is_allowed: bool) -> str:
    name = "zero" if count == 0 or is_allowed else "wrong"
    return f'<td class="number {name}">{count}{" *" if count and is_allowed else ""}</td>'


def _pause(row: Row) -> str:
    worst, median, limit = row["pause_s"]["worst"], row["pause_s"]["median"], row["limit_s"]
    if limit is None:
        return f'{worst:.2f} s, {median:.2f} s <span class="soft">no limit</span>'
    full = max(limit * 1.25, worst)
    over = " over" if worst > limit else ""
    return (
        f'{worst:.2f} s, {median:.2f} s <span class="soft">of {limit:g} s</span>'
        '<svg class="bar" viewBox="0 0 118 8"><rect class="track" width="118" height="8" rx="4"/>'
        f'<rect class="value{over}" width="{worst / full * 118:.1f}" height="8" rx="4"/>'
        f'<path class="limit" d="M{limit / full * 118:.1f} 0v8"/></svg>'
    )


def _controls(sums: Mapping[str, Any]) -> Iterator[str]:
    if not sums["controls"]:
        return
    yield "<h2>Negative controls</h2>"
    yield "<p>One mechanism is taken away. The drill must turn red, and for the reason that is written here.</p>"
    yield '<div class="scroll"><table><thead><tr><th>control</th><th></th><th>expected</th><th>seen</th>'
    yield '<th class="number">runs</th></tr></thead><tbody>'
    for row in sums["controls"]:
        is_good = row["verdict"] == "red"
        yield f'<tr><td><a class="name" href="#{row["name"]}">{row["name"]}</a><div class="what">'
        yield f"{escape(row['without'])}</div></td><td>{_pill('red ✓' if is_good else 'green ✗', is_good)}</td>"
        yield f"<td>{escape(row['expected'])}</td><td>{escape(row['seen'] or 'nothing')}</td>"
        yield f'<td class="number">{row["runs"]}</td></tr>'
    yield "</tbody></table></div>"


def _not_shown(sums: Mapping[str, Any]) -> Iterator[str]:
    if sums.get("not_shown"):
        yield "<h2>Not shown here</h2><ul>"
        for row in sums["not_shown"]:
            yield f"<li><b>{escape(row['name'])}</b>: {escape(row['why'])}</li>"
        yield "</ul>"


def _key() -> Iterator[str]:
    yield '<h2>Time lines</h2><p class="facts">One for each promise: its worst run; the others are folded below it.'
    colours = {"read-area": "reads", "write-area": "writes", "pause": "the longest pause", "fault": "broken"}
    for colour, text in {**colours, "mended": "mended", "retried": "needed another try", "bad": "failed"}.items():
        yield f'<span class="key" style="background:var(--{colour})"></span>{text}'
    yield "</p>"


def _cards(sums: Mapping[str, Any], runs: Mapping[str, Sequence[Result]]) -> Iterator[str]:
    for row in [*sums["promises"], *sums["controls"]]:
        found = runs.get(row["name"], ())
        if found:
            is_control = "expected" in row
            yield f'<article id="{row["name"]}"><header><h3>{row["name"]}</h3>'
            yield _pill(row["verdict"], (row["verdict"] == "red") == is_control)
            yield f'<span class="facts">{_facts(found[0])}</span></header><ul class="sentences">'
            for line in row["sentences"]:
                word, _, rest = line.partition(" ")
                yield f"<li><b>{word}</b> {escape(rest)}</li>"
            yield "</ul>"
            yield from _run(found[0], is_control=is_control)
            for other in found[1:]:
                yield f"<details><summary>Run {other.number}: {_facts(other)}</summary>"
                yield from _run(other, is_control=is_control)
                yield "</details>"
            yield "</article>"


def _facts(run: Result) -> str:
    seen = run.figures
    return (
        f"run {run.number} · {seen.operations:,} operations at {seen.rate:.0f}/s · pause {seen.pause_s:.2f} s · "
        f"slowest request {seen.slowest_request_s:.2f} s, read {seen.slowest_read_s:.2f} s"
        + (f" · {seen.stale_reads} labelled stale, at most {seen.stalest_s:.0f} s old" if seen.stale_reads else "")
    )


def _run(run: Result, *, is_control: bool) -> Iterator[str]:
    if run.broken:
        yield f'<ul class="broken{" meant" if is_control else ""}">'
        yield "".join(f"<li>{escape(sentence)}</li>" for sentence in run.broken[:12]) + "</ul>"
    yield svg(run)
    yield '<ol class="moments">'
    for number, moment in enumerate(run.moments, 1):
        name = "fault" if moment.is_fault else "mended"
        yield f'<li class="{name}"><i>{number}</i>{escape(moment.text)} '
        yield f'<span class="soft">{moment.begun:.1f} s</span></li>'
    yield "</ol>"
    if run.lines:
        is_shown = " open" if run.figures.pause_s >= EXPLAINED_S else ""
        yield f"<details{is_shown}><summary>{len(run.lines)} log lines that explain it</summary>"
        yield '<div class="log"><table>'
        yield from _log(run)
        yield "</table></div></details>"


def _log(run: Result) -> Iterator[str]:
    pause = (run.figures.pause_at, run.figures.pause_at + run.figures.pause_s)
    told = [
        *((at, process, line, "in-pause" if pause[0] <= at <= pause[1] else "") for at, process, line in run.lines),
        *((m.begun, "drill", m.text, "at-fault" if m.is_fault else "at-mended") for m in run.moments),
    ]
    for at, process, line, name in sorted(told):
        yield f'<tr class="{name}"><td>{at:.2f} s</td><td>{escape(process)}</td><td>{escape(line)}</td></tr>'


def _pill(text: str, is_good: bool) -> str:
    return f'<span class="pill {_name(is_good)}">{escape(text)}</span>'


def _name(is_good: bool) -> str:
    return "good" if is_good else "bad"
