"""Every panel of every dashboard, as a table: what is asked, in which unit, and where the question has an answer."""

from dataclasses import dataclass
from typing import Final, Literal

Place = Literal["run", "cluster"]  # where its queries return something: beside `make run`, in a cluster
Look = Literal["lines", "number"]
EVERYWHERE: Final[tuple[Place, ...]] = ("run", "cluster")
IN_A_CLUSTER: Final[tuple[Place, ...]] = ("cluster",)


@dataclass(frozen=True, slots=True)
class Panel:
    """`queries`: expression and legend; [R] stands for the interval that Grafana chooses.

    `warns`, `fails`: thresholds in the panel's unit. `span`: of 24 columns.
    """

    title: str
    description: str
    queries: tuple[tuple[str, str], ...]
    unit: str = "short"
    look: Look = "lines"
    warns: float | None = None
    fails: float | None = None
    span: int = 8
    places: tuple[Place, ...] = EVERYWHERE


@dataclass(frozen=True, slots=True)
class Dashboard:
    """`name` is also what alerts call it."""

    name: str
    title: str
    description: str
    rows: tuple[tuple[str, tuple[Panel, ...]], ...]


def _ask(title: str, description: str, expr: str, legend: str = "", **more: object) -> Panel:
    return Panel(title, description, ((expr, legend),), **more)  # type: ignore[arg-type]  # Panel's own words


def _quantiles(metric: str, by: str, selector: str = "") -> tuple[tuple[str, str], ...]:
    labels = f"by ({by}, le)" if by else "by (le)"
    return tuple(
        (
            f"histogram_quantile({quantile}, sum {labels} (rate({metric}_bucket{selector}[R])))",
            f"{{{{{by}}}}} p{quantile * 100:g}" if by else f"p{quantile * 100:g}",
        )
        for quantile in (0.5, 0.95, 0.99)
    )


_OK: Final = '{outcome="ok"}'
OVERVIEW: Final = Dashboard(
    "overview",
    "Nexus / Overview",
    "Objectives and what is left of their budget first; then the whole at a glance.",
    (
        (
            "Objectives over 30 days",
            (
                _ask(
                    "Bad events, share of the last hour",
                    "Of each objective; beside it stands what 30 days allow. Above that the budget shrinks.",
                    "nexus:objective_bad:ratio_rate1h",
                    "{{objective}}",
                    unit="percentunit",
                    span=12,
                ),
                _ask(
                    "How fast the budget burns",
                    "1: it lasts exactly 30 days. 14.4 wakes somebody: 2 % of it in an hour.",
                    "nexus:objective_bad:ratio_rate1h / on (objective, kind) nexus:objective_budget:ratio",
                    "{{objective}}",
                    warns=1,
                    fails=14.4,
                    span=12,
                ),
            ),
        ),
        (
            "Now",
            (
                _ask(
                    "Requests",
                    "Answered each second, by door, as users see it at HAProxy.",
                    "sum by (door) (rate(nexus_door_duration_seconds_count[R]))",
                    "{{door}}",
                    unit="reqps",
                ),
                _ask(
                    "How they end",
                    "ok; limited: 429; shed: 503; error: of ours; left: the client did not wait.",
                    "sum by (outcome) (rate(nexus_door_duration_seconds_count[R]))",
                    "{{outcome}}",
                    unit="reqps",
                ),
                Panel(
                    "How long they take",
                    "Good answers of all doors, the queue included.",
                    _quantiles("nexus_door_duration_seconds", "", _OK),
                    unit="s",
                ),
                _ask(
                    "Replicas",
                    "That can be scraped, by role.",
                    'sum by (role) (up{job="nexus"})',
                    "{{role}}",
                ),
                _ask(
                    "Releases",
                    "More than one while a deployment rolls.",
                    "count by (release) (nexus_build_info)",
                    "{{release}}",
                ),
                _ask(
                    "Events that wait",
                    "In the outbox and as deliveries. Falls to nearly nothing when workers keep up.",
                    "max(nexus_outbox_pending)",
                    "waiting",
                ),
                _ask(
                    "Migrations pending",
                    "Of the release that runs; 0 is as it should be.",
                    "max(nexus_migrations_pending)",
                    look="number",
                    fails=1,
                    span=6,
                ),
                _ask(
                    "Dead letters",
                    "Reactions that were given up and wait for somebody.",
                    "max(nexus_dead_letters_waiting)",
                    look="number",
                    warns=1,
                    span=6,
                ),
                _ask(
                    "Certificate ends in",
                    "Of the door, as its proxies have it.",
                    "min(nexus_certificate_expires_timestamp_seconds) - time()",
                    unit="s",
                    look="number",
                    span=6,
                ),
                _ask(
                    "Primary away",
                    "Processes that look for it.",
                    "sum(nexus_primary_away)",
                    look="number",
                    fails=1,
                    span=6,
                ),
            ),
        ),
    ),
)
DOORS: Final = Dashboard(
    "doors",
    "Nexus / Doors",
    "REST, GraphQL, sign-in, live and pages, as users get them, and the use-cases behind.",
    (
        (
            "At HAProxy",
            (
                Panel(
                    "Time of good answers, by door",
                    "The queue is included.",
                    _quantiles("nexus_door_duration_seconds", "door", _OK),
                    unit="s",
                    span=12,
                ),
                _ask(
                    "Answers, by door and outcome",
                    "error and shed use up the budget; limited and left do not.",
                    "sum by (door, outcome) (rate(nexus_door_duration_seconds_count[R]))",
                    "{{door}} {{outcome}}",
                    unit="reqps",
                    span=12,
                ),
            ),
        ),
        (
            "Use-cases",
            (
                _ask(
                    "Calls",
                    "By use-case, through all doors.",
                    "sum by (use_case) (rate(nexus_use_case_duration_seconds_count[R]))",
                    "{{use_case}}",
                    unit="ops",
                ),
                _ask(
                    "p95",
                    "Of each use-case, without the queue.",
                    "histogram_quantile(0.95, sum by (use_case, le) (rate(nexus_use_case_duration_seconds_bucket[R])))",
                    "{{use_case}}",
                    unit="s",
                ),
                _ask(
                    "Outcomes",
                    "ok, or the code of the error that the caller got.",
                    "sum by (outcome) (rate(nexus_use_case_duration_seconds_count[R]))",
                    "{{outcome}}",
                    unit="ops",
                ),
                _ask(
                    "In flight",
                    "Requests that are being answered now.",
                    "sum by (door) (nexus_requests_in_flight)",
                    "{{door}}",
                ),
                _ask(
                    "Answers by status",
                    "As the application gives them; HAProxy's own 503 are not here.",
                    "sum by (status) (rate(nexus_requests_total[R]))",
                    "{{status}}",
                    unit="reqps",
                ),
                _ask(
                    "Lines that the meter does not know",
                    "More than none: HAProxy and meter are of different releases.",
                    "sum(rate(nexus_meter_lines_unread_total[R]))",
                    "lines",
                    fails=0.01,
                ),
            ),
        ),
    ),
)
BACKGROUND: Final = Dashboard(
    "background",
    "Nexus / Background work",
    "From an event to its effects: outbox, queues, reactions.",
    (
        (
            "Is it on time?",
            (
                _ask(
                    "From event to effect, p95",
                    'By reaction; fan_out_post is "my followers see my post".',
                    "histogram_quantile(0.95, sum by (reaction, le) (rate(nexus_reaction_delay_seconds_bucket[R])))",
                    "{{reaction}}",
                    unit="s",
                    warns=5,
                    span=12,
                ),
                _ask(
                    "Oldest event",
                    "That nobody has tried yet.",
                    "max(nexus_outbox_oldest_seconds)",
                    "age",
                    unit="s",
                    warns=30,
                    fails=120,
                    span=12,
                ),
            ),
        ),
        (
            "What is done",
            (
                _ask(
                    "Reactions",
                    "Ended each second.",
                    "sum by (reaction) (rate(nexus_task_duration_seconds_count[R]))",
                    "{{reaction}}",
                    unit="ops",
                ),
                _ask(
                    "By outcome",
                    "skipped: somebody else has done it; given_back: the database was away.",
                    "sum by (outcome) (rate(nexus_task_duration_seconds_count[R]))",
                    "{{outcome}}",
                    unit="ops",
                ),
                _ask(
                    "Time of a reaction, p95",
                    "While it runs, without waiting.",
                    "histogram_quantile(0.95, sum by (reaction, le) (rate(nexus_task_duration_seconds_bucket[R])))",
                    "{{reaction}}",
                    unit="s",
                ),
                _ask(
                    "In the queues",
                    "At 1,000 the relay waits.",
                    "max by (queue) (nexus_queue_messages)",
                    "{{queue}}",
                    warns=900,
                ),
                _ask(
                    "Heartbeats",
                    "Since the worker last ran a queue's.",
                    "time() - max by (queue) (nexus_heartbeat_timestamp_seconds)",
                    "{{queue}}",
                    unit="s",
                    warns=120,
                    fails=180,
                ),
                _ask(
                    "Sent to the queue",
                    "By the relays.",
                    "sum by (reaction) (rate(nexus_deliveries_total[R]))",
                    "{{reaction}}",
                    unit="ops",
                ),
            ),
        ),
    ),
)
LIVE: Final = Dashboard(
    "live",
    "Nexus / Live",
    "Streams, what they are sent, and how late.",
    (
        (
            "Streams",
            (
                _ask("Open", "In all replicas.", "sum(nexus_live_streams)", "streams"),
                _ask(
                    "Messages",
                    "Sent each second, by kind; heartbeats are most of them.",
                    "sum by (kind) (rate(nexus_live_messages_total[R]))",
                    "{{kind}}",
                    unit="ops",
                ),
                Panel(
                    "From commit to stream",
                    "Of pushes by Redis. A lost one is found at the next look, within a minute.",
                    _quantiles("nexus_live_delay_seconds", ""),
                    unit="s",
                ),
            ),
        ),
    ),
)
POSTGRES: Final = Dashboard(
    "postgres",
    "Nexus / PostgreSQL",
    "Can it take writes, and for how long still?",
    (
        (
            "Roles",
            (
                _ask(
                    "Processes without a primary",
                    "They look for it ten times a second.",
                    "sum(nexus_primary_away)",
                    "processes",
                    fails=1,
                ),
                _ask("Writes that wait", "For the primary to come back.", "sum(nexus_parked_writes)", "writes"),
                Panel(
                    "Standbys",
                    "That stream, and that may confirm a commit.",
                    (
                        ("max(nexus_postgres_standbys)", "streaming"),
                        ("max(nexus_postgres_synchronous_standbys)", "confirming"),
                    ),
                ),
                _ask(
                    "Replay lag",
                    "Log that the slowest standby has not replayed.",
                    "max(nexus_postgres_replay_lag_bytes)",
                    "behind",
                    unit="bytes",
                ),
                _ask(
                    "Errors",
                    "By class of SQLSTATE; connection: it could give none.",
                    "sum by (class) (rate(nexus_database_errors_total[R])) or vector(0)",
                    "{{class}}",
                    unit="ops",
                ),
                _ask(
                    "Tried again",
                    "Operations that met a wrong node, a lock or a conflict.",
                    "sum by (sqlstate) (rate(nexus_database_retries_total[R])) or vector(0)",
                    "{{sqlstate}}",
                    unit="ops",
                ),
            ),
        ),
        (
            "Limits",
            (
                Panel(
                    "Connections",
                    "Clients of the primary, and how many it takes.",
                    (
                        ("max(nexus_postgres_connections)", "clients"),
                        ("max(nexus_postgres_connections_limit)", "limit"),
                    ),
                ),
                _ask(
                    "Oldest transaction",
                    "Nexus's own end after 15 s.",
                    "max(nexus_postgres_longest_transaction_seconds)",
                    "age",
                    unit="s",
                    warns=60,
                    fails=300,
                ),
                _ask(
                    "Transactions since the oldest frozen row",
                    "Autovacuum freezes at 200 million; at two thousand million PostgreSQL stops.",
                    "max(nexus_postgres_transaction_age)",
                    "age",
                    warns=5e8,
                    fails=1e9,
                ),
                _ask("Size", "Of the database.", "max(nexus_postgres_size_bytes)", "size", unit="bytes"),
                _ask(
                    "Since the last archived log",
                    "0 where nothing is archived.",
                    "max(nexus_postgres_archived_seconds)",
                    "age",
                    unit="s",
                    fails=600,
                ),
                _ask(
                    "Room on the volumes",
                    "Of each member.",
                    'kubelet_volume_stats_available_bytes{persistentvolumeclaim=~".*postgres.*"}'
                    " / kubelet_volume_stats_capacity_bytes",
                    "{{persistentvolumeclaim}}",
                    unit="percentunit",
                    places=IN_A_CLUSTER,
                ),
            ),
        ),
    ),
)
REDIS: Final = Dashboard(
    "redis",
    "Nexus / Redis",
    "What can be rebuilt, and whether it has to be.",
    (
        (
            "Redis",
            (
                _ask("There", "1 while it answers the relay.", "max(nexus_redis_up)", look="number", span=6),
                _ask("Memory", "Used.", "max(nexus_redis_memory_bytes)", "used", unit="bytes", span=9),
                _ask(
                    "Dropped keys",
                    "For want of memory.",
                    "max(rate(nexus_redis_evicted_keys[R]))",
                    "keys",
                    unit="ops",
                    span=9,
                ),
                _ask(
                    "Failed calls",
                    "By what they were for.",
                    "sum by (purpose) (rate(nexus_redis_errors_total[R])) or vector(0)",
                    "{{purpose}}",
                    unit="ops",
                    span=12,
                ),
                _ask(
                    "Caches",
                    "hit, miss, or off while Redis is away.",
                    "sum by (cache, result) (rate(nexus_cache_requests_total[R]))",
                    "{{cache}} {{result}}",
                    unit="ops",
                    span=12,
                ),
            ),
        ),
    ),
)
HAPROXY: Final = Dashboard(
    "haproxy",
    "Nexus / HAProxy",
    "The door itself: servers, queues, connections.",
    (
        (
            "Servers",
            (
                _ask(
                    "Healthy",
                    "By backend.",
                    'max by (proxy) (haproxy_backend_active_servers{proxy=~"web|writes|live"})',
                    "{{proxy}}",
                ),
                _ask(
                    "Waiting",
                    "For a free thread.",
                    'max by (proxy) (haproxy_backend_current_queue{proxy=~"web|writes"})',
                    "{{proxy}}",
                    warns=20,
                ),
                _ask(
                    "Time in the queue",
                    "The average of the last thousand requests.",
                    'max by (proxy) (haproxy_backend_queue_time_average_seconds{proxy=~"web|writes"})',
                    "{{proxy}}",
                    unit="s",
                ),
                _ask(
                    "Failed checks",
                    "By server.",
                    "sum by (proxy, server) (rate(haproxy_server_check_failures_total[R]))",
                    "{{proxy}} {{server}}",
                    unit="ops",
                    span=12,
                ),
                Panel(
                    "Connections",
                    "Clients, streams included, and how many it takes.",
                    (
                        ("sum(haproxy_process_current_connections)", "clients"),
                        ("sum(haproxy_process_max_connections)", "limit"),
                    ),
                    span=12,
                ),
            ),
        ),
    ),
)
KUBERNETES: Final = Dashboard(
    "kubernetes",
    "Nexus / Kubernetes",
    "Replicas, autoscalers, restarts.",
    (
        (
            "Pods",
            (
                _ask(
                    "Restarts",
                    "In a quarter of an hour.",
                    'sum by (container) (increase(kube_pod_container_status_restarts_total{pod=~"nexus.*"}[15m]))',
                    "{{container}}",
                    places=IN_A_CLUSTER,
                ),
                Panel(
                    "Autoscalers",
                    "Replicas, and the most that each may make.",
                    (
                        (
                            'kube_horizontalpodautoscaler_status_current_replicas{horizontalpodautoscaler=~"nexus.*"}',
                            "{{horizontalpodautoscaler}}",
                        ),
                        (
                            'kube_horizontalpodautoscaler_spec_max_replicas{horizontalpodautoscaler=~"nexus.*"}',
                            "{{horizontalpodautoscaler}} most",
                        ),
                    ),
                    places=IN_A_CLUSTER,
                ),
                _ask(
                    "Last backup",
                    "Since one succeeded.",
                    "time() - max by (cronjob)"
                    ' (kube_cronjob_status_last_successful_time{cronjob=~".*-backup-(full|diff)"})',
                    "{{cronjob}}",
                    unit="s",
                    fails=93600,
                    places=IN_A_CLUSTER,
                ),
            ),
        ),
    ),
)
TIMELINES: Final = Dashboard(
    "timelines",
    "Nexus / Timelines",
    "Who reads them, out of what, and how new posts get there.",
    (
        (
            "Reading",
            (
                _ask(
                    "Reads",
                    "Of each timeline.",
                    'sum by (use_case) (rate(nexus_use_case_duration_seconds_count{use_case=~".*timeline"}[R]))',
                    "{{use_case}}",
                    unit="ops",
                ),
                _ask(
                    "p95",
                    "Of each timeline.",
                    "histogram_quantile(0.95, sum by (use_case, le)"
                    ' (rate(nexus_use_case_duration_seconds_bucket{use_case=~".*timeline"}[R])))',
                    "{{use_case}}",
                    unit="s",
                ),
                _ask(
                    "Caches",
                    "A miss is computed from PostgreSQL.",
                    "sum by (cache, result) (rate(nexus_cache_requests_total[R]))",
                    "{{cache}} {{result}}",
                    unit="ops",
                ),
            ),
        ),
        (
            "Writing",
            (
                _ask(
                    "Posts",
                    "Published each second.",
                    'sum(rate(nexus_use_case_duration_seconds_count{use_case="publish_post",outcome="ok"}[R]))',
                    "posts",
                    unit="ops",
                ),
                Panel(
                    "Fan-out: from post to followers",
                    "Of active followers' timelines.",
                    _quantiles("nexus_reaction_delay_seconds", "", '{reaction="fan_out_post"}'),
                    unit="s",
                ),
                _ask(
                    "Fan-outs",
                    "A chunk of a thousand followers each.",
                    'sum(rate(nexus_task_duration_seconds_count{reaction="fan_out_post"}[R]))',
                    "chunks",
                    unit="ops",
                ),
            ),
        ),
    ),
)
IDENTITY: Final = Dashboard(
    "identity",
    "Nexus / Identity and abuse",
    "Who comes in, who is refused.",
    (
        (
            "Identity",
            (
                _ask(
                    "Sign-ins by outcome",
                    "Wrong passwords are invalid_credentials.",
                    'sum by (outcome) (rate(nexus_use_case_duration_seconds_count{use_case="log_in"}[R]))',
                    "{{outcome}}",
                    unit="ops",
                ),
                _ask(
                    "Sign-ups by outcome",
                    "New accounts, and those that were refused.",
                    'sum by (outcome) (rate(nexus_use_case_duration_seconds_count{use_case="sign_up"}[R]))',
                    "{{outcome}}",
                    unit="ops",
                ),
                _ask(
                    "Refused by a rate limit",
                    "By policy.",
                    "sum by (policy) (rate(nexus_rate_limited_total[R])) or vector(0)",
                    "{{policy}}",
                    unit="ops",
                ),
                _ask(
                    "Calls that were sent again",
                    "Answered from their idempotency key.",
                    "sum(rate(nexus_idempotent_replays_total[R])) or vector(0)",
                    "replays",
                    unit="ops",
                ),
            ),
        ),
    ),
)
DASHBOARDS: Final = (
    OVERVIEW, DOORS, TIMELINES, BACKGROUND, LIVE, POSTGRES, REDIS, HAPROXY, KUBERNETES, IDENTITY,
)  # fmt: skip
