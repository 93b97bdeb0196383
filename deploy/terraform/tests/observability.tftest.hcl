# Alerts, the dashboard and the budget; every figure that is compared is also drawn.
mock_provider "google" {
  mock_resource "google_monitoring_notification_channel" {
    defaults = { id = "projects/test-project/notificationChannels/1" }
  }
}

variables {
  project_id     = "test-project"
  project_number = "42"
  pipeline       = "orders"
  labels         = { pipeline = "test" }
  api            = "api"
  functions      = ["function-store"]
  topics         = ["Data"]
  dead_letters   = ["Data-dead", "store-undeliverable"]
  subscriptions  = ["store-function"]
  notify         = ["oncall@orders.example"]
  budget         = { billing_account = "012345-6789AB-CDEF01", currency = "EUR", units = 500 }
  thresholds     = { api_latency_seconds = 1, api_error_ratio = 0.01, function_error_ratio = 0.05, backlog_age_seconds = 300, messages_absent_hours = 24, bigquery_gib_an_hour = 100 }
}

run "alerts" {
  command = apply
  module {
    source = "./modules/observability"
  }

  assert {
    condition     = toset(keys(google_monitoring_alert_policy.alert)) == toset(["api_latency", "api_errors", "messages_absent", "backlog_age", "subscription_stuck", "dead_letters", "function_errors", "bigquery_bytes"])
    error_message = "An alert for each thing that can go wrong."
  }
  assert {
    condition     = alltrue([for a in google_monitoring_alert_policy.alert : a.notification_channels == tolist(["projects/test-project/notificationChannels/1"])])
    error_message = "Every alert writes to somebody."
  }
  assert {
    condition     = alltrue([for a in google_monitoring_alert_policy.alert : strcontains(a.conditions[0].condition_prometheus_query_language[0].query, "project_id=\"test-project\"")])
    error_message = "An alert looks at its own pipeline."
  }
  assert {
    condition     = alltrue([for a in google_monitoring_alert_policy.alert : length(a.documentation[0].content) > 40])
    error_message = "An alert says what to do."
  }
}

run "dashboard_and_budget" {
  command = plan
  module {
    source = "./modules/observability"
  }

  assert {
    condition     = length(jsondecode(google_monitoring_dashboard.pipeline.dashboard_json).mosaicLayout.tiles) == 11
    error_message = "Eleven figures."
  }
  assert {
    condition     = google_billing_budget.month[0].amount[0].specified_amount[0].units == "500" && google_billing_budget.month[0].budget_filter[0].projects == toset(["projects/42"])
    error_message = "The budget is this project's."
  }
}

