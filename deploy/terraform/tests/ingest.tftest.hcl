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
  service = {
    name                = "ingest"
    region              = "us-central1"
    image               = "us-docker.pkg.dev/cloudrun/container/hello"
    account             = "ingest@test-project.iam.gserviceaccount.com"
    max_instances       = 20
    memory              = "2Gi"
    deletion_protection = true
  }
}

run "service" {
  command = plan
  module {
    source = "./modules/ingest"
  }

  assert {
    condition     = google_cloud_run_v2_service_iam_binding.invoker[0].members == toset(var.publishers) && !google_cloud_run_v2_service.ingest[0].invoker_iam_disabled
    error_message = "access.roles.publisher, and only they, call the ingest service."
  }
  assert {
    condition     = google_cloud_run_v2_service.ingest[0].template[0].containers[0].args == tolist(["ingest"])
    error_message = "The service is the role ingest."
  }
  assert {
    condition     = google_cloud_run_v2_service.ingest[0].template[0].service_account == var.service.account
    error_message = "The ingest service has its own account."
  }
  assert {
    condition     = length(google_pubsub_topic_iam_member.ingest_publishes) == 2 && alltrue([for m in google_pubsub_topic_iam_member.ingest_publishes : m.role == "roles/pubsub.publisher" && m.member == "serviceAccount:${var.service.account}"])
    error_message = "The ingest service publishes to the topics."
  }
}

run "no_service" {
  command = plan
  module {
    source = "./modules/ingest"
  }
  variables {
    service = null
  }

  assert {
    condition     = length(google_cloud_run_v2_service.ingest) == 0 && length(google_pubsub_topic_iam_member.ingest_publishes) == 0
    error_message = "Without sources.http there is no ingest service."
  }
}

run "refuses_a_service_for_nobody" {
  command = plan
  module {
    source = "./modules/ingest"
  }
  variables {
    publishers = []
  }
  expect_failures = [var.service]
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
