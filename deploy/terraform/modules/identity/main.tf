# One account for each role, and the grants that only a whole project can carry. Everything narrower is granted on the
# resource itself, by the module that owns it.
locals {
  accounts = {
    api      = "Answers queries: reads the pipeline's datasets."
    function = "Stores messages: writes the pipeline's tables."
    ingest   = "Takes what comes over HTTP or MQTT: publishes to the pipeline's topics."
    push     = "Pub/Sub's identity when it calls the function; may call it and nothing else."
    build    = "Builds, pushes and deploys images."
    smoke    = "Asks the API for its health through Identity-Aware Proxy before traffic moves."
  }
  grants = {
    "api/bigquery.jobUser"    = { account = "api", role = "roles/bigquery.jobUser" }
    "build/logging.logWriter" = { account = "build", role = "roles/logging.logWriter" }
  }
}

resource "google_service_account" "role" {
  for_each     = local.accounts
  project      = var.project_id
  account_id   = "${var.prefix}afluente-${each.key}"
  display_name = "Afluente ${each.key}"
  description  = each.value
}

resource "google_project_iam_member" "grant" {
  for_each = local.grants
  project  = var.project_id
  role     = each.value.role
  member   = "serviceAccount:${google_service_account.role[each.value.account].email}"
}
