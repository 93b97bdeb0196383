variable "project_id" {
  description = "The project."
  type        = string
  nullable    = false
}

variable "project_number" {
  description = "The project's number, which budgets filter by."
  type        = string
  nullable    = false
}

variable "pipeline" {
  description = "The pipeline's name on dashboards and alerts."
  type        = string
  nullable    = false
}

variable "labels" {
  description = "Labels of alerts."
  type        = map(string)
  nullable    = false
}

variable "api" {
  description = "Name of the API's service."
  type        = string
  nullable    = false
}

variable "functions" {
  description = "Names of the functions' services."
  type        = list(string)
  nullable    = false
}

variable "topics" {
  description = "The pipeline's topics."
  type        = list(string)
  nullable    = false
}

variable "dead_letters" {
  description = "Topics that should stay silent."
  type        = list(string)
  nullable    = false
}

variable "subscriptions" {
  description = "The functions' subscriptions."
  type        = list(string)
  nullable    = false
}

variable "notify" {
  description = "Email addresses that are written to."
  type        = set(string)
  nullable    = false
}

variable "budget" {
  description = "A monthly budget; null: none."
  type        = object({ billing_account = string, currency = string, units = number })
}

variable "thresholds" {
  description = "What the alerts call too much."
  type = object({
    api_latency_seconds      = number
    api_error_ratio          = number
    function_error_ratio     = number
    backlog_age_seconds      = number
    subscription_age_seconds = optional(number, 3600)
    messages_absent_hours    = number
    bigquery_gib_an_hour     = number
  })
  nullable = false
}
