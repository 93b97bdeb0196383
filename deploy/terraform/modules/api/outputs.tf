output "name" {
  description = "The service's name."
  value       = google_cloud_run_v2_service.api.name
}

output "uri" {
  description = "The service's address."
  value       = google_cloud_run_v2_service.api.uri
}

output "audience" {
  description = "What Identity-Aware Proxy writes into its assertions."
  value       = var.expected_audience
}
