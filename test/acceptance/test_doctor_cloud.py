"""`afluente doctor --target gcp`: a deployment against its specification. An instance plays Pub/Sub and BigQuery; a proxy before
it plays what an instance has not: projects and the permissions of BigQuery's tables."""
import contextlib
import http.server
import json
import threading

import google_cloud
import pytest
import requests
from instance import run_afluente

ACCESS = """
access:
  members: ["user:ana@ltm.example"]
  assertion: {issuer: "https://cloud.google.com/iap", audience: /projects/42/locations/us-central1/services/api,
              jwks_uri: "https://www.gstatic.com/iap/verify/public_key-jwk"}
"""
ACCOUNT = "push@test-project.iam.gserviceaccount.com"
PUSH = {"pushEndpoint": "https://function.example/", "oidcToken": {"serviceAccountEmail": ACCOUNT, "audience": "https://function"}}


class Google:
    """Projects and tables' permissions; the rest is the instance's answer."""

    def __init__(self, upstream):
        self.number, self.denied = "42", set()
        google = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def respond(self, status, text):
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            def do_GET(self):
                if self.path.startswith("/v1/projects/"):
                    return self.respond(200, json.dumps({"projectNumber": google.number}).encode())
                answer = requests.get(upstream + self.path, timeout=60)
                return self.respond(answer.status_code, answer.content)

            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                assert self.path.endswith(":testIamPermissions"), self.path
                granted = [p for p in body["permissions"] if p not in google.denied]
                self.respond(200, json.dumps({"permissions": granted} if granted else {}).encode())

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    @contextlib.contextmanager
    def running(self):
        thread = threading.Thread(target=self.server.serve_forever)
        thread.start()
        try:
            yield self
        finally:
            self.server.shutdown()
            thread.join()
            self.server.server_close()


@pytest.fixture
def google(cloud):
    with Google(cloud.doors["bigquery"]).running() as running:
        yield running


@pytest.fixture
def examine(cloud, google, tmp_path):
    spec = tmp_path / "deployed" / "afluente.yaml"
    google_cloud.write_pipeline(spec.parent, google_cloud.ROLES + ACCESS, google_cloud.FILES)

    def run(healthy, **changes):
        text = spec.read_text()
        for old, new in changes.get("edits", []):
            assert old in text
            text = text.replace(old, new)
        spec.write_text(text)
        answer = run_afluente("doctor", spec, "--target", "gcp", "--json", "--bigquery-endpoint", google.url, "--pubsub-endpoint",
                              f"http://{cloud.doors['pubsub']}", "--resource-manager-endpoint", google.url, "--push-account", ACCOUNT,
                              code=0 if healthy else 1)
        checks = json.loads(answer.stdout)
        assert checks["healthy"] is healthy
        return "\n".join(c["detail"] for c in checks["checks"] if c["verdict"] == "failed"), checks["checks"]
    return run


def test_a_deployment_as_it_should_be(cloud, examine):
    google_cloud.subscribe_to_pull(cloud, pushConfig=PUSH)
    complaints, checks = examine(True)
    assert complaints == ""
    assert [c["check"] for c in checks] == ["credentials", "project", "topic", "function", "table", "table", "audience"]


def test_what_is_missing_is_named(examine):
    complaints, _ = examine(False)
    assert "store-function" in complaints


@pytest.mark.parametrize("edit,complaint", [
    (("{name: name, type: STRING}", "{name: name, type: BYTES}"), "ds.events: column name has another type or mode"),
    (("{name: name, type: STRING}", "{name: name, type: STRING}\n          - {name: other, type: STRING}"), "ds.events: column other is missing"),
    (("topics: {Data: {message_retention_duration: 3600s}}", "topics: {Data: {message_retention_duration: 7200s}}"), "messageRetentionDuration"),
    (("topics: {Data: ", "topics: {Missing: {}, Data: "), "Missing"),
    (("functions: {store: {topic: Data, ", "functions: {store: {topic: Data, filter: 'attributes.kind = \"a\"', "), "store-function: filter"),
    (("/projects/42/", "/projects/43/"), "the API would refuse every caller"),
], ids=["type", "column", "retention", "topic", "filter", "audience"])
def test_a_difference_is_named(cloud, examine, edit, complaint):
    google_cloud.subscribe_to_pull(cloud, pushConfig=PUSH)
    assert complaint in examine(False, edits=[edit])[0]


@pytest.mark.parametrize("permission", ["bigquery.jobs.create", "bigquery.tables.updateData"])
def test_a_missing_permission_is_named(cloud, google, examine, permission):
    google_cloud.subscribe_to_pull(cloud, pushConfig=PUSH)
    google.denied.add(permission)
    assert f"{permission} is missing" in examine(False)[0]


def test_pushes_of_another_account_are_named(cloud, examine):
    token = {**PUSH["oidcToken"], "serviceAccountEmail": "other@test-project.iam.gserviceaccount.com"}
    google_cloud.subscribe_to_pull(cloud, pushConfig={**PUSH, "oidcToken": token})
    assert "oidcToken.serviceAccountEmail" in examine(False)[0]
