"""What users may expect, as one table, and the rules that record it (the SRE workbook's chapter 5)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

Kind = Literal["availability", "latency", "freshness"]
Rule = dict[str, Any]

# How fast the budget of 30 days burns, over a long window and a short one, which ends the alert soon: 2 % of it in an
# hour and 5 % in six hours are for a pager, 10 % in a day or in three are for office hours.
BURNS: Final = (
    (14.4, "1h", "5m", "page"),
    (6.0, "6h", "30m", "page"),
    (3.0, "1d", "2h", "ticket"),
    (1.0, "3d", "6h", "ticket"),
)
WINDOWS: Final = ("5m", "30m", "1h", "2h", "6h", "1d", "3d")
# Fewer bad events than this in the long window wake nobody: a small community has nights with three requests.
BAD_MIN: Final = 10
DOORS: Final = {"rest": "REST", "graphql": "GraphQL", "sign_in": "sign-in", "live": "the live stream"}


@dataclass(frozen=True, slots=True)
class Objective:
    """`target`: the share of events, over 30 days, that are good. `bad` and `valid` are counters, as selectors.

    `proof`: series for promtool of which a quarter is bad.
    """

    name: str
    kind: Kind
    target: float
    meaning: str
    bad: str
    valid: str
    proof: Mapping[str, str]

    @property
    def budget(self) -> float:
        """The share that may be bad."""
        return round(1 - self.target, 6)

    def rules(self) -> list[Rule]:
        """Recorded: the budget, the share of bad events and their number in each window."""
        labels = {"objective": self.name, "kind": self.kind}
        rules: list[Rule] = [
            {"record": "nexus:objective_budget:ratio", "expr": f"vector({self.budget})", "labels": labels}
        ]
        for window in WINDOWS:
            bad, valid = (each.replace("WINDOW", window) for each in (self.bad, self.valid))
            ratio = f"({bad}) / ({valid} > 0)"
            rules.append({"record": f"nexus:objective_bad:ratio_rate{window}", "expr": ratio, "labels": labels})
        for _, window, _, _ in BURNS:
            count = self.bad.replace("WINDOW", window).replace("rate(", "increase(")
            rules.append({"record": f"nexus:objective_bad:increase{window}", "expr": count, "labels": labels})
        return rules


def _availability(door: str, target: float) -> Objective:
    of = f'nexus_door_duration_seconds_count{{door="{door}",outcome=~"%s"}}[WINDOW]'
    bad, valid = of % "error|shed", of % "ok|error|shed"
    return Objective(
        f"{door}-availability",
        "availability",
        target,
        f"{target:.1%} of the requests to {DOORS[door]} are answered without an error of ours",
        f"sum(rate({bad})) or vector(0)",
        f"sum(rate({valid}))",
        {
            f'nexus_door_duration_seconds_count{{door="{door}",outcome="{outcome}"}}': f"0+{each}x60"
            for outcome, each in {"ok": 6, "error": 1, "shed": 1, "limited": 5, "left": 5}.items()
        },
    )


def _latency(door: str, seconds: str, target: float) -> Objective:
    of = f'nexus_door_duration_seconds_%s{{door="{door}",outcome="ok"%s}}[WINDOW]'
    count, quick = of % ("count", ""), of % ("bucket", f',le="{seconds}"')
    series = 'nexus_door_duration_seconds_%s{door="%s",outcome="%s"%s}'
    return Objective(
        f"{door}-latency",
        "latency",
        target,
        f"{target:.1%} of the good answers of {DOORS[door]} take {float(seconds):g} s or less, queue included",
        f"sum(rate({count})) - sum(rate({quick}))",
        f"sum(rate({count}))",
        {
            series % ("count", door, "ok", ""): "0+4x60",
            series % ("bucket", door, "ok", f',le="{seconds}"'): "0+3x60",
            series % ("count", door, "error", ""): "0+9x60",
        },
    )


def _freshness(name: str, reactions: str, seconds: str, target: float, meaning: str) -> Objective:
    of = f'nexus_reaction_delay_seconds_%s{{reaction=~"{reactions}"%s}}[WINDOW]'
    count, quick = of % ("count", ""), of % ("bucket", f',le="{seconds}"')
    series, one = 'nexus_reaction_delay_seconds_%s{reaction="%s"%s}', reactions.rpartition("|")[2]
    return Objective(
        f"{name}-freshness",
        "freshness",
        target,
        f"{target:.1%} of {meaning} within {float(seconds):g} s",
        f"sum(rate({count})) - sum(rate({quick}))",
        f"sum(rate({count}))",
        {
            series % ("count", one, ""): "0+4x60",
            series % ("bucket", one, f',le="{seconds}"'): "0+3x60",
            series % ("count", "mail_digest", ""): "0+9x60",
        },
    )


OBJECTIVES: Final = (
    *(_availability(door, 0.999) for door in DOORS),
    _latency("rest", "0.5", 0.99),
    _latency("graphql", "1.0", 0.99),
    # A password is hashed slowly on purpose.
    _latency("sign_in", "2.0", 0.99),
    _latency("live", "1.0", 0.99),
    _freshness("home", "fan_out_post", "5.0", 0.99, "new posts are in the home timelines of active followers"),
    _freshness(
        "live", "notify_.*|push_post_changed", "5.0", 0.99, "notifications and changes are on their way to streams"
    ),
)
