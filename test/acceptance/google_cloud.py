"""Roles of Google Cloud, and an instance that plays Google: its Pub/Sub door pushes and is pulled from, its BigQuery doors store."""
import json
import socket
import subprocess

import requests
from bigquery_client import client_of
from google.cloud import bigquery
from google.pubsub_v1 import types
from instance import BINARY, clean_environment, write_pipeline

CLOUD = """
project: test-project
topics: {Data: {message_retention_duration: 3600s}}
datasets: {ds: {}}
"""
ROLES = """
project: test-project
topics: {Data: {message_retention_duration: 3600s}}
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
sources:
  mqtt: {routes: {"devices/+/telemetry": {topic: Data, attributes: {kind: telemetry}, ordering_key: mqtt_client_id}}}
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
    def __init__(self, tmp_path, cloud, command, *flags, pubsub=None):
        self.spec = write_pipeline(tmp_path / command, ROLES, FILES)
        self.port = free_port()
        self.log = open(tmp_path / f"{command}.log", "ab")
        warehouse = ["--bigquery-endpoint", cloud.doors["bigquery"], "--bigquery-storage-endpoint", cloud.doors["bigquery_storage"]]
        pubsub = ["--pubsub-endpoint", pubsub or f"http://{cloud.doors['pubsub']}"]
        self.command = [BINARY, command, str(self.spec), *({"api": warehouse, "ingest": pubsub}.get(command, warehouse + pubsub)), *flags]
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


def make_tables(instance):
    client = client_of(instance)
    client.create_table(bigquery.Table("test-project.ds.events", schema=COLUMNS))
    client.create_table(bigquery.Table("test-project.ds.dead_letters", schema=LETTERS))


def subscribe(cloud, port):
    body = {"topic": "projects/test-project/topics/Data", "pushConfig": {"pushEndpoint": f"http://127.0.0.1:{port}/"},
            "ackDeadlineSeconds": 10}
    answer = requests.put(f"http://{cloud.doors['pubsub']}/v1/projects/test-project/subscriptions/store", json=body, timeout=30)
    assert answer.status_code == 200, answer.text


def subscribe_to_pull(cloud, name="store-function", **settings):
    body = {"topic": "projects/test-project/topics/Data", "ackDeadlineSeconds": 10, **settings}
    answer = requests.put(f"http://{cloud.doors['pubsub']}/v1/projects/test-project/subscriptions/{name}", json=body, timeout=30)
    assert answer.status_code == 200, answer.text


def publish(cloud, *payloads):
    messages = [types.PubsubMessage(data=each if isinstance(each, bytes) else json.dumps(each).encode()) for each in payloads]
    body = types.PublishRequest.to_json(types.PublishRequest(messages=messages))
    answer = requests.post(f"http://{cloud.doors['pubsub']}/v1/projects/test-project/topics/Data:publish", data=body, timeout=60)
    assert answer.status_code == 200, answer.text


def counts(cloud):
    row = cloud.query("SELECT COUNT(*) AS n, COUNT(DISTINCT id) AS ids FROM ds.events")[0]
    return row["n"], row["ids"]
