# The API. Identity-Aware Proxy is on the service itself, so its own run.app address is behind it as well as any load
# balancer's; only the proxy's agent may invoke the service, and the process verifies the proxy's assertion once more.
locals {
  units  = { Mi = 1, Gi = 1024 }
  memory = { for name, size in { instance = var.resources.memory, process = var.memory_limit } : name => tonumber(regex("^[0-9]+", size)) * local.units[regex("Mi|Gi", size)] }

  environment = {
    AFLUENTE_WAREHOUSE   = "bigquery"
    AFLUENTE_SECRET_FILE = "/secrets/api/key"
  }
}

# Signs the cursors and tags of all instances. Its first value is chance and lies in the state; a version added by hand is
# taken by the next revision, and pages that were begun before answer 400 then.
resource "google_secret_manager_secret" "cursor_key" {
  project   = var.project_id
  secret_id = "${var.name}-cursor-key"
  labels    = var.labels

  replication {
    auto {}
  }
}

resource "google_secret_manager_secret_version" "cursor_key" {
  secret      = google_secret_manager_secret.cursor_key.id
  secret_data = substr(sha256("${uuid()}${uuid()}"), 0, 32)

  lifecycle {
    ignore_changes = [secret_data]
  }
}

resource "google_secret_manager_secret_iam_member" "api_reads_key" {
  project   = var.project_id
  secret_id = google_secret_manager_secret.cursor_key.secret_id
  role      = "roles/secretmanager.secretAccessor"
  member    = "serviceAccount:${var.service_account}"
}

resource "google_cloud_run_v2_service" "api" {
  project              = var.project_id
  name                 = var.name
  location             = var.region
  labels               = var.labels
  ingress              = "INGRESS_TRAFFIC_ALL"
  iap_enabled          = true
  invoker_iam_disabled = false
  deletion_protection  = var.deletion_protection

  template {
    service_account                  = var.service_account
    timeout                          = "60s"
    max_instance_request_concurrency = 80
    execution_environment            = "EXECUTION_ENVIRONMENT_GEN2"

    scaling {
      min_instance_count = var.resources.min_instances
      max_instance_count = var.max_instances
    }

    containers {
      image = var.image

      ports {
        container_port = var.resources.port
      }

      dynamic "env" {
        for_each = local.environment
        content {
          name  = env.key
          value = env.value
        }
      }

      volume_mounts {
        name       = "cursor-key"
        mount_path = dirname(local.environment.AFLUENTE_SECRET_FILE)
      }

      resources {
        limits            = { cpu = var.resources.cpu, memory = var.resources.memory }
        startup_cpu_boost = true
      }

      startup_probe {
        period_seconds    = 1
        failure_threshold = 30
        http_get {
          path = "/health"
        }
      }
      liveness_probe {
        period_seconds    = 10
        failure_threshold = 3
        http_get {
          path = "/health"
        }
      }
    }

    volumes {
      name = "cursor-key"
      secret {
        secret = google_secret_manager_secret.cursor_key.secret_id
        items {
          version = "latest"
          path    = basename(local.environment.AFLUENTE_SECRET_FILE)
        }
      }
    }
  }

  # The first revision mounts the key.
  depends_on = [google_secret_manager_secret_version.cursor_key, google_secret_manager_secret_iam_member.api_reads_key]

  lifecycle {
    # Cloud Build delivers: its gcloud writes these, and Terraform must not undo them.
    ignore_changes = [client, client_version, template[0].containers[0].image, template[0].revision, traffic]

    precondition {
      condition     = local.memory.instance >= local.memory.process
      error_message = "deploy.api.memory (${var.resources.memory}) is less than limits.memory (${var.memory_limit}): the instance would be killed."
    }
    precondition {
      condition     = var.max_instances >= var.resources.min_instances
      error_message = "max_instances.api is below deploy.api.min_instances."
    }
    precondition {
      condition     = var.assertion_audience == null || var.assertion_audience == var.expected_audience
      error_message = "access.assertion.audience must be ${var.expected_audience}: with another one the API refuses every caller."
    }
  }
}

# Both are whole lists: a member added by hand is a difference in the next plan.
resource "google_cloud_run_v2_service_iam_binding" "invoker" {
  project  = var.project_id
  location = var.region
  name     = google_cloud_run_v2_service.api.name
  role     = "roles/run.invoker"
  members  = [var.iap_agent]
}

resource "google_iap_web_cloud_run_service_iam_binding" "accessor" {
  project                = var.project_id
  location               = var.region
  cloud_run_service_name = google_cloud_run_v2_service.api.name
  role                   = "roles/iap.httpsResourceAccessor"
  members                = var.members
}
