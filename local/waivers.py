"""What the static checks find and we leave as it is, each with its reason; one that matches nothing must go."""

from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Final


@dataclass(frozen=True)
class Finding:
    """One thing that a tool said. `where`: a file, or an environment of k8s/ and an object in it."""

    tool: str
    rule: str
    where: str
    told: str


@dataclass(frozen=True)
class Waiver:
    """`tool`, `rule` and `where` as patterns of a shell."""

    tool: str
    rule: str
    where: str
    why: str

    def covers(self, finding: Finding) -> bool:
        """Whether this is what is left as it is."""
        pairs = ((finding.tool, self.tool), (finding.rule, self.rule), (finding.where, self.where))
        return all(fnmatchcase(value, pattern) for value, pattern in pairs)


_CPU: Final = (
    "a limit on CPU slows requests down while the node is idle; requests share a busy node out, memory is limited"
)
_PULL: Final = "a tag is never written twice, so a node that has the image need not ask: a lost registry stops no pod"
_DIGEST: Final = (
    "image.digest wins over the tag; the tag in k8s/ is a place for what `make deploy` is told, which is a release"
)
_USER: Final = "the user that the official images of HAProxy and Redis have; their files belong to it"
_READY: Final = "nothing is sent to it: no Service selects it, or only by a name that must be known before it is ready"
_TOKEN: Final = "it talks to the Kubernetes API: Patroni's store, the Job that makes a secret; its Role has only that"
_ENDS: Final = "a pod of `helm test` or of a Job runs once and ends"

WAIVERS: Final = (
    # ---- The charts, as rendered in k8s/ ----
    Waiver("checkov", "CKV_K8S_11", "*", _CPU),
    Waiver("kube-score", "container-resources: CPU limit is not set", "*", _CPU),
    Waiver("checkov", "CKV_K8S_15", "*", _PULL),
    Waiver("kube-score", "container-image-pull-policy: *", "*", _PULL),
    Waiver("checkov", "CKV_K8S_43", "*", _DIGEST),
    Waiver(
        "checkov",
        "CKV_K8S_35",
        "*",
        "whoever can read the variables of a process can read its files as well",
    ),
    Waiver("checkov", "CKV_K8S_38", "* StatefulSet/nexus-data-postgres", _TOKEN),
    Waiver("checkov", "CKV_K8S_38", "* Job/nexus-data-secret", _TOKEN),
    Waiver("checkov", "CKV_K8S_38", "* Job/nexus-trial", _TOKEN),
    Waiver("checkov", "CKV_K8S_40", "* StatefulSet/nexus-data-redis", _USER),
    Waiver("checkov", "CKV_K8S_40", "* Deployment/nexus-proxy", _USER),
    Waiver("kube-score", "container-security-context-user-group-id: *", "* StatefulSet/nexus-data-redis", _USER),
    Waiver("kube-score", "container-security-context-user-group-id: *", "* Deployment/nexus-proxy", _USER),
    Waiver(
        "checkov",
        "CKV_K8S_8",
        "* Deployment/nexus-proxy",
        "the container beside HAProxy only hands it a renewed certificate",
    ),
    Waiver("checkov", "CKV_K8S_8", "* Pod/nexus-test", _ENDS),
    Waiver("checkov", "CKV_K8S_9", "* Pod/nexus-test", _ENDS),
    Waiver("kube-score", "pod-probes: Container is missing a readinessProbe", "* Pod/nexus-test", _ENDS),
    *(
        Waiver(tool, rule, f"* {where}", _READY)
        for tool, rule in (
            ("checkov", "CKV_K8S_9"),
            ("kube-score", "pod-probes: Container is missing a readinessProbe"),
        )
        for where in ("Deployment/nexus-relay", "Deployment/nexus-worker")
    ),
    Waiver("checkov", "CKV_K8S_9", "* Deployment/nexus-proxy", "the container beside HAProxy takes no traffic"),
    Waiver(
        "kube-score",
        "container-ephemeral-storage-request-and-limit: *",
        "*",
        "roots are read-only and every emptyDir has a sizeLimit; what is left is logs, which the node rotates",
    ),
    Waiver(
        "kube-score",
        "deployment-has-host-podantiaffinity: *",
        "*",
        "topologySpreadConstraints with nodeTaintsPolicy do it, and let a replica go elsewhere when a node is lost",
    ),
    Waiver(
        "kube-score",
        "pod-probes-identical: *",
        "* Deployment/nexus-proxy",
        "HAProxy without a backend still answers, so it is alive and ready alike; the period and the tries differ",
    ),
    Waiver(
        "kube-score",
        "pod-probes-identical: *",
        "* StatefulSet/nexus-data-redis",
        "who takes connections is alive and ready alike; whether it leads is what Sentinel says",
    ),
    Waiver(
        "kube-score",
        "service-targets-pod: *",
        "* Service/nexus-data-postgres-replicas",
        "Patroni labels the pods with their role",
    ),
    Waiver(
        "kube-score",
        "networkpolicy-targets-pod: *",
        "local NetworkPolicy/nexus-trial",
        "the Job's controller labels its pod",
    ),
    Waiver(
        "kube-score", "service-type: *", "local Service/nexus-proxy", "a cluster on one machine has no load balancer"
    ),
    # ---- Images ----
    Waiver(
        "hadolint",
        "DL3008",
        "*Dockerfile",
        "Debian removes a version that it replaces, so a pinned one is gone with the next security update",
    ),
    Waiver("hadolint", "DL3003", "Dockerfile", "one command in a folder; no later line is about it"),
    Waiver(
        "hadolint", "DL3066", "helm/e2e/standins.Dockerfile", "stand-ins in an end-to-end run; the pods give the number"
    ),
    Waiver("checkov", "CKV_DOCKER_2", "*Dockerfile", "Kubernetes has probes, one per role, and knows no HEALTHCHECK"),
    Waiver("checkov", "CKV_DOCKER_7", "*Dockerfile", "the base is an argument, whose default has a version"),
    # ---- Pipelines ----
    Waiver(
        "zizmor",
        "self-repository",
        ".github/workflows/release.yml",
        "neither actionlint nor GitHub's servers at companies know `$/` yet; nothing writes into the checkout before",
    ),
    Waiver(
        "checkov", "CKV_GHA_7", ".github/workflows/deploy.yml", "it builds nothing; a person chooses what goes where"
    ),
)


def judged(findings: list[Finding], tools: set[str]) -> tuple[list[Finding], list[Waiver]]:
    """The findings without a reason, and the reasons without a finding, of these tools."""
    left = [finding for finding in findings if not any(waiver.covers(finding) for waiver in WAIVERS)]
    idle = [
        waiver for waiver in WAIVERS if waiver.tool in tools and not any(waiver.covers(finding) for finding in findings)
    ]
    return left, idle
