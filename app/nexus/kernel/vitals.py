"""How Postgres and Redis are, as figures: asked by the relay, so that no exporter is needed and names are ours.

Postgres tells an ordinary user little of others: grant it pg_monitor (nexus-data does).
"""

from typing import TYPE_CHECKING, Any, Final

from django.db import connection

from nexus.kernel import metrics, redis

if TYPE_CHECKING:
    from redis import Redis

_POSTGRES: Final = """
SELECT (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'),
       current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int,
       (SELECT extract(epoch FROM max(clock_timestamp() - xact_start))
        FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()),
       (SELECT age(datfrozenxid) FROM pg_database WHERE datname = current_database()),
       pg_database_size(current_database()),
       (SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming'),
       (SELECT count(*) FROM pg_stat_replication WHERE sync_state IN ('sync', 'quorum')),
       (current_setting('synchronous_standby_names') <> '')::int,
       (SELECT max(pg_wal_lsn_diff(pg_current_wal_lsn(), replay_lsn)) FROM pg_stat_replication),
       (SELECT extract(epoch FROM clock_timestamp() - last_archived_time) FROM pg_stat_archiver)
"""
_GAUGES: Final = (
    metrics.POSTGRES_CONNECTIONS,
    metrics.POSTGRES_CONNECTIONS_LIMIT,
    metrics.POSTGRES_LONGEST_TRANSACTION_SECONDS,
    metrics.POSTGRES_TRANSACTION_AGE,
    metrics.POSTGRES_SIZE_BYTES,
    metrics.POSTGRES_STANDBYS,
    metrics.POSTGRES_SYNCHRONOUS_STANDBYS,
    metrics.POSTGRES_IS_SYNCHRONOUS,
    metrics.POSTGRES_REPLAY_LAG_BYTES,
    metrics.POSTGRES_ARCHIVED_SECONDS,
)


def measure() -> None:
    """Sets the gauges; raises what the database raises. Redis may be away."""
    with connection.cursor() as cursor:
        cursor.execute(_POSTGRES)
        for gauge, value in zip(_GAUGES, cursor.fetchone(), strict=True):
            gauge.set(value or 0)
    info = redis.attempt("vitals", _info, None)
    metrics.REDIS_UP.set(info is not None)
    if info is not None:
        metrics.REDIS_MEMORY_BYTES.set(info["used_memory"])
        metrics.REDIS_MEMORY_LIMIT_BYTES.set(info.get("maxmemory", 0))
        metrics.REDIS_EVICTED_KEYS.set(info["evicted_keys"])
        metrics.REDIS_REPLICAS.set(info.get("connected_slaves", 0))


def _info(client: "Redis") -> dict[str, Any]:
    found: dict[str, Any] = client.info()
    return found
