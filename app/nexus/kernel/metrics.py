"""Every metric of Nexus, with its unit in its name. Labels are names from the code, never ids or paths."""

from prometheus_client import Counter, Gauge, Histogram

_SECONDS = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)

# Of the objectives, which are whole buckets of these (monitoring/objectives.py).
_DOOR_SECONDS = (0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 15.0)
_DELAY_SECONDS = (0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 300.0)

DOOR_SECONDS = Histogram(
    "nexus_door_duration_seconds",
    "What users got at HAProxy and how long it took, waiting included, by door (rest, graphql, sign_in, live, web) and "
    "outcome (ok, limited, shed, error, left); of live the time until the stream began",
    ["door", "outcome"],
    buckets=_DOOR_SECONDS,
)
METER_BEGAN = Gauge(
    "nexus_meter_began_timestamp_seconds",
    "When this meter began: its counters hold what came since (the status page tells lives of meters apart by it)",
    multiprocess_mode="mostrecent",
)
METER_LINES_UNREAD = Counter("nexus_meter_lines_unread_total", "Lines of HAProxy's log that the meter does not know")
CERTIFICATE_EXPIRES = Gauge(
    "nexus_certificate_expires_timestamp_seconds", "When the door's certificate ends", multiprocess_mode="mostrecent"
)
SPANS = Counter(
    "nexus_spans_total",
    "Spans of traces, by outcome (sent; dropped: the collector was away, or too slow)",
    ["outcome"],
)
USE_CASE_SECONDS = Histogram(
    "nexus_use_case_duration_seconds",
    "Time of a use-case, by door (rest, graphql, live, web, admin, worker) and outcome (ok or the error's code)",
    ["use_case", "door", "outcome"],
    buckets=_SECONDS,
)
REQUESTS_IN_FLIGHT = Gauge("nexus_requests_in_flight", "Requests being answered", ["door"], multiprocess_mode="livesum")
REQUESTS = Counter("nexus_requests_total", "Answered requests, by door and status", ["door", "status"])
DATABASE_RETRIES = Counter("nexus_database_retries_total", "Operations tried again, by SQLSTATE", ["sqlstate"])
DATABASE_ERRORS = Counter(
    "nexus_database_errors_total",
    "Errors of Postgres, by class of SQLSTATE (connection: it could give none)",
    ["class"],
)
PRIMARY_AWAY = Gauge(
    "nexus_primary_away", "Processes that cannot connect to the primary and look for it", multiprocess_mode="livesum"
)
PARKED_WRITES = Gauge("nexus_parked_writes", "Writes that wait for the primary", multiprocess_mode="livesum")
WRITES_REFUSED = Counter("nexus_writes_refused_total", "Writes refused because enough others wait for the primary")
COMMITS_CANCELLED = Counter("nexus_commits_cancelled_total", "Commits past their deadline, cancelled at the server")
COMMITS_UNCONFIRMED = Counter(
    "nexus_commits_unconfirmed_total", "Commits that no standby has confirmed and that were not acknowledged"
)
READS = Counter(
    "nexus_reads_total",
    "Reads where replicas are configured, by node that answered: replica, second (another replica), primary, late (a "
    "replica beyond the lag limit while the primary is away), stale (the last good answer)",
    ["node"],
)
READS_BEHIND = Counter(
    "nexus_reads_behind_total", "Reads that left a replica because it had not replayed what the caller wrote or saw"
)
REPLICAS_LEFT = Counter(
    "nexus_replicas_left_total",
    "Times a replica was left for another connection: late, promoted, an SQLSTATE or connection",
    ["reason"],
)
REPLICATION_LAG = Gauge(
    "nexus_replication_lag_seconds",
    "Age of the newest commit that a replica had replayed when it was last asked",
    multiprocess_mode="livemax",
)
IDEMPOTENT_REPLAYS = Counter("nexus_idempotent_replays_total", "Calls answered from their idempotency row")
RATE_LIMITED = Counter("nexus_rate_limited_total", "Refused calls, by policy", ["policy"])
REDIS_ERRORS = Counter("nexus_redis_errors_total", "Calls to Redis that failed, by purpose", ["purpose"])
CACHE = Counter("nexus_cache_requests_total", "Look-ups, by cache and result (hit, miss, off)", ["cache", "result"])
OUTBOX_OLDEST_SECONDS = Gauge(
    "nexus_outbox_oldest_seconds",
    "Age of the oldest event or delivery that nobody has tried yet",
    multiprocess_mode="mostrecent",
)
OUTBOX_PENDING = Gauge("nexus_outbox_pending", "Events and deliveries that wait", multiprocess_mode="mostrecent")
DELIVERIES = Counter("nexus_deliveries_total", "Deliveries sent to the queue, by reaction", ["reaction"])
TASKS = Histogram(
    "nexus_task_duration_seconds", "Time of a reaction, by outcome", ["reaction", "outcome"], buckets=_SECONDS
)
REACTION_DELAY = Histogram(
    "nexus_reaction_delay_seconds",
    "Time from an event to the end of a reaction to it, by reaction",
    ["reaction"],
    buckets=_DELAY_SECONDS,
)
DEAD_LETTERS = Counter("nexus_dead_letters_total", "Deliveries given up, by reaction", ["reaction"])
DEAD_LETTERS_KEPT = Gauge(
    "nexus_dead_letters_waiting", "Deliveries given up that wait for an operator", multiprocess_mode="mostrecent"
)
QUEUE_MESSAGES = Gauge(
    "nexus_queue_messages", "Messages in the broker, by queue", ["queue"], multiprocess_mode="mostrecent"
)
BROKER_ERRORS = Counter("nexus_broker_errors_total", "Times the relay could not reach the broker")
HEARTBEAT = Gauge(
    "nexus_heartbeat_timestamp_seconds",
    "When the worker last ran a queue's heartbeat",
    ["queue"],
    multiprocess_mode="max",
)
MIGRATIONS_PENDING = Gauge(
    "nexus_migrations_pending", "Migrations of this release that are not applied", multiprocess_mode="mostrecent"
)
LIVE_STREAMS = Gauge("nexus_live_streams", "Open live streams", multiprocess_mode="livesum")
LIVE_DELAY = Histogram(
    "nexus_live_delay_seconds", "Time from a commit to its push in the live role", buckets=_DELAY_SECONDS
)
LIVE_MESSAGES = Counter("nexus_live_messages_total", "Messages sent to live streams, by kind", ["kind"])
FENCER_OBSERVATIONS = Counter(
    "nexus_fencer_observations_total", "Looks at a database node, by result (there or silent)", ["result"]
)
FENCER_REFUSALS = Counter("nexus_fencer_refusals_total", "Silent leaders that were not fenced, by reason", ["reason"])
FENCER_FENCINGS = Counter(
    "nexus_fencer_fencings_total",
    "Fencings, by outcome (released; superseded by another leader; failed, when the command did)",
    ["outcome"],
)

# ---- How Postgres and Redis are, as the relay sees them ----


def _vital(name: str, meaning: str) -> Gauge:
    return Gauge(name, meaning, multiprocess_mode="mostrecent")


POSTGRES_CONNECTIONS = _vital("nexus_postgres_connections", "Clients of the primary")
POSTGRES_CONNECTIONS_LIMIT = _vital("nexus_postgres_connections_limit", "Clients that the primary takes")
POSTGRES_LONGEST_TRANSACTION_SECONDS = _vital(
    "nexus_postgres_longest_transaction_seconds",
    "Age of the oldest open transaction",
)
POSTGRES_TRANSACTION_AGE = _vital(
    "nexus_postgres_transaction_age",
    "Transactions since the oldest frozen row; at two thousand million Postgres stops",
)
POSTGRES_SIZE_BYTES = _vital("nexus_postgres_size_bytes", "Size of the database")
POSTGRES_STANDBYS = _vital("nexus_postgres_standbys", "Standbys that stream from the primary")
POSTGRES_SYNCHRONOUS_STANDBYS = _vital("nexus_postgres_synchronous_standbys", "Those of them that may confirm a commit")
POSTGRES_IS_SYNCHRONOUS = _vital("nexus_postgres_is_synchronous", "1 where commits wait for a standby")
POSTGRES_REPLAY_LAG_BYTES = _vital("nexus_postgres_replay_lag_bytes", "Log that the slowest standby has not replayed")
POSTGRES_ARCHIVED_SECONDS = _vital(
    "nexus_postgres_archived_seconds",
    "Time since a segment of the log was archived; 0 where none ever was",
)
REDIS_UP = _vital("nexus_redis_up", "1 while Redis answers")
REDIS_MEMORY_BYTES = _vital("nexus_redis_memory_bytes", "Memory that Redis uses")
REDIS_MEMORY_LIMIT_BYTES = _vital("nexus_redis_memory_limit_bytes", "Memory that Redis may use; 0: no limit")
REDIS_EVICTED_KEYS = _vital(
    "nexus_redis_evicted_keys",
    "Keys that Redis has dropped for want of memory since it started",
)
REDIS_REPLICAS = _vital("nexus_redis_replicas", "Replicas of the Redis master")
