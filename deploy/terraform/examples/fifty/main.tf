# Fifty pipelines, each in a project of its own, seen from one dashboard. Each pipeline's own state makes its resources;
# this root makes the overview alone.
provider "google" {}

variable "count_of_pipelines" {
  description = "How many pipelines there are."
  type        = number
  default     = 50
}

module "overview" {
  source          = "../../overview"
  scoping_project = "operations-overview"
  pipelines       = { for n in range(1, var.count_of_pipelines + 1) : format("system-%02d", n) => { project_id = format("system-%02d", n) } }
}

output "dashboard" {
  description = "The overview's id."
  value       = module.overview.dashboard
}
