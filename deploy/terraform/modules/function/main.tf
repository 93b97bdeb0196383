# A service for each function, so that each scales and fails alone. Nobody reaches it but Pub/Sub, from inside Google's
# network, with the push account's token; Cloud Run checks that token, and the function its audience and account again.
locals {
  services = { for name in keys(var.functions) : name => "${var.prefix}function-${replace(lower(name), "_", "-")}" }

  # Known before the service has a URL, so that the service can be told what to expect.
  audiences = { for name, service in local.services : name => "https://${service}.${var.project_id}.afluente" }

  # Afluente writes dead letters itself. These are for what it cannot answer at all (a crash, a bad image), so they
  # come later than its own limit.
  backstop_attempts = { for name, f in var.functions : name => min(100, f.max_delivery_attempts * 2 + 10) }
  dead_topics       = toset(compact([for f in var.functions : f.dead_letter_topic]))

  environment = {
    for name in keys(var.functions) : name => {
      AFLUENTE_FUNCTION              = name
      AFLUENTE_PUSH_AUDIENCE         = local.audiences[name]
      AFLUENTE_PUSH_ACCOUNT          = var.push_account.email
      AFLUENTE_VERIFIED_BY_CLOUD_RUN = "true"
    }
  }
}

resource "google_cloud_run_v2_service" "function" {
  for_each             = var.functions
  project              = var.project_id
  name                 = local.services[each.key]
  location             = var.region
  labels               = var.labels
  ingress              = "INGRESS_TRAFFIC_INTERNAL_ONLY"
  invoker_iam_disabled = false
  custom_audiences     = [local.audiences[each.key]]
  deletion_protection  = var.deletion_protection

  template {
    service_account                  = var.service_account
    timeout                          = "60s"
    max_instance_request_concurrency = 80
    execution_environment            = "EXECUTION_ENVIRONMENT_GEN2"

    scaling {
      min_instance_count = 0
      max_instance_count = var.max_instances
    }

    containers {
      image = var.image

      dynamic "env" {
        for_each = local.environment[each.key]
        content {
          name  = env.key
          value = env.value
        }
      }

      resources {
        limits            = { cpu = "1", memory = var.memory }
        startup_cpu_boost = true
      }

      startup_probe {
        period_seconds    = 1
        failure_threshold = 30
        http_get {
          path = "/health"
        }
      }
    }
  }

  lifecycle {
    # Cloud Build delivers: its gcloud writes these, and Terraform must not undo them.
    ignore_changes = [client, client_version, template[0].containers[0].image, template[0].revision, traffic]

    precondition {
      condition     = length(local.services[each.key]) <= 49 && length(distinct(values(local.services))) == length(local.services)
      error_message = "Service ${local.services[each.key]}: at most 49 characters, and no other function's name that differs in case and underscores alone."
    }
  }
}

# The whole list, not one member of it: whoever adds allUsers by hand is a difference in the next plan.
resource "google_cloud_run_v2_service_iam_binding" "invoker" {
  for_each = google_cloud_run_v2_service.function
  project  = var.project_id
  location = var.region
  name     = each.value.name
  role     = "roles/run.invoker"
  members  = ["serviceAccount:${var.push_account.email}"]
}

# Pub/Sub's agent mints the push account's tokens.
resource "google_service_account_iam_member" "agent_mints_tokens" {
  service_account_id = var.push_account.id
  role               = "roles/iam.serviceAccountTokenCreator"
  member             = var.pubsub_agent
}

resource "google_pubsub_topic" "undeliverable" {
  for_each                   = var.functions
  project                    = var.project_id
  name                       = "${each.key}-undeliverable"
  labels                     = var.labels
  message_retention_duration = "604800s"
}

# Keeps what reaches the backstop until a person has looked.
resource "google_pubsub_subscription" "undeliverable" {
  for_each                   = var.functions
  project                    = var.project_id
  name                       = "${each.key}-undeliverable"
  labels                     = var.labels
  topic                      = google_pubsub_topic.undeliverable[each.key].id
  ack_deadline_seconds       = 60
  message_retention_duration = "604800s"

  expiration_policy {
    ttl = ""
  }
}

resource "google_pubsub_subscription" "push" {
  for_each                = var.functions
  project                 = var.project_id
  name                    = "${each.key}-function"
  labels                  = var.labels
  topic                   = var.topic_ids[each.value.topic]
  filter                  = each.value.filter
  ack_deadline_seconds    = 60
  enable_message_ordering = each.value.enable_message_ordering

  expiration_policy {
    ttl = ""
  }

  push_config {
    push_endpoint = google_cloud_run_v2_service.function[each.key].uri
    oidc_token {
      service_account_email = var.push_account.email
      audience              = local.audiences[each.key]
    }
  }

  retry_policy {
    minimum_backoff = each.value.minimum_backoff
    maximum_backoff = each.value.maximum_backoff
  }

  dead_letter_policy {
    dead_letter_topic     = google_pubsub_topic.undeliverable[each.key].id
    max_delivery_attempts = local.backstop_attempts[each.key]
  }

  # Without the agent's grants Pub/Sub neither calls the function nor forwards to the dead-letter topic.
  depends_on = [google_service_account_iam_member.agent_mints_tokens, google_pubsub_topic_iam_member.agent_forwards]
}

resource "google_pubsub_topic_iam_member" "agent_forwards" {
  for_each = var.functions
  project  = var.project_id
  topic    = google_pubsub_topic.undeliverable[each.key].name
  role     = "roles/pubsub.publisher"
  member   = var.pubsub_agent
}

resource "google_pubsub_subscription_iam_member" "agent_acknowledges" {
  for_each     = var.functions
  project      = var.project_id
  subscription = google_pubsub_subscription.push[each.key].name
  role         = "roles/pubsub.subscriber"
  member       = var.pubsub_agent
}

resource "google_pubsub_topic_iam_member" "function_publishes_dead_letters" {
  for_each = local.dead_topics
  project  = var.project_id
  topic    = var.topic_ids[each.key]
  role     = "roles/pubsub.publisher"
  member   = "serviceAccount:${var.service_account}"
}
