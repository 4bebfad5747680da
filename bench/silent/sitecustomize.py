"""Python imports this by itself from PYTHONPATH: a Nexus that measures nothing, to be compared with by bench.tax."""

from prometheus_client.metrics import Counter, Gauge, Histogram, MetricWrapperBase


def _same(metric: MetricWrapperBase, *labels: object, **named: object) -> MetricWrapperBase:
    return metric


def _nothing(metric: MetricWrapperBase, *values: object, **named: object) -> None:
    pass


for kind, names in ((Counter, ["inc"]), (Gauge, ["inc", "dec", "set"]), (Histogram, ["observe"])):
    kind.labels = _same  # type: ignore[method-assign, assignment]  # that is the point
    for name in names:
        setattr(kind, name, _nothing)
