# The API's service: what Cloud Run must be told, who gets in, and what is refused before anything is made.
mock_provider "google" {}

variables {
  project_id          = "test-project"
  region              = "us-central1"
  name                = "api"
  labels              = { pipeline = "test" }
  image               = "us-docker.pkg.dev/cloudrun/container/hello"
  resources           = { port = 8000, cpu = "1", memory = "2Gi", min_instances = 1 }
  memory_limit        = "2Gi"
  max_instances       = 20
  service_account     = "api@test-project.iam.gserviceaccount.com"
  iap_agent           = "serviceAccount:service-42@gcp-sa-iap.iam.gserviceaccount.com"
  members             = ["domain:ltm.example", "serviceAccount:smoke@test-project.iam.gserviceaccount.com"]
  assertion_audience  = null
  expected_audience   = "/projects/42/locations/us-central1/services/api"
  deletion_protection = true
}

run "service" {
  command = plan
  module {
    source = "./modules/api"
  }

  assert {
    condition     = google_cloud_run_v2_service.api.template[0].containers[0].ports[0].container_port == 8000
    error_message = "The API listens on port 8000."
  }
  assert {
    condition     = google_cloud_run_v2_service.api.template[0].containers[0].resources[0].limits == tomap({ cpu = "1", memory = "2Gi" })
    error_message = "The API has 1 CPU and 2Gi."
  }
  assert {
    condition     = google_cloud_run_v2_service.api.template[0].scaling[0].min_instance_count == 1
    error_message = "One instance of the API is always there."
  }
  assert {
    condition     = google_cloud_run_v2_service.api.iap_enabled
    error_message = "Identity-Aware Proxy stands before the API."
  }
  assert {
    condition     = !google_cloud_run_v2_service.api.invoker_iam_disabled
    error_message = "Cloud Run checks who invokes the API."
  }
  assert {
    condition     = google_cloud_run_v2_service.api.template[0].service_account == var.service_account
    error_message = "The API has its own account."
  }
  assert {
    condition     = google_cloud_run_v2_service.api.template[0].containers[0].startup_probe[0].http_get[0].path == "/health"
    error_message = "Cloud Run asks /health."
  }
  assert {
    condition     = google_cloud_run_v2_service.api.deletion_protection
    error_message = "The API refuses to be destroyed by accident."
  }
}

run "environment" {
  command = plan
  module {
    source = "./modules/api"
  }

  assert {
    condition     = tomap({ for e in google_cloud_run_v2_service.api.template[0].containers[0].env : e.name => e.value }) == tomap({ AFLUENTE_WAREHOUSE = "bigquery", AFLUENTE_SECRET_FILE = "/secrets/api/key" })
    error_message = "The API is told that its warehouse is BigQuery and where its key is."
  }
  assert {
    condition     = google_cloud_run_v2_service.api.template[0].containers[0].volume_mounts[0].mount_path == "/secrets/api" && google_cloud_run_v2_service.api.template[0].volumes[0].secret[0].items[0].path == "key"
    error_message = "The key is mounted where the API looks."
  }
  assert {
    condition     = google_secret_manager_secret_iam_member.api_reads_key.member == "serviceAccount:${var.service_account}" && google_secret_manager_secret_iam_member.api_reads_key.role == "roles/secretmanager.secretAccessor"
    error_message = "The API may read its key."
  }
}

run "callers" {
  command = plan
  module {
    source = "./modules/api"
  }

  assert {
    condition     = google_cloud_run_v2_service_iam_binding.invoker.members == toset([var.iap_agent]) && google_cloud_run_v2_service_iam_binding.invoker.role == "roles/run.invoker"
    error_message = "Nobody but the proxy's agent invokes the API."
  }
  assert {
    condition     = google_iap_web_cloud_run_service_iam_binding.accessor.members == toset(var.members) && google_iap_web_cloud_run_service_iam_binding.accessor.role == "roles/iap.httpsResourceAccessor"
    error_message = "access.members, and only they, pass the proxy."
  }
}

run "refuses_another_port" {
  command = plan
  module {
    source = "./modules/api"
  }
  variables {
    resources = { port = 8080, cpu = "1", memory = "2Gi", min_instances = 1 }
  }
  expect_failures = [var.resources]
}

run "refuses_too_little_memory" {
  command = plan
  module {
    source = "./modules/api"
  }
  variables {
    resources = { port = 8000, cpu = "1", memory = "512Mi", min_instances = 1 }
  }
  expect_failures = [google_cloud_run_v2_service.api]
}

run "refuses_a_misspelt_memory" {
  command = plan
  module {
    source = "./modules/api"
  }
  variables {
    resources = { port = 8000, cpu = "1", memory = "2 GB", min_instances = 1 }
  }
  expect_failures = [var.resources]
}

run "refuses_no_instance" {
  command = plan
  module {
    source = "./modules/api"
  }
  variables {
    resources = { port = 8000, cpu = "1", memory = "2Gi", min_instances = 0 }
  }
  expect_failures = [var.resources]
}

run "refuses_everybody" {
  command = plan
  module {
    source = "./modules/api"
  }
  variables {
    members = ["allUsers"]
  }
  expect_failures = [var.members]
}

run "refuses_a_wrong_audience" {
  command = plan
  module {
    source = "./modules/api"
  }
  variables {
    assertion_audience = "/projects/1/locations/us-central1/services/api"
  }
  expect_failures = [google_cloud_run_v2_service.api]
}
