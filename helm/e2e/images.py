"""The images of a run: this release, the next one with a migration more, one whose migration fails, and what stands beside."""

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from drills.kubernetes.kubectl import RIG, Kubectl
from local.state import ROOT

BUILD_S: Final = 1_800.0
NOW, NEXT, BROKEN = "nexus:e2e-1", "nexus:e2e-2", "nexus:e2e-broken"
POSTGRES, PROXY, REDIS = "nexus-postgres:e2e", "haproxy:e2e", "redis:e2e"
_MIGRATION: Final = '''"""Of the end-to-end test alone."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("nexus", "{last}")]
    operations = [migrations.RunSQL({forwards!r}, migrations.RunSQL.noop)]
'''


def build() -> None:
    """All of them, on every node of the rig."""
    _build(NOW, ROOT, "--target=nexus", "--build-arg=RELEASE=e2e-1")
    _build(POSTGRES, ROOT, "--target=postgres")
    for image in (PROXY, REDIS):
        target = image.partition(":")[0]
        _build(image, ROOT / "helm" / "e2e", f"--file={ROOT}/helm/e2e/standins.Dockerfile", f"--target={target}")
    _with_migration(NEXT, "CREATE TABLE of_the_next_release (id integer)")
    _with_migration(BROKEN, "SELECT 1 / 0")
    Kubectl().run(str(RIG / "load"), NOW, NEXT, BROKEN, POSTGRES, PROXY, REDIS, seconds=BUILD_S)


def _with_migration(image: str, forwards: str) -> None:
    last = max(path.stem for path in (ROOT / "app" / "nexus" / "migrations").glob("0*.py"))
    release = image.partition(":")[2]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "9999_end_to_end.py").write_text(_MIGRATION.format(last=last, forwards=forwards))
        (folder / "Dockerfile").write_text(
            f"FROM {NOW}\nCOPY 9999_end_to_end.py /srv/nexus/app/nexus/migrations/\nENV NEXUS_RELEASE={release}\n"
        )
        _build(image, folder)


def _build(image: str, folder: Path, *arguments: str) -> None:
    words: Sequence[str] = (str(RIG / "build"), image, str(folder), *arguments)
    Kubectl().run(*words, seconds=BUILD_S)
