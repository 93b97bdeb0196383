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

variable "prefix" {
  description = "Before the services' names."
  type        = string
  nullable    = false
}

variable "labels" {
  description = "Labels of the service, topics and subscriptions."
  type        = map(string)
  nullable    = false
}

variable "image" {
  description = "What runs until the first delivery."
  type        = string
  nullable    = false
}

variable "functions" {
  description = "Functions by name."
  type = map(object({
    topic                   = string
    filter                  = optional(string)
    minimum_backoff         = string
    maximum_backoff         = string
    dead_letter_topic       = optional(string)
    max_delivery_attempts   = number
    enable_message_ordering = bool
  }))
  nullable = false

  validation {
    condition     = alltrue([for f in var.functions : f.max_delivery_attempts >= 5 && f.max_delivery_attempts <= 100])
    error_message = "functions: max_delivery_attempts from 5 to 100."
  }
  validation {
    condition     = alltrue([for name in keys(var.functions) : can(regex("^[A-Za-z][A-Za-z0-9_-]{0,62}$", name))])
    error_message = "functions: 63 letters, digits, underscores and hyphens at most, a letter first."
  }
}

variable "topic_ids" {
  description = "Full name of each topic."
  type        = map(string)
  nullable    = false
}

variable "service_account" {
  description = "The account that the service runs as."
  type        = string
  nullable    = false
}

variable "push_account" {
  description = "The account whose token Pub/Sub sends."
  type        = object({ email = string, id = string })
  nullable    = false
}

variable "pubsub_agent" {
  description = "The project's Pub/Sub service agent, as an IAM member."
  type        = string
  nullable    = false
}

variable "max_instances" {
  description = "The most instances."
  type        = number
  nullable    = false
}

variable "memory" {
  description = "Memory of an instance."
  type        = string
  nullable    = false
}

variable "deletion_protection" {
  description = "Whether the service refuses to be destroyed."
  type        = bool
  nullable    = false
}
