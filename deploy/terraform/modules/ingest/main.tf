locals {
  schemas    = { for name, topic in var.topics : name => topic.schema if topic.schema != null }
  publishers = { for pair in setproduct(keys(var.topics), var.publishers) : "${pair[0]} ${pair[1]}" => { topic = pair[0], member = pair[1] } }
}

resource "google_pubsub_schema" "schema" {
  for_each   = local.schemas
  project    = var.project_id
  name       = "${each.key}-schema"
  type       = endswith(each.value.file, ".avsc") ? "AVRO" : "PROTOCOL_BUFFER"
  definition = file(each.value.file)
}

resource "google_pubsub_topic" "topic" {
  for_each                   = var.topics
  project                    = var.project_id
  name                       = each.key
  labels                     = var.labels
  message_retention_duration = each.value.message_retention_duration

  dynamic "schema_settings" {
    for_each = each.value.schema == null ? [] : [each.value.schema]
    content {
      schema   = google_pubsub_schema.schema[each.key].id
      encoding = schema_settings.value.encoding
    }
  }
}

resource "google_pubsub_topic_iam_member" "publisher" {
  for_each = local.publishers
  project  = var.project_id
  topic    = google_pubsub_topic.topic[each.value.topic].name
  role     = "roles/pubsub.publisher"
  member   = each.value.member
}

resource "google_pubsub_subscription" "outside" {
  for_each                = var.subscriptions
  project                 = var.project_id
  name                    = each.key
  labels                  = var.labels
  topic                   = google_pubsub_topic.topic[each.value.topic].id
  filter                  = each.value.filter
  ack_deadline_seconds    = each.value.ack_deadline_seconds
  enable_message_ordering = each.value.enable_message_ordering

  expiration_policy {
    ttl = ""
  }
}
