# Six accounts, and as little as possible for a whole project.
mock_provider "google" {}

variables {
  project_id = "test-project"
  prefix     = "orders-"
}

run "accounts" {
  command = plan
  module {
    source = "./modules/identity"
  }

  assert {
    condition     = toset([for a in google_service_account.role : a.account_id]) == toset(["orders-afluente-api", "orders-afluente-build", "orders-afluente-function", "orders-afluente-ingest", "orders-afluente-push", "orders-afluente-smoke"])
    error_message = "One account for each role."
  }
  assert {
    condition     = toset([for g in google_project_iam_member.grant : g.role]) == toset(["roles/bigquery.jobUser", "roles/logging.logWriter"])
    error_message = "Only running queries and writing logs is granted on the whole project."
  }
}
