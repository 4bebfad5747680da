"""The matrix of docs: what the policies of both charts allow together, and nothing else."""

from helm import matrix
from helm.tests.charts import render

MONITORED = {
    "network": {"monitoring": [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}}]}
}

CLIENTS_OF_POSTGRES = ("web", "live", "worker", "relay", "migrate", "postgres")
CLIENTS_OF_REDIS = ("web", "live", "worker", "relay", "redis")
EVERYBODY = ("proxy", "web", "live", "worker", "relay", "migrate", "postgres", "redis", "Pod/nexus-test")
GOLDEN = {
    *(
        (sender, "proxy", port)
        for sender in ("anybody", "internet", "another namespace", "prometheus", "dns", "kubernetes api")
        for port in (8080, 8443)
    ),
    ("Pod/nexus-test", "proxy", 8443),
    ("proxy", "web", 8000),
    ("proxy", "live", 8001),
    # What users got, for the status page.
    ("relay", "proxy", 9106),
    *((sender, "postgres", 5432) for sender in CLIENTS_OF_POSTGRES),
    ("postgres", "postgres", 8008),
    *((sender, "redis", port) for sender in CLIENTS_OF_REDIS for port in (6379, 26379)),
    *((sender, "dns", 53) for sender in EVERYBODY),
    *((sender, "kubernetes api", port) for sender in ("postgres", "secret") for port in (443, 6443)),
    # The address of the API is not known to the chart: until network.api says it, its ports are open to everywhere.
    *((sender, "internet", 443) for sender in ("postgres", "secret")),
}
METRICS = {
    ("prometheus", role, port)
    for role, port in (
        ("web", 9100),
        ("live", 9101),
        ("worker", 9102),
        ("relay", 9103),
        ("proxy", 9105),
        ("proxy", 9106),
        ("postgres", 8008),
    )
}


def test_the_matrix_is_what_is_allowed_and_nothing_else() -> None:
    manifests = [*render("nexus"), *render("nexus-data")]
    assert set(matrix.table(manifests)) == GOLDEN


def test_prometheus_reads_metrics_and_nothing_else_where_it_is_named() -> None:
    manifests = [*render("nexus", MONITORED), *render("nexus-data", MONITORED)]
    assert set(matrix.table(manifests)) - GOLDEN == METRICS


def test_who_has_spans_reaches_the_collector_and_nothing_else_of_its_namespace() -> None:
    monitoring = MONITORED["network"]["monitoring"]
    traced = {"traces": {"endpoint": "http://collector.monitoring:4318", "peers": monitoring}}
    manifests = [*render("nexus", traced), *render("nexus-data")]
    (collector,) = (end for end in matrix.OUTSIDE if end.namespace == "monitoring")
    reached = {
        (end.name, port)
        for end in matrix.ends(manifests)
        for port in (4317, 4318, 9090)
        if matrix.allowed(manifests, end, collector, port)
    }
    assert reached == {(role, 4318) for role in ("proxy", "web", "live", "worker", "relay")}


def test_the_address_of_the_api_closes_the_way_out() -> None:
    api = {"network": {"api": [{"ipBlock": {"cidr": "10.77.0.1/32"}}]}}
    manifests = [*render("nexus"), *render("nexus-data", api)]
    assert not [cell for cell in matrix.table(manifests) if cell[1] == "internet"]


def test_without_policies_everybody_may_do_everything() -> None:
    off = {"network": {"enabled": False}}
    manifests = [*render("nexus", off), *render("nexus-data", off)]
    assert ("another namespace", "postgres", 5432) in set(matrix.table(manifests))


def test_every_pod_has_a_policy_of_its_own_before_it_starts() -> None:
    """A hook's policy is a hook that comes earlier."""
    for chart in ("nexus", "nexus-data"):
        manifests = render(chart, {"trial": True} if chart == "nexus" else {})
        weights = {
            each["metadata"]["name"]: int(each["metadata"]["annotations"]["helm.sh/hook-weight"])
            for each in manifests
            if each["kind"] == "NetworkPolicy" and "helm.sh/hook" in each["metadata"].get("annotations", {})
        }
        jobs = {
            each["metadata"]["name"]: int(each["metadata"]["annotations"].get("helm.sh/hook-weight", 0))
            for each in manifests
            if each["kind"] in ("Job", "Pod")
        }
        assert jobs
        for name, weight in jobs.items():
            assert weights[name] < weight
