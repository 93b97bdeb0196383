"""BigQuery subscriptions by Google's Python client: rows in the table, each message once, also over kill -9."""
import json
import threading
import time

import pytest
from google.api_core import exceptions
from google_clients import QUICK, Clients
from instance import wait_until

SPEC = """\
project: test-project
topics: {Data: {}}
datasets:
  ds:
    tables:
      raw:
        schema:
          - {name: data, type: STRING}
          - {name: subscription_name, type: STRING}
          - {name: message_id, type: STRING}
          - {name: publish_time, type: TIMESTAMP}
          - {name: attributes, type: JSON}
      typed:
        schema:
          - {name: n, type: INT64, mode: REQUIRED}
          - {name: s, type: STRING}
      numbers: {schema: [{name: data, type: INT64}]}
      fed: {schema: [{name: n, type: INT64}]}
functions:
  store: {topic: Data, table: ds.fed, unknown_fields: ignore}
"""
FILES = {}


def config(table, **settings):
    return {"bigquery_config": {"table": f"test-project.ds.{table}", **settings}}


def test_messages_become_rows_with_their_metadata(clients, shared):
    topic, name = clients.pair(**config("raw", write_metadata=True))
    ids = clients.publish(topic, b"one", b"two", kind="x")
    stored = wait_until(lambda: (r := shared.query(f"SELECT * FROM ds.raw WHERE subscription_name = '{name}'"))
                        and len(r) == 2 and r)
    assert sorted((r["message_id"], r["data"], r["attributes"]) for r in stored) == sorted(
        zip(ids, ["one", "two"], [{"kind": "x"}] * 2))
    assert all(r["publish_time"].endswith("Z") for r in stored)
    read = clients.subscriber.get_subscription(request={"subscription": name}, **QUICK)
    assert read.bigquery_config.table == "test-project.ds.raw" and read.bigquery_config.write_metadata
    assert read.bigquery_config.state == type(read.bigquery_config).State.ACTIVE
    assert read.state == type(read).State.ACTIVE


def test_the_table_schema_takes_fields_and_a_bad_message_waits(clients, shared):
    topic = clients.topic()
    clients.subscription(topic, **config("typed", use_table_schema=True))
    clients.publish(topic, b'{"n": 1, "s": "a"}', b'{"n": "no number"}', b'{"n": 2}')
    stored = wait_until(lambda: (r := shared.query("SELECT n, s FROM ds.typed ORDER BY n")) and len(r) == 2 and r)
    assert stored == [{"n": 1, "s": "a"}, {"n": 2, "s": None}]


@pytest.mark.parametrize("table, error, names", [
    ("missing", exceptions.NotFound, "ds.missing"),
    ("numbers", exceptions.FailedPrecondition, "data"),
    ("typed", exceptions.FailedPrecondition, "data"),
    ("fed", exceptions.FailedPrecondition, "function"),
])
def test_a_table_that_does_not_fit_is_refused_at_creation(clients, table, error, names):
    with pytest.raises(error) as refused:
        clients.subscription(clients.topic(), **config(table))
    assert names in str(refused.value)


def test_every_message_is_stored_once_over_kill(launch):
    instance = launch(SPEC, FILES)
    clients = Clients(instance)
    topic, _ = clients.pair(**config("raw", write_metadata=True))
    clients.close()
    acknowledged = set()
    for round_number in range(6):
        clients = Clients(instance)
        stop = threading.Event()

        def publish():
            number = 0
            while not stop.is_set():
                try:
                    acknowledged.update(clients.publish(topic, *[f"{number}-{i}".encode() for i in range(20)]))
                except exceptions.GoogleAPICallError:
                    time.sleep(0.02)
                number += 1

        publisher = threading.Thread(target=publish)
        publisher.start()
        enough = 20 * (round_number + 1)
        wait_until(lambda least=enough: len(acknowledged) >= least, 120, f"{enough} answered messages")
        time.sleep(0.1 * round_number)
        instance.kill()
        stop.set()
        publisher.join()
        clients.close()
        instance.start()
    # Not a count: rows of publishes without an answer are there too.
    wait_until(lambda: acknowledged <= {r["message_id"] for r in instance.query("SELECT message_id FROM ds.raw")}, 120,
               "every answered message's row")
    stored = instance.query("SELECT COUNT(*) AS n, COUNT(DISTINCT message_id) AS ids FROM ds.raw")[0]
    assert stored["n"] == stored["ids"]
    assert len(acknowledged) >= 120
    print(json.dumps({"acknowledged": len(acknowledged), "stored": stored["n"]}))
