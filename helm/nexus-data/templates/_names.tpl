{{- define "data.fullname" -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- $full := ternary .Release.Name (printf "%s-%s" .Release.Name $name) (contains $name .Release.Name) -}}
{{- default $full .Values.fullnameOverride | trunc 40 | trimSuffix "-" -}}
{{- end }}

{{/* What never changes about a part's pods. Call with (dict "root" $ "part" "postgres"). */}}
{{- define "data.selector" -}}
app.kubernetes.io/name: {{ default .root.Chart.Name .root.Values.nameOverride }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .part }}
{{- end }}

{{- define "data.labels" -}}
{{ include "data.selector" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
app.kubernetes.io/part-of: nexus-data
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" }}
{{- with .root.Values.labels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* Of pods with data: no version, which would restart them with every version of the chart. */}}
{{- define "data.podLabels" -}}
{{ include "data.selector" . }}
app.kubernetes.io/part-of: nexus-data
{{- with .root.Values.labels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "data.metadata" -}}
name: {{ include "data.fullname" .root }}-{{ default .part .name }}
namespace: {{ .root.Release.Namespace }}
labels:
  {{- include "data.labels" . | nindent 2 }}
{{- end }}

{{- define "data.image" -}}
{{ .image.repository }}{{ if .image.digest }}@{{ .image.digest }}{{ else }}:{{ default .tag .image.tag }}{{ end }}
{{- end }}

{{/* Of pods with a volume each: on different nodes, or none is gained by having several. */}}
{{- define "data.placement" -}}
{{- $own := index .root.Values .part -}}
{{- with $own.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with .root.Values.image.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
{{- with $own.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $own.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
topologySpreadConstraints:
  - maxSkew: 1
    topologyKey: topology.kubernetes.io/zone
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels:
        {{- include "data.selector" . | nindent 8 }}
affinity:
  podAntiAffinity:
    requiredDuringSchedulingIgnoredDuringExecution:
      - topologyKey: kubernetes.io/hostname
        labelSelector:
          matchLabels:
            {{- include "data.selector" . | nindent 12 }}
{{- end }}

{{- define "data.confined" -}}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: {drop: [ALL]}
{{- end }}

{{- define "data.podSecurity" -}}
securityContext:
  runAsNonRoot: true
  runAsUser: {{ . }}
  runAsGroup: {{ . }}
  fsGroup: {{ . }}
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile: {type: RuntimeDefault}
{{- end }}

{{/* ---- Network ---- */}}

{{- define "data.clients" -}}
{{- if .Values.network.clients -}}
{{- toYaml .Values.network.clients }}
{{- else -}}
- podSelector:
    matchLabels: {app.kubernetes.io/part-of: nexus}
    matchExpressions: [{key: app.kubernetes.io/component, operator: In, values: [web, live, worker, relay, migrate]}]
{{- end }}
{{- end }}

{{- define "data.toDns" -}}
ports: [{protocol: UDP, port: 53}, {protocol: TCP, port: 53}]
to:
  {{- toYaml .Values.network.dns | nindent 2 }}
{{- end }}

{{- define "data.toApi" -}}
ports:
  {{- range .Values.network.apiPorts }}
  - {protocol: TCP, port: {{ . }}}
  {{- end }}
{{- with .Values.network.api }}
to:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* ---- Backups ---- */}}

{{- define "data.validate" -}}
{{- $b := .Values.backup -}}
{{- if and $b.enabled (not .Values.postgres.enabled) -}}
{{- fail "\n\nbackup.enabled needs postgres.enabled: another PostgreSQL has backups of its own.\n" -}}
{{- end -}}
{{- if and $b.enabled (eq $b.store "s3") (not (and $b.s3.bucket $b.s3.endpoint $b.s3.secretName)) -}}
{{- fail "\n\nbackup.s3 needs bucket, endpoint and secretName (a secret with the keys key and key-secret); or set backup.store=volume.\n" -}}
{{- end -}}
{{- if and .Values.restore.time (not $b.enabled) -}}
{{- fail "\n\nrestore.time needs backup.enabled: it tells where the backups are.\n" -}}
{{- end -}}
{{- end }}

{{/* How pgBackRest proves who it is to its other end, and what it believes. Call with the prefix of the options. */}}
{{- define "data.backupTls" -}}
{{ . }}-type=tls
{{ . }}-ca-file=/etc/postgres-tls/ca.crt
{{ . }}-cert-file=/etc/postgres-tls/tls.crt
{{ . }}-key-file=/etc/postgres-tls/tls.key
{{- end }}

{{- define "data.backupCommon" -}}
[global]
log-level-console=info
log-level-file=off
lock-path=/tmp/pgbackrest
spool-path=/tmp/pgbackrest
tls-server-address=*
tls-server-ca-file=/etc/postgres-tls/ca.crt
tls-server-cert-file=/etc/postgres-tls/tls.crt
tls-server-key-file=/etc/postgres-tls/tls.key
tls-server-auth={{ include "data.fullname" . }}-postgres=nexus
{{- end }}

{{/* Where the backups are, for whoever reaches the store itself. */}}
{{- define "data.backupStore" -}}
{{- $b := .Values.backup -}}
repo1-retention-full={{ $b.keep }}
repo1-bundle=y
repo1-block=y
compress-type=zst
{{- if eq $b.store "s3" }}
repo1-type=s3
repo1-path={{ $b.s3.path }}
repo1-s3-bucket={{ $b.s3.bucket }}
repo1-s3-endpoint={{ $b.s3.endpoint }}
repo1-s3-region={{ $b.s3.region }}
repo1-s3-uri-style={{ $b.s3.uriStyle }}
{{- else }}
repo1-path=/backups
{{- end }}
{{- end }}

{{/* Of a member of PostgreSQL. */}}
{{- define "data.backupOfMember" -}}
{{ include "data.backupCommon" . }}
{{- if eq .Values.backup.store "s3" }}
{{ include "data.backupStore" . }}
{{- else }}
repo1-host={{ include "data.fullname" . }}-backup.{{ .Release.Namespace }}.svc
{{ include "data.backupTls" "repo1-host" }}
{{- end }}
archive-timeout=30

[nexus]
pg1-path=/var/lib/postgresql/data
pg1-socket-path=/tmp
{{- end }}

{{/* Of who makes the backups, and of who keeps them where the store is a volume. */}}
{{- define "data.backupOfMaker" -}}
{{- $name := printf "%s-postgres" (include "data.fullname" .) -}}
{{ include "data.backupCommon" . }}
{{ include "data.backupStore" . }}
start-fast=y
backup-standby=prefer

[nexus]
{{- range $number := untilStep 1 (add1 .Values.postgres.replicas | int) 1 }}
{{- $pg := printf "pg%d" $number }}
{{ $pg }}-host={{ $name }}-{{ sub $number 1 }}.{{ $name }}-nodes.{{ $.Release.Namespace }}.svc
{{ include "data.backupTls" (printf "%s-host" $pg) }}
{{ $pg }}-path=/var/lib/postgresql/data
{{ $pg }}-socket-path=/tmp
{{- end }}
{{- end }}

{{/* Keys of the store, which pgBackRest takes from variables. */}}
{{- define "data.backupEnv" -}}
- {name: PGBACKREST_CONFIG, value: {{ .config }}}
{{- if eq .root.Values.backup.store "s3" }}
- {name: PGBACKREST_REPO1_S3_KEY, valueFrom: {secretKeyRef: {name: {{ .root.Values.backup.s3.secretName }}, key: key}}}
- {name: PGBACKREST_REPO1_S3_KEY_SECRET, valueFrom: {secretKeyRef: {name: {{ .root.Values.backup.s3.secretName }}, key: key-secret}}}
{{- end }}
{{- end }}

{{- define "data.toBackups" -}}
{{- $s3 := .Values.backup.s3 -}}
{{- if eq .Values.backup.store "s3" -}}
ports: [{protocol: TCP, port: {{ $s3.port }}}]
{{- with $s3.peers }}
to:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- else -}}
ports: [{protocol: TCP, port: 8432}]
to:
  - podSelector:
      matchLabels:
        {{- include "data.selector" (dict "root" . "part" "backup") | nindent 8 }}
{{- end }}
{{- end }}

{{/* What of the secret TLS needs. */}}
{{- define "data.tlsVolume" -}}
name: tls
secret:
  secretName: {{ .Values.secretName }}
  defaultMode: 0440
  items: [{key: tls.crt, path: tls.crt}, {key: tls.key, path: tls.key}, {key: ca.crt, path: ca.crt}]
{{- end }}
