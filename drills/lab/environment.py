"""The variables of Nexus in the laboratory."""

from typing import Final

from drills.lab.network import DATABASES, FLOATING
from drills.lab.places import HTTPS, POSTGRES, REPLICAS, SENTINEL, Places
from drills.lab.template import APPLICATION
from local.sentinel import MASTER
from local.test_environment import variables

_FOLDERS: Final = ("static", "mail")


def role_variables(places: Places) -> dict[str, str]:
    """What all roles on all hosts have in common."""
    floating = places.network.address(FLOATING)
    sentinels = ",".join(places.of(node, str(SENTINEL)) for node in DATABASES)
    redis = f"redis+sentinel://{sentinels}/{MASTER}"
    for folder in _FOLDERS:
        (places.folder / folder).mkdir(exist_ok=True)
    return {
        **variables(places.folder, _postgres(floating, POSTGRES), f"{redis}/0", f"{redis}/1"),
        "NEXUS_DATABASE_REPLICA_URL": _postgres(floating, REPLICAS),
        "NEXUS_ENVIRONMENT": "laboratory",
        "NEXUS_PUBLIC_URL": f"https://{floating}:{HTTPS}",
        "NEXUS_ALLOWED_HOSTS": f"localhost,{floating}",
        "NEXUS_GRACEFUL_TIMEOUT": "10",
        "NEXUS_DRAIN_SECONDS": "1",
        **places.options.environment,
    }


def _postgres(address: str, port: int) -> str:
    return f"postgres://{APPLICATION}:nexus@{address}:{port}/nexus"
