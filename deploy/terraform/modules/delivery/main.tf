# Images and what builds them. The build's account may push to this repository, deploy these services, act as their
# accounts, and sign as the smoke test's; nothing else.
locals {
  build = "serviceAccount:${var.build_account.email}"
}

resource "google_artifact_registry_repository" "images" {
  project                = var.project_id
  location               = var.region
  repository_id          = "${var.prefix}afluente"
  description            = "Images of the api and the function"
  format                 = "DOCKER"
  labels                 = var.labels
  cleanup_policy_dry_run = false

  docker_config {
    immutable_tags = true
  }

  # What runs now and what a roll-back may need stays; the rest goes after a month.
  cleanup_policies {
    id     = "keep-recent"
    action = "KEEP"
    most_recent_versions {
      keep_count = 20
    }
  }
  cleanup_policies {
    id     = "delete-old"
    action = "DELETE"
    condition {
      tag_state  = "ANY"
      older_than = "2592000s"
    }
  }
}

resource "google_artifact_registry_repository_iam_member" "build_pushes" {
  project    = var.project_id
  location   = var.region
  repository = google_artifact_registry_repository.images.name
  role       = "roles/artifactregistry.writer"
  member     = local.build
}

resource "google_cloud_run_v2_service_iam_member" "build_deploys" {
  for_each = merge({ api = var.api }, { for name, service in var.functions : "function ${name}" => service })
  project  = var.project_id
  location = var.region
  name     = each.value
  role     = "roles/run.developer"
  member   = local.build
}

resource "google_service_account_iam_member" "build_acts_as" {
  for_each           = var.runs_as
  service_account_id = each.value
  role               = "roles/iam.serviceAccountUser"
  member             = local.build
}

resource "google_service_account_iam_member" "build_signs_as_smoke" {
  service_account_id = var.smoke_account.id
  role               = "roles/iam.serviceAccountTokenCreator"
  member             = local.build
}

resource "google_cloudbuild_trigger" "deliver" {
  count           = var.repository == null ? 0 : 1
  project         = var.project_id
  location        = var.region
  name            = "${var.prefix}afluente-deliver"
  description     = "Builds, checks, tests and delivers what is pushed"
  filename        = "deploy/cloudbuild.yaml" # its options say CLOUD_LOGGING_ONLY, which an own account needs
  service_account = var.build_account.id
  substitutions = {
    _REPOSITORY    = "${var.region}-docker.pkg.dev/${var.project_id}/${google_artifact_registry_repository.images.repository_id}"
    _SMOKE_ACCOUNT = var.smoke_account.email
    _FUNCTIONS     = join(" ", sort(values(var.functions)))
  }

  github {
    owner = var.repository.owner
    name  = var.repository.name
    push {
      branch = var.repository.branch
    }
  }
}
