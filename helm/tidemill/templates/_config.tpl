{{/*
tidemill.toml: the values of `config`, and over them what the chart decides itself.
*/}}
{{- define "tidemill.toml" -}}
{{- $redis := dict "url" (default (printf "redis://%s-valkey:6379" (include "tidemill.fullname" .)) .Values.redis.url) -}}
{{- if include "tidemill.passwordSecret" . -}}
{{- $_ := set $redis "password_file" "/secrets/redis/password" -}}
{{- end -}}
{{- with .Values.redis.username -}}
{{- $_ := set $redis "username" . -}}
{{- end -}}
{{- if .Values.redis.ca.existingSecret -}}
{{- $_ := set $redis "ca" "/secrets/redis-ca/ca.crt" -}}
{{- end -}}
{{- $grace := int .Values.shutdownGraceSeconds -}}
{{- $own := dict "redis" $redis "shutdown" (dict "grace" (printf "%ds" $grace)) -}}
{{- if .Values.tls.existingSecret -}}
{{- $tls := dict "cert" "/secrets/tls/tls.crt" "key" "/secrets/tls/tls.key" -}}
{{- if .Values.tls.requireClientCertificate -}}
{{- $_ := set $tls "client_ca" "/secrets/tls/ca.crt" -}}
{{- end -}}
{{- $_ := set $own "tls" $tls -}}
{{- end -}}
{{- if include "tidemill.isTestable" . -}}
{{- if or (dig "worker" "builtin_kinds" "" .Values.config) (dig "worker" "builtin_queues" "" .Values.config) -}}
{{- fail "config.worker.builtin_kinds and builtin_queues are set by the chart while tests.enabled is true: set tests.enabled=false" -}}
{{- end -}}
{{- $_ := set $own "worker" (dict "builtin_kinds" (list "echo") "builtin_queues" (list .Values.tests.queue)) -}}
{{- end -}}
{{- /* Streams must be closed before the grace ends; whoever sets it is believed. */ -}}
{{- $soft := dict "worker" (dict "drain_grace" (printf "%ds" (div (mul $grace 2) 3))) -}}
{{- range $section, $options := mustMergeOverwrite $soft (deepCopy .Values.config) $own }}
{{- if $options }}
[{{ $section }}]
{{- range $key, $value := $options }}
{{ $key }} = {{ include "tidemill.tomlValue" $value }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{/* Helm reads whole numbers as floats and would print large ones with an exponent. JSON is TOML for the rest. */}}
{{- define "tidemill.tomlValue" -}}
{{- if and (kindIs "float64" .) (eq (floor .) .) -}}
{{ int64 . }}
{{- else -}}
{{ toJson . }}
{{- end -}}
{{- end }}

{{/* "true" if the pod of `helm test` can work: under TLS it must know whom to trust. */}}
{{- define "tidemill.isTestable" -}}
{{- if and .Values.tests.enabled (or (not .Values.tls.existingSecret) .Values.tests.tls.existingSecret) }}true{{ end -}}
{{- end }}
