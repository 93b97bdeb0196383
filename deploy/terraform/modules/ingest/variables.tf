variable "project_id" {
  description = "The project."
  type        = string
  nullable    = false
}

variable "labels" {
  description = "Labels of topics and subscriptions."
  type        = map(string)
  nullable    = false
}

variable "topics" {
  description = "Topics by name; a schema's file is a path."
  type = map(object({
    message_retention_duration = optional(string)
    schema                     = optional(object({ file = string, encoding = string }))
  }))
  nullable = false

  validation {
    condition     = alltrue([for name, t in var.topics : can(regex("^[A-Za-z][A-Za-z0-9_.~+%-]{2,254}$", name)) && !startswith(name, "goog")])
    error_message = "topics: 3 to 255 letters, digits and -_.~+%, a letter first, not goog..."
  }
  validation {
    condition     = alltrue([for t in var.topics : t.schema == null || can(regex("\\.(avsc|proto)$", t.schema.file))])
    error_message = "topics: a schema's file ends in .avsc (Avro) or .proto (Protocol Buffers)."
  }
}

variable "subscriptions" {
  description = "Subscriptions for outside consumers, by name."
  type = map(object({
    topic                   = string
    filter                  = optional(string)
    ack_deadline_seconds    = number
    enable_message_ordering = bool
  }))
  nullable = false

  validation {
    condition     = alltrue([for s in var.subscriptions : s.ack_deadline_seconds >= 10 && s.ack_deadline_seconds <= 600])
    error_message = "subscriptions: ack_deadline_seconds from 10 to 600."
  }
}

variable "publishers" {
  description = "Who may publish, as IAM members (access.roles.publisher)."
  type        = list(string)
  nullable    = false

  validation {
    condition     = !contains(var.publishers, "allUsers")
    error_message = "publishers: allUsers would let the whole internet publish."
  }
}

variable "service" {
  description = "The service of POST /ingest/{topic}; null: there is none."
  type = object({
    name                = string
    region              = string
    image               = string
    account             = string
    max_instances       = number
    memory              = string
    deletion_protection = bool
  })

  validation {
    condition     = var.service == null || length(var.publishers) > 0
    error_message = "sources.http needs access.roles.publisher: nobody could call the service."
  }
}
