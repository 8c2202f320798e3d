{{/* The beginning of all names: 50 characters leave room for the longest ending. */}}
{{- define "tidemill.fullname" -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- $full := ternary .Release.Name (printf "%s-%s" .Release.Name $name) (contains $name .Release.Name) -}}
{{- default $full .Values.fullnameOverride | trunc 50 | trimSuffix "-" -}}
{{- end }}

{{/*
What runs, by mode: component -> arguments, the gRPC services it serves, the number of its admin port.
A process uses the admin port of its first role.
*/}}
{{- define "tidemill.components" -}}
{{- if eq .Values.mode "single" }}
single: {args: [run, --roles, "gateway,worker,results"], serves: [gateway, worker, results], admin: 9440}
{{- else }}
gateway: {args: [gateway], serves: [gateway], admin: 9440}
worker: {args: [worker], serves: [worker], admin: 9441}
results: {args: [results], serves: [results], admin: 9442}
{{- end }}
{{- end }}

{{/* The gRPC port of each role. */}}
{{- define "tidemill.ports" -}}
{gateway: 7440, worker: 7441, results: 7442}
{{- end }}

{{/* Which role answers for a gRPC service. Reflection and health are the same everywhere, so the gateway answers for them. */}}
{{- define "tidemill.grpcServices" -}}
tidemill.v1.GatewayService: gateway
tidemill.v1.AdminService: gateway
tidemill.v1.WorkerService: worker
tidemill.v1.ResultsService: results
grpc.health.v1.Health: gateway
grpc.reflection.v1.ServerReflection: gateway
grpc.reflection.v1alpha.ServerReflection: gateway
{{- end }}

{{/* Labels that never change: selectors are made of them. Takes (list root component). */}}
{{- define "tidemill.selector" -}}
{{- $root := index . 0 -}}
app.kubernetes.io/name: tidemill
app.kubernetes.io/instance: {{ $root.Release.Name }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end }}

{{/* All labels of an object. Takes (list root component), and labels of its own, which win over commonLabels. */}}
{{- define "tidemill.labels" -}}
{{- $root := index . 0 -}}
{{ include "tidemill.selector" . }}
app.kubernetes.io/part-of: tidemill
app.kubernetes.io/version: {{ $root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ $root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" $root.Chart.Name $root.Chart.Version }}
{{- $own := dict }}
{{- if gt (len .) 2 }}
{{- $own = index . 2 }}
{{- end }}
{{- with merge (dict) $own $root.Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* repository, and digest or tag. Takes (list image default-tag). */}}
{{- define "tidemill.image" -}}
{{- $image := index . 0 -}}
{{- if $image.digest -}}
{{ printf "%s@%s" $image.repository $image.digest }}
{{- else -}}
{{ printf "%s:%s" $image.repository (default (index . 1) $image.tag) }}
{{- end -}}
{{- end }}

{{/* "true" if more than one pod of a component runs for certain. Takes the values of the component. */}}
{{- define "tidemill.isMany" -}}
{{- $pods := ternary .autoscaling.minReplicas .replicas .autoscaling.enabled | int -}}
{{- if gt $pods 1 }}true{{ end -}}
{{- end }}

{{/* The Secret that holds the password of Redis; empty: there is none. */}}
{{- define "tidemill.passwordSecret" -}}
{{- if .Values.redis.url -}}
{{ .Values.redis.existingSecret }}
{{- else -}}
{{ default (printf "%s-valkey" (include "tidemill.fullname" .)) .Values.valkey.existingSecret }}
{{- end -}}
{{- end }}

{{/* What every container of the chart may not do. */}}
{{- define "tidemill.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end }}

{{/* Who every pod of the chart runs as. Takes the number of the user. */}}
{{- define "tidemill.podSecurity" -}}
runAsNonRoot: true
runAsUser: {{ . }}
runAsGroup: {{ . }}
fsGroup: {{ . }}
seccompProfile:
  type: RuntimeDefault
{{- end }}
