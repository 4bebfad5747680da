"""`python -m nexus.config ROLE`: the one way in which a process of Nexus starts."""

import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from nexus.config.environment import Environment, load_or_exit
from nexus.config.state import own_directory
from nexus.kernel import logging

# What a role runs is imported when its turn has come: prometheus_client looks at its variable when it is imported, and
# the process that serves the metrics stays small.


def _web(environment: Environment) -> None:
    from nexus.config.server import Server

    Server(environment, "web").run()


def _live(environment: Environment) -> None:
    from nexus.config.server import Server

    Server(environment, "live").run()


def _worker(environment: Environment) -> None:
    _set_up("worker")
    from nexus.config import celery

    celery.work(environment)


def _relay(environment: Environment) -> None:
    _set_up("relay")
    from nexus.config import traces
    from nexus.config.relay import Relay

    Relay().run()
    traces.stop()


def _migrate(environment: Environment) -> None:
    from nexus.config.migrate import migrate

    migrate(environment)


def _fencer(environment: Environment) -> None:
    from nexus.config import fencer, sentry

    sentry.start(environment, "fencer")
    fencer.run(environment)


def _meter(environment: Environment) -> None:
    from nexus.config import meter, traces

    traces.start(environment, "proxy")
    meter.run(environment)
    traces.stop()


ROLES: Final[dict[str, Callable[[Environment], None]]] = {
    "web": _web,
    "live": _live,
    "worker": _worker,
    "relay": _relay,
    "migrate": _migrate,
    "fencer": _fencer,
    "meter": _meter,
}


def main(arguments: Sequence[str]) -> None:
    """Starts the role that is named, in this process; returns or exits when it has ended."""
    if len(arguments) != 1 or arguments[0] not in ROLES:
        sys.exit(f"usage: python -m nexus.config {'|'.join(ROLES)}")
    role = arguments[0]
    environment = load_or_exit(role)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "nexus.config.settings")
    logging.configure(level=environment.log_level, role=role)
    if role != "migrate":
        _keep_metrics(environment, role)
    ROLES[role](environment)


def _keep_metrics(environment: Environment, role: str) -> None:
    if not environment.metrics_bind:
        return
    directory = own_directory(Path(environment.state_directory), role)
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(directory)
    from nexus.config import metrics

    metrics.start(environment, role, directory)


def _set_up(role: str) -> None:
    import django

    django.setup()
    from django.conf import settings

    from nexus.config import sentry, traces

    sentry.start(settings.NEXUS, role)
    traces.start(settings.NEXUS, role)
    if not settings.BROKER_URL:
        sys.exit(f"nexus: the role {role} needs a broker: set NEXUS_BROKER_URL or NEXUS_REDIS_URL.")


if __name__ == "__main__":
    main(sys.argv[1:])
