variable "project_id" {
  description = "The project."
  type        = string
  nullable    = false
}

variable "prefix" {
  description = "Before every account's name."
  type        = string
  nullable    = false
}
