"""Each promise of deploy/terraform, broken on purpose: the module's own test of that promise must fail, by its own words."""
import re

import pytest
from terraform import Terraform

# name: (text, broken, the complaint); the text stands in the module's main.tf exactly once.
MUTANTS = {
    "api": {
        "proxy off": ("iap_enabled          = true", "iap_enabled          = false", "Identity-Aware Proxy stands before the API."),
        "no invoker check": ("invoker_iam_disabled = false", "invoker_iam_disabled = true", "Cloud Run checks who invokes the API."),
        "open to all": ("members  = [var.iap_agent]", 'members  = ["allUsers"]', "Nobody but the proxy's agent invokes the API."),
        "anybody signed in": ("= var.members", '= ["allAuthenticatedUsers"]', "access.members, and only they, pass the proxy."),
        "another port": ("container_port = var.resources.port", "container_port = 8080", "The API listens on port 8000."),
        "less memory": ("cpu = var.resources.cpu, memory = var.resources.memory", 'cpu = "1", memory = "512Mi"', "The API has 1 CPU and 2Gi."),
        "no instance": ("min_instance_count = var.resources.min_instances", "min_instance_count = 0", "One instance of the API is always there."),
        "another's account": ("= var.service_account", '= "shared@test-project.iam.gserviceaccount.com"', "The API has its own account."),
        "another warehouse": ('AFLUENTE_WAREHOUSE   = "bigquery"', 'AFLUENTE_WAREHOUSE   = "embedded"', "The API is told that its warehouse is BigQuery and where its key is."),
        "key elsewhere": ("basename(local.environment.AFLUENTE_SECRET_FILE)", '"secret"', "The key is mounted where the API looks."),
        "key unread": ('"roles/secretmanager.secretAccessor"', '"roles/secretmanager.viewer"', "The API may read its key."),
    },
    "function": {
        "public": ("INGRESS_TRAFFIC_INTERNAL_ONLY", "INGRESS_TRAFFIC_ALL", "The function is reached from inside Google's network only."),
        "for everybody": ('members  = ["serviceAccount:${var.push_account.email}"]', 'members  = ["allUsers"]', "Nobody but Pub/Sub's identity invokes the function."),
        "wrong audience": ("      audience              = local.audiences[each.key]", '      audience              = "https://elsewhere.example"', "Cloud Run and the function expect the audience that the token has."),
        "no acknowledging": ('"roles/pubsub.subscriber"', '"roles/pubsub.viewer"', "Pub/Sub's agent may acknowledge what it forwards."),
        "no minting": ('"roles/iam.serviceAccountTokenCreator"', '"roles/iam.serviceAccountUser"', "Pub/Sub's agent may mint the push account's tokens."),
        "no forwarding": ('undeliverable[each.key].name\n  role     = "roles/pubsub.publisher"', 'undeliverable[each.key].name\n  role     = "roles/pubsub.viewer"', "Pub/Sub's agent may publish to the backstop."),
        "early backstop": ("f.max_delivery_attempts * 2 + 10", "f.max_delivery_attempts", "The backstop comes after the function's own limit."),
    },
    "warehouse": {
        "unprotected": ("description         = each.value.description\n  labels              = var.labels\n  deletion_protection = var.deletion_protection",
                        "description         = each.value.description\n  labels              = var.labels\n  deletion_protection = false", "Tables refuse to be destroyed by accident."),
        "staleness": ("local.staleness[each.key] / 3600", "local.staleness[each.key] / 60", "max_staleness is an interval."),
        "doubles": ("columns = [for column in local.message_columns : column.name]", 'columns = ["_message_id"]', "A redelivered message replaces its rows."),
        "api writes": ('"roles/bigquery.dataViewer"\n  member     = var.reader', '"roles/bigquery.dataEditor"\n  member     = var.reader', "The API reads and does not write."),
        "no partitions": ("type  = time_partitioning.value.type", 'type  = "MONTH"', "Partitioning and clustering are the specification's."),
        "unnamed rows": ("concat(jsondecode(each.value.columns), [for column in local.message_columns : column if each.value.function_fed])", "jsondecode(each.value.columns)", "A function-fed table names each row's message."),
    },
    "delivery": {
        "decides access": ('"roles/run.developer"', '"roles/run.admin"', "The build deploys these two services and decides nobody's access."),
        "tags move": ("immutable_tags = true", "immutable_tags = false", "A tag names one image for ever."),
        "nothing goes": ("cleanup_policy_dry_run = false", "cleanup_policy_dry_run = true", "Old images go, recent ones stay."),
        "default account": ("service_account = var.build_account.id", "service_account = null", "Builds run as their own account."),
    },
    "identity": {
        "whole project": ('role = "roles/bigquery.jobUser"', 'role = "roles/bigquery.admin"', "Only running queries and writing logs is granted on the whole project."),
        "one account less": ('    smoke    = "', '    # smoke    = "', "One account for each role."),
    },
}


@pytest.mark.parametrize("suite", MUTANTS)
def test_each_broken_promise_is_named(standin, tmp_path, suite):
    tf = Terraform(standin, tmp_path / "copy")
    for old, new, _ in MUTANTS[suite].values():
        tf.edit(f"deploy/terraform/modules/{suite}/main.tf", old, new)
    result = tf.init()("test", "-no-color", f"-filter=tests/{suite}.tftest.hcl", accept=(1,))
    answer = result.stdout + result.stderr
    said = {line.strip() for line in answer.splitlines()}
    unnoticed = [name for name, (_, _, complaint) in MUTANTS[suite].items() if complaint not in said]
    assert not unnoticed, answer
    # And nothing fails that was not broken: the complaints are the promises, each once.
    failed = len(re.findall("^Error: Test assertion failed", answer, re.M))
    assert failed == len(MUTANTS[suite]), answer
