"""Every alert: a symptom, when it is told and to whom, and two cases that prove it. Each has a runbook of its name."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

from monitoring.objectives import BAD_MIN, BURNS, Kind

Severity = Literal["page", "ticket", "none"]
# A test's series: its value at each 15 s, in promtool's notation.
Series = Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """`lasts`: how long it must be so. `follows`: what it is a mere consequence of, so that nobody is woken twice.

    `fires` makes exactly one alert with `labels`; `holds` is just below.
    """

    name: str
    expr: str
    lasts: str
    severity: Severity
    summary: str
    dashboard: str
    fires: Series
    holds: Series
    labels: Mapping[str, str] = field(default_factory=dict)
    rule_labels: Mapping[str, str] = field(default_factory=dict)
    follows: str = ""
    at: str = "15m"


def _absent(role: str, meaning: str) -> Alert:
    return Alert(
        name=f"Nexus{role.capitalize()}Away",
        expr=f'absent(up{{job="nexus",role="{role}"}} == 1)',
        lasts="1m",
        severity="page",
        summary=meaning,
        dashboard="overview",
        rule_labels={"role": role},  # absent() forgets them
        fires={f'up{{job="nexus",role="{role}",instance="a"}}': "1x20 0x60"},
        holds={
            f'up{{job="nexus",role="{role}",instance="a"}}': "0x80",
            f'up{{job="nexus",role="{role}",instance="b"}}': "1x80",
        },
    )


def _burns(kind: Kind, subject: str, dashboard: str) -> list[Alert]:
    """One rule for each speed, all of the same name: who reads it wants to know that, and the speed is a label."""
    found = []
    for speed, long, short, severity in BURNS:
        above = f"> on (objective, kind) {speed:g} * nexus:objective_budget:ratio"
        of = f'{{kind="{kind}"}}'
        ours = {"objective": "rest-availability", "kind": kind}
        recorded = ",".join(f'{key}="{value}"' for key, value in ours.items())

        def series(ratio: float, bad: int, window: str = long, brief: str = short, of: str = recorded) -> Series:
            return {
                f"nexus:objective_budget:ratio{{{of}}}": "0.001x80",
                f"nexus:objective_bad:ratio_rate{window}{{{of}}}": f"{ratio}x80",
                f"nexus:objective_bad:ratio_rate{brief}{{{of}}}": f"{ratio}x80",
                f"nexus:objective_bad:increase{window}{{{of}}}": f"{bad}x80",
            }

        found.append(
            Alert(
                name=f"Nexus{kind.capitalize()}BudgetBurns",
                expr=(
                    f"nexus:objective_bad:ratio_rate{long}{of} {above}"
                    f" and on (objective, kind) nexus:objective_bad:ratio_rate{short}{of} {above}"
                    f" and on (objective, kind) nexus:objective_bad:increase{long}{of} >= {BAD_MIN}"
                ),
                lasts="2m",
                severity="page" if severity == "page" else "ticket",
                summary=f"{subject}: {{{{ $labels.objective }}}} uses up its budget {speed:g} times too fast",
                dashboard=dashboard,
                labels=ours,
                rule_labels={"speed": f"{speed:g}"},
                follows="postgres",
                fires=series(speed * 0.001 * 1.01, BAD_MIN),
                holds=series(speed * 0.001 * 0.99, BAD_MIN) if severity == "page" else series(0.5, BAD_MIN - 1),
            )
        )
    return found


ALERTS: Final = (
    *_burns("availability", "Users get errors", "overview"),
    *_burns("latency", "Users wait", "doors"),
    *_burns("freshness", "New things appear late", "background"),
    # ---- The roles ----
    _absent("proxy", "No HAProxy can be scraped: nobody may reach Nexus"),
    _absent("web", "No web replica can be scraped: REST, GraphQL and pages may be gone"),
    _absent("live", "No live replica can be scraped: streams may be gone"),
    _absent("worker", "No worker runs: nothing is fanned out, notified or mailed"),
    _absent("relay", "No relay runs: nothing reaches the worker"),
    Alert(
        name="NexusDoorWithoutReplicas",
        expr='max by (proxy) (haproxy_backend_active_servers{proxy=~"web|live"}) == 0',
        lasts="30s",
        severity="page",
        summary="HAProxy has no healthy replica of {{ $labels.proxy }}: everybody gets 503",
        dashboard="haproxy",
        labels={"proxy": "web"},
        follows="postgres",
        fires={'haproxy_backend_active_servers{proxy="web"}': "0x80"},
        holds={'haproxy_backend_active_servers{proxy="web"}': "1x80"},
    ),
    Alert(
        name="NexusReplicasMissing",
        # A budget for disruptions lets one go at a time.
        expr='count by (role) (up{job="nexus"} == 0) > 1',
        lasts="2m",
        severity="ticket",
        summary="More than one replica of {{ $labels.role }} is gone: the next loss may be felt",
        dashboard="overview",
        labels={"role": "web"},
        fires={f'up{{job="nexus",role="web",instance="{name}"}}': "0x80" for name in "ab"},
        holds={
            'up{job="nexus",role="web",instance="a"}': "0x80",
            'up{job="nexus",role="web",instance="b"}': "1x80",
        },
    ),
    Alert(
        name="NexusProxyCapacityShort",
        expr='max by (proxy) (haproxy_backend_current_queue{proxy=~"web|writes"}) > 20',
        lasts="2m",
        severity="page",
        summary="Requests to {{ $labels.proxy }} wait in HAProxy: all threads of all replicas are busy",
        dashboard="haproxy",
        labels={"proxy": "web"},
        follows="postgres",
        fires={'haproxy_backend_current_queue{proxy="web"}': "21x80"},
        holds={'haproxy_backend_current_queue{proxy="web"}': "20x80"},
    ),
    Alert(
        name="NexusProxyConnectionsNearLimit",
        expr="max by (instance) (haproxy_process_current_connections / haproxy_process_max_connections) > 0.8",
        lasts="5m",
        severity="ticket",
        summary="HAProxy {{ $labels.instance }} has four fifths of the connections that it takes",
        dashboard="haproxy",
        labels={"instance": "a"},
        fires={
            'haproxy_process_current_connections{instance="a"}': "81x80",
            'haproxy_process_max_connections{instance="a"}': "100x80",
        },
        holds={
            'haproxy_process_current_connections{instance="a"}': "80x80",
            'haproxy_process_max_connections{instance="a"}': "100x80",
        },
    ),
    # ---- What happens afterwards ----
    Alert(
        name="NexusOutboxStuck",
        expr="max(nexus_outbox_oldest_seconds) > 120",
        lasts="2m",
        severity="page",
        summary="An event waits for more than two minutes: followers and notifications are late",
        dashboard="background",
        follows="postgres",
        fires={"nexus_outbox_oldest_seconds": "121x80"},
        holds={"nexus_outbox_oldest_seconds": "120x80"},
    ),
    Alert(
        name="NexusWorkerSilent",
        expr="time() - max by (queue) (nexus_heartbeat_timestamp_seconds) > 180",
        lasts="1m",
        severity="page",
        summary="The worker has run nothing of the queue {{ $labels.queue }} for three minutes",
        dashboard="background",
        labels={"queue": "mail"},
        follows="postgres",
        fires={'nexus_heartbeat_timestamp_seconds{queue="mail"}': "0x80"},
        holds={'nexus_heartbeat_timestamp_seconds{queue="mail"}': "0+15x80"},
    ),
    Alert(
        name="NexusQueueFull",
        expr="max by (queue) (nexus_queue_messages) > 900",
        lasts="5m",
        severity="ticket",
        summary="The queue {{ $labels.queue }} is nearly full: workers are too few or too slow",
        dashboard="background",
        labels={"queue": "fan_out"},
        fires={'nexus_queue_messages{queue="fan_out"}': "901x80"},
        holds={'nexus_queue_messages{queue="fan_out"}': "900x80"},
    ),
    Alert(
        name="NexusDeadLetters",
        expr="max(nexus_dead_letters_waiting) > 0",
        lasts="5m",
        severity="ticket",
        summary="Reactions were given up: somebody has to look why and run them again",
        dashboard="background",
        fires={"nexus_dead_letters_waiting": "1x80"},
        holds={"nexus_dead_letters_waiting": "0x80"},
    ),
    # ---- PostgreSQL ----
    Alert(
        name="NexusPostgresPrimaryAway",
        expr="sum(nexus_primary_away) > 0",
        lasts="30s",
        severity="page",
        summary="No process finds a primary: writes wait or get 503, reads are answered by replicas",
        dashboard="postgres",
        fires={'nexus_primary_away{instance="a"}': "1x80"},
        holds={'nexus_primary_away{instance="a"}': "0x80"},
    ),
    Alert(
        name="NexusPostgresQuorumLost",
        expr="max(nexus_postgres_is_synchronous) == 1 and max(nexus_postgres_synchronous_standbys) == 0",
        lasts="30s",
        severity="page",
        summary="No standby confirms commits: every write waits, and then gets 503",
        dashboard="postgres",
        fires={"nexus_postgres_is_synchronous": "1x80", "nexus_postgres_synchronous_standbys": "0x80"},
        holds={"nexus_postgres_is_synchronous": "1x80", "nexus_postgres_synchronous_standbys": "1x80"},
    ),
    Alert(
        name="NexusPostgresStandbysMissing",
        expr="max(nexus_postgres_is_synchronous) == 1 and max(nexus_postgres_standbys) < 2",
        lasts="5m",
        severity="ticket",
        summary="Fewer than two standbys stream: the next loss stops all writes",
        dashboard="postgres",
        fires={"nexus_postgres_is_synchronous": "1x80", "nexus_postgres_standbys": "1x80"},
        holds={"nexus_postgres_is_synchronous": "1x80", "nexus_postgres_standbys": "2x80"},
    ),
    Alert(
        name="NexusPostgresReplicaLate",
        expr="max(nexus_replication_lag_seconds) > 10",
        lasts="2m",
        severity="ticket",
        summary="A replica is more than ten seconds behind, so the primary answers its reads too",
        dashboard="postgres",
        fires={"nexus_replication_lag_seconds": "11x80"},
        holds={"nexus_replication_lag_seconds": "10x80"},
    ),
    Alert(
        name="NexusPostgresConnectionsNearLimit",
        expr="max(nexus_postgres_connections) / max(nexus_postgres_connections_limit) > 0.8",
        lasts="5m",
        severity="ticket",
        summary="Four fifths of PostgreSQL's connections are taken: more replicas would be refused",
        dashboard="postgres",
        fires={"nexus_postgres_connections": "81x80", "nexus_postgres_connections_limit": "100x80"},
        holds={"nexus_postgres_connections": "80x80", "nexus_postgres_connections_limit": "100x80"},
    ),
    Alert(
        name="NexusPostgresTransactionLong",
        expr="max(nexus_postgres_longest_transaction_seconds) > 300",
        lasts="1m",
        severity="ticket",
        summary="A transaction is open for more than five minutes: it keeps dead rows and maybe locks",
        dashboard="postgres",
        fires={"nexus_postgres_longest_transaction_seconds": "301x80"},
        holds={"nexus_postgres_longest_transaction_seconds": "300x80"},
    ),
    Alert(
        name="NexusPostgresWraparoundNear",
        expr="max(nexus_postgres_transaction_age) > 1e9",
        lasts="10m",
        severity="page",
        summary="Vacuum does not keep up with freezing: at two thousand million transactions PostgreSQL stops",
        dashboard="postgres",
        fires={"nexus_postgres_transaction_age": "1000000001x80"},
        holds={"nexus_postgres_transaction_age": "1000000000x80"},
    ),
    Alert(
        name="NexusPostgresDiskFilling",
        expr=(
            "min by (persistentvolumeclaim) ("
            'kubelet_volume_stats_available_bytes{persistentvolumeclaim=~".*postgres.*"}'
            ' / kubelet_volume_stats_capacity_bytes{persistentvolumeclaim=~".*postgres.*"}) < 0.15'
        ),
        lasts="5m",
        severity="page",
        summary="The volume {{ $labels.persistentvolumeclaim }} is nearly full: a full one stops PostgreSQL",
        dashboard="postgres",
        labels={"persistentvolumeclaim": "data-nexus-postgres-0"},
        fires={
            'kubelet_volume_stats_available_bytes{persistentvolumeclaim="data-nexus-postgres-0"}': "14x80",
            'kubelet_volume_stats_capacity_bytes{persistentvolumeclaim="data-nexus-postgres-0"}': "100x80",
        },
        holds={
            'kubelet_volume_stats_available_bytes{persistentvolumeclaim="data-nexus-postgres-0"}': "15x80",
            'kubelet_volume_stats_capacity_bytes{persistentvolumeclaim="data-nexus-postgres-0"}': "100x80",
        },
    ),
    Alert(
        name="NexusCommitsUnconfirmed",
        expr="sum(increase(nexus_commits_unconfirmed_total[10m])) > 0",
        lasts="0s",
        severity="ticket",
        summary="Commits ended without a standby's confirmation: their callers were told to look",
        dashboard="postgres",
        follows="postgres",
        fires={"nexus_commits_unconfirmed_total": "0x30 1x50"},
        holds={"nexus_commits_unconfirmed_total": "1x80"},
    ),
    Alert(
        name="NexusArchiveOld",
        expr="max(nexus_postgres_archived_seconds) > 600",
        lasts="5m",
        severity="ticket",
        summary="No log was archived for ten minutes: a restore would lose more than promised",
        dashboard="postgres",
        follows="postgres",
        fires={"nexus_postgres_archived_seconds": "601x80"},
        holds={"nexus_postgres_archived_seconds": "600x80"},
    ),
    Alert(
        name="NexusBackupOld",
        expr='time() - max(kube_cronjob_status_last_successful_time{cronjob=~".*-backup-(full|diff)"}) > 93600',
        lasts="5m",
        severity="ticket",
        summary="No backup has succeeded for 26 hours",
        dashboard="postgres",
        fires={'kube_cronjob_status_last_successful_time{cronjob="nexus-data-backup-full"}': "-93100x80"},
        holds={'kube_cronjob_status_last_successful_time{cronjob="nexus-data-backup-full"}': "-92700x80"},
    ),
    # ---- Redis ----
    Alert(
        name="NexusRedisAway",
        expr="max(nexus_redis_up) == 0",
        lasts="1m",
        severity="page",
        summary="Redis does not answer: timelines are slower, and nothing is fanned out, notified or mailed",
        dashboard="redis",
        fires={"nexus_redis_up": "0x80"},
        holds={"nexus_redis_up": "1x80"},
    ),
    Alert(
        name="NexusRedisMemoryNearLimit",
        expr="max(nexus_redis_memory_bytes) / (max(nexus_redis_memory_limit_bytes) > 0) > 0.9",
        lasts="10m",
        severity="ticket",
        summary="Redis has used nine tenths of its memory: it begins to drop timelines",
        dashboard="redis",
        fires={"nexus_redis_memory_bytes": "91x80", "nexus_redis_memory_limit_bytes": "100x80"},
        holds={"nexus_redis_memory_bytes": "90x80", "nexus_redis_memory_limit_bytes": "100x80"},
    ),
    Alert(
        name="NexusRedisEvicts",
        expr="max(rate(nexus_redis_evicted_keys[5m])) > 10",
        lasts="10m",
        severity="ticket",
        summary="Redis drops keys all the time: timelines are computed from PostgreSQL again and again",
        dashboard="redis",
        fires={"nexus_redis_evicted_keys": "0+165x80"},
        holds={"nexus_redis_evicted_keys": "0+150x80"},
    ),
    # ---- The platform ----
    Alert(
        name="NexusCrashLoops",
        expr='sum by (container) (increase(kube_pod_container_status_restarts_total{pod=~"nexus.*"}[15m])) > 3',
        lasts="0s",
        severity="ticket",
        summary="Containers of {{ $labels.container }} start again and again",
        dashboard="kubernetes",
        labels={"container": "web"},
        at="20m",
        fires={'kube_pod_container_status_restarts_total{pod="nexus-web-1",container="web"}': "0+0.1x90"},
        holds={'kube_pod_container_status_restarts_total{pod="nexus-web-1",container="web"}': "0x30 1x60"},
    ),
    Alert(
        name="NexusAutoscalerAtMaximum",
        expr=(
            "max by (horizontalpodautoscaler) ("
            'kube_horizontalpodautoscaler_status_current_replicas{horizontalpodautoscaler=~"nexus.*"}'
            " >= kube_horizontalpodautoscaler_spec_max_replicas)"
        ),
        lasts="15m",
        severity="ticket",
        summary="{{ $labels.horizontalpodautoscaler }} has as many replicas as it may: there is no reserve",
        dashboard="kubernetes",
        labels={"horizontalpodautoscaler": "nexus-web"},
        at="20m",
        fires={
            'kube_horizontalpodautoscaler_status_current_replicas{horizontalpodautoscaler="nexus-web"}': "10x90",
            'kube_horizontalpodautoscaler_spec_max_replicas{horizontalpodautoscaler="nexus-web"}': "10x90",
        },
        holds={
            'kube_horizontalpodautoscaler_status_current_replicas{horizontalpodautoscaler="nexus-web"}': "9x90",
            'kube_horizontalpodautoscaler_spec_max_replicas{horizontalpodautoscaler="nexus-web"}': "10x90",
        },
    ),
    Alert(
        name="NexusMigrationsPending",
        expr="max(nexus_migrations_pending) > 0",
        lasts="10m",
        severity="ticket",
        summary="A release runs whose migrations are not applied",
        dashboard="overview",
        fires={"nexus_migrations_pending": "1x80"},
        holds={"nexus_migrations_pending": "0x80"},
    ),
    Alert(
        name="NexusCertificateExpires",
        expr="min by (instance) (nexus_certificate_expires_timestamp_seconds) - time() < 14 * 86400",
        lasts="10m",
        severity="ticket",
        summary="The certificate of {{ $labels.instance }} ends within two weeks",
        dashboard="haproxy",
        labels={"instance": "a"},
        fires={'nexus_certificate_expires_timestamp_seconds{instance="a"}': "1209600x80"},
        holds={'nexus_certificate_expires_timestamp_seconds{instance="a"}': "1296000x80"},
    ),
    # ---- The watching itself ----
    Alert(
        name="NexusMetricsMissing",
        expr=(
            "absent(nexus_door_duration_seconds_count) or absent(nexus_use_case_duration_seconds_count)"
            " or absent(nexus_outbox_pending) or absent(nexus_postgres_connections)"
        ),
        lasts="5m",
        severity="ticket",
        summary="Figures on which alerts stand are missing: what is not seen cannot be told",
        dashboard="overview",
        fires={
            "nexus_use_case_duration_seconds_count": "1x80",
            "nexus_outbox_pending": "0x80",
            "nexus_postgres_connections": "1x80",
        },
        holds={
            "nexus_door_duration_seconds_count": "1x80",
            "nexus_use_case_duration_seconds_count": "1x80",
            "nexus_outbox_pending": "0x80",
            "nexus_postgres_connections": "1x80",
        },
    ),
    Alert(
        name="NexusMeterBlind",
        expr="sum(rate(nexus_meter_lines_unread_total[5m])) > 0",
        lasts="5m",
        severity="ticket",
        summary="The meter does not understand HAProxy's log: the objectives are not measured any more",
        dashboard="doors",
        fires={"nexus_meter_lines_unread_total": "0+1x80"},
        holds={"nexus_meter_lines_unread_total": "5x80"},
    ),
    Alert(
        name="NexusFencerRefuses",
        expr="sum by (reason) (increase(nexus_fencer_refusals_total[10m])) > 0",
        lasts="0s",
        severity="ticket",
        summary="The fencer saw a silent primary and left it alone ({{ $labels.reason }})",
        dashboard="postgres",
        labels={"reason": "alone"},
        fires={'nexus_fencer_refusals_total{reason="alone"}': "0x30 1x50"},
        holds={'nexus_fencer_refusals_total{reason="alone"}': "1x80"},
    ),
    Alert(
        name="NexusWatchdog",
        expr="vector(1)",
        lasts="0s",
        severity="none",
        summary="Always there: who no longer gets it has lost the alerting itself",
        dashboard="overview",
        fires={},
        holds={},
    ),
)
