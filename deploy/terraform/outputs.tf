output "api_url" {
  description = "Where people reach the API, through Identity-Aware Proxy."
  value       = module.api.uri
}

output "assertion" {
  description = "What access.assertion of afluente.yaml must say for this deployment."
  value = {
    issuer   = "https://cloud.google.com/iap"
    audience = module.api.audience
    jwks_uri = "https://www.gstatic.com/iap/verify/public_key-jwk"
  }
}

output "images" {
  description = "Where Cloud Build pushes images."
  value       = module.delivery.images
}

output "service_accounts" {
  description = "The email address of each role's account."
  value       = module.identity.emails
}

output "dashboard" {
  description = "The id of the pipeline's dashboard."
  value       = module.observability.dashboard
}

output "topics" {
  description = "The full name of each topic of afluente.yaml."
  value       = module.ingest.topic_ids
}
