{{/* One variable out of a secret; nothing when its key is empty. Call with (dict "env" .. "secret" .. "key" ..). */}}
{{- define "nexus.secretEnv" -}}
{{- if .key }}
- name: {{ .env }}
  valueFrom: {secretKeyRef: {name: {{ .secret }}, key: {{ .key }}}}
{{- end }}
{{- end }}

{{/* Values that are numbers come as floats, and a million would be 1e+06. */}}
{{- define "nexus.text" -}}
{{- if kindIs "float64" . }}{{ int64 . }}{{ else }}{{ . }}{{ end -}}
{{- end }}

{{/* Every variable of a role of the application; docs/guide/environment.md explains them. */}}
{{- define "nexus.env" -}}
{{- $v := .root.Values -}}
{{- $secret := include "nexus.secretName" .root -}}
{{- include "nexus.secretEnv" (dict "env" "NEXUS_SECRET_KEY" "secret" $secret "key" $v.secret.keys.secretKey) }}
{{- include "nexus.secretEnv" (dict "env" "NEXUS_JWT_KEYS" "secret" $secret "key" $v.secret.keys.jwtKeys) }}
{{- include "nexus.secretEnv" (dict "env" "NEXUS_EMAIL_URL" "secret" $secret "key" $v.secret.keys.emailUrl) }}
{{- include "nexus.secretEnv" (dict "env" "NEXUS_SENTRY_DSN" "secret" $secret "key" $v.secret.keys.sentryDsn) }}
{{- include "nexus.secretEnv" (dict "env" "NEXUS_DATABASE_URL" "secret" $v.database.secretName "key" $v.database.keys.url) }}
{{- if eq .role "migrate" }}
{{- include "nexus.secretEnv" (dict "env" "NEXUS_DATABASE_DIRECT_URL" "secret" $v.database.secretName "key" $v.database.keys.migrationUrl) }}
{{- else }}
{{- include "nexus.secretEnv" (dict "env" "NEXUS_DATABASE_REPLICA_URL" "secret" $v.database.secretName "key" $v.database.keys.replicaUrl) }}
{{- if $v.redis.enabled }}
{{- include "nexus.secretEnv" (dict "env" "NEXUS_REDIS_URL" "secret" $v.redis.secretName "key" $v.redis.keys.url) }}
{{- end }}
{{- include "nexus.secretEnv" (dict "env" "NEXUS_BROKER_URL" "secret" $v.redis.secretName "key" $v.redis.keys.brokerUrl) }}
{{- end }}
{{- $plain := dict
  "NEXUS_ENVIRONMENT" $v.config.environment
  "NEXUS_RELEASE" (default .root.Chart.AppVersion (default $v.image.tag $v.image.digest))
  "NEXUS_PUBLIC_URL" $v.publicUrl
  "NEXUS_ALLOWED_HOSTS" (join "," (prepend $v.allowedHosts (include "nexus.host" .root)))
  "NEXUS_CORS_ORIGINS" (join "," $v.config.corsOrigins)
  "NEXUS_EMAIL_FROM" $v.config.emailFrom
  "NEXUS_LOG_LEVEL" $v.config.logLevel
  "NEXUS_RATE_LIMITS" (ternary "on" "off" $v.config.rateLimits)
  "NEXUS_RATE_LIMIT" $v.config.rateLimit
  "NEXUS_RATE_LIMIT_CREDENTIALS" $v.config.rateLimitCredentials
  "NEXUS_GRAPHQL_INTROSPECTION" (ternary "on" "off" $v.config.graphqlIntrospection)
  "NEXUS_GRAPHQL_TRUSTED_ONLY" (ternary "on" "off" $v.config.graphqlTrustedOnly)
  "NEXUS_REQUIRE_CONFIRMED_EMAIL" (ternary "on" "off" $v.config.requireConfirmedEmail)
  "NEXUS_FAN_OUT_LIMIT" $v.config.fanOutLimit
  "NEXUS_STATEMENT_TIMEOUT_MS" $v.config.statementTimeoutMs
  "NEXUS_TRUSTED_PROXY_COUNT" (add 1 $v.proxy.trustedProxiesInFront)
  "NEXUS_WEB_WORKERS" $v.web.workers
  "NEXUS_WEB_THREADS" $v.web.threads
  "NEXUS_WORKER_CONCURRENCY" $v.worker.concurrency
  "NEXUS_DRAIN_SECONDS" $v.drainSeconds
  "NEXUS_GRACEFUL_TIMEOUT" (include "nexus.gracefulSeconds" .root)
  "NEXUS_TRACES_ENDPOINT" $v.traces.endpoint
  "NEXUS_TRACES_SHARE" (toString $v.traces.share)
  "NEXUS_STATE_DIRECTORY" "/tmp/nexus" -}}
{{- with .bind }}{{ $_ := set $plain "NEXUS_BIND" . }}{{ end -}}
{{- if eq .role "relay" }}{{ $_ := set $plain "NEXUS_METERS" (printf "%s-meters.%s.svc.%s:9106" (include "nexus.fullname" .root) .root.Release.Namespace $v.clusterDomain) }}{{ end -}}
{{- with .metricsPort }}{{ $_ := set $plain "NEXUS_METRICS_BIND" (printf "0.0.0.0:%v" .) }}{{ end -}}
{{- range $name, $value := $plain }}
- {name: {{ $name }}, value: {{ include "nexus.text" $value | quote }}}
{{- end }}
{{- end }}

{{/* ---- How long a pod may take to go: all from drainSeconds ---- */}}
{{- define "nexus.gracefulSeconds" -}}30{{- end }}

{{/* /readyz says 404, then requests end, then a reserve for the kill of what is left. */}}
{{- define "nexus.graceSeconds" -}}
{{- add .Values.drainSeconds (include "nexus.gracefulSeconds" . | int) 15 -}}
{{- end }}

{{/* The proxy first waits until nobody's routing table has it any more, then ends as its requests do. */}}
{{- define "nexus.proxyWaitSeconds" -}}
{{- add .Values.drainSeconds 5 -}}
{{- end }}
{{- define "nexus.proxyStopSeconds" -}}
{{- add (include "nexus.gracefulSeconds" . | int) 10 -}}
{{- end }}
{{- define "nexus.proxyGraceSeconds" -}}
{{- add (include "nexus.proxyWaitSeconds" . | int) (include "nexus.proxyStopSeconds" . | int) 5 -}}
{{- end }}

{{- define "nexus.proxyEnv" -}}
{{- $v := .Values -}}
{{- /* The whole name: HAProxy asks DNS itself and knows no search list. */}}
{{- $service := printf "%s-%%s.%s.svc.%s" (include "nexus.fullname" .) .Release.Namespace .Values.clusterDomain -}}
{{- $threads := mul $v.web.workers $v.web.threads -}}
{{- $writes := div $threads 4 -}}
{{- /* Every proxy sends to every replica, so each gets its part of the threads: a replica that has more writes than places
      for those that wait would refuse some. */}}
{{- $proxies := ternary $v.proxy.autoscaling.max $v.proxy.replicas $v.proxy.autoscaling.enabled -}}
{{- $plain := dict
  "HTTPS_BIND" ":8443"
  "HTTP_BIND" (ternary ":8080" "" (ne (int $v.proxy.service.httpPort) 0))
  "HTTPS_PORT" ((urlParse $v.publicUrl).host | regexFind ":[0-9]+$" | trimPrefix ":" | default "443")
  "METRICS_BIND" ":9105"
  "METER" "127.0.0.1:5140"
  "TRACES_PERMILLE" (ternary (round (mulf $v.traces.share 1000) 0 | int) 0 (ne $v.traces.endpoint ""))
  "CERTIFICATE" "/etc/haproxy/tls/server.pem"
  "ERRORS" "/usr/local/etc/haproxy-errors"
  "SOCKET" "/tmp/admin.sock"
  "MAXCONN" $v.proxy.maxConnections
  "HARD_STOP" (printf "%ss" (include "nexus.proxyStopSeconds" .))
  "WEB_FALLBACK" (printf "%s:8000" (printf $service "web"))
  "LIVE_FALLBACK" (printf "%s:8001" (printf $service "live"))
  "WEB_HOST" (printf $service "web-replicas")
  "WEB_PORT" 8000
  "WEB_COUNT" $v.proxy.serversMax
  "LIVE_HOST" (printf $service "live-replicas")
  "LIVE_PORT" 8001
  "LIVE_COUNT" $v.proxy.serversMax
  "WEB_MAXCONN" (max 1 (ceil (divf (sub $threads $writes) $proxies)))
  "WRITES_MAXCONN" (max 1 (div $writes $proxies))
  "LIVE_MAXCONN" $v.live.maxStreams
  "RATE_LIMIT" $v.proxy.rateLimit
  "BODY_LIMIT" $v.proxy.bodyLimit
  "HSTS" $v.proxy.hsts -}}
{{- range $name, $value := $plain }}
{{- if ne (toString $value) "" }}
- {name: NEXUS_PROXY_{{ $name }}, value: {{ include "nexus.text" $value | quote }}}
{{- end }}
{{- end }}
{{- end }}
