# afluente.yaml as typed values: what the file leaves out gets here the default that `afluente up` gives it.
locals {
  spec       = yamldecode(file(var.spec_file))
  directory  = dirname(var.spec_file)
  project_id = local.spec.project
  region     = try(local.spec.deploy.region, "us-central1")

  topics = {
    for name, topic in try({ for k, v in local.spec.topics : k => v }, {}) : name => {
      message_retention_duration = try(topic.message_retention_duration, null)
      schema                     = try(merge({ encoding = "JSON" }, topic.schema, { file = "${local.directory}/${topic.schema.file}" }), null)
    }
  }

  subscriptions = {
    for name, subscription in try({ for k, v in local.spec.subscriptions : k => v }, {}) : name => {
      topic                   = subscription.topic
      filter                  = try(subscription.filter, null)
      ack_deadline_seconds    = try(subscription.ack_deadline_seconds, 10)
      enable_message_ordering = try(subscription.enable_message_ordering, false)
    }
  }

  functions = {
    for name, f in try({ for k, v in local.spec.functions : k => v if !try(v.removed, false) }, {}) : name => {
      topic                   = f.topic
      filter                  = try(f.filter, null)
      table                   = try(f.table, null)
      dataset                 = try(split(".", f.table)[0], f.dataset)
      max_staleness           = try(f.max_staleness, null)
      minimum_backoff         = try(f.retry_policy.minimum_backoff, "1s")
      maximum_backoff         = try(f.retry_policy.maximum_backoff, "60s")
      dead_letter_topic       = try(f.dead_letter_policy.topic, null)
      max_delivery_attempts   = try(f.dead_letter_policy.max_delivery_attempts, 5)
      enable_message_ordering = try(f.enable_message_ordering, false)
    }
  }

  datasets = {
    for name, dataset in try({ for k, v in local.spec.datasets : k => v }, {}) : name => {
      location     = try(dataset.location, "US")
      dead_letters = contains([for f in local.functions : f.dataset], name)
      members      = try(local.spec.access.datasets[name].members, [])
      tables = {
        for table, t in try({ for k, v in dataset.tables : k => v }, {}) : table => {
          columns       = jsonencode(t.schema)
          description   = try(t.description, null)
          partition     = try({ type = t.time_partitioning.type, field = try(t.time_partitioning.field, null) }, null)
          clustering    = try(t.clustering, null)
          function_fed  = contains([for f in local.functions : coalesce(f.table, "-")], "${name}.${table}")
          max_staleness = one([for f in local.functions : f.max_staleness if f.table == "${name}.${table}" && f.max_staleness != null])
        }
      }
    }
  }

  api = {
    port          = try(local.spec.deploy.api.port, 8000)
    cpu           = tostring(try(local.spec.deploy.api.cpu, 1))
    memory        = try(local.spec.deploy.api.memory, "2Gi")
    min_instances = try(local.spec.deploy.api.min_instances, 1)
  }
  memory_limit = try(local.spec.limits.memory, "2Gi")
  members      = try(local.spec.access.members, [])
  ingest       = can(keys(local.spec.sources.http))
  publishers   = try(local.spec.access.roles.publisher, [])
  audience     = try(local.spec.access.assertion.audience, null)

  labels = merge({ managed-by = "terraform", pipeline = "${var.prefix}afluente" }, var.labels)
}
