"""Which metrics there are, with their labels: our own from the code, and those of others that rules may stand on."""

import re
from collections.abc import Iterator
from typing import Final

from prometheus_client import REGISTRY
from prometheus_client.metrics import MetricWrapperBase

# Of every series that a role has: the scrape adds them.
SCRAPED: Final = frozenset({"job", "instance", "role", "replica"})
# Of what the objectives record.
RECORDED: Final = frozenset({"objective", "kind"})
# Of other programs. HAProxy's are held against a running one (app/tests/stack/test_metrics.py).
FOREIGN: Final[dict[str, frozenset[str]]] = {
    "up": frozenset(),
    "haproxy_backend_active_servers": frozenset({"proxy"}),
    "haproxy_backend_current_queue": frozenset({"proxy"}),
    "haproxy_backend_queue_time_average_seconds": frozenset({"proxy"}),
    "haproxy_process_current_connections": frozenset(),
    "haproxy_process_max_connections": frozenset(),
    "haproxy_server_check_failures_total": frozenset({"proxy", "server"}),
    "haproxy_server_status": frozenset({"proxy", "server", "state"}),
    "kube_cronjob_status_last_successful_time": frozenset({"cronjob"}),
    "kube_horizontalpodautoscaler_spec_max_replicas": frozenset({"horizontalpodautoscaler"}),
    "kube_horizontalpodautoscaler_status_current_replicas": frozenset({"horizontalpodautoscaler"}),
    "kube_pod_container_status_restarts_total": frozenset({"pod", "container"}),
    "kubelet_volume_stats_available_bytes": frozenset({"persistentvolumeclaim"}),
    "kubelet_volume_stats_capacity_bytes": frozenset({"persistentvolumeclaim"}),
}
_SELECTOR: Final = re.compile(r"(?<![\w:])([a-z][a-z_]*(?::[a-z_0-9]+)*)\s*(?:\{([^}]*)\})?")
_GROUPED: Final = re.compile(r"\b(?:by|on)\s*\(([^)]*)\)")
_LABEL: Final = re.compile(r"(\w+)\s*(?:=~|!~|!=|=)")


def ours() -> Iterator[MetricWrapperBase]:
    """Every metric of Nexus, by name."""
    import nexus.kernel.metrics  # noqa: F401 - declares them

    found = {each for each in REGISTRY._collector_to_names if isinstance(each, MetricWrapperBase)}
    yield from sorted((each for each in found if each._name.startswith("nexus_")), key=lambda each: each._name)


def series() -> dict[str, frozenset[str]]:
    """Name of each series, with its labels."""
    known = dict(FOREIGN)
    for metric in ours():
        labels = frozenset(metric._labelnames)
        suffixes = {"counter": ("_total",), "histogram": ("_bucket", "_count", "_sum")}.get(metric._type or "", ("",))
        for suffix in suffixes:
            known[metric._name + suffix] = labels | (frozenset({"le"}) if suffix == "_bucket" else frozenset())
    known["nexus_build_info"] = frozenset({"release", "environment", "role"})
    return known


def unknown(expression: str, recorded: frozenset[str] = frozenset()) -> list[str]:
    """What an expression names and nobody has: metrics, labels of metrics, and labels to group by."""
    known, wrong, has = series(), [], set(SCRAPED)
    for name, labels in _SELECTOR.findall(re.sub(r'"[^"]*"', '""', expression)):
        if not name.startswith(("nexus_", "nexus:", "haproxy_", "kube", "node_", "pg_", "redis_")) and name != "up":
            continue
        if name in recorded:
            has |= RECORDED
            continue
        if name not in known:
            wrong.append(name)
            continue
        has |= known[name]
        wrong += [f"{name}{{{label}}}" for label in _LABEL.findall(labels) if label not in known[name] | SCRAPED]
    grouped = {label for labels in _GROUPED.findall(expression) for label in re.findall(r"\w+", labels)}
    return wrong + sorted(grouped - has)
