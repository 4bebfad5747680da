"""The images of a run: this release, the next one, one whose migration fails, and what stands beside."""

import shutil
import tempfile
from pathlib import Path
from typing import Final

from drills.kubernetes.kubectl import RIG, Kubectl
from local.failure import Failure
from local.state import ROOT

BUILD_S: Final = 1_800.0
NOW, NEXT, BROKEN = "nexus:e2e-1", "nexus:e2e-2", "nexus:e2e-broken"
POSTGRES: Final = "nexus-postgres:e2e"
# Where no registry can be reached, these are made from Debian's packages; elsewhere the charts' own defaults are used.
STANDINS: Final = {"proxy.image": "haproxy:e2e", "redis.image": "redis:e2e"}
PROMETHEUS: Final = "prometheus:e2e"
_MIGRATION: Final = '''"""Of the end-to-end test alone."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("nexus", "{last}")]
    operations = [migrations.RunSQL({forwards!r}, migrations.RunSQL.noop)]
'''


class Images:
    """Built on this machine and brought to every node."""

    def __init__(self, kubectl: Kubectl) -> None:
        self._on_rig, self._built = kubectl.is_rig, list[str]()
        engines = [found for name in ("docker", "podman") if (found := shutil.which(name))]
        if not self._on_rig and not engines:
            raise Failure("Neither docker nor podman is here, which build the images; try: apt-get install podman")
        self._engine = engines[0] if engines else ""

    def build(self) -> None:
        """All of them."""
        self._build(NOW, ROOT, "--target=nexus", "--build-arg=RELEASE=e2e-1")
        self._build(POSTGRES, ROOT, "--target=postgres")
        if self._on_rig:
            folder = ROOT / "helm" / "e2e"
            for image in (*STANDINS.values(), PROMETHEUS):
                self._build(
                    image, folder, f"--file={folder}/standins.Dockerfile", f"--target={image.partition(':')[0]}"
                )
        self._with_migration(NEXT, "9998_next", "CREATE TABLE of_the_next_release (id integer)")
        self._with_migration(BROKEN, "9999_broken", "SELECT 1 / 0")
        load = (str(RIG / "load"),) if self._on_rig else ("kind", "load", "docker-image", "--name", "nexus")
        Kubectl().run(*load, *self._built, seconds=BUILD_S)

    def values(self, value: str) -> list[str]:
        """What names a stand-in to a chart: `proxy.image` or `redis.image`."""
        return chosen(value, STANDINS[value]) if self._on_rig else []

    def _with_migration(self, image: str, migration: str, forwards: str) -> None:
        last = max(path.stem for path in (ROOT / "app" / "nexus" / "migrations").glob("0*.py"))
        release = image.partition(":")[2]
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            (folder / f"{migration}.py").write_text(_MIGRATION.format(last=last, forwards=forwards))
            lines = (
                f"FROM {NOW}",
                f"COPY {migration}.py /srv/nexus/app/nexus/migrations/",
                f"ENV NEXUS_RELEASE={release}",
            )
            (folder / "Dockerfile").write_text("\n".join(lines) + "\n")
            self._build(image, folder)

    def _build(self, image: str, folder: Path, *arguments: str) -> None:
        if self._on_rig:
            words = [str(RIG / "build"), image, str(folder), *arguments]
        else:
            words = [self._engine, "build", "--tag", image, *arguments, str(folder)]
        Kubectl().run(*words, seconds=BUILD_S)
        self._built.append(image)


def chosen(value: str, image: str) -> list[str]:
    """The words that set an image value of a chart."""
    name, _, tag = image.partition(":")
    return [f"--set={value}.repository={name}", f"--set-string={value}.tag={tag}"]
