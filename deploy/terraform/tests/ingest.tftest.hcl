# Topics, schemas and the subscriptions of outside consumers.
mock_provider "google" {}

variables {
  project_id = "test-project"
  labels     = { pipeline = "test" }
  topics = {
    Orders      = { message_retention_duration = "604800s", schema = { file = "./tests/schemas/order.avsc", encoding = "JSON" } }
    Orders-dead = {}
  }
  subscriptions = { audit = { topic = "Orders", filter = "attributes.kind = \"audit\"", ack_deadline_seconds = 30, enable_message_ordering = false } }
  publishers    = ["serviceAccount:shop@test-project.iam.gserviceaccount.com"]
}

run "topics" {
  command = apply
  module {
    source = "./modules/ingest"
  }

  assert {
    condition     = google_pubsub_topic.topic["Orders"].message_retention_duration == "604800s" && google_pubsub_topic.topic["Orders-dead"].message_retention_duration == null
    error_message = "Retention is the specification's."
  }
  assert {
    condition     = google_pubsub_schema.schema["Orders"].type == "AVRO" && google_pubsub_topic.topic["Orders"].schema_settings[0].encoding == "JSON"
    error_message = "The schema's kind follows from its file."
  }
  assert {
    condition     = google_pubsub_subscription.outside["audit"].ack_deadline_seconds == 30 && google_pubsub_subscription.outside["audit"].filter == "attributes.kind = \"audit\""
    error_message = "The subscription is the specification's."
  }
  assert {
    condition     = length(google_pubsub_topic_iam_member.publisher) == 2 && alltrue([for m in google_pubsub_topic_iam_member.publisher : m.role == "roles/pubsub.publisher"])
    error_message = "access.roles.publisher publishes to the topics."
  }
}

run "refuses_the_whole_internet" {
  command = plan
  module {
    source = "./modules/ingest"
  }
  variables {
    publishers = ["allUsers"]
  }
  expect_failures = [var.publishers]
}

run "refuses_a_short_deadline" {
  command = plan
  module {
    source = "./modules/ingest"
  }
  variables {
    subscriptions = { audit = { topic = "Orders", ack_deadline_seconds = 5, enable_message_ordering = false } }
  }
  expect_failures = [var.subscriptions]
}
