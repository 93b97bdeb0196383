"""The roles of Google Cloud: a function that Pub/Sub pushes to and an API, both over BigQuery's protocols.

Here an instance plays Google: its Pub/Sub door pushes, its BigQuery doors store and answer."""
import contextlib
import json
import socket
import subprocess

import pytest
import requests
from bigquery_client import client_of
from google.cloud import bigquery
from google.pubsub_v1 import types
from instance import BINARY, clean_environment, wait_until, write_pipeline

CLOUD = """
project: test-project
topics: {Data: {}}
datasets: {ds: {}}
"""
ROLES = """
project: test-project
topics: {Data: {}}
datasets:
  ds:
    tables:
      events:
        schema:
          - {name: id, type: INT64, mode: REQUIRED}
          - {name: name, type: STRING}
          - {name: day, type: DATE}
          - {name: tags, type: STRING, mode: REPEATED}
functions: {store: {topic: Data, table: ds.events, dead_letter_policy: {max_delivery_attempts: 5}}}
endpoints:
  "/events": {sql: events.sql, parameters: {least: INT64}}
"""
FILES = {"events.sql": "SELECT id, name, day, tags FROM ds.events WHERE id >= @least ORDER BY id"}
COLUMNS = [bigquery.SchemaField("id", "INTEGER", mode="REQUIRED"), bigquery.SchemaField("name", "STRING"),
           bigquery.SchemaField("day", "DATE"), bigquery.SchemaField("tags", "STRING", mode="REPEATED"),
           bigquery.SchemaField("_message_id", "STRING"), bigquery.SchemaField("_message_row", "INTEGER")]
LETTERS = [bigquery.SchemaField(name, kind, mode="REQUIRED" if name in ("message_id", "function") else "NULLABLE") for name, kind in (
    ("message_id", "STRING"), ("topic", "STRING"), ("function", "STRING"), ("publish_time", "TIMESTAMP"), ("data", "BYTES"),
    ("attributes", "JSON"), ("ordering_key", "STRING"), ("error", "STRING"), ("attempts", "INTEGER"),
    ("failed_at", "TIMESTAMP"), ("state", "STRING"))]


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Role:
    def __init__(self, tmp_path, cloud, command, *flags):
        self.spec = write_pipeline(tmp_path / command, ROLES, FILES)
        self.port = free_port()
        self.log = open(tmp_path / f"{command}.log", "ab")
        self.command = [BINARY, command, str(self.spec), "--bigquery-endpoint", cloud.doors["bigquery"],
                        "--bigquery-storage-endpoint", cloud.doors["bigquery_storage"], *flags]
        self.start()

    def start(self):
        self.process = subprocess.Popen(self.command, stdout=subprocess.PIPE, stderr=self.log, stdin=subprocess.DEVNULL,
                                        env={**clean_environment(), "PORT": str(self.port)})
        line = self.process.stdout.readline().decode()
        assert line.startswith("afluente ready"), line + open(self.log.name, encoding="utf-8").read()

    def kill(self):
        self.process.kill()
        self.process.wait(timeout=30)
        self.process.stdout.close()

    def terminate(self):
        self.process.terminate()
        assert self.process.wait(timeout=20) == 0
        self.process.stdout.close()


@pytest.fixture
def cloud(launch):
    instance = launch(CLOUD, {})
    client = client_of(instance)
    client.create_table(bigquery.Table("test-project.ds.events", schema=COLUMNS))
    client.create_table(bigquery.Table("test-project.ds.dead_letters", schema=LETTERS))
    return instance


@pytest.fixture
def role(tmp_path, cloud):
    made = []

    def start(command, *flags):
        made.append(Role(tmp_path, cloud, command, *flags))
        return made[-1]

    yield start
    for each in made:
        with contextlib.suppress(ProcessLookupError, ValueError):
            if each.process.poll() is None:
                each.kill()


def subscribe(cloud, port):
    body = {"topic": "projects/test-project/topics/Data", "pushConfig": {"pushEndpoint": f"http://127.0.0.1:{port}/"},
            "ackDeadlineSeconds": 10}
    answer = requests.put(f"http://{cloud.doors['pubsub']}/v1/projects/test-project/subscriptions/store", json=body, timeout=30)
    assert answer.status_code == 200, answer.text


def publish(cloud, *payloads):
    messages = [types.PubsubMessage(data=each if isinstance(each, bytes) else json.dumps(each).encode()) for each in payloads]
    body = types.PublishRequest.to_json(types.PublishRequest(messages=messages))
    answer = requests.post(f"http://{cloud.doors['pubsub']}/v1/projects/test-project/topics/Data:publish", data=body, timeout=60)
    assert answer.status_code == 200, answer.text


def counts(cloud):
    row = cloud.query("SELECT COUNT(*) AS n, COUNT(DISTINCT id) AS ids FROM ds.events")[0]
    return row["n"], row["ids"]


def test_a_pushed_message_is_a_row_that_the_api_answers(cloud, role):
    function = role("function")
    subscribe(cloud, function.port)
    publish(cloud, {"id": 1, "name": "añ", "day": "2026-11-24", "tags": ["a", "b"]}, {"id": 2}, {"id": "no"}, b"not JSON")
    wait_until(lambda: counts(cloud) == (2, 2), 60, "both rows")
    letters = wait_until(lambda: (r := cloud.query("SELECT error, attempts FROM ds.dead_letters")) and len(r) == 2 and r, 60,
                         "both dead letters")
    assert all(letter["attempts"] == 1 and letter["error"] for letter in letters)
    api = role("api", "--warehouse", "bigquery")
    answer = requests.get(f"http://127.0.0.1:{api.port}/events?least=1", timeout=60)
    assert answer.json()["rows"] == [{"id": 1, "name": "añ", "day": "2026-11-24", "tags": ["a", "b"]},
                                     {"id": 2, "name": None, "day": None, "tags": []}]
    assert "ETag" not in answer.headers
    assert requests.get(f"http://127.0.0.1:{api.port}/events?least=x", timeout=60).status_code == 400
    api.terminate()
    function.terminate()


def test_a_killed_function_loses_and_doubles_nothing(cloud, role):
    function = role("function")
    subscribe(cloud, function.port)
    for start in range(0, 2_000, 200):
        publish(cloud, *({"id": each} for each in range(start, start + 200)))
        if start % 400 == 0:
            function.kill()
            function.start()
    wait_until(lambda: counts(cloud)[1] == 2_000, 120, "every row")
    assert counts(cloud) == (2_000, 2_000)


def test_pushes_of_strangers_are_refused(cloud, role):
    keys = f"http://{cloud.doors['admin'].removeprefix('http://')}/oauth2/v3/certs"
    function = role("function", "--push-audience", "https://function.example", "--push-keys", keys,
                    "--push-account", "push@test-project.iam.gserviceaccount.com")
    body = {"message": {"messageId": "1", "data": "eyJpZCI6IDF9", "publishTime": "2026-11-24T10:00:00Z"}}
    url = f"http://127.0.0.1:{function.port}/"
    assert requests.post(url, json=body, timeout=60).status_code == 401
    assert requests.post(url, json=body, headers={"Authorization": "Bearer a.b.c"}, timeout=60).status_code == 401
    assert counts(cloud) == (0, 0)
    signed = {"topic": "projects/test-project/topics/Data", "pushConfig": {"pushEndpoint": url, "oidcToken": {
        "serviceAccountEmail": "push@test-project.iam.gserviceaccount.com", "audience": "https://function.example"}}}
    answer = requests.put(f"http://{cloud.doors['pubsub']}/v1/projects/test-project/subscriptions/signed", json=signed, timeout=30)
    assert answer.status_code == 200, answer.text
    publish(cloud, {"id": 7})
    wait_until(lambda: counts(cloud) == (1, 1), 60, "the row")
