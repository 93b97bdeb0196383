variable "project_id" {
  description = "The project."
  type        = string
  nullable    = false
}

variable "region" {
  description = "Where the service runs."
  type        = string
  nullable    = false
}

variable "name" {
  description = "The service's name."
  type        = string
  nullable    = false
}

variable "labels" {
  description = "Labels of the service."
  type        = map(string)
  nullable    = false
}

variable "image" {
  description = "What runs until the first delivery."
  type        = string
  nullable    = false
}

variable "resources" {
  description = "deploy.api of afluente.yaml."
  type        = object({ port = number, cpu = string, memory = string, min_instances = number })
  nullable    = false

  validation {
    condition     = var.resources.port == 8000
    error_message = "deploy.api.port must be 8000: deploy/cloudbuild.yaml delivers with --port=8000."
  }
  validation {
    condition     = can(regex("^[0-9]+(Mi|Gi)$", var.resources.memory))
    error_message = "deploy.api.memory is a size such as 2Gi."
  }
  validation {
    condition     = contains(["1", "2", "4", "6", "8"], var.resources.cpu)
    error_message = "deploy.api.cpu is 1, 2, 4, 6 or 8: Cloud Run allows no fraction with more than one request at a time."
  }
  validation {
    condition     = var.resources.min_instances >= 1 && floor(var.resources.min_instances) == var.resources.min_instances
    error_message = "deploy.api.min_instances is at least 1: the first reader after a quiet hour waits for nothing."
  }
}

variable "memory_limit" {
  description = "limits.memory of afluente.yaml: what the process may use."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[0-9]+(Mi|Gi)$", var.memory_limit))
    error_message = "limits.memory is a size such as 2Gi."
  }
}

variable "max_instances" {
  description = "The most instances."
  type        = number
  nullable    = false
}

variable "service_account" {
  description = "The account that the service runs as."
  type        = string
  nullable    = false
}

variable "iap_agent" {
  description = "The project's Identity-Aware Proxy service agent, as an IAM member."
  type        = string
  nullable    = false
}

variable "members" {
  description = "Who passes Identity-Aware Proxy, as IAM members."
  type        = list(string)
  nullable    = false

  validation {
    condition     = alltrue([for m in var.members : can(regex("^(allAuthenticatedUsers|(user|group|serviceAccount|domain):[^\\s]+)$", m))])
    error_message = "access.members: user:, group:, serviceAccount:, domain: or allAuthenticatedUsers; never allUsers."
  }
}

variable "assertion_audience" {
  description = "access.assertion.audience of afluente.yaml; null when it leaves assertion out."
  type        = string
}

variable "expected_audience" {
  description = "What Identity-Aware Proxy writes for this service."
  type        = string
  nullable    = false
}

variable "deletion_protection" {
  description = "Whether the service refuses to be destroyed."
  type        = bool
  nullable    = false
}
