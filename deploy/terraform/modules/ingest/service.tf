# POST /ingest/{topic} on Cloud Run, where afluente.yaml has sources.http: callers are known to IAM, and the answer comes when
# Pub/Sub has the messages. MQTT needs TCP: deploy/kubernetes/mqtt.yaml.
resource "google_cloud_run_v2_service" "ingest" {
  count                = var.service == null ? 0 : 1
  project              = var.project_id
  name                 = var.service.name
  location             = var.service.region
  labels               = var.labels
  ingress              = "INGRESS_TRAFFIC_ALL"
  invoker_iam_disabled = false
  deletion_protection  = var.service.deletion_protection

  template {
    service_account                  = var.service.account
    timeout                          = "60s"
    max_instance_request_concurrency = 80
    execution_environment            = "EXECUTION_ENVIRONMENT_GEN2"

    scaling {
      min_instance_count = 0
      max_instance_count = var.service.max_instances
    }

    containers {
      image = var.service.image
      args  = ["ingest"]

      env {
        name  = "AFLUENTE_VERIFIED_BY_CLOUD_RUN"
        value = "true"
      }

      resources {
        limits            = { cpu = "1", memory = var.service.memory }
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
  }
}

# The whole list, not one member of it: whoever adds allUsers by hand is a difference in the next plan.
resource "google_cloud_run_v2_service_iam_binding" "invoker" {
  count    = var.service == null ? 0 : 1
  project  = var.project_id
  location = var.service.region
  name     = google_cloud_run_v2_service.ingest[0].name
  role     = "roles/run.invoker"
  members  = var.publishers
}

resource "google_pubsub_topic_iam_member" "ingest_publishes" {
  for_each = var.service == null ? {} : google_pubsub_topic.topic
  project  = var.project_id
  topic    = each.value.name
  role     = "roles/pubsub.publisher"
  member   = "serviceAccount:${var.service.account}"
}
