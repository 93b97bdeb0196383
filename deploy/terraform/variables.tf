variable "spec_file" {
  description = "Path of afluente.yaml. The files that it names (schemas) are read beside it."
  type        = string
  nullable    = false

  validation {
    condition     = fileexists(var.spec_file)
    error_message = "There is no file at spec_file."
  }
}

variable "prefix" {
  description = "Put before the names of services and accounts when one project holds several pipelines, for example \"orders-\". Topics and datasets keep the names of afluente.yaml."
  type        = string
  default     = ""
  nullable    = false

  validation {
    condition     = var.prefix == "" || can(regex("^[a-z][a-z0-9-]{0,11}-$", var.prefix))
    error_message = "prefix: at most 13 lower-case letters, digits and hyphens, a letter first, a hyphen last."
  }
}

variable "initial_image" {
  description = "What the services run until the first delivery. Later images come from Cloud Build; Terraform ignores them."
  type        = string
  default     = "us-docker.pkg.dev/cloudrun/container/hello"
  nullable    = false
}

variable "max_instances" {
  description = "The most instances of each service: the bound on what a burst may cost."
  type        = object({ api = optional(number, 20), function = optional(number, 50), ingest = optional(number, 20) })
  default     = {}
  nullable    = false

  validation {
    condition     = alltrue([for n in values(var.max_instances) : n >= 1 && n <= 1000 && floor(n) == n])
    error_message = "max_instances: whole numbers from 1 to 1000."
  }
}

variable "deletion_protection" {
  description = "Whether tables and services refuse to be destroyed."
  type        = bool
  default     = true
  nullable    = false
}

variable "repository" {
  description = "The GitHub repository whose pushes are delivered (connected to Cloud Build beforehand). Null: no trigger."
  type        = object({ owner = string, name = string, branch = optional(string, "^main$") })
  default     = null
}

variable "notify" {
  description = "Email addresses that alerts and the budget write to."
  type        = set(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for email in var.notify : can(regex("^[^@\\s]+@[^@\\s]+$", email))])
    error_message = "notify: email addresses."
  }
}

variable "budget" {
  description = "A monthly budget on a billing account. Null: none."
  type        = object({ billing_account = string, currency = optional(string, "USD"), units = number })
  default     = null

  validation {
    condition     = var.budget == null || try(can(regex("^[0-9A-F]{6}-[0-9A-F]{6}-[0-9A-F]{6}$", var.budget.billing_account)) && var.budget.units >= 1, false)
    error_message = "budget: billing_account looks like 012345-6789AB-CDEF01, units is 1 or more."
  }
}

variable "thresholds" {
  description = "What the alerts call too much."
  type = object({
    api_latency_seconds   = optional(number, 1)
    api_error_ratio       = optional(number, 0.01)
    function_error_ratio  = optional(number, 0.05)
    backlog_age_seconds   = optional(number, 300)
    messages_absent_hours = optional(number, 24)
    bigquery_gib_an_hour  = optional(number, 100)
  })
  default  = {}
  nullable = false

  validation {
    condition     = alltrue([for name, value in var.thresholds : value > 0]) && var.thresholds.api_error_ratio <= 1 && var.thresholds.function_error_ratio <= 1
    error_message = "thresholds: above 0; ratios at most 1."
  }
}

variable "labels" {
  description = "Labels of all resources that take them."
  type        = map(string)
  default     = {}
  nullable    = false
}
