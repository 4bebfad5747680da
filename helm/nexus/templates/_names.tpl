{{/* The beginning of all names: short enough that a role and a hash fit behind it. */}}
{{- define "nexus.fullname" -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- $full := ternary .Release.Name (printf "%s-%s" .Release.Name $name) (contains $name .Release.Name) -}}
{{- default $full .Values.fullnameOverride | trunc 40 | trimSuffix "-" -}}
{{- end }}

{{/* What never changes about a role's pods. Call with (dict "root" $ "role" "web"). */}}
{{- define "nexus.selector" -}}
app.kubernetes.io/name: {{ default .root.Chart.Name .root.Values.nameOverride }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .role }}
{{- end }}

{{- define "nexus.labels" -}}
{{ include "nexus.selector" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
app.kubernetes.io/part-of: nexus
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" }}
{{- with .root.Values.labels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "nexus.metadata" -}}
name: {{ include "nexus.fullname" .root }}-{{ default .role .name }}
namespace: {{ .root.Release.Namespace }}
labels:
  {{- include "nexus.labels" . | nindent 2 }}
{{- end }}

{{- define "nexus.image" -}}
{{- $tag := default .tag .image.tag -}}
{{ .image.repository }}{{ if .image.digest }}@{{ .image.digest }}{{ else }}:{{ $tag }}{{ end }}
{{- end }}

{{/* Names of the secrets and certificates that a trial makes. */}}
{{- define "nexus.secretName" -}}
{{- .Values.secret.name | default (ternary (printf "%s-trial" (include "nexus.fullname" .)) "" .Values.trial) -}}
{{- end }}

{{- define "nexus.certificateName" -}}
{{- $made := printf "%s-certificate" (include "nexus.fullname" .) -}}
{{- $trial := printf "%s-self-signed-for-trials" (include "nexus.fullname" .) -}}
{{- .Values.proxy.certificate.secretName | default (ternary $made (ternary $trial "" .Values.trial) .Values.proxy.certificate.certManager.enabled) -}}
{{- end }}

{{/* How many replicas there are at least. */}}
{{- define "nexus.replicasAtLeast" -}}
{{- $values := index .root.Values .role -}}
{{- if and (hasKey $values "autoscaling") $values.autoscaling.enabled }}{{ $values.autoscaling.min }}{{ else }}{{ $values.replicas }}{{ end -}}
{{- end }}

{{- define "nexus.host" -}}
{{- (urlParse .Values.publicUrl).hostname -}}
{{- end }}
