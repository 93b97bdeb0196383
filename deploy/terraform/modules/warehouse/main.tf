locals {
  tables = merge([for dataset, d in var.datasets : { for table, t in d.tables : "${dataset}.${table}" => merge(t, { dataset = dataset, table = table }) }]...)

  # Which message a row comes from: the key by which a redelivered message replaces its rows instead of doubling them.
  message_columns = [
    { name = "_message_id", type = "STRING", mode = "NULLABLE", description = "" },
    { name = "_message_row", type = "INT64", mode = "NULLABLE", description = "" },
  ]

  # The columns are afluente's (src/warehouse/dead_letter_table.cc); the test that compares local and cloud reads both.
  dead_letter_columns = [
    { name = "message_id", type = "STRING", mode = "REQUIRED" },
    { name = "topic", type = "STRING", mode = "NULLABLE" },
    { name = "function", type = "STRING", mode = "REQUIRED" },
    { name = "publish_time", type = "TIMESTAMP", mode = "NULLABLE" },
    { name = "data", type = "BYTES", mode = "NULLABLE" },
    { name = "attributes", type = "JSON", mode = "NULLABLE" },
    { name = "ordering_key", type = "STRING", mode = "NULLABLE" },
    { name = "error", type = "STRING", mode = "NULLABLE" },
    { name = "attempts", type = "INT64", mode = "NULLABLE" },
    { name = "failed_at", type = "TIMESTAMP", mode = "NULLABLE" },
    { name = "state", type = "STRING", mode = "NULLABLE" },
  ]

  staleness = { for key, t in local.tables : key => try(tonumber(trimsuffix(t.max_staleness, "s")), null) }

  written = merge(
    { for key, t in local.tables : key => google_bigquery_table.table[key] if t.function_fed },
    { for dataset, table in google_bigquery_table.dead_letters : "${dataset}.dead_letters" => table },
  )
  members = merge([for dataset, d in var.datasets : { for member in d.members : "${dataset} ${member}" => { dataset = dataset, member = member } }]...)
}

resource "google_bigquery_dataset" "dataset" {
  for_each                   = var.datasets
  project                    = var.project_id
  dataset_id                 = each.key
  location                   = each.value.location
  labels                     = var.labels
  delete_contents_on_destroy = false
}

resource "google_bigquery_table" "table" {
  for_each            = local.tables
  project             = var.project_id
  dataset_id          = google_bigquery_dataset.dataset[each.value.dataset].dataset_id
  table_id            = each.value.table
  description         = each.value.description
  labels              = var.labels
  deletion_protection = var.deletion_protection
  clustering          = each.value.clustering
  max_staleness       = local.staleness[each.key] == null ? null : format("0-0 0 %d:%d:%d", floor(local.staleness[each.key] / 3600), floor(local.staleness[each.key] / 60) % 60, local.staleness[each.key] % 60)
  schema              = jsonencode(concat(jsondecode(each.value.columns), [for column in local.message_columns : column if each.value.function_fed]))

  dynamic "time_partitioning" {
    for_each = each.value.partition == null ? [] : [each.value.partition]
    content {
      type  = time_partitioning.value.type
      field = time_partitioning.value.field
    }
  }

  dynamic "table_constraints" {
    for_each = each.value.function_fed ? [1] : []
    content {
      primary_key {
        columns = [for column in local.message_columns : column.name]
      }
    }
  }
}

resource "google_bigquery_table" "dead_letters" {
  for_each            = { for dataset, d in var.datasets : dataset => d if d.dead_letters }
  project             = var.project_id
  dataset_id          = google_bigquery_dataset.dataset[each.key].dataset_id
  table_id            = "dead_letters"
  description         = "Messages that a function could not store"
  labels              = var.labels
  deletion_protection = var.deletion_protection
  schema              = jsonencode(local.dead_letter_columns)
}

resource "google_bigquery_table_iam_member" "writer" {
  for_each   = local.written
  project    = var.project_id
  dataset_id = each.value.dataset_id
  table_id   = each.value.table_id
  role       = "roles/bigquery.dataEditor"
  member     = var.writer
}

resource "google_bigquery_dataset_iam_member" "reader" {
  for_each   = google_bigquery_dataset.dataset
  project    = var.project_id
  dataset_id = each.value.dataset_id
  role       = "roles/bigquery.dataViewer"
  member     = var.reader
}

# People who query the dataset themselves: access.datasets of afluente.yaml.
resource "google_bigquery_dataset_iam_member" "member" {
  for_each   = local.members
  project    = var.project_id
  dataset_id = google_bigquery_dataset.dataset[each.value.dataset].dataset_id
  role       = "roles/bigquery.dataViewer"
  member     = each.value.member
}
