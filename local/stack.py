"""What `make run` consists of: every process, its address, its variables; one place for people and programs."""

import json
import os
import sys

from local.certificates import certificate
from local.failure import Failure
from local.ports import why_taken
from local.postgres import Postgres
from local.processes import holder
from local.proxy import Proxy
from local.redis import Redis
from local.server import Server
from local.state import FOLDER_VARIABLE, ROOT, Settings, State
from local.supervisor import Program

APP = ROOT / "app"
REPLICAS = {"web": 3, "live": 1, "worker": 1, "relay": 2, "meter": 1}
SERVED = ("web", "live")
ROLES = [f"{role}-{number}" for role, count in REPLICAS.items() for number in range(1, count + 1)]
WATCHERS = ("prometheus", "alertmanager", "exporter-node", "exporter-postgres", "exporter-redis")
DOORS = {"https": ("NEXUS_PROXY_HTTPS_PORT", 8443), "http": ("NEXUS_PROXY_HTTP_PORT", 8080)}
PORTS = [
    "postgres",
    "redis",
    "supervisor",
    "proxy-metrics",
    "meter",
    *WATCHERS,
    *(name for name in ROLES if name.partition("-")[0] in SERVED),
    *(f"{name}-metrics" for name in ROLES),
]
WEB_WORKERS, WEB_THREADS = 2, 8


class Stack:
    """Three web, one live, one worker, two relays behind HAProxy, with their Postgres and Redis."""

    def __init__(self, state: State, settings: Settings) -> None:
        self.state = state
        self.settings = settings
        self.doors = {name: _door(variable, default) for name, (variable, default) in DOORS.items()}
        folder = state.folder
        self.postgres = Postgres(folder, settings.port("postgres"), settings.database_password, throwaway=False)
        self.redis = Redis(folder / "redis", settings.port("redis"), throwaway=False)
        self.proxy = Proxy(
            folder / "proxy",
            certificate(state.tls),
            web=[self.address(name) for name in ROLES if name.startswith("web-")],
            live=[self.address(name) for name in ROLES if name.startswith("live-")],
            https_port=self.doors["https"],
            http_port=self.doors["http"],
            metrics_port=settings.port("proxy-metrics"),
            meter=self.address("meter"),
            traces_share=_traces_share(),
            web_threads=self._number("NEXUS_WEB_WORKERS", WEB_WORKERS) * self._number("NEXUS_WEB_THREADS", WEB_THREADS),
        )

    def address(self, name: str) -> str:
        """Where one replica, or its metrics, answers."""
        return f"127.0.0.1:{self.settings.port(name)}"

    def check_doors(self) -> None:
        """Says so when the ports that people know are not ours to take."""
        for name, port in self.doors.items():
            variable, default = DOORS[name]
            other = f"choose another one: {variable}={default + 1000} make run"
            match why_taken(port):
                case None:
                    continue
                case PermissionError():
                    raise Failure(f"Port {port} needs root; {other}")
                case _:
                    raise Failure(f"Port {port} is taken ({holder(port)}); stop that, or {other}")

    def environment(self) -> dict[str, str]:
        """What every process of Nexus gets, as NEXUS_ variables; those of the caller count where they may."""
        folder = self.state.folder
        defaults = {
            "NEXUS_ENVIRONMENT": "run",
            "NEXUS_EMAIL_URL": f"file://{self.state.mail}",
            "NEXUS_EMAIL_FROM": "Nexus <nexus@localhost>",
            "NEXUS_WEB_WORKERS": str(WEB_WORKERS),
            "NEXUS_WEB_THREADS": str(WEB_THREADS),
            "NEXUS_GRACEFUL_TIMEOUT": "5",
            "NEXUS_DRAIN_SECONDS": "1",
            "NEXUS_ALLOWED_HOSTS": "localhost,127.0.0.1",
        }
        fixed = {
            "NEXUS_SECRET_KEY": self.settings.secret_key,
            "NEXUS_JWT_KEYS": f"run:{self.settings.jwt_key}",
            "NEXUS_DATABASE_URL": self.postgres.url,
            "NEXUS_REDIS_URL": self.redis.database_url(0),
            "NEXUS_BROKER_URL": self.redis.database_url(1),
            "NEXUS_PUBLIC_URL": self.proxy.url,
            "NEXUS_STATIC_ROOT": str(folder / "static"),
            "NEXUS_STATE_DIRECTORY": str(folder / "roles"),
            "PYTHONPATH": os.pathsep.join([str(APP), str(ROOT)]),
            "PYTHONUNBUFFERED": "1",
        }
        ours = (FOLDER_VARIABLE, *(variable for variable, _ in DOORS.values()))
        theirs = {name: value for name, value in os.environ.items() if name not in ours}
        return {**defaults, **theirs, **fixed}

    def programs(self) -> list[Program]:
        """Everything that the supervisor keeps alive."""
        return [
            self._server("postgres", self.postgres, priority=10),
            self._server("redis", self.redis, priority=20),
            *(self._role(name) for name in ROLES),
            self._server("proxy", self.proxy, priority=40),
        ]

    def prepare(self) -> None:
        """Makes the folders and files that the servers expect."""
        for server in (self.postgres, self.redis, self.proxy):
            server.prepare()

    def targets(self) -> str:
        """Where the metrics of each role are, for Prometheus's file_sd_configs."""
        found = {name: self.address(f"{name}-metrics") for name in [*ROLES, "proxy"]}
        rows = [
            {"targets": [address], "labels": {"role": name.partition("-")[0], "replica": name}}
            for name, address in found.items()
        ]
        return json.dumps(rows, indent=2)

    def _server(self, name: str, server: Server, priority: int) -> Program:
        return Program(
            name=name,
            command=server.command(),
            directory=self.postgres.home if server is self.postgres else server.directory,
            priority=priority,
            environment=server.environment(),
            user=server.user,
            stop_signal=server.stop_signal,
        )

    def _role(self, name: str) -> Program:
        role = name.partition("-")[0]
        variables = {
            "NEXUS_METRICS_BIND": self.address(f"{name}-metrics"),
            "NEXUS_STATE_DIRECTORY": str(self.state.folder / "roles" / name),
        }
        if role in SERVED:
            variables["NEXUS_BIND"] = self.address(name)
        if role == "relay":
            variables["NEXUS_METERS"] = self.address("meter-1-metrics")
        if role == "meter":
            variables |= {
                "NEXUS_METER_BIND": self.address(role),
                "NEXUS_METER_CERTIFICATE": str(self.proxy.pem),
            }
        return Program(
            name=name,
            command=[sys.executable, "-m", "nexus.config", role],
            directory=ROOT,
            priority=30,
            environment=variables,
            group="roles",
        )

    @staticmethod
    def _number(variable: str, default: int) -> int:
        given = os.environ.get(variable, "")
        return int(given) if given.isdigit() else default


def _traces_share() -> float:
    """As the roles read it, who also say what is wrong with it."""
    if not os.environ.get("NEXUS_TRACES_ENDPOINT"):
        return 0.0
    try:
        return float(os.environ.get("NEXUS_TRACES_SHARE") or 0.01)
    except ValueError:
        return 0.0


def _door(variable: str, default: int) -> int:
    given = os.environ.get(variable) or str(default)
    if not given.isdigit() or not 0 < int(given) < 65536:
        raise Failure(f"{variable}={given} is no port; choose one from 1 to 65535, for example {default}.")
    return int(given)
