{{/* A pod that makes backups. Call with (dict "root" $ "kind" "full"). */}}
{{- define "data.backupPod" -}}
{{- $v := .root.Values -}}
{{- $part := dict "root" .root "part" "backup" -}}
metadata:
  labels:
    {{- include "data.labels" (merge (dict "part" "backup-job") $part) | nindent 4 }}
spec:
  restartPolicy: Never
  serviceAccountName: {{ include "data.fullname" .root }}-backup
  automountServiceAccountToken: false
  enableServiceLinks: false
  {{- with $v.image.pullSecrets }}
  imagePullSecrets:
    {{- range . }}
    - name: {{ . }}
    {{- end }}
  {{- end }}
  {{- include "data.podSecurity" 10002 | nindent 2 }}
  {{- if eq $v.backup.store "volume" }}
  # The volume is where its keeper is.
  affinity:
    podAffinity:
      requiredDuringSchedulingIgnoredDuringExecution:
        - topologyKey: kubernetes.io/hostname
          labelSelector:
            matchLabels:
              {{- include "data.selector" $part | nindent 14 }}
  {{- end }}
  containers:
    - name: backup
      image: {{ include "data.image" (dict "image" $v.image "tag" .root.Chart.Version) }}
      imagePullPolicy: {{ $v.image.pullPolicy }}
      command: [/bin/sh, /etc/pgbackrest/backup.sh, {{ .kind }}]
      env:
        {{- include "data.backupEnv" (dict "root" .root "config" "/etc/pgbackrest/maker.conf") | nindent 8 }}
      resources:
        {{- toYaml $v.backup.resources | nindent 8 }}
      {{- include "data.confined" . | nindent 6 }}
      volumeMounts:
        {{- include "data.backupMounts" .root | nindent 8 }}
  volumes:
    {{- include "data.backupVolumes" .root | nindent 4 }}
{{- end }}

{{- define "data.backupMounts" -}}
- {name: tmp, mountPath: /tmp}
- {name: backup, mountPath: /etc/pgbackrest, readOnly: true}
- {name: tls, mountPath: /etc/postgres-tls, readOnly: true}
{{- if eq .Values.backup.store "volume" }}
- {name: backups, mountPath: /backups}
{{- end }}
{{- end }}

{{- define "data.backupVolumes" -}}
- {name: tmp, emptyDir: {sizeLimit: 256Mi}}
- {name: backup, configMap: {name: {{ include "data.fullname" . }}-backup}}
- {{ include "data.tlsVolume" . | nindent 2 | trim }}
{{- if eq .Values.backup.store "volume" }}
- {name: backups, persistentVolumeClaim: {claimName: {{ include "data.fullname" . }}-backups}}
{{- end }}
{{- end }}
