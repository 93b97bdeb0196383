"""deploy/terraform by Terraform itself: form, types, behaviour, and what happens after the first apply."""
import json
import pathlib
import re
import subprocess

import pytest
from conftest import need

ROOT = pathlib.Path(__file__).resolve().parents[2]
MODULE = ROOT / "deploy/terraform"
ROOTS = [".", "overview", "state", "examples/ltm", "examples/orders", "examples/fifty"]
# Gone or on their way out at Google's or HashiCorp's: the successor is used.
DEPRECATED = ["google_iap_brand", "google_iap_client", "google_cloud_run_service", "google_container_registry",
              "google_cloudfunctions_function", "google_project_iam_policy", "google_project_iam_binding",
              "google_service_account_key"]
GCLOUD_CHANGES = {"image": "europe-west1-docker.pkg.dev/orders-production/orders-afluente/api@sha256:" + "a" * 64}


def sources():
    return [p for p in sorted(MODULE.rglob("*.tf")) if ".terraform" not in p.parts]


def test_form():
    need("terraform", "no package registry offers it")
    result = subprocess.run(["terraform", "fmt", "-check", "-recursive", "-diff", str(MODULE)], capture_output=True,
                            text=True, check=False)
    assert result.returncode == 0, result.stdout


def test_no_deprecated_resource():
    used = {name for path in sources() for name in re.findall(r'^(?:resource|data) "(\w+)"', path.read_text(), re.M)}
    assert "google_cloud_run_v2_service" in used
    assert used.isdisjoint(DEPRECATED)


def test_every_variable_and_output_says_what_it_is():
    silent = [f"{path.relative_to(MODULE)}: {match.group(1)}" for path in sources()
              for match in re.finditer(r'^(?:variable|output) "(\w+)" \{\n(.*?)^\}', path.read_text(), re.M | re.S)
              if not re.search(r'^ +description += +"[^"\s].{8,}"$', match.group(2), re.M)]
    assert not silent


@pytest.mark.parametrize("folder", ROOTS)
def test_types(terraform, folder):
    """Arguments, types, references, blocks and enumerations, as Google's provider declares them."""
    answer = json.loads(terraform(folder).init()("validate", "-json").stdout)
    assert answer["valid"] and not answer["diagnostics"]


@pytest.mark.parametrize("old,new,complaint", [
    ('iap_enabled          = true', 'iap_enable           = true', 'Unsupported argument'),
    ('ingress              = "INGRESS_TRAFFIC_ALL"', 'ingress              = "INTERNAL"', 'not one of'),
    ('container_port = var.resources.port', 'container_port = "eight thousand"', 'number is required'),
])
def test_the_stand_in_refuses_what_the_provider_would(terraform, old, new, complaint):
    tf = terraform()
    tf.edit("deploy/terraform/modules/api/main.tf", old, new)
    answer = tf.init()("validate", "-json", accept=(1,)).stdout
    assert complaint in answer


def test_behaviour(terraform):
    """The modules' own tests, `terraform test`, the refused inputs among them."""
    answer = terraform().init()("test", "-no-color").stdout
    passed = int(re.search(r"Success! (\d+) passed, 0 failed", answer).group(1))
    assert passed == answer.count("... pass\n") - answer.count(".tftest.hcl... pass\n") > 20


@pytest.fixture(scope="module")
def orders(standin, tmp_path_factory):
    """examples/orders applied once: everything that the module takes."""
    from terraform import Terraform
    tf = Terraform(standin, tmp_path_factory.mktemp("orders") / "copy", "examples/orders").init()
    tf.apply()
    return tf


def test_a_second_plan_changes_nothing(orders):
    assert orders("plan", "-detailed-exitcode", "-no-color").returncode == 0


def test_one_more_topic_is_one_more_topic(orders):
    spec = "deploy/terraform/examples/orders/afluente.yaml"
    orders.edit(spec, "  Payments: {}\n", "  Payments: {}\n  Refunds: {}\n")
    try:
        publisher = "serviceAccount:shop@orders-production.iam.gserviceaccount.com"
        changes = orders.changes()
        created = {a for a, actions in changes.items() if actions == ["create"]}
        assert created == {'module.pipeline.module.ingest.google_pubsub_topic.topic["Refunds"]',
                           'module.pipeline.module.ingest.google_pubsub_topic_iam_member.ingest_publishes["Refunds"]',
                           f'module.pipeline.module.ingest.google_pubsub_topic_iam_member.publisher["Refunds {publisher}"]'}
        # Dashboard and alert count the new topic's messages too.
        assert set(changes) - created == {
            "module.pipeline.module.observability.google_monitoring_dashboard.pipeline",
            'module.pipeline.module.observability.google_monitoring_alert_policy.alert["messages_absent"]'}
    finally:
        orders.edit(spec, "  Refunds: {}\n", "")


def test_what_gcloud_delivers_stays(orders):
    """Cloud Build's gcloud writes image, traffic and client: the next plan leaves them alone."""
    def deliver(values):
        values["template"][0]["containers"][0]["image"] = GCLOUD_CHANGES["image"]
        values["template"][0]["revision"] = "orders-api-00007-abc"
        values["traffic"] = [{"percent": 100, "revision": "orders-api-00007-abc", "tag": None,
                              "type": "TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION"}]
        values["client"], values["client_version"] = "gcloud", "528.0.0"
    for name in ("orders-api", "orders-function-store-orders", "orders-function-store-payments", "orders-ingest"):
        orders.by_hand("google_cloud_run_v2_service", deliver, name=name)
    assert orders.changes() == {}


def set_memory(values):
    values["template"][0]["containers"][0]["resources"][0]["limits"]["memory"] = "512Mi"


def set_port(values):
    values["template"][0]["containers"][0]["ports"][0]["container_port"] = 8080


DRIFT = [
    ("google_cloud_run_v2_service", "orders-api", lambda v: v.update(iap_enabled=False), "module.api.google_cloud_run_v2_service.api"),
    ("google_cloud_run_v2_service", "orders-api", set_memory, "module.api.google_cloud_run_v2_service.api"),
    ("google_cloud_run_v2_service", "orders-api", set_port, "module.api.google_cloud_run_v2_service.api"),
    ("google_cloud_run_v2_service", "orders-function-store-orders", lambda v: v.update(ingress="INGRESS_TRAFFIC_ALL"),
     'module.function.google_cloud_run_v2_service.function["store_orders"]'),
    ("google_cloud_run_v2_service_iam_binding", "orders-function-store-orders", lambda v: v["members"].append("allUsers"),
     'module.function.google_cloud_run_v2_service_iam_binding.invoker["store_orders"]'),
    ("google_cloud_run_v2_service_iam_binding", "orders-api", lambda v: v["members"].append("allUsers"),
     "module.api.google_cloud_run_v2_service_iam_binding.invoker"),
]


@pytest.mark.parametrize("resource,name,change,address", DRIFT,
                         ids=["iap off", "less memory", "another port", "public ingress", "public function", "api open"])
def test_drift_is_seen(orders, resource, name, change, address):
    file, _ = orders.in_the_cloud(resource, name=name)
    before = file.read_text(encoding="utf-8")
    try:
        orders.by_hand(resource, change, name=name)
        assert orders.changes() == {f"module.pipeline.{address}": ["update"]}
    finally:
        file.write_text(before, encoding="utf-8")


def test_a_deleted_grant_is_seen(orders):
    file, values = orders.in_the_cloud("google_pubsub_subscription_iam_member", subscription="store_orders-function")
    before = file.read_text(encoding="utf-8")
    assert values["role"] == "roles/pubsub.subscriber"
    file.unlink()
    try:
        assert orders.changes() == {
            'module.pipeline.module.function.google_pubsub_subscription_iam_member.agent_acknowledges["store_orders"]': ["create"]}
    finally:
        file.write_text(before, encoding="utf-8")


def test_who_may_do_what(orders):
    """Every grant of the whole deployment, written out: one more is a difference here before it is one in the cloud."""
    state = json.loads(orders("show", "-json").stdout)
    grants = set()

    def walk(module):
        for r in module.get("resources", []):
            v = r["values"]
            for member in v.get("members") or [v["member"]] if "role" in v else []:
                on = v.get("subscription") or v.get("topic") or v.get("table_id") or v.get("secret_id") or v.get("cloud_run_service_name") \
                    or v.get("name") or v.get("repository") or v.get("service_account_id", "").split("/")[-1].split("@")[0] \
                    or v.get("dataset_id") or "project"
                grants.add((member.split(":")[1].split("@")[0], v["role"].split("/")[1], on.split("/")[-1]))
        for child in module.get("child_modules", []):
            walk(child)
    walk(state["values"]["root_module"])
    role = "orders-afluente-{}".format
    agent, iap = "service-123456789012", "service-123456789012"
    expected = {
        (role("api"), "bigquery.jobUser", "project"), (role("build"), "logging.logWriter", "project"),
        (role("api"), "bigquery.dataViewer", "sales"), (role("api"), "bigquery.dataViewer", "finance"),
        ("controllers", "bigquery.dataViewer", "finance"),
        (iap, "run.invoker", "orders-api"),
        ("orders.example", "iap.httpsResourceAccessor", "orders-api"), ("ana", "iap.httpsResourceAccessor", "orders-api"),
        (role("smoke"), "iap.httpsResourceAccessor", "orders-api"),
        (agent, "iam.serviceAccountTokenCreator", role("push")),
        (role("function"), "pubsub.publisher", "Orders-dead"),
        (role("build"), "artifactregistry.writer", "orders-afluente"),
        (role("build"), "run.developer", "orders-api"),
        (role("build"), "iam.serviceAccountUser", role("api")), (role("build"), "iam.serviceAccountUser", role("function")),
        (role("build"), "iam.serviceAccountUser", role("ingest")),
        (role("build"), "iam.serviceAccountTokenCreator", role("smoke")),
        (role("api"), "secretmanager.secretAccessor", "orders-api-cursor-key"),
        ("shop", "run.invoker", "orders-ingest"), (role("build"), "run.developer", "orders-ingest"),
    }
    expected |= {(role("function"), "bigquery.dataEditor", t) for t in ("orders", "payments", "dead_letters")}
    expected |= {(who, "pubsub.publisher", t) for who in ("shop", role("ingest")) for t in ("Orders", "Orders-dead", "Payments")}
    for f in ("store_orders", "store_payments"):
        service = f"orders-function-{f.replace('_', '-')}"
        expected |= {(agent, "pubsub.publisher", f"{f}-undeliverable"), (agent, "pubsub.subscriber", f"{f}-function"),
                     (role("push"), "run.invoker", service), (role("build"), "run.developer", service)}
    assert grants == expected


def test_fifty_pipelines_have_one_overview(terraform):
    plan = terraform("examples/fifty").init().plan()
    made = [r["address"] for r in plan["planned_values"]["root_module"]["child_modules"][0]["resources"]]
    assert sum("monitored_project" in address for address in made) == 50
    overview = next(r for r in plan["resource_changes"] if r["type"] == "google_monitoring_dashboard")
    dashboard = json.loads(overview["change"]["after"]["dashboard_json"])
    tiles = dashboard["mosaicLayout"]["tiles"]
    assert len(tiles) == 8 and all(len(t["widget"]["xyChart"]["dataSets"]) == 1 for t in tiles)
    queries = [t["widget"]["xyChart"]["dataSets"][0]["timeSeriesQuery"]["prometheusQuery"] for t in tiles]
    assert all("system-01|" in q and "|system-50" in q and "project_id" in q for q in queries)
