# Who builds, and what that account may do.
mock_provider "google" {}

variables {
  project_id    = "test-project"
  region        = "us-central1"
  prefix        = ""
  labels        = { pipeline = "test" }
  repository    = { owner = "example", name = "pipeline", branch = "^main$" }
  build_account = { email = "build@test-project.iam.gserviceaccount.com", id = "projects/test-project/serviceAccounts/build@test-project.iam.gserviceaccount.com" }
  smoke_account = { email = "smoke@test-project.iam.gserviceaccount.com", id = "projects/test-project/serviceAccounts/smoke@test-project.iam.gserviceaccount.com" }
  runs_as       = { api = "projects/test-project/serviceAccounts/api@test-project.iam.gserviceaccount.com", function = "projects/test-project/serviceAccounts/function@test-project.iam.gserviceaccount.com" }
  api           = "api"
  functions     = { store = "function-store" }
}

run "images" {
  command = apply
  module {
    source = "./modules/delivery"
  }

  assert {
    condition     = google_artifact_registry_repository.images.format == "DOCKER" && google_artifact_registry_repository.images.docker_config[0].immutable_tags
    error_message = "A tag names one image for ever."
  }
  assert {
    condition     = toset([for p in google_artifact_registry_repository.images.cleanup_policies : p.action]) == toset(["KEEP", "DELETE"]) && !google_artifact_registry_repository.images.cleanup_policy_dry_run
    error_message = "Old images go, recent ones stay."
  }
}

run "account" {
  command = apply
  module {
    source = "./modules/delivery"
  }

  assert {
    condition     = google_cloudbuild_trigger.deliver[0].service_account == var.build_account.id && google_cloudbuild_trigger.deliver[0].filename == "deploy/cloudbuild.yaml"
    error_message = "Builds run as their own account."
  }
  assert {
    condition     = alltrue([for s in google_cloud_run_v2_service_iam_member.build_deploys : s.role == "roles/run.developer"]) && length(google_cloud_run_v2_service_iam_member.build_deploys) == 2
    error_message = "The build deploys these two services and decides nobody's access."
  }
  assert {
    condition     = alltrue([for m in google_service_account_iam_member.build_acts_as : m.role == "roles/iam.serviceAccountUser"]) && google_service_account_iam_member.build_signs_as_smoke.service_account_id == var.smoke_account.id
    error_message = "The build acts as the services' accounts and signs as the smoke test's alone."
  }
  assert {
    condition     = google_artifact_registry_repository_iam_member.build_pushes.role == "roles/artifactregistry.writer"
    error_message = "The build pushes images."
  }
}

run "no_repository_no_trigger" {
  command = plan
  module {
    source = "./modules/delivery"
  }
  variables {
    repository = null
  }
  assert {
    condition     = length(google_cloudbuild_trigger.deliver) == 0
    error_message = "Without a repository there is nothing to trigger."
  }
}
