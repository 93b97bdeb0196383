# The bucket that holds Terraform's state: made once, with local state, before everything else.
variable "project_id" {
  description = "The project that holds the bucket."
  type        = string
  nullable    = false
}

variable "location" {
  description = "Where the bucket is."
  type        = string
  default     = "US"
  nullable    = false
}

variable "administrators" {
  description = "Who may read and write the state, as IAM members."
  type        = set(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for m in var.administrators : can(regex("^(user|group|serviceAccount):", m))])
    error_message = "administrators: user:, group: or serviceAccount: members; nothing wider."
  }
}

resource "google_storage_bucket" "state" {
  project                     = var.project_id
  name                        = "${var.project_id}-terraform-state"
  location                    = var.location
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"

  versioning {
    enabled = true
  }

  lifecycle_rule {
    action {
      type = "Delete"
    }
    condition {
      num_newer_versions = 50
      with_state         = "ARCHIVED"
    }
  }

  lifecycle {
    prevent_destroy = true
  }
}

resource "google_storage_bucket_iam_member" "administrator" {
  for_each = var.administrators
  bucket   = google_storage_bucket.state.name
  role     = "roles/storage.objectAdmin"
  member   = each.key
}

output "bucket" {
  description = "The bucket's name, for backend.tf."
  value       = google_storage_bucket.state.name
}
