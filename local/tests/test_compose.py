"""compose.yaml is the charts' roles on one machine: the same commands, images, variables and walls."""

from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from helm.charts import HELM, pods
from helm.tests.charts import render
from local import compose
from local.state import FOLDER_VARIABLE, ROOT
from nexus.config import environment

ROLES: Final = {"web", "live", "worker", "relay", "migrate"}


@pytest.fixture(scope="module")
def services() -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]
    return found


def test_its_roles_and_what_they_run_are_those_of_the_chart(services: dict[str, dict[str, Any]]) -> None:
    chart = {
        container["name"]: container.get("args") or container.get("command")
        for name, pod in pods(render("nexus"))
        if not name.startswith("Pod/")  # of helm test
        for container in pod["spec"]["containers"]
    }
    assert set(services) == {*ROLES, "meter", "proxy", "postgres", "redis"}
    for role in (*ROLES, "meter"):
        assert services[role]["command"] == chart[role]


def test_its_images_are_those_of_the_charts(services: dict[str, dict[str, Any]]) -> None:
    proxy = yaml.safe_load((HELM / "nexus" / "values.yaml").read_text())["proxy"]["image"]
    data = yaml.safe_load((HELM / "nexus-data" / "values.yaml").read_text())
    redis = data["redis"]["image"]
    assert services["proxy"]["image"] == f"${{HAPROXY_IMAGE:-{proxy['repository']}:{proxy['tag']}}}"
    assert services["redis"]["image"] == f"${{REDIS_IMAGE:-{redis['repository']}:{redis['tag']}}}"
    assert services["postgres"]["image"] == f"${{POSTGRES_IMAGE:-{data['image']['repository']}:development}}"
    assert {services[role]["image"] for role in (*ROLES, "meter")} == {"${NEXUS_IMAGE:-nexus:development}"}


def test_only_who_needs_them_shares_a_network_with_the_databases(services: dict[str, dict[str, Any]]) -> None:
    on = {
        network: {name for name, service in services.items() if network in service.get("networks", ())}
        for network in ("outside", "front", "data")
    }
    assert on == {
        "outside": {"proxy", "worker"},
        "front": {"proxy", "web", "live", "relay"},  # relay reads the meter beside the proxy
        "data": {*ROLES, "postgres", "redis"},
    }
    assert services["meter"]["network_mode"] == "service:proxy"
    assert "env_file" not in services["meter"], "it needs no secrets"
    networks = yaml.safe_load((ROOT / "compose.yaml").read_text())["networks"]
    assert {name for name, network in networks.items() if not network.get("internal")} == {"outside"}
    assert {name: service["ports"] for name, service in services.items() if "ports" in service} == {
        "proxy": ["127.0.0.1:8443:8443"]
    }


def test_every_container_is_confined(services: dict[str, dict[str, Any]]) -> None:
    for name, service in services.items():
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name


def test_the_proxy_is_told_nothing_that_its_file_does_not_read(services: dict[str, dict[str, Any]]) -> None:
    text = (ROOT / "haproxy" / "haproxy.cfg").read_text()
    assert "./haproxy/haproxy.cfg:/usr/local/etc/haproxy/haproxy.cfg:ro" in services["proxy"]["volumes"]
    assert {name for name in services["proxy"]["environment"] if name not in text} == set()


def test_its_secrets_are_made_once_and_are_all_that_the_roles_require(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path))
    compose.main()
    made = {path.name: path.read_bytes() for path in (tmp_path / "compose").iterdir()}
    compose.main()
    assert {path.name: path.read_bytes() for path in (tmp_path / "compose").iterdir()} == made
    told = dict(line.split("=", 1) for line in made["nexus.env"].decode().splitlines())
    known = {variable.name for variable in environment.variables()}
    assert set(told) <= known
    password = made["postgres.env"].decode().partition("POSTGRES_PASSWORD=")[2].strip()
    assert told["NEXUS_DATABASE_URL"] == f"postgres://nexus:{password}@postgres:5432/nexus"
    assert (tmp_path / "compose" / "nexus.env").stat().st_mode & 0o077 == 0
