# The function's service: private, called by Pub/Sub alone, with a backstop that Pub/Sub may really forward to.
mock_provider "google" {
  mock_resource "google_cloud_run_v2_service" {
    defaults = { uri = "https://function.test.run.app" }
  }
}

variables {
  project_id          = "test-project"
  region              = "us-central1"
  prefix              = "orders-"
  labels              = { pipeline = "test" }
  image               = "us-docker.pkg.dev/cloudrun/container/hello"
  service_account     = "function@test-project.iam.gserviceaccount.com"
  push_account        = { email = "push@test-project.iam.gserviceaccount.com", id = "projects/test-project/serviceAccounts/push@test-project.iam.gserviceaccount.com" }
  pubsub_agent        = "serviceAccount:service-42@gcp-sa-pubsub.iam.gserviceaccount.com"
  max_instances       = 50
  memory              = "2Gi"
  deletion_protection = true
  topic_ids           = { Data = "projects/test-project/topics/Data", Data-dead = "projects/test-project/topics/Data-dead" }
  functions = {
    store_orders = {
      topic                   = "Data"
      filter                  = "attributes.kind = \"action\""
      minimum_backoff         = "1s"
      maximum_backoff         = "60s"
      dead_letter_topic       = "Data-dead"
      max_delivery_attempts   = 5
      enable_message_ordering = true
    }
  }
}

run "private" {
  command = apply
  module {
    source = "./modules/function"
  }

  assert {
    condition     = google_cloud_run_v2_service.function["store_orders"].ingress == "INGRESS_TRAFFIC_INTERNAL_ONLY"
    error_message = "The function is reached from inside Google's network only."
  }
  assert {
    condition     = google_cloud_run_v2_service_iam_binding.invoker["store_orders"].members == toset(["serviceAccount:${var.push_account.email}"]) && !google_cloud_run_v2_service.function["store_orders"].invoker_iam_disabled
    error_message = "Nobody but Pub/Sub's identity invokes the function."
  }
  assert {
    condition     = google_cloud_run_v2_service.function["store_orders"].template[0].service_account == var.service_account
    error_message = "The function has its own account."
  }
}

run "push" {
  command = apply
  module {
    source = "./modules/function"
  }

  assert {
    condition     = google_pubsub_subscription.push["store_orders"].push_config[0].push_endpoint == "https://function.test.run.app" && google_cloud_run_v2_service.function["store_orders"].name == "orders-function-store-orders"
    error_message = "Each function has its own service."
  }
  assert {
    condition     = google_pubsub_subscription.push["store_orders"].push_config[0].oidc_token[0].service_account_email == var.push_account.email
    error_message = "Pushes carry the push account's token."
  }
  assert {
    condition     = contains(google_cloud_run_v2_service.function["store_orders"].custom_audiences, google_pubsub_subscription.push["store_orders"].push_config[0].oidc_token[0].audience) && contains([for e in google_cloud_run_v2_service.function["store_orders"].template[0].containers[0].env : e.value if e.name == "AFLUENTE_PUSH_AUDIENCE"], google_pubsub_subscription.push["store_orders"].push_config[0].oidc_token[0].audience)
    error_message = "Cloud Run and the function expect the audience that the token has."
  }
  assert {
    condition     = google_pubsub_subscription.push["store_orders"].filter == "attributes.kind = \"action\"" && google_pubsub_subscription.push["store_orders"].enable_message_ordering
    error_message = "Filter and ordering are the specification's."
  }
  assert {
    condition     = google_pubsub_subscription.push["store_orders"].expiration_policy[0].ttl == ""
    error_message = "A quiet subscription does not expire."
  }
}

run "what_the_process_is_told" {
  command = apply
  module {
    source = "./modules/function"
  }

  assert {
    condition     = { for e in google_cloud_run_v2_service.function["store_orders"].template[0].containers[0].env : e.name => e.value } == { AFLUENTE_FUNCTION = "store_orders", AFLUENTE_PUSH_AUDIENCE = "https://orders-function-store-orders.test-project.afluente", AFLUENTE_PUSH_ACCOUNT = var.push_account.email, AFLUENTE_VERIFIED_BY_CLOUD_RUN = "true" }
    error_message = "The process knows its function and whose pushes to take."
  }
}

run "dead_letters" {
  command = apply
  module {
    source = "./modules/function"
  }

  assert {
    condition     = google_pubsub_subscription.push["store_orders"].dead_letter_policy[0].max_delivery_attempts == 20
    error_message = "The backstop comes after the function's own limit."
  }
  assert {
    condition     = google_pubsub_topic_iam_member.agent_forwards["store_orders"].role == "roles/pubsub.publisher" && google_pubsub_topic_iam_member.agent_forwards["store_orders"].member == var.pubsub_agent
    error_message = "Pub/Sub's agent may publish to the backstop."
  }
  assert {
    condition     = google_pubsub_subscription_iam_member.agent_acknowledges["store_orders"].role == "roles/pubsub.subscriber" && google_pubsub_subscription_iam_member.agent_acknowledges["store_orders"].member == var.pubsub_agent
    error_message = "Pub/Sub's agent may acknowledge what it forwards."
  }
  assert {
    condition     = google_service_account_iam_member.agent_mints_tokens.role == "roles/iam.serviceAccountTokenCreator" && google_service_account_iam_member.agent_mints_tokens.member == var.pubsub_agent
    error_message = "Pub/Sub's agent may mint the push account's tokens."
  }
  assert {
    condition     = keys(google_pubsub_topic_iam_member.function_publishes_dead_letters) == ["Data-dead"]
    error_message = "The function may publish to its dead-letter topic and to no other."
  }
  assert {
    condition     = google_pubsub_subscription.undeliverable["store_orders"].message_retention_duration == "604800s"
    error_message = "What reached the backstop is kept."
  }
}

run "refuses_too_few_attempts" {
  command = plan
  module {
    source = "./modules/function"
  }
  variables {
    functions = { store_orders = { topic = "Data", minimum_backoff = "1s", maximum_backoff = "60s", max_delivery_attempts = 4, enable_message_ordering = false } }
  }
  expect_failures = [var.functions]
}

run "refuses_names_that_are_one_service" {
  command = plan
  module {
    source = "./modules/function"
  }
  variables {
    functions = {
      store_orders = { topic = "Data", minimum_backoff = "1s", maximum_backoff = "60s", max_delivery_attempts = 5, enable_message_ordering = false }
      Store-Orders = { topic = "Data", minimum_backoff = "1s", maximum_backoff = "60s", max_delivery_attempts = 5, enable_message_ordering = false }
    }
  }
  expect_failures = [google_cloud_run_v2_service.function]
}
