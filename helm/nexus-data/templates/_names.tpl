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
