"""What the charts give to Prometheus and Grafana."""

import json
import subprocess
from pathlib import Path
from typing import Any

import yaml

from helm.e2e.watching import configuration
from helm.tests.charts import render
from local.state import ROOT

MONITORED = {
    "trial": True,
    "monitoring": {each: {"enabled": True} for each in ("serviceMonitor", "prometheusRule", "dashboards")},
}


def of_kind(kind: str) -> list[dict[str, Any]]:
    return [each for each in render("nexus", MONITORED) if each["kind"] == kind]


def test_the_rules_are_those_of_monitoring() -> None:
    given = {each["metadata"]["name"]: each["spec"] for each in of_kind("PrometheusRule")}
    assert given == {
        f"nexus-{name}": yaml.safe_load((ROOT / "monitoring" / "rules" / f"{name}.yaml").read_text())
        for name in ("objectives", "alerts")
    }


def test_the_dashboards_are_those_of_monitoring_for_the_sidecar() -> None:
    found: dict[str, Any] = {}
    for each in of_kind("ConfigMap"):
        if each["metadata"]["labels"].get("grafana_dashboard") == "1":
            found |= {name: json.loads(text) for name, text in each["data"].items()}
    assert found == {
        f"nexus-{path.name}": json.loads(path.read_text())
        for path in (ROOT / "monitoring" / "dashboards").glob("*.json")
    }


def test_prometheus_takes_what_an_operator_makes_of_the_service_monitors(tmp_path: Path) -> None:
    labels = {"app.kubernetes.io/component": "proxy"}
    pod = {"metadata": {"name": "nexus-proxy-1", "labels": labels}}
    ports = [{"name": "metrics", "port": 9105}, {"name": "meter", "port": 9106}]
    address = {"ip": "10.244.1.7", "targetRef": {"name": "nexus-proxy-1"}}
    (service,) = (each for each in of_kind("Service") if each["metadata"]["name"] == "nexus-metrics")
    endpoints = {"metadata": service["metadata"], "subsets": [{"addresses": [address], "ports": ports}]}
    other = {**endpoints, "metadata": {"name": "nexus-web"}}
    made = configuration(of_kind("ServiceMonitor"), [endpoints, other], [pod])
    targets = {
        target: config["labels"]["__meta_kubernetes_pod_label_app_kubernetes_io_component"]
        for job in made["scrape_configs"]
        for config in job["static_configs"]
        for target in config["targets"]
    }
    assert targets == {"10.244.1.7:9105": "proxy", "10.244.1.7:9106": "proxy"}
    path = tmp_path / "prometheus.json"
    path.write_text(json.dumps(made))
    done = subprocess.run(["promtool", "check", "config", str(path)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
