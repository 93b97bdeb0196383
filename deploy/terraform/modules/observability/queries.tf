# Each figure is written once, as PromQL: the dashboard draws it and the alert compares it.
locals {
  t       = var.thresholds
  project = "project_id=\"${var.project_id}\""
  api     = "monitored_resource=\"cloud_run_revision\",${local.project},service_name=\"${var.api}\""
  worker  = "monitored_resource=\"cloud_run_revision\",${local.project},service_name=~\"${join("|", var.functions)}\""
  topic   = "monitored_resource=\"pubsub_topic\",${local.project},topic_id=~\"${join("|", var.topics)}\""
  silent  = "monitored_resource=\"pubsub_topic\",${local.project},topic_id=~\"${join("|", var.dead_letters)}\""
  backlog = "monitored_resource=\"pubsub_subscription\",${local.project},subscription_id=~\"${join("|", var.subscriptions)}\""

  published = "sum by (topic_id) (increase(pubsub_googleapis_com:topic_message_sizes_count{${local.topic}}[5m]))"
  figures = {
    api_latency      = "histogram_quantile(0.95, sum by (le) (rate(run_googleapis_com:request_latencies_bucket{${local.api}}[5m])))"
    api_requests     = "sum by (response_code_class) (rate(run_googleapis_com:request_count{${local.api}}[5m]))"
    api_errors       = "sum(rate(run_googleapis_com:request_count{${local.api},response_code_class=\"5xx\"}[5m])) / sum(rate(run_googleapis_com:request_count{${local.api}}[5m]))"
    messages         = local.published
    backlog_age      = "max by (subscription_id) (pubsub_googleapis_com:subscription_oldest_unacked_message_age{${local.backlog}})"
    subscription_age = "max by (subscription_id) (pubsub_googleapis_com:subscription_oldest_unacked_message_age{monitored_resource=\"pubsub_subscription\",${local.project},subscription_id!~\"${join("|", var.subscriptions)}\"})"
    dead_letters     = "sum by (topic_id) (increase(pubsub_googleapis_com:topic_message_sizes_count{${local.silent}}[10m]))"
    function_errors  = "sum by (service_name) (rate(run_googleapis_com:request_count{${local.worker},response_code_class=~\"4xx|5xx\"}[5m])) / sum by (service_name) (rate(run_googleapis_com:request_count{${local.worker}}[5m]))"
    function_latency = "histogram_quantile(0.95, sum by (service_name, le) (rate(run_googleapis_com:request_latencies_bucket{${local.worker}}[5m])))"
    bigquery_bytes   = "sum(increase(bigquery_googleapis_com:query_scanned_bytes_billed{${local.project}}[1h]))"
    instances        = "sum by (service_name) (run_googleapis_com:container_instance_count{monitored_resource=\"cloud_run_revision\",${local.project},service_name=~\"${join("|", concat([var.api], var.functions))}\"})"
  }

  widgets = [
    { title = "API: slowest 5 %, milliseconds", figure = "api_latency" },
    { title = "API: requests a second by answer", figure = "api_requests" },
    { title = "API: share of errors", figure = "api_errors" },
    { title = "Messages received in 5 minutes", figure = "messages" },
    { title = "Function: oldest waiting message, seconds", figure = "backlog_age" },
    { title = "Other subscriptions: oldest message, seconds", figure = "subscription_age" },
    { title = "Dead letters in 10 minutes", figure = "dead_letters" },
    { title = "Function: share of errors", figure = "function_errors" },
    { title = "Function: slowest 5 %, milliseconds", figure = "function_latency" },
    { title = "BigQuery: bytes billed in an hour", figure = "bigquery_bytes" },
    { title = "Instances", figure = "instances" },
  ]

  alerts = {
    api_latency = {
      title = "API is slow", severity = "WARNING", wait = "600s"
      query = "${local.figures.api_latency} > ${local.t.api_latency_seconds * 1000}"
      help  = "Look at the slow endpoints on the dashboard, then at the statement's bytes in BigQuery."
    }
    api_errors = {
      title = "API answers errors", severity = "ERROR", wait = "300s"
      query = "${local.figures.api_errors} > ${local.t.api_error_ratio}"
      help  = "If it began with a delivery, give the traffic back: gcloud run services update-traffic ${var.api} --to-revisions=PREVIOUS=100."
    }
    messages_absent = {
      title = "No message is published", severity = "WARNING", wait = "0s"
      query = "sum(increase(pubsub_googleapis_com:topic_message_sizes_count{${local.topic}}[${local.t.messages_absent_hours}h])) < 1"
      help  = "The publishers are silent, or they lost the right to publish."
    }
    backlog_age = {
      title = "Messages wait", severity = "ERROR", wait = "300s"
      query = "${local.figures.backlog_age} > ${local.t.backlog_age_seconds}"
      help  = "The function is slower than the publishers or fails. Look at its errors and its instances."
    }
    subscription_stuck = {
      title = "A subscription is stuck", severity = "WARNING", wait = "600s"
      query = "${local.figures.subscription_age} > ${local.t.subscription_age_seconds}"
      help  = "Nobody acknowledges its messages. Is its subscriber running, and does it answer before the acknowledgement deadline?"
    }
    dead_letters = {
      title = "Dead letters", severity = "ERROR", wait = "0s"
      query = "${local.figures.dead_letters} > 0"
      help  = "Read the error column of dead_letters, and the subscription ending in -undeliverable."
    }
    function_errors = {
      title = "Function fails", severity = "ERROR", wait = "300s"
      query = "${local.figures.function_errors} > ${local.t.function_error_ratio}"
      help  = "4xx is a refused token or an unknown function; 5xx is the warehouse or the transform. The service's log says which."
    }
    bigquery_bytes = {
      title = "BigQuery reads much", severity = "WARNING", wait = "0s"
      query = "${local.figures.bigquery_bytes} > ${local.t.bigquery_gib_an_hour * 1073741824}"
      help  = "An endpoint without a partition filter, or somebody's query. INFORMATION_SCHEMA.JOBS names it."
    }
  }
}
