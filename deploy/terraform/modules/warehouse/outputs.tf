output "tables" {
  description = "Every table as dataset.table."
  value       = sort(concat(keys(google_bigquery_table.table), [for dataset in keys(google_bigquery_table.dead_letters) : "${dataset}.dead_letters"]))
}
