"""One installation of both charts for `make e2e`, and how it is asked for."""

from pathlib import Path
from typing import Final

from drills.kubernetes.cluster import KubernetesCluster, door
from drills.kubernetes.kubectl import Kubectl
from helm.e2e.images import POSTGRES, Images, chosen
from local.certificates import Authority
from local.state import ROOT

HOST: Final = "nexus.test"
WAIT: Final = "--timeout=6m"
CHARTS: Final = ROOT / "helm"


class Platform:
    """One installation, in one namespace."""

    def __init__(self, kubectl: Kubectl, images: Images, folder: Path) -> None:
        self.kubectl, self.images, self.folder = kubectl, images, folder

    def prepare(self) -> None:
        """The namespace with its labels, and the certificate that clients of this run trust."""
        self.kubectl.run("kubectl", "apply", "--filename", str(ROOT / "k8s" / "local" / "namespace.yaml"))
        if self.kubectl.is_rig:  # else it makes volumes of a kind whose room no kubelet tells
            self.kubectl("annotate", "storageclass", "local-path", "defaultVolumeType=local", "--overwrite")
        authority = Authority()
        (self.folder / "ca.crt").write_bytes(authority.pem)
        pem = authority.server([HOST, *self.addresses()])
        certificate, _, key = pem.partition(b"-----BEGIN PRIVATE KEY-----")
        (self.folder / "tls.crt").write_bytes(certificate)
        (self.folder / "tls.key").write_bytes(b"-----BEGIN PRIVATE KEY-----" + key)
        files = (f"--from-file={name}={self.folder / name}" for name in ("tls.crt", "tls.key", "ca.crt"))
        self.kubectl("delete", "secret", "nexus-tls", "--ignore-not-found")
        self.kubectl("create", "secret", "generic", "nexus-tls", "--type=kubernetes.io/tls", *files)

    def addresses(self) -> list[str]:
        """Where the proxy may be: at a node's address, or at what the rig gives to services of type LoadBalancer."""
        known = [each for node in self.kubectl.get("nodes") for each in node["status"]["addresses"]]
        nodes = [each["address"] for each in known if each["type"] == "InternalIP"]
        return nodes + [f"10.77.100.{number}" for number in range(64, 128) if self.kubectl.is_rig]

    def install_data(self, *more: str, helm: str = "helm") -> None:
        """PostgreSQL and Redis, ready."""
        image = chosen("image", POSTGRES) + self.images.values("redis.image")
        api = ["--set=network.api[0].ipBlock.cidr=10.77.0.1/32"] if self.kubectl.is_rig else []
        chart = ("nexus-data", str(CHARTS / "nexus-data"))
        self.helm("upgrade", "--install", *chart, *image, *api, *more, WAIT, "--wait", program=helm)

    def install(self, image: str, *more: str, helm: str = "helm", check: bool = True) -> str:
        """The application at an image, ready."""
        values = {
            "publicUrl": f"https://{HOST}",
            "trial": "true",
            "proxy.certificate.secretName": "nexus-tls",
            "proxy.service.type": "LoadBalancer",
            # The rig's load balancer asks no node whether it has a proxy.
            "proxy.service.externalTrafficPolicy": "Cluster" if self.kubectl.is_rig else "Local",
            "config.rateLimits": "false",
            "proxy.rateLimit": "0",
            "web.autoscaling.enabled": "false",
        }
        words = [f"--set={name}={value}" for name, value in values.items()]
        hosts = f"--set=allowedHosts={{{','.join(self.addresses()[:8])}}}"
        words += [*chosen("image", image), *self.images.values("proxy.image"), hosts, *more]
        chart = ("nexus", str(CHARTS / "nexus"))
        return self.helm("upgrade", "--install", *chart, *words, WAIT, "--wait", program=helm, check=check)

    def uninstall(self, *releases: str) -> None:
        """Until the last pod is gone."""
        for release in releases:
            self.helm("uninstall", release, "--cascade=foreground", "--wait", WAIT)

    def helm(self, *words: str, program: str = "helm", check: bool = True) -> str:
        """helm 4, or `helm3`, in the namespace."""
        return self.kubectl.run(program, "--namespace", self.kubectl.namespace, *words, seconds=420, check=check)

    def cluster(self) -> KubernetesCluster:
        """As drills see it."""
        return KubernetesCluster(self.kubectl, door(self.kubectl), self.folder / "ca.crt")

    def objects(self) -> set[str]:
        """Everything of the two releases that is there."""
        kinds = "deployments,statefulsets,jobs,pods,services,configmaps,secrets,serviceaccounts,roles,rolebindings"
        kinds += ",networkpolicies,poddisruptionbudgets,horizontalpodautoscalers,persistentvolumeclaims,endpoints"
        words = ("get", kinds, "--selector", "app.kubernetes.io/part-of in (nexus,nexus-data)", "--output", "name")
        return set(self.kubectl(*words).split())
