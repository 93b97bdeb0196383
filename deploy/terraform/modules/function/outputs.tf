output "name" {
  description = "The service's name."
  value       = google_cloud_run_v2_service.function.name
}

output "subscriptions" {
  description = "The push subscriptions."
  value       = [for name in sort(keys(var.functions)) : "${name}-function"]
}

output "undeliverable_topics" {
  description = "The topics of what the service could not answer."
  value       = [for name in sort(keys(var.functions)) : "${name}-undeliverable"]
}

output "audience" {
  description = "What the tokens of pushes are made out to."
  value       = local.audience
}
