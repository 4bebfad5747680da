{{/* What each role is made of, besides its pod. All are called with (dict "root" $ "role" "web"). */}}

{{- define "nexus.deployment" -}}
{{- $own := index .root.Values .role -}}
apiVersion: apps/v1
kind: Deployment
metadata:
  {{- include "nexus.metadata" . | nindent 2 }}
spec:
  {{- if not (and (hasKey $own "autoscaling") $own.autoscaling.enabled) }}
  replicas: {{ $own.replicas }}
  {{- end }}
  revisionHistoryLimit: 5
  strategy:
    type: RollingUpdate
    # No replica goes before its successor is ready.
    rollingUpdate: {maxUnavailable: 0, maxSurge: 1}
  selector:
    matchLabels:
      {{- include "nexus.selector" . | nindent 6 }}
  template:
    {{- .pod | nindent 4 }}
{{- end }}

{{- define "nexus.autoscaler" -}}
{{- $scaling := (index .root.Values .role).autoscaling -}}
{{- if $scaling.enabled -}}
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata:
  {{- include "nexus.metadata" . | nindent 2 }}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: {{ include "nexus.fullname" .root }}-{{ .role }}}
  minReplicas: {{ $scaling.min }}
  maxReplicas: {{ $scaling.max }}
  metrics:
    - type: Resource
      resource: {name: cpu, target: {type: Utilization, averageUtilization: {{ $scaling.cpuPercent }}}}
    {{- with $scaling.metrics }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  behavior:
    # Quickly more, slowly fewer.
    scaleUp:
      stabilizationWindowSeconds: 0
      policies: [{type: Percent, value: 100, periodSeconds: 15}, {type: Pods, value: 2, periodSeconds: 15}]
    scaleDown:
      policies: [{type: Pods, value: 1, periodSeconds: 30}]
{{- end -}}
{{- end }}

{{- define "nexus.disruptionBudget" -}}
{{- if gt (include "nexus.replicasAtLeast" . | int) 1 -}}
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  {{- include "nexus.metadata" . | nindent 2 }}
spec:
  maxUnavailable: 1
  # A pod that is not ready protects nobody.
  unhealthyPodEvictionPolicy: AlwaysAllow
  selector:
    matchLabels:
      {{- include "nexus.selector" . | nindent 6 }}
{{- end -}}
{{- end }}

{{/* For the proxy, which asks DNS for every replica that is ready. */}}
{{- define "nexus.replicasService" -}}
apiVersion: v1
kind: Service
metadata:
  {{- include "nexus.metadata" (merge (dict "name" (printf "%s-replicas" .role)) .) | nindent 2 }}
spec:
  clusterIP: None
  ports: [{name: http, port: {{ .port }}, targetPort: http}]
  selector:
    {{- include "nexus.selector" . | nindent 4 }}
{{- end }}

{{/* ---- Network ---- */}}

{{/* `from`: roles that may come, with their port; `clients`: others. `database`, `redis`, `more`: where it may go. */}}
{{- define "nexus.networkPolicy" -}}
{{- $root := .root -}}
{{- $network := $root.Values.network -}}
{{- $data := list (dict "podSelector" (dict "matchLabels" (dict "app.kubernetes.io/part-of" "nexus-data"))) -}}
{{- if $network.enabled -}}
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  {{- include "nexus.metadata" . | nindent 2 }}
  {{- with .annotations }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
spec:
  podSelector:
    matchLabels:
      {{- include "nexus.selector" . | nindent 6 }}
  policyTypes: [Ingress, Egress]
  ingress:
    {{- range .ingress }}
    - {{ toYaml . | nindent 6 | trim }}
    {{- end }}
    {{- if and .metricsPort $network.monitoring }}
    - ports:
        {{- range concat (list .metricsPort) (default list .moreMetrics) }}
        - {protocol: TCP, port: {{ . }}}
        {{- end }}
      from:
        {{- toYaml $network.monitoring | nindent 8 }}
    {{- end }}
  egress:
    - ports: [{protocol: UDP, port: 53}, {protocol: TCP, port: 53}]
      to:
        {{- toYaml $network.dns | nindent 8 }}
    {{- range .egress }}
    - {{ toYaml . | nindent 6 | trim }}
    {{- end }}
    {{- range $need := .needs }}
    {{- $where := index $root.Values $need }}
    - ports:
        {{- range $where.ports }}
        - {protocol: TCP, port: {{ . }}}
        {{- end }}
      to:
        {{- $where.peers | default $data | toYaml | nindent 8 }}
    {{- end }}
    {{- if and $root.Values.traces.endpoint (has .role (list "proxy" "web" "live" "worker" "relay")) }}
    - ports:
        {{- range $root.Values.traces.ports }}
        - {protocol: TCP, port: {{ . }}}
        {{- end }}
      to:
        {{- toYaml $root.Values.traces.peers | nindent 8 }}
    {{- end }}
    {{- if .goesOut }}
    {{- with $network.egress }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
    {{- end }}
{{- end -}}
{{- end }}

{{/* A rule for the pods of another role of this release. Call with (dict "root" $ "roles" (list ..) "port" 8000 "direction" "from"). */}}
{{- define "nexus.rule" -}}
ports: [{protocol: TCP, port: {{ .port }}}]
{{ .direction }}:
  {{- $root := .root }}
  {{- range .roles }}
  - podSelector:
      matchLabels:
        {{- include "nexus.selector" (dict "root" $root "role" .) | nindent 8 }}
  {{- end }}
{{- end }}
