{{/* The template of every pod. Call with a dict: root, role, image, args, env, ports, probes, volumes, mounts, command, account. */}}
{{- define "nexus.pod" -}}
{{- $v := .root.Values -}}
{{- $own := index $v .role -}}
metadata:
  labels:
    {{- include "nexus.labels" . | nindent 4 }}
  {{- with merge (dict) (default dict .annotations) $v.podAnnotations }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
spec:
  serviceAccountName: {{ default (ternary "default" (include "nexus.fullname" .root) (eq .role "migrate")) .account }}
  automountServiceAccountToken: {{ not (empty .account) }}
  enableServiceLinks: false
  terminationGracePeriodSeconds: {{ .graceSeconds }}
  {{- with $own.priorityClassName }}
  priorityClassName: {{ . }}
  {{- end }}
  {{- with $v.image.pullSecrets }}
  imagePullSecrets:
    {{- range . }}
    - name: {{ . }}
    {{- end }}
  {{- end }}
  securityContext:
    runAsNonRoot: true
    runAsUser: {{ .user }}
    runAsGroup: {{ .user }}
    fsGroup: {{ .user }}
    seccompProfile: {type: RuntimeDefault}
  {{- with $own.nodeSelector }}
  nodeSelector:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  tolerations:
    # A node that is gone is left after seconds and not after five minutes.
    - {key: node.kubernetes.io/unreachable, operator: Exists, effect: NoExecute, tolerationSeconds: 10}
    - {key: node.kubernetes.io/not-ready, operator: Exists, effect: NoExecute, tolerationSeconds: 10}
    {{- with $own.tolerations }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  {{- if ne .role "migrate" }}
  topologySpreadConstraints:
    {{- $selector := include "nexus.selector" . }}
    {{- range $key, $whenImpossible := dict "kubernetes.io/hostname" "DoNotSchedule" "topology.kubernetes.io/zone" "ScheduleAnyway" }}
    - maxSkew: 1
      topologyKey: {{ $key }}
      whenUnsatisfiable: {{ $whenImpossible }}
      # A lost node, which is tainted, does not count: its replica may go to another one.
      nodeTaintsPolicy: Honor
      labelSelector:
        matchLabels:
          {{- $selector | nindent 10 }}
      matchLabelKeys: [pod-template-hash]
    {{- end }}
  {{- end }}
  {{- if eq .role "migrate" }}
  restartPolicy: Never
  {{- end }}
  containers:
    - name: {{ .role }}
      image: {{ .image }}
      imagePullPolicy: {{ .pullPolicy }}
      {{- with .command }}
      command: {{ toJson . }}
      {{- end }}
      {{- with .args }}
      args: {{ toJson . }}
      {{- end }}
      env:
        {{- .env | trim | nindent 8 }}
      {{- with .ports }}
      ports:
        {{- range $name, $port := . }}
        - {name: {{ $name }}, containerPort: {{ $port }}}
        {{- end }}
      {{- end }}
      {{- with .probes }}
      {{- toYaml . | nindent 6 }}
      {{- end }}
      resources:
        {{- toYaml $own.resources | nindent 8 }}
      {{- $confined := include "nexus.confined" . }}
      {{- $confined | nindent 6 }}
    {{- if .reloads }}
    - name: meter
      image: {{ include "nexus.image" (dict "image" $v.image "tag" .root.Chart.AppVersion) }}
      imagePullPolicy: {{ $v.image.pullPolicy }}
      args: [meter]
      env:
        - {name: NEXUS_ENVIRONMENT, value: {{ $v.config.environment | quote }}}
        - {name: NEXUS_RELEASE, value: {{ default .root.Chart.AppVersion (default $v.image.tag $v.image.digest) | quote }}}
        - {name: NEXUS_LOG_LEVEL, value: {{ $v.config.logLevel }}}
        - {name: NEXUS_STATE_DIRECTORY, value: /tmp/nexus}
        - {name: NEXUS_METRICS_BIND, value: "0.0.0.0:9106"}
        - {name: NEXUS_METER_BIND, value: "127.0.0.1:5140"}
        - {name: NEXUS_METER_CERTIFICATE, value: /etc/haproxy/tls/server.pem}
        - {name: NEXUS_TRACES_ENDPOINT, value: {{ $v.traces.endpoint | quote }}}
      ports:
        - {name: meter, containerPort: 9106}
      livenessProbe: {httpGet: {path: /livez, port: meter}, periodSeconds: 10, timeoutSeconds: 5, failureThreshold: 6}
      resources:
        requests: {cpu: 10m, memory: 48Mi}
        limits: {memory: 128Mi}
      {{- $confined | nindent 6 }}
    - name: certificate
      image: {{ include "nexus.image" (dict "image" $v.image "tag" .root.Chart.AppVersion) }}
      imagePullPolicy: {{ $v.image.pullPolicy }}
      command: [python, /usr/local/etc/haproxy/reload.py]
      resources:
        requests: {cpu: 5m, memory: 16Mi}
        limits: {memory: 64Mi}
      {{- $confined | nindent 6 }}
    {{- end }}
  volumes:
    - name: tmp
      emptyDir: {sizeLimit: 256Mi}
    {{- range .volumes }}
    - name: {{ .name }}
      {{- toYaml .source | nindent 6 }}
    {{- end }}
{{- end }}

{{/* What no container may, and where it may write. */}}
{{- define "nexus.confined" -}}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: {drop: [ALL]}
volumeMounts:
  - {name: tmp, mountPath: /tmp}
  {{- range .volumes }}
  - {name: {{ .name }}, mountPath: {{ .path }}, readOnly: true}
  {{- end }}
{{- end }}

{{/* A role of the application: its image, variables, ports and probes. Call with (dict "root" $ "role" "web"). */}}
{{- define "nexus.applicationPod" -}}
{{- $root := .root -}}
{{- $v := $root.Values -}}
{{- $port := index (dict "web" 8000 "live" 8001) .role -}}
{{- $metrics := index (dict "web" 9100 "live" 9101 "worker" 9102 "relay" 9103) .role -}}
{{- $ports := dict -}}
{{- with $port }}{{ $_ := set $ports "http" . }}{{ end -}}
{{- with $metrics }}{{ $_ := set $ports "metrics" . }}{{ end -}}
{{- $probes := dict -}}
{{- if $port -}}
{{- $_ := set $probes "startupProbe" (dict "httpGet" (include "nexus.probe" "/startupz" | fromYaml) "periodSeconds" 2 "timeoutSeconds" 3 "failureThreshold" 150) -}}
{{- $_ := set $probes "readinessProbe" (dict "httpGet" (include "nexus.probe" "/readyz" | fromYaml) "periodSeconds" 2 "timeoutSeconds" 2 "failureThreshold" 2) -}}
{{- $_ := set $probes "livenessProbe" (dict "httpGet" (include "nexus.probe" "/livez" | fromYaml) "periodSeconds" 10 "timeoutSeconds" 5 "failureThreshold" 6) -}}
{{- else if $metrics -}}
{{- $_ := set $probes "startupProbe" (dict "httpGet" (dict "path" "/livez" "port" "metrics") "periodSeconds" 2 "timeoutSeconds" 3 "failureThreshold" 150) -}}
{{- $_ := set $probes "livenessProbe" (dict "httpGet" (dict "path" "/livez" "port" "metrics") "periodSeconds" 10 "timeoutSeconds" 5 "failureThreshold" 6) -}}
{{- end -}}
{{- $volumes := list -}}
{{- with $v.database.keys.ca -}}
{{- $volumes = append $volumes (dict "name" "database-ca" "path" "/etc/nexus/database" "source" (dict "secret" (dict "secretName" $v.database.secretName "items" (list (dict "key" . "path" "ca.crt"))))) -}}
{{- end -}}
{{- $env := include "nexus.env" (dict "root" $root "role" .role "metricsPort" $metrics "bind" (ternary (printf "0.0.0.0:%v" $port) "" (not (empty $port)))) -}}
{{- include "nexus.pod" (dict
  "root" $root "role" .role "user" 10001 "args" (list .role) "env" $env "ports" $ports "probes" $probes "volumes" $volumes
  "image" (include "nexus.image" (dict "image" $v.image "tag" $root.Chart.AppVersion)) "pullPolicy" $v.image.pullPolicy
  "graceSeconds" (include "nexus.graceSeconds" $root)) -}}
{{- end }}

{{/* gunicorn answers a name that it does not know with 400, so probes come by one that it does. */}}
{{- define "nexus.probe" -}}
path: {{ . }}
port: http
httpHeaders: [{name: Host, value: localhost}]
{{- end }}
