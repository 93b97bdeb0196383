output "emails" {
  description = "Email address by role."
  value       = { for role, account in google_service_account.role : role => account.email }
}

output "members" {
  description = "IAM member by role."
  value       = { for role, account in google_service_account.role : role => "serviceAccount:${account.email}" }
}

output "ids" {
  description = "Full resource name by role."
  value       = { for role, account in google_service_account.role : role => account.name }
}
