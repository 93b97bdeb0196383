# One dashboard over many pipelines, each in its own project: a scoping project sees the others' metrics, and each
# figure is a line or a row for each pipeline, so that fifty are no harder to read than five.
variable "scoping_project" {
  description = "The project that holds the overview and sees the others' metrics."
  type        = string
  nullable    = false
}

variable "pipelines" {
  description = "The pipelines by name: their projects, and patterns (RE2) of their services' names."
  type = map(object({
    project_id = string
    api        = optional(string, "api")
    functions  = optional(string, ".*function-.*")
  }))
  nullable = false

  validation {
    condition     = length(var.pipelines) >= 1 && length(var.pipelines) <= 375
    error_message = "pipelines: 1 to 375, the most projects that one metrics scope sees."
  }
}

locals {
  projects = sort(distinct([for p in var.pipelines : p.project_id]))
  scope    = "project_id=~\"${join("|", local.projects)}\""
  api      = "monitored_resource=\"cloud_run_revision\",${local.scope},service_name=~\"${join("|", sort(distinct([for p in var.pipelines : p.api])))}\""
  worker   = "monitored_resource=\"cloud_run_revision\",${local.scope},service_name=~\"${join("|", sort(distinct([for p in var.pipelines : p.functions])))}\""

  rows = [
    { title = "Messages received a second", query = "sum by (project_id) (rate(pubsub_googleapis_com:topic_message_sizes_count{monitored_resource=\"pubsub_topic\",${local.scope}}[5m]))" },
    { title = "Oldest waiting message, seconds", query = "topk(20, max by (project_id) (pubsub_googleapis_com:subscription_oldest_unacked_message_age{monitored_resource=\"pubsub_subscription\",${local.scope},subscription_id=~\".*-function\"}))" },
    { title = "Backstop: messages in an hour", query = "sum by (project_id) (increase(pubsub_googleapis_com:topic_message_sizes_count{monitored_resource=\"pubsub_topic\",${local.scope},topic_id=~\".*-undeliverable\"}[1h])) > 0" },
    { title = "Functions: share of errors", query = "topk(20, sum by (project_id) (rate(run_googleapis_com:request_count{${local.worker},response_code_class=~\"4xx|5xx\"}[5m])) / sum by (project_id) (rate(run_googleapis_com:request_count{${local.worker}}[5m])))" },
    { title = "APIs: share of errors", query = "topk(20, sum by (project_id) (rate(run_googleapis_com:request_count{${local.api},response_code_class=\"5xx\"}[5m])) / sum by (project_id) (rate(run_googleapis_com:request_count{${local.api}}[5m])))" },
    { title = "APIs: slowest 5 %, milliseconds", query = "topk(20, histogram_quantile(0.95, sum by (project_id, le) (rate(run_googleapis_com:request_latencies_bucket{${local.api}}[5m]))))" },
    { title = "APIs: requests a second", query = "sum by (project_id) (rate(run_googleapis_com:request_count{${local.api}}[5m]))" },
    { title = "BigQuery: bytes billed in an hour", query = "topk(20, sum by (project_id) (increase(bigquery_googleapis_com:query_scanned_bytes_billed{${local.scope}}[1h])))" },
  ]
}

resource "google_monitoring_monitored_project" "pipeline" {
  for_each      = toset([for project in local.projects : project if project != var.scoping_project])
  metrics_scope = "locations/global/metricsScopes/${var.scoping_project}"
  name          = each.key
}

resource "google_monitoring_dashboard" "overview" {
  project = var.scoping_project
  dashboard_json = jsonencode({
    displayName = "Afluente: ${length(var.pipelines)} pipelines"
    labels      = { afluente = "" }
    mosaicLayout = {
      columns = 48
      tiles = [for i, row in local.rows : {
        xPos = (i % 2) * 24, yPos = floor(i / 2) * 16, width = 24, height = 16
        widget = {
          title = row.title
          xyChart = {
            dataSets = [{ plotType = "LINE", targetAxis = "Y1", timeSeriesQuery = { prometheusQuery = row.query } }]
            yAxis    = { scale = "LINEAR" }
          }
        }
      }]
    }
  })
  depends_on = [google_monitoring_monitored_project.pipeline]
}

output "dashboard" {
  description = "The overview's id."
  value       = google_monitoring_dashboard.overview.id
}
