output "services" {
  description = "The service of each function."
  value       = { for name, service in google_cloud_run_v2_service.function : name => service.name }
}

output "subscriptions" {
  description = "The push subscriptions."
  value       = [for name in sort(keys(var.functions)) : "${name}-function"]
}

output "undeliverable_topics" {
  description = "The topics of what the service could not answer."
  value       = [for name in sort(keys(var.functions)) : "${name}-undeliverable"]
}

output "audiences" {
  description = "What the tokens of each function's pushes are made out to."
  value       = local.audiences
}
