"""One afluente.yaml, two worlds: what `afluente up` makes, asked over its own doors, against what Terraform plans."""
import json
import pathlib
import sys

import pytest
import requests
import yaml
from terraform import Terraform, resources

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "test/acceptance"))
from instance import BINARY, Instance, run_afluente  # noqa: E402

SPECS = {"flights": "examples/flights", "ltm": "examples/ltm", "orders": "deploy/terraform/examples/orders"}
OF_REST = {"INTEGER": "INT64", "FLOAT": "FLOAT64", "BOOLEAN": "BOOL", "STRUCT": "RECORD"}


def column(c):
    """A column with every default written out, so that both worlds say it in the same words."""
    kind = OF_REST.get(c["type"], c["type"])
    out = {"name": c["name"], "type": kind, "mode": c.get("mode") or "NULLABLE", "description": c.get("description") or ""}
    if kind == "RECORD":
        out["fields"] = [column(f) for f in c["fields"]]
    return out


def type_text(c):
    """The column's type as GoogleSQL writes it."""
    text = c["type"]
    if text == "RECORD":
        text = "STRUCT<" + ", ".join(f"{f['name']} {type_text(f)}" for f in c["fields"]) + ">"
    return f"ARRAY<{text}>" if c["mode"] == "REPEATED" else text


def cloud(tf):
    """What the deployment has, after it was applied to the stand-in's cloud."""
    tf.apply()
    state = json.loads(tf("show", "-json").stdout)
    made = resources(state["values"])
    of = lambda kind: [r["values"] for r in made if r["type"] == kind]  # noqa: E731
    world = {"topics": {}, "subscriptions": {}, "datasets": {}, "tables": {}}
    for t in of("google_pubsub_topic"):
        world["topics"][t["name"]] = {"retention": t["message_retention_duration"] or None,
                                      "schema": [s["encoding"] for s in t["schema_settings"]]}
    for s in of("google_pubsub_subscription"):
        world["subscriptions"][s["name"]] = {
            "topic": s["topic"].rsplit("/", 1)[-1], "filter": s["filter"] or "", "ack_deadline": s["ack_deadline_seconds"],
            "ordering": bool(s["enable_message_ordering"])}
    for d in of("google_bigquery_dataset"):
        world["datasets"][d["dataset_id"]] = {"location": d["location"]}
    for t in of("google_bigquery_table"):
        partition = [{"type": p["type"], "field": p["field"] or ""} for p in t["time_partitioning"]]
        world["tables"][f"{t['dataset_id']}.{t['table_id']}"] = {
            "columns": [column(c) for c in json.loads(t["schema"])], "description": t["description"] or "",
            "partition": partition[0] if partition else None, "clustering": t["clustering"] or []}
    return world


def for_functions(spec):
    """What the cloud has beside the specification's own: what stands in for the function that `up` runs in process."""
    topics, subscriptions = {}, {}
    for name, f in (spec.get("functions") or {}).items():
        topics[f"{name}-undeliverable"] = {"retention": "604800s", "schema": []}
        subscriptions[f"{name}-function"] = {"topic": f["topic"], "filter": f.get("filter", ""), "ack_deadline": 60,
                                             "ordering": f.get("enable_message_ordering", False)}
        subscriptions[f"{name}-undeliverable"] = {"topic": f"{name}-undeliverable", "filter": "", "ack_deadline": 60,
                                                  "ordering": False}
    return topics, subscriptions


def local_pubsub(instance, project):
    base = f"http://{instance.doors['pubsub']}/v1/projects/{project}"
    topics = requests.get(f"{base}/topics?pageSize=1000", timeout=60).json().get("topics", [])
    subscriptions = requests.get(f"{base}/subscriptions?pageSize=1000", timeout=60).json().get("subscriptions", [])
    last = lambda text: text.rsplit("/", 1)[-1]  # noqa: E731
    return ({last(t["name"]): {"retention": t.get("messageRetentionDuration"),
                               "schema": [t["schemaSettings"]["encoding"]] if "schemaSettings" in t else []} for t in topics},
            {last(s["name"]): {"topic": last(s["topic"]), "filter": s.get("filter", ""),
                               "ack_deadline": s["ackDeadlineSeconds"], "ordering": s.get("enableMessageOrdering", False)}
             for s in subscriptions})


def local_column_types(instance, table):
    """name and type of each column, by the admin door that `afluente query` asks."""
    answer = requests.post(f"{instance.doors['admin']}/v1/query", timeout=60,
                           json={"sql": f"SELECT * FROM {table} LIMIT 0"})
    assert answer.status_code == 200, f"{table}: {answer.text}"
    return [(c["name"], c["type"]) for c in answer.json()["columns"]]


def local_tables(instance, project):
    """Datasets and tables in full, by BigQuery's own REST door."""
    base = f"{instance.doors['bigquery']}/bigquery/v2/projects/{project}/datasets"
    get = lambda url: requests.get(url, timeout=60).json()  # noqa: E731
    datasets, tables = {}, {}
    for d in get(base).get("datasets", []):
        name = d["datasetReference"]["datasetId"]
        datasets[name] = {"location": get(f"{base}/{name}")["location"]}
        for t in get(f"{base}/{name}/tables?maxResults=1000").get("tables", []):
            table = get(f"{base}/{name}/tables/{t['tableReference']['tableId']}")
            partition = table.get("timePartitioning")
            tables[f"{name}.{t['tableReference']['tableId']}"] = {
                "columns": [column(c) for c in table["schema"]["fields"]], "description": table.get("description", ""),
                "partition": {"type": partition["type"], "field": partition.get("field", "")} if partition else None,
                "clustering": table.get("clustering", {}).get("fields", [])}
    return datasets, tables


def start(directory, folder):
    """`afluente up` on a copy of the pipeline, without access rules: they need keys that no test has."""
    text = (folder / "afluente.yaml").read_text(encoding="utf-8")
    spec = yaml.safe_load(text)
    if "access" in spec:
        del spec["access"]
        text = yaml.safe_dump(spec, sort_keys=False)
    files = {str(p.relative_to(folder)): p.read_text(encoding="utf-8") for p in folder.rglob("*")
             if p.suffix in (".sql", ".js", ".avsc", ".proto")}
    return Instance(directory, text, files).start(), spec


@pytest.fixture(scope="module", params=SPECS)
def worlds(request, standin, tmp_path_factory):
    if not pathlib.Path(BINARY).exists():
        pytest.skip("build/release/afluente is missing: make build")
    directory = tmp_path_factory.mktemp(request.param)
    tf = Terraform(standin, directory / "copy", "examples/orders" if request.param == "orders" else "examples/ltm")
    folder = tf.copy / SPECS[request.param]
    tf.environment["TF_VAR_spec_file"] = str(folder / "afluente.yaml")
    remote = cloud(tf.init())
    instance, spec = start(directory / "local", folder)
    yield instance, spec, remote
    instance.terminate()
    Instance.alive.remove(instance)


@pytest.mark.parametrize("name", SPECS)
def test_the_specification_is_valid(name):
    run_afluente("validate", str(ROOT / SPECS[name] / "afluente.yaml"))


def test_topics_and_subscriptions(worlds):
    instance, spec, remote = worlds
    topics, subscriptions = local_pubsub(instance, spec["project"])
    more_topics, more_subscriptions = for_functions(spec)
    assert topics, "the instance has no topic: the comparison would say nothing"
    assert remote["topics"] == topics | more_topics
    assert remote["subscriptions"] == subscriptions | more_subscriptions


def test_columns(worlds):
    """Every table of the cloud is there under its name, with the same columns of the same types in the same order."""
    instance, spec, remote = worlds
    fed = {f["table"] for f in (spec.get("functions") or {}).values()}
    assert set(remote["tables"]) == {f"{d}.{t}" for d, ds in spec["datasets"].items() for t in ds["tables"]} | {
        f"{table.split('.')[0]}.dead_letters" for table in fed}
    for table, values in remote["tables"].items():
        assert [(c["name"], type_text(c)) for c in values["columns"]] == local_column_types(instance, table), table


def test_tables_in_full(worlds):
    """Modes, descriptions, partitioning, clustering, and no table on one side alone."""
    instance, spec, remote = worlds
    if "bigquery" not in instance.doors:
        pytest.skip("this binary opens no BigQuery door, which alone tells modes and partitioning")
    datasets, tables = local_tables(instance, spec["project"])
    assert remote["datasets"] == datasets
    assert remote["tables"] == tables


DIFFERENCES = [
    ("topics", "  Payments: {}\n", "  Payments: {message_retention_duration: 86400s}\n"),
    ("subscriptions", "ack_deadline_seconds: 30", "ack_deadline_seconds: 31"),
    ("tables", "{name: customer, type: STRING}", "{name: customer, type: BYTES}"),
    ("tables", "clustering: [order_id, customer]", "clustering: [customer, order_id]"),
    ("datasets", "  finance:\n    location: EU", "  finance:\n    location: US"),
]


@pytest.fixture(scope="module")
def unchanged(standin, tmp_path_factory):
    tf = Terraform(standin, tmp_path_factory.mktemp("unchanged") / "copy", "examples/orders").init()
    return tf, cloud(tf)


@pytest.mark.parametrize("part,old,new", DIFFERENCES, ids=["retention", "deadline", "type", "clustering", "location"])
def test_a_difference_is_seen(unchanged, part, old, new):
    """The comparison itself: one changed line of the specification changes its part of what Terraform makes, and no other."""
    tf, before = unchanged
    spec = "deploy/terraform/examples/orders/afluente.yaml"
    tf.edit(spec, old, new)
    try:
        after = cloud(tf)
    finally:
        tf.edit(spec, new, old)
    assert {p for p in before if before[p] != after[p]} == {part}
