variable "project_id" {
  description = "The project."
  type        = string
  nullable    = false
}

variable "region" {
  description = "Where images are kept and builds run."
  type        = string
  nullable    = false
}

variable "prefix" {
  description = "Before the names of the repository and the trigger."
  type        = string
  nullable    = false
}

variable "labels" {
  description = "Labels of the repository of images."
  type        = map(string)
  nullable    = false
}

variable "repository" {
  description = "The GitHub repository whose pushes are delivered; null: no trigger."
  type        = object({ owner = string, name = string, branch = string })
}

variable "build_account" {
  description = "The account that builds run as."
  type        = object({ email = string, id = string })
  nullable    = false
}

variable "smoke_account" {
  description = "The account of the smoke test."
  type        = object({ email = string, id = string })
  nullable    = false
}

variable "runs_as" {
  description = "Full names of the accounts that the services run as: who deploys must be allowed to act as them."
  type        = map(string)
  nullable    = false
}

variable "api" {
  description = "Name of the API's service."
  type        = string
  nullable    = false
}

variable "functions" {
  description = "Name of each function's service."
  type        = map(string)
  nullable    = false
}
