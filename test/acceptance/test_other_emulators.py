"""Our engines of Google Cloud against Pub/Subs that others wrote: what comes in over HTTP is pulled, stored and acknowledged."""
import json
import pathlib
import sys

import pytest
import requests
from google.cloud import pubsub_v1
from google_cloud import counts
from instance import wait_until

sys.path.append(str(pathlib.Path(__file__).resolve().parents[1] / "clients"))
from servers import PROJECT, SERVERS  # noqa: E402


@pytest.fixture(params=["emulator", "pstest"])
def server(request, tmp_path):
    kind = SERVERS[request.param]
    if kind.missing():
        pytest.skip(kind.missing())
    started = kind(tmp_path / "server").start()
    yield started
    started.stop()


def test_http_in_rows_out(server, cloud, role):
    with server.client_environment():
        publisher, subscriber = pubsub_v1.PublisherClient(), pubsub_v1.SubscriberClient()
        topic, name = publisher.topic_path(PROJECT, "Data"), subscriber.subscription_path(PROJECT, "store-function")
        publisher.create_topic(name=topic)
        subscriber.create_subscription(request={"name": name, "topic": topic, "ack_deadline_seconds": 10, "enable_message_ordering": True})
    ingest = role("ingest", pubsub=server.address)
    function = role("function", "--pull", pubsub=server.address)
    url = f"http://127.0.0.1:{ingest.port}/ingest/Data"
    for start, parameters in ((0, {}), (1_500, {"ordering_key": "a"}), (3_000, {"ordering_key": "b"})):
        body = "".join(json.dumps({"id": n}) + "\n" for n in range(start, start + 1_500))
        answer = requests.post(url, data=body, params=parameters, headers={"Content-Type": "application/x-ndjson"},
                               timeout=120)
        assert answer.status_code == 202 and answer.json()["accepted"] == 1_500, answer.text
    wait_until(lambda: counts(cloud)[1] == 4_500, 120, "every row")
    assert counts(cloud) == (4_500, 4_500)
    function.terminate()
    ingest.terminate()
