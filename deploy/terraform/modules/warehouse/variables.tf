variable "project_id" {
  description = "The project."
  type        = string
  nullable    = false
}

variable "labels" {
  description = "Labels of datasets and tables."
  type        = map(string)
  nullable    = false
}

variable "datasets" {
  description = "Datasets by name. `columns` is the table's schema as JSON; a function-fed table gets the two columns that name its message."
  type = map(object({
    location     = string
    dead_letters = bool
    members      = list(string)
    tables = map(object({
      columns       = string
      description   = optional(string)
      partition     = optional(object({ type = string, field = optional(string) }))
      clustering    = optional(list(string))
      function_fed  = bool
      max_staleness = optional(string)
    }))
  }))
  nullable = false

  validation {
    condition     = alltrue([for d in var.datasets : !contains(keys(d.tables), "dead_letters")])
    error_message = "datasets: dead_letters is a reserved table name."
  }
  validation {
    condition     = alltrue(flatten([for d in var.datasets : [for t in d.tables : t.partition == null || contains(["HOUR", "DAY", "MONTH", "YEAR"], try(t.partition.type, ""))]]))
    error_message = "datasets: time_partitioning.type is HOUR, DAY, MONTH or YEAR."
  }
  validation {
    condition     = alltrue(flatten([for d in var.datasets : [for t in d.tables : try(length(t.clustering) >= 1 && length(t.clustering) <= 4, true)]]))
    error_message = "datasets: clustering names one to four columns."
  }
  validation {
    condition     = alltrue(flatten([for d in var.datasets : [for t in d.tables : can(regex("^[0-9]+s$", coalesce(t.max_staleness, "0s")))]]))
    error_message = "functions: max_staleness is a number of seconds such as 900s."
  }
}

variable "writer" {
  description = "The function's account: writes the tables that functions feed, and dead letters."
  type        = string
  nullable    = false
}

variable "reader" {
  description = "The API's account: reads every dataset."
  type        = string
  nullable    = false
}

variable "deletion_protection" {
  description = "Whether tables refuse to be destroyed."
  type        = bool
  nullable    = false
}
