"""Properties of every object that the charts make."""

import re
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest

from helm.charts import HELM, Manifest, pods
from helm.tests.charts import LEAST, merged, render
from nexus.config import environment

OLDEST, NEWEST = "1.30", "1.37"
EVERYTHING: dict[str, dict[str, Any]] = {
    "nexus": {
        "trial": True,
        "ingress": {"enabled": True},
        "proxy": {"trustedProxiesInFront": 1, "autoscaling": {"enabled": True}},
        "live": {"autoscaling": {"enabled": True}},
        "worker": {"autoscaling": {"enabled": True}},
        "secret": {"keys": {"sentryDsn": "sentry-dsn"}},
        "redis": {"keys": {"brokerUrl": "broker-url"}},
    },
    "nexus-data": {"applicationNamespace": "elsewhere"},
}
# Of variables that no chart sets: the image does, or the role has no place in a cluster like that.
NOT_IN_THE_CHART = {"NEXUS_STATIC_ROOT"} | {f"NEXUS_FENCER_{name}" for name in ("ETCD", "SCOPE", "COMMAND", "NAME")}


@pytest.fixture(scope="module", params=LEAST)
def chart(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def every(chart: str) -> list[Manifest]:
    return render(chart, EVERYTHING[chart])


@pytest.mark.parametrize("version", [OLDEST, NEWEST])
def test_kubernetes_knows_every_field(chart: str, version: str) -> None:
    for manifest in every(chart):
        kubernetes_validate.validate(manifest, version, strict=True)


def test_every_pod_is_restricted(chart: str) -> None:
    for name, pod in pods(every(chart)):
        spec = pod["spec"]
        assert spec["securityContext"]["runAsNonRoot"], name
        assert spec["securityContext"]["runAsUser"] > 0, name
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}, name
        assert not {"hostNetwork", "hostPID", "hostIPC"} & set(spec), name
        for container in spec["containers"]:
            confined = container["securityContext"]
            assert confined["allowPrivilegeEscalation"] is False, name
            assert confined["readOnlyRootFilesystem"] is True, name
            assert confined["capabilities"] == {"drop": ["ALL"]}, name
            assert {"cpu", "memory"} <= set(container["resources"]["requests"]), name
            assert "memory" in container["resources"]["limits"], name
            assert not container["image"].endswith(":latest"), name
        assert {"hostPath"}.isdisjoint(key for volume in spec.get("volumes", ()) for key in volume), name


def test_only_who_talks_to_kubernetes_has_a_token(chart: str) -> None:
    with_token = {
        name for name, pod in pods(every(chart)) if pod["spec"].get("automountServiceAccountToken") is not False
    }
    allowed = {"nexus": {"Job/nexus-trial"}, "nexus-data": {"StatefulSet/nexus-data-postgres", "Job/nexus-data-secret"}}
    assert with_token == allowed[chart]


def test_nothing_is_random(chart: str) -> None:
    assert every(chart) == every(chart)


def test_selectors_never_change_with_a_version(chart: str) -> None:
    for manifest in every(chart):
        if manifest["kind"] in ("Deployment", "StatefulSet"):
            assert set(manifest["spec"]["selector"]["matchLabels"]) == {
                f"app.kubernetes.io/{part}" for part in ("name", "instance", "component")
            }


def test_an_autoscaler_and_a_number_of_replicas_never_fight() -> None:
    manifests = every("nexus")
    scaled = {each["spec"]["scaleTargetRef"]["name"] for each in manifests if each["kind"] == "HorizontalPodAutoscaler"}
    for each in manifests:
        if each["kind"] == "Deployment":
            assert ("replicas" in each["spec"]) == (each["metadata"]["name"] not in scaled)


def test_every_variable_of_the_application_has_a_value_and_none_is_unknown() -> None:
    known = {variable.name for variable in environment.variables()}
    set_by_chart = {
        each["name"]
        for name, pod in pods(every("nexus"))
        for container in pod["spec"]["containers"]
        for each in container.get("env", ())
        if each["name"].startswith("NEXUS_") and not each["name"].startswith("NEXUS_PROXY_")
    }
    assert set_by_chart <= known
    assert known - set_by_chart == NOT_IN_THE_CHART


def test_every_variable_of_the_proxy_is_one_that_its_configuration_reads() -> None:
    text = (HELM.parent / "haproxy" / "haproxy.cfg").read_text()
    names = {
        each["name"]
        for name, pod in pods(every("nexus"))
        for container in pod["spec"]["containers"]
        for each in container.get("env", ())
        if each["name"].startswith("NEXUS_PROXY_")
    }
    assert names
    assert {name for name in names if name not in text} == set()


def test_the_proxys_configuration_is_the_one_file() -> None:
    (found,) = [
        each for each in render("nexus") if each["metadata"]["name"] == "nexus-proxy" and each["kind"] == "ConfigMap"
    ]
    assert found["data"]["haproxy.cfg"].strip() == (HELM.parent / "haproxy" / "haproxy.cfg").read_text().strip()
    assert (HELM / "nexus" / "files" / "haproxy.cfg").is_symlink()


@pytest.mark.parametrize(
    ("proxy", "proxies"),
    [
        ({"replicas": 1}, 1),
        ({"replicas": 2}, 2),
        ({"replicas": 3}, 3),
        ({"autoscaling": {"enabled": True, "max": 4}}, 4),
    ],
)
def test_all_proxies_together_send_a_replica_no_more_writes_than_may_wait_in_it(
    proxy: dict[str, Any], proxies: int
) -> None:
    (pod,) = [pod for name, pod in pods(render("nexus", {"proxy": proxy})) if name.endswith("nexus-proxy")]
    told = {each["name"]: each.get("value", "") for each in pod["spec"]["containers"][0]["env"]}
    slots = 2 * 8 // 4  # of the defaults: nexus.kernel.parking
    assert 0 < int(told["NEXUS_PROXY_WRITES_MAXCONN"]) * proxies <= slots
    assert int(told["NEXUS_PROXY_WEB_MAXCONN"]) * proxies >= 2 * 8 - slots


def test_drain_arithmetic_follows_from_one_value() -> None:
    """Proxy, web and live: who is asked to stop is no longer sent anything, and then has the time for what it runs."""
    for seconds in (1, 5, 30):
        deployments = {
            each["metadata"]["name"]: each["spec"]["template"]["spec"]
            for each in render("nexus", {"drainSeconds": seconds})
            if each["kind"] == "Deployment"
        }
        web, proxy = deployments["nexus-web"], deployments["nexus-proxy"]
        told = {each["name"]: each.get("value", "") for each in web["containers"][0]["env"]}
        drain, graceful = int(told["NEXUS_DRAIN_SECONDS"]), int(told["NEXUS_GRACEFUL_TIMEOUT"])
        assert drain == seconds
        assert web["terminationGracePeriodSeconds"] > drain + graceful
        container = next(each for each in proxy["containers"] if each["name"] == "proxy")
        waits = container["lifecycle"]["preStop"]["sleep"]["seconds"]
        hard_stop = next(each["value"] for each in container["env"] if each["name"] == "NEXUS_PROXY_HARD_STOP")
        assert proxy["terminationGracePeriodSeconds"] >= waits + int(re.sub("s$", "", hard_stop)) + 5
        assert waits > seconds


def test_symbolic_links_lead_to_what_is_there() -> None:
    for link in (path for path in HELM.rglob("*") if path.is_symlink()):
        assert link.resolve().exists(), link
        assert Path(*link.readlink().parts).parts[0] == "..", link


def test_hooks_refer_only_to_what_is_there_before_them(chart: str) -> None:
    """Not to an object of the release itself, which comes after them."""
    manifests = render(chart, merged(EVERYTHING[chart], {}))
    ordinary = {
        (each["kind"], each["metadata"]["name"])
        for each in manifests
        if not {"pre-install", "pre-upgrade"}
        & set(each["metadata"].get("annotations", {}).get("helm.sh/hook", "").split(","))
    }
    for each in manifests:
        if each["kind"] == "Job":
            spec = each["spec"]["template"]["spec"]
            used = {("ServiceAccount", spec["serviceAccountName"])}
            used |= {("ConfigMap", v["configMap"]["name"]) for v in spec["volumes"] if "configMap" in v}
            assert not used & ordinary, each["metadata"]["name"]
