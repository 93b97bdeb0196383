output "topic_ids" {
  description = "Full name of each topic."
  value       = { for name, topic in google_pubsub_topic.topic : name => topic.id }
}

output "services" {
  description = "The service of POST /ingest/{topic}, where there is one."
  value       = { for service in google_cloud_run_v2_service.ingest : "ingest" => service.name }
}
