output "topic_ids" {
  description = "Full name of each topic."
  value       = { for name, topic in google_pubsub_topic.topic : name => topic.id }
}
