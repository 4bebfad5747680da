{{/* Combinations that the schema cannot judge. Each sentence says what to write. */}}
{{- define "nexus.validate" -}}
{{- $wrong := list -}}
{{- $v := .Values -}}
{{- if not $v.publicUrl -}}
{{- $wrong = append $wrong "publicUrl is missing: the address that users see, for example --set publicUrl=https://social.example" -}}
{{- end -}}
{{- if not (include "nexus.secretName" .) -}}
{{- $wrong = append $wrong "secret.name is missing: a secret with the keys secret-key, jwt-keys and email-url. To make it: kubectl create secret generic nexus --from-literal=secret-key=\"$(openssl rand -base64 48)\" --from-literal=jwt-keys=\"a:$(openssl rand -hex 32)\" --from-literal=email-url=smtp://user:password@host:587, then --set secret.name=nexus. Only to try Nexus: --set trial=true" -}}
{{- end -}}
{{- if not (include "nexus.certificateName" .) -}}
{{- $wrong = append $wrong "proxy.certificate is missing: set proxy.certificate.secretName to a TLS secret, or proxy.certificate.certManager.enabled=true with an issuerRef. Only to try Nexus: --set trial=true" -}}
{{- end -}}
{{- if and $v.traces.endpoint $v.network.enabled (not $v.traces.peers) -}}
{{- $wrong = append $wrong "traces.peers is missing: where the collector is, or the network policies keep everybody from it" -}}
{{- end -}}
{{- if and $v.proxy.certificate.secretName $v.proxy.certificate.certManager.enabled -}}
{{- $wrong = append $wrong "proxy.certificate has two sources: leave secretName empty, or certManager.enabled false" -}}
{{- end -}}
{{- range $role := list "proxy" "web" "live" "worker" -}}
{{- $scaling := (index $v $role).autoscaling -}}
{{- if and $scaling.enabled (gt (int $scaling.min) (int $scaling.max)) -}}
{{- $wrong = append $wrong (printf "%s.autoscaling.min is %d and max is %d: the least must not be more than the most" $role (int $scaling.min) (int $scaling.max)) -}}
{{- end -}}
{{- end -}}
{{- range $role := list "web" "live" -}}
{{- $scaling := (index $v $role).autoscaling -}}
{{- $most := ternary $scaling.max (index $v $role).replicas $scaling.enabled -}}
{{- if gt (int $most) (int $v.proxy.serversMax) -}}
{{- $wrong = append $wrong (printf "%s may have %d replicas and the proxy knows %d: raise proxy.serversMax" $role (int $most) (int $v.proxy.serversMax)) -}}
{{- end -}}
{{- end -}}
{{- if lt (mul (int $v.web.workers) (int $v.web.threads)) 4 -}}
{{- $wrong = append $wrong "web.workers x web.threads must be 4 or more: a quarter of the threads is kept for writes" -}}
{{- end -}}
{{- if and $v.ingress.enabled $v.httpRoute.enabled -}}
{{- $wrong = append $wrong "ingress.enabled and httpRoute.enabled are both true: choose one" -}}
{{- end -}}
{{- if and (or $v.ingress.enabled $v.httpRoute.enabled) (eq (int $v.proxy.trustedProxiesInFront) 0) -}}
{{- $wrong = append $wrong "something stands in front of the proxy: set proxy.trustedProxiesInFront to the number of proxies that add to X-Forwarded-For (1 for one ingress controller), else all users share one address and its limits" -}}
{{- end -}}
{{- if and $v.httpRoute.enabled (not $v.httpRoute.parentRefs) -}}
{{- $wrong = append $wrong "httpRoute.parentRefs is missing: name the Gateway, for example [{name: public, namespace: gateways}]" -}}
{{- end -}}
{{- if and (not $v.redis.enabled) (not $v.redis.keys.brokerUrl) -}}
{{- $wrong = append $wrong "redis.enabled is false and there is no broker: set redis.keys.brokerUrl to a key with the address of another one (amqp://..) in redis.secretName" -}}
{{- end -}}
{{- $wrong = concat $wrong (include "nexus.missingSecrets" . | fromJsonArray) -}}
{{- if $wrong -}}
{{- fail (printf "\n\nNexus cannot be installed like that:\n- %s\n" (join "\n- " $wrong)) -}}
{{- end -}}
{{- end }}

{{/* Secrets that must be there before, as sentences in JSON. Only a cluster that is asked can tell; rendering alone cannot. */}}
{{- define "nexus.missingSecrets" -}}
{{- $v := .Values -}}
{{- $wrong := list -}}
{{- if lookup "v1" "ServiceAccount" .Release.Namespace "default" -}}
{{- $needed := list (dict "name" $v.database.secretName "value" "database.secretName" "keys" $v.database.keys "how" "install the chart nexus-data first, or make it with the address of your PostgreSQL") -}}
{{- if $v.redis.enabled -}}
{{- $needed = append $needed (dict "name" $v.redis.secretName "value" "redis.secretName" "keys" $v.redis.keys "how" "install the chart nexus-data first, or make it with the address of your Redis") -}}
{{- end -}}
{{- with $v.secret.name -}}
{{- $needed = append $needed (dict "name" . "value" "secret.name" "keys" $v.secret.keys "how" "docs/guide/kubernetes.md has the command that makes it") -}}
{{- end -}}
{{- with $v.proxy.certificate.secretName -}}
{{- $needed = append $needed (dict "name" . "value" "proxy.certificate.secretName" "keys" (dict "crt" "tls.crt" "key" "tls.key") "how" "kubectl create secret tls makes it") -}}
{{- end -}}
{{- range $each := $needed -}}
{{- $found := lookup "v1" "Secret" $.Release.Namespace $each.name -}}
{{- if not $found -}}
{{- $wrong = append $wrong (printf "%s names the secret %s, which is not in the namespace %s: %s" $each.value $each.name $.Release.Namespace $each.how) -}}
{{- else -}}
{{- range $purpose, $key := $each.keys -}}
{{- if and $key (not (hasKey (default dict $found.data) $key)) -}}
{{- $wrong = append $wrong (printf "the secret %s has no key %s: add it, or name another one by %s" $each.name $key (ternary (printf "%s.keys.%s" (splitList "." $each.value | first) $purpose) "tls.crt and tls.key" (ne $each.value "proxy.certificate.secretName"))) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- toJson $wrong -}}
{{- end }}
