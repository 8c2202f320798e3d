{{/*
The pod of a component. Takes (dict root component name).
*/}}
{{- define "tidemill.pod" -}}
{{- $root := .root -}}
{{- $values := index $root.Values .name -}}
{{- $ports := include "tidemill.ports" $root | fromYaml -}}
metadata:
  labels: {{- include "tidemill.labels" (list $root .name $values.podLabels) | nindent 4 }}
  annotations:
    checksum/config: {{ include "tidemill.toml" $root | sha256sum }}
    {{- with $values.podAnnotations }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
spec:
  {{- with $root.Values.image.pullSecrets }}
  imagePullSecrets:
    {{- range . }}
    - name: {{ . }}
    {{- end }}
  {{- end }}
  serviceAccountName: {{ include "tidemill.serviceAccount" (list $root .name) }}
  automountServiceAccountToken: false
  # Without this, Kubernetes adds TIDEMILL_GATEWAY_PORT and the like for the Services, which would be unknown options.
  enableServiceLinks: false
  # Time to leave the Services, to drain, and for the 10 s after which the process gives up by itself.
  terminationGracePeriodSeconds: {{ add (int $root.Values.preStopSeconds) (int $root.Values.shutdownGraceSeconds) 15 }}
  securityContext:
    {{- include "tidemill.podSecurity" 65532 | nindent 4 }}
  containers:
    - name: {{ .name }}
      image: {{ include "tidemill.image" (list $root.Values.image $root.Chart.AppVersion) }}
      imagePullPolicy: {{ $root.Values.image.pullPolicy }}
      args: {{ append .component.args "--config=/etc/tidemill/tidemill.toml" | toJson }}
      {{- include "tidemill.env" . | nindent 6 }}
      ports:
        {{- range .component.serves }}
        - name: {{ . }}
          containerPort: {{ index $ports . }}
        {{- end }}
        - name: admin
          containerPort: {{ .component.admin }}
      # Alive as long as the process answers: a Redis that is away must not restart the fleet.
      startupProbe:
        grpc: {port: {{ .component.admin }}, service: liveness}
        periodSeconds: 1
        failureThreshold: 30
      livenessProbe:
        grpc: {port: {{ .component.admin }}, service: liveness}
        periodSeconds: 10
        timeoutSeconds: 5
      # Ready while Redis answers, and not while draining.
      readinessProbe:
        grpc: {port: {{ .component.admin }}}
        periodSeconds: 5
        timeoutSeconds: 3
        failureThreshold: 2
      {{- if and $root.Values.preStopSeconds (semverCompare ">=1.30.0-0" $root.Capabilities.KubeVersion.Version) }}
      lifecycle:
        preStop:
          sleep: {seconds: {{ $root.Values.preStopSeconds }}}
      {{- end }}
      {{- with $values.resources }}
      resources: {{- toYaml . | nindent 8 }}
      {{- end }}
      securityContext:
        {{- include "tidemill.containerSecurity" $root | nindent 8 }}
      volumeMounts:
        - {name: config, mountPath: /etc/tidemill, readOnly: true}
        {{- range include "tidemill.secretFiles" $root | fromYamlArray }}
        - {name: {{ .name }}, mountPath: /secrets/{{ .name }}, readOnly: true}
        {{- end }}
  volumes:
    - name: config
      configMap:
        name: {{ include "tidemill.fullname" $root }}
    {{- range include "tidemill.secretFiles" $root | fromYamlArray }}
    - name: {{ .name }}
      secret:
        secretName: {{ .secret }}
        # 0440
        defaultMode: 288
        items: {{- toYaml .items | nindent 10 }}
    {{- end }}
  {{- with include "tidemill.placement" . | trim }}
  {{- . | nindent 2 }}
  {{- end }}
{{- end }}

{{/* The account of a component. Takes (list root component). */}}
{{- define "tidemill.serviceAccount" -}}
{{- $root := index . 0 -}}
{{- if $root.Values.serviceAccount.create -}}
{{ include "tidemill.fullname" $root }}-{{ index . 1 }}
{{- else -}}
{{ $root.Values.serviceAccount.name }}
{{- end -}}
{{- end }}

{{/* Addresses, and the variables of the values. A name may stand there once: server-side apply refuses a second one. */}}
{{- define "tidemill.env" -}}
{{- $address := .root.Values.listenAddress -}}
{{- $ports := include "tidemill.ports" .root | fromYaml -}}
{{- $env := list -}}
{{- range .component.serves -}}
{{- $value := printf "%s:%v" $address (index $ports .) -}}
{{- $env = append $env (dict "name" (printf "TIDEMILL_%s_LISTEN" (upper .)) "value" $value) -}}
{{- end -}}
{{- $admin := printf "TIDEMILL_%s_ADMIN_LISTEN" (first .component.serves | upper) -}}
{{- $env = append $env (dict "name" $admin "value" (printf "%s:%v" $address .component.admin)) -}}
{{- $seen := dict -}}
{{- $env = concat $env (index .root.Values .name).env -}}
{{- range $env -}}
{{- if hasKey $seen .name -}}
{{- fail (printf "%s.env: %s is set twice, or set by the chart" $.name .name) -}}
{{- end -}}
{{- $_ := set $seen .name true -}}
{{- end -}}
env:
{{- toYaml $env | nindent 2 }}
{{- end }}

{{/* Secrets that are mounted as files under /secrets. */}}
{{- define "tidemill.secretFiles" -}}
{{- with include "tidemill.passwordSecret" . }}
- name: redis
  secret: {{ . }}
  items:
    - {key: {{ ternary $.Values.redis.existingSecretKey "password" (ne $.Values.redis.url "") }}, path: password}
{{- end }}
{{- with .Values.redis.ca.existingSecret }}
- name: redis-ca
  secret: {{ . }}
  items:
    - {key: {{ $.Values.redis.ca.key }}, path: ca.crt}
{{- end }}
{{- with .Values.tls.existingSecret }}
- name: tls
  secret: {{ . }}
  items:
    - {key: tls.crt, path: tls.crt}
    - {key: tls.key, path: tls.key}
    {{- if $.Values.tls.requireClientCertificate }}
    - {key: ca.crt, path: ca.crt}
    {{- end }}
{{- end }}
{{- end }}

{{/* Where the pods of a component may run. */}}
{{- define "tidemill.placement" -}}
{{- $root := .root -}}
{{- $values := index $root.Values .name -}}
{{- $name := .name -}}
{{- if ne $root.Values.topologySpread "none" }}
topologySpreadConstraints:
  {{- range list "topology.kubernetes.io/zone" "kubernetes.io/hostname" }}
  - maxSkew: 1
    topologyKey: {{ . }}
    whenUnsatisfiable: {{ $root.Values.topologySpread }}
    labelSelector:
      matchLabels: {{- include "tidemill.selector" (list $root $name) | nindent 8 }}
    # Only pods of the same revision count, so that a rollout ends evenly spread.
    matchLabelKeys: [pod-template-hash]
  {{- end }}
{{- end }}
{{- range $key := list "nodeSelector" "tolerations" "affinity" "priorityClassName" }}
{{- with index $values $key }}
{{ $key }}: {{ toJson . }}
{{- end }}
{{- end }}
{{- end }}
