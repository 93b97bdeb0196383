# One pipeline: topics, a function for each topic's messages, the warehouse, and the API behind Identity-Aware Proxy.
data "google_project" "this" {
  project_id = local.project_id
}

resource "google_project_service" "api" {
  for_each = toset([
    "artifactregistry.googleapis.com", "bigquery.googleapis.com", "bigquerystorage.googleapis.com",
    "billingbudgets.googleapis.com", "cloudbuild.googleapis.com", "containeranalysis.googleapis.com",
    "iam.googleapis.com", "iamcredentials.googleapis.com", "iap.googleapis.com", "logging.googleapis.com",
    "monitoring.googleapis.com", "pubsub.googleapis.com", "run.googleapis.com", "secretmanager.googleapis.com",
  ])
  project            = local.project_id
  service            = each.key
  disable_on_destroy = false
}

locals {
  number = data.google_project.this.number
  agents = {
    pubsub = "serviceAccount:service-${local.number}@gcp-sa-pubsub.iam.gserviceaccount.com"
    iap    = "serviceAccount:service-${local.number}@gcp-sa-iap.iam.gserviceaccount.com"
  }
}

module "identity" {
  source     = "./modules/identity"
  project_id = local.project_id
  prefix     = var.prefix
  depends_on = [google_project_service.api]
}

module "ingest" {
  source        = "./modules/ingest"
  project_id    = local.project_id
  labels        = local.labels
  topics        = local.topics
  subscriptions = local.subscriptions
  publishers    = local.publishers
  service = !local.ingest ? null : {
    name                = "${var.prefix}ingest"
    region              = local.region
    image               = var.initial_image
    account             = module.identity.emails.ingest
    max_instances       = var.max_instances.ingest
    memory              = local.memory_limit
    deletion_protection = var.deletion_protection
  }
  depends_on = [google_project_service.api]
}

module "warehouse" {
  source              = "./modules/warehouse"
  project_id          = local.project_id
  labels              = local.labels
  datasets            = local.datasets
  writer              = module.identity.members.function
  reader              = module.identity.members.api
  deletion_protection = var.deletion_protection
  depends_on          = [google_project_service.api]
}

module "function" {
  source              = "./modules/function"
  project_id          = local.project_id
  region              = local.region
  prefix              = var.prefix
  labels              = local.labels
  image               = var.initial_image
  functions           = local.functions
  topic_ids           = module.ingest.topic_ids
  service_account     = module.identity.emails.function
  push_account        = { email = module.identity.emails.push, id = module.identity.ids.push }
  pubsub_agent        = local.agents.pubsub
  max_instances       = var.max_instances.function
  memory              = local.memory_limit
  deletion_protection = var.deletion_protection
  depends_on          = [module.warehouse]
}

module "api" {
  source              = "./modules/api"
  project_id          = local.project_id
  region              = local.region
  name                = "${var.prefix}api"
  labels              = local.labels
  image               = var.initial_image
  resources           = local.api
  memory_limit        = local.memory_limit
  max_instances       = var.max_instances.api
  service_account     = module.identity.emails.api
  iap_agent           = local.agents.iap
  members             = concat(local.members, [module.identity.members.smoke])
  assertion_audience  = local.audience
  expected_audience   = "/projects/${local.number}/locations/${local.region}/services/${var.prefix}api"
  deletion_protection = var.deletion_protection
  depends_on          = [module.warehouse]
}

module "delivery" {
  source        = "./modules/delivery"
  project_id    = local.project_id
  region        = local.region
  prefix        = var.prefix
  labels        = local.labels
  repository    = var.repository
  build_account = { email = module.identity.emails.build, id = module.identity.ids.build }
  smoke_account = { email = module.identity.emails.smoke, id = module.identity.ids.smoke }
  runs_as       = { api = module.identity.ids.api, function = module.identity.ids.function, ingest = module.identity.ids.ingest }
  api           = module.api.name
  functions     = merge(module.function.services, module.ingest.services)
}

module "observability" {
  source         = "./modules/observability"
  project_id     = local.project_id
  project_number = local.number
  pipeline       = "${var.prefix}${local.project_id}"
  labels         = local.labels
  api            = module.api.name
  functions      = values(module.function.services)
  topics         = keys(local.topics)
  dead_letters   = distinct(concat(compact([for f in local.functions : f.dead_letter_topic]), module.function.undeliverable_topics))
  subscriptions  = module.function.subscriptions
  notify         = var.notify
  budget         = var.budget
  thresholds     = var.thresholds
  depends_on     = [google_project_service.api]
}

check "somebody_may_use_the_api" {
  assert {
    condition     = length(local.members) > 0
    error_message = "access.members of ${var.spec_file} is empty: nobody but the smoke test passes Identity-Aware Proxy."
  }
}

check "the_api_knows_its_proxy" {
  assert {
    condition     = local.audience != null
    error_message = "access.assertion of ${var.spec_file} is missing: the delivered API would not start. The output `assertion` says what to write."
  }
}
