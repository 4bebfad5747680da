"""Who may talk to whom, computed from the NetworkPolicies as a cluster would: both ends must allow it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from typing import Any

from helm.charts import NAMESPACE, Manifest, pods


@dataclass(frozen=True)
class End:
    """A pod, or somebody outside: `address` for those who are no pods."""

    name: str
    namespace: str = NAMESPACE
    labels: tuple[tuple[str, str], ...] = ()
    address: str = ""


OUTSIDE = (
    End("anybody", address="203.0.113.7"),
    End("internet", address="203.0.113.8"),
    End("dns", "kube-system", (("k8s-app", "kube-dns"),)),
    End("another namespace", "elsewhere", (("app", "other"),)),
    End("prometheus", "monitoring", (("app", "prometheus"),)),
    End("kubernetes api", address="10.77.0.1"),
)


def ends(manifests: list[Manifest]) -> list[End]:
    """One for each kind of pod, by its component."""
    found: dict[str, End] = {}
    for name, pod in pods(manifests):
        labels = dict(pod["metadata"]["labels"])
        if name.startswith("Job/"):
            labels["batch.kubernetes.io/job-name"] = name.removeprefix("Job/")
        called = labels.get("app.kubernetes.io/component") or name
        found[called] = End(called, NAMESPACE, tuple(sorted(labels.items())))
    return list(found.values())


def listening(manifests: list[Manifest]) -> dict[str, set[int]]:
    """The ports of each."""
    found: dict[str, set[int]] = {}
    for name, pod in pods(manifests):
        called = pod["metadata"]["labels"].get("app.kubernetes.io/component") or name
        ports = {port["containerPort"] for each in pod["spec"]["containers"] for port in each.get("ports", ())}
        found.setdefault(called, set()).update(ports)
    return found


def allowed(manifests: list[Manifest], sender: End, receiver: End, port: int, protocol: str = "TCP") -> bool:
    """Whether a connection comes about."""
    policies = [each for each in manifests if each["kind"] == "NetworkPolicy"]
    return _lets(policies, sender, receiver, port, protocol, "Egress") and _lets(
        policies, receiver, sender, port, protocol, "Ingress"
    )


def table(manifests: list[Manifest]) -> Iterator[tuple[str, str, int]]:
    """Every cell that is allowed: from, to, port."""
    inside, ports = ends(manifests), listening(manifests)
    extra = {"internet": {443, 587}, "dns": {53}, "kubernetes api": {443, 6443}}
    for receiver in (*inside, *OUTSIDE):
        for port in sorted(ports.get(receiver.name, set()) | extra.get(receiver.name, set())):
            for sender in (*inside, *OUTSIDE):
                if sender in OUTSIDE and receiver in OUTSIDE:
                    continue
                if allowed(manifests, sender, receiver, port):
                    yield sender.name, receiver.name, port


def _lets(policies: Sequence[Manifest], own: End, other: End, port: int, protocol: str, direction: str) -> bool:
    """What the policies of one end say; nobody asks those who are no pods of ours."""
    about = [p for p in policies if _selects(p["spec"]["podSelector"], dict(own.labels)) and own.namespace == NAMESPACE]
    about = [p for p in about if direction in p["spec"]["policyTypes"] and not own.address]
    if not about:
        return True
    rules = [rule for policy in about for rule in policy["spec"].get(direction.lower()) or ()]
    side = "to" if direction == "Egress" else "from"
    return any(_fits(rule, side, other, port, protocol) for rule in rules)


def _fits(rule: Mapping[str, Any], side: str, other: End, port: int, protocol: str) -> bool:
    ports = rule.get("ports")
    if ports and not any(each.get("protocol", "TCP") == protocol and each.get("port", port) == port for each in ports):
        return False
    peers = rule.get(side)
    return not peers or any(_is(peer, other) for peer in peers)


def _is(peer: Mapping[str, Any], other: End) -> bool:
    if "ipBlock" in peer:
        # Pods' addresses are not known before they run; whoever means pods says so by their labels.
        return bool(other.address) and ip_address(other.address) in ip_network(peer["ipBlock"]["cidr"])
    if other.address:
        return False
    if "namespaceSelector" in peer:
        if not _selects(peer["namespaceSelector"], {"kubernetes.io/metadata.name": other.namespace}):
            return False
    elif other.namespace != NAMESPACE:
        return False
    return _selects(peer.get("podSelector", {}), dict(other.labels))


def _selects(selector: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    wanted = selector.get("matchLabels") or {}
    if any(labels.get(key) != value for key, value in wanted.items()):
        return False
    for each in selector.get("matchExpressions") or ():
        if each["operator"] != "In":
            raise NotImplementedError(each["operator"])
        if labels.get(each["key"]) not in each["values"]:
            return False
    return True
