resource "google_monitoring_notification_channel" "email" {
  for_each     = var.notify
  project      = var.project_id
  display_name = each.key
  type         = "email"
  labels       = { email_address = each.key }
}

resource "google_monitoring_alert_policy" "alert" {
  for_each              = local.alerts
  project               = var.project_id
  display_name          = "${var.pipeline}: ${each.value.title}"
  combiner              = "OR"
  severity              = each.value.severity
  user_labels           = merge(var.labels, { alert = each.key })
  notification_channels = [for channel in google_monitoring_notification_channel.email : channel.id]

  conditions {
    display_name = each.value.title
    condition_prometheus_query_language {
      query               = each.value.query
      duration            = each.value.wait
      evaluation_interval = "60s"
    }
  }

  documentation {
    content   = each.value.help
    mime_type = "text/markdown"
  }

  alert_strategy {
    auto_close = "86400s"
  }
}

resource "google_monitoring_dashboard" "pipeline" {
  project = var.project_id
  dashboard_json = jsonencode({
    displayName = "Afluente: ${var.pipeline}"
    labels      = { afluente = "" }
    mosaicLayout = {
      columns = 48
      tiles = [for i, w in local.widgets : {
        xPos = (i % 2) * 24, yPos = floor(i / 2) * 16, width = 24, height = 16
        widget = {
          title = w.title
          xyChart = {
            dataSets = [{ plotType = "LINE", targetAxis = "Y1", timeSeriesQuery = { prometheusQuery = local.figures[w.figure] } }]
            yAxis    = { scale = "LINEAR" }
          }
        }
      }]
    }
  })
}

resource "google_billing_budget" "month" {
  count           = var.budget == null ? 0 : 1
  billing_account = var.budget.billing_account
  display_name    = "Afluente: ${var.pipeline}"

  budget_filter {
    projects        = ["projects/${var.project_number}"]
    calendar_period = "MONTH"
  }

  amount {
    specified_amount {
      currency_code = var.budget.currency
      units         = tostring(var.budget.units)
    }
  }

  dynamic "threshold_rules" {
    for_each = { half = { share = 0.5, basis = "CURRENT_SPEND" }, nearly = { share = 0.9, basis = "CURRENT_SPEND" }, forecast = { share = 1.0, basis = "FORECASTED_SPEND" } }
    content {
      threshold_percent = threshold_rules.value.share
      spend_basis       = threshold_rules.value.basis
    }
  }

  all_updates_rule {
    monitoring_notification_channels = [for channel in google_monitoring_notification_channel.email : channel.id]
    disable_default_iam_recipients   = false
  }
}
