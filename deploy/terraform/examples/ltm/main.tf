# The original system: topic Data, a function, BigQuery, and the API behind Identity-Aware Proxy, from examples/ltm.
provider "google" {}

variable "spec_file" {
  description = "The pipeline's afluente.yaml."
  type        = string
  default     = "../../../../examples/ltm/afluente.yaml"
}

module "pipeline" {
  source    = "../.."
  spec_file = var.spec_file
}

output "api_url" {
  description = "Where people reach the API."
  value       = module.pipeline.api_url
}

output "assertion" {
  description = "For access.assertion of afluente.yaml."
  value       = module.pipeline.assertion
}
