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
{{- if $wrong -}}
{{- fail (printf "\n\nNexus cannot be installed like that:\n- %s\n" (join "\n- " $wrong)) -}}
{{- end -}}
{{- end }}
