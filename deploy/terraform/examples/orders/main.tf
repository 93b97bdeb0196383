# Everything that the module takes: subscriptions, dead letters, access, alerts by mail, a budget, delivery.
provider "google" {
  user_project_override = true # the budget's API asks whose quota it uses
  billing_project       = "orders-production"
}

module "pipeline" {
  source        = "../.."
  spec_file     = "${path.module}/afluente.yaml"
  prefix        = "orders-"
  repository    = { owner = "example", name = "orders" }
  notify        = ["oncall@orders.example"]
  budget        = { billing_account = "012345-6789AB-CDEF01", currency = "EUR", units = 500 }
  thresholds    = { api_latency_seconds = 0.5, messages_absent_hours = 2 }
  max_instances = { api = 10, function = 20 }
  labels        = { team = "orders" }
}

output "api_url" {
  description = "Where people reach the API."
  value       = module.pipeline.api_url
}

output "service_accounts" {
  description = "Who does what."
  value       = module.pipeline.service_accounts
}
