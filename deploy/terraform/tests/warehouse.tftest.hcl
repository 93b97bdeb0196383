# Datasets and tables as afluente.yaml declares them, with the columns that make a redelivered message harmless.
mock_provider "google" {}

variables {
  project_id          = "test-project"
  labels              = { pipeline = "test" }
  writer              = "serviceAccount:function@test-project.iam.gserviceaccount.com"
  reader              = "serviceAccount:api@test-project.iam.gserviceaccount.com"
  deletion_protection = true
  datasets = {
    sales = {
      location     = "EU"
      dead_letters = true
      members      = ["group:controllers@orders.example"]
      tables = {
        orders = {
          columns       = "[{\"name\": \"order_id\", \"type\": \"INT64\", \"mode\": \"REQUIRED\"}, {\"name\": \"placed\", \"type\": \"DATE\"}]"
          partition     = { type = "DAY", field = "placed" }
          clustering    = ["order_id"]
          function_fed  = true
          max_staleness = "5400s"
        }
        rates = {
          columns      = "[{\"name\": \"currency\", \"type\": \"STRING\"}]"
          function_fed = false
        }
      }
    }
  }
}

run "tables" {
  command = plan
  module {
    source = "./modules/warehouse"
  }

  assert {
    condition     = join(" ", output.tables) == "sales.dead_letters sales.orders sales.rates"
    error_message = "Every declared table, and one for dead letters."
  }
  assert {
    condition     = google_bigquery_table.table["sales.orders"].time_partitioning[0].field == "placed" && google_bigquery_table.table["sales.orders"].time_partitioning[0].type == "DAY" && google_bigquery_table.table["sales.orders"].clustering == tolist(["order_id"])
    error_message = "Partitioning and clustering are the specification's."
  }
  assert {
    condition     = [for c in jsondecode(google_bigquery_table.table["sales.orders"].schema) : c.name] == ["order_id", "placed", "_message_id", "_message_row"]
    error_message = "A function-fed table names each row's message."
  }
  assert {
    condition     = google_bigquery_table.table["sales.orders"].table_constraints[0].primary_key[0].columns == tolist(["_message_id", "_message_row"])
    error_message = "A redelivered message replaces its rows."
  }
  assert {
    condition     = google_bigquery_table.table["sales.orders"].max_staleness == "0-0 0 1:30:0"
    error_message = "max_staleness is an interval."
  }
  assert {
    condition     = [for c in jsondecode(google_bigquery_table.table["sales.rates"].schema) : c.name] == ["currency"] && length(google_bigquery_table.table["sales.rates"].table_constraints) == 0
    error_message = "A table that no function feeds is left as declared."
  }
  assert {
    condition     = alltrue([for t in google_bigquery_table.table : t.deletion_protection]) && alltrue([for t in google_bigquery_table.dead_letters : t.deletion_protection]) && !google_bigquery_dataset.dataset["sales"].delete_contents_on_destroy
    error_message = "Tables refuse to be destroyed by accident."
  }
}

run "grants" {
  command = apply
  module {
    source = "./modules/warehouse"
  }

  assert {
    condition     = toset(keys(google_bigquery_table_iam_member.writer)) == toset(["sales.dead_letters", "sales.orders"])
    error_message = "The function writes the tables that it feeds and no other."
  }
  assert {
    condition     = google_bigquery_dataset_iam_member.reader["sales"].role == "roles/bigquery.dataViewer" && google_bigquery_dataset_iam_member.reader["sales"].member == var.reader
    error_message = "The API reads and does not write."
  }
  assert {
    condition     = keys(google_bigquery_dataset_iam_member.member) == ["sales group:controllers@orders.example"]
    error_message = "access.datasets reads its dataset."
  }
}

run "refuses_a_table_named_dead_letters" {
  command = plan
  module {
    source = "./modules/warehouse"
  }
  variables {
    datasets = { sales = { location = "US", dead_letters = true, members = [], tables = { dead_letters = { columns = "[]", function_fed = false } } } }
  }
  expect_failures = [var.datasets]
}

run "refuses_a_partition_by_the_week" {
  command = plan
  module {
    source = "./modules/warehouse"
  }
  variables {
    datasets = { sales = { location = "US", dead_letters = true, members = [], tables = { t = { columns = "[]", function_fed = false, partition = { type = "WEEK" } } } } }
  }
  expect_failures = [var.datasets]
}
