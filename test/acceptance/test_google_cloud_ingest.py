"""The role `ingest`: HTTP and MQTT in, Pub/Sub out, acknowledged when Pub/Sub has it. An instance plays Pub/Sub."""
import base64
import concurrent.futures
import gzip
import json

import paho.mqtt.client as mqtt
import requests
from google_cloud import free_port
from instance import run_afluente, wait_until


def post(role, body, headers=None):
    return requests.post(f"http://127.0.0.1:{role.port}/ingest/Data", data=body, timeout=120,
                         headers={"Content-Type": "application/x-ndjson", **(headers or {})})


def arrived(cloud):
    """What the topic has, in order."""
    return [json.loads(line) for line in cloud.run("peek", "Data", "--limit", "100000").stdout.splitlines()]


def ids(cloud):
    return [json.loads(base64.b64decode(message["data"]))["id"] for message in arrived(cloud)]


def lines(numbers):
    return "".join(json.dumps({"id": n}) + "\n" for n in numbers)


def test_what_is_posted_is_in_pub_sub(cloud, role):
    ingest = role("ingest")
    answer = post(ingest, lines(range(2_500)))
    assert answer.status_code == 202 and answer.json()["accepted"] == 2_500, answer.text
    packed = gzip.compress(lines([2_500]).encode())
    assert post(ingest, packed, headers={"Content-Encoding": "gzip"}).status_code == 202
    assert sorted(ids(cloud)) == list(range(2_501))
    assert requests.post(f"http://127.0.0.1:{ingest.port}/ingest/Nowhere", json={}, timeout=60).status_code == 404
    refused = post(ingest, lines([1]), headers={"Idempotency-Key": "k"})
    assert refused.status_code == 501 and "Idempotency-Key" in refused.json()["detail"]
    assert len(ids(cloud)) == 2_501
    ingest.terminate()


def test_nothing_acknowledged_is_lost_while_pub_sub_dies(cloud, role):
    """Requests wait while Pub/Sub is away and are answered when it has them; who is refused sends again."""
    ingest = role("ingest")
    acknowledged = []

    def send(n):
        if post(ingest, lines(range(n * 100, n * 100 + 100))).status_code == 202:
            acknowledged.extend(range(n * 100, n * 100 + 100))

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        sent = [pool.submit(send, n) for n in range(40)]
        for _ in range(3):
            cloud.kill()
            cloud.start(keep_ports=True)
        for each in sent:
            each.result()
    assert acknowledged and set(acknowledged) <= set(ids(cloud))
    ingest.terminate()


def test_who_may_publish_beyond_loopback(cloud, role, tmp_path):
    spec = role("ingest").spec
    refused = run_afluente("ingest", spec, "--ingest-listen", "0.0.0.0:0", code=2)
    assert "api_keys_file" in refused.stderr
    refused = run_afluente("ingest", spec, "--ingest-listen", "127.0.0.1:0", "--verified-by-cloud-run", code=2)
    assert "Cloud Run" in refused.stderr
    refused = run_afluente("ingest", spec, "--ingest-listen", "127.0.0.1:0", "--mqtt-listen", "0.0.0.0:0", code=2)
    assert "sources.mqtt.devices" in refused.stderr


class Device:
    """A device that keeps its session, and resends what was not answered."""

    def __init__(self, port, name="d1"):
        self.client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id=name, clean_session=False)
        self.client.max_inflight_messages_set(20)
        self.client.reconnect_delay_set(1, 1)
        self.client.connect("127.0.0.1", port)
        self.client.loop_start()

    def publish(self, number, qos):
        return self.client.publish("devices/d1/telemetry", json.dumps({"id": number}), qos=qos)

    def close(self):
        self.client.disconnect()
        self.client.loop_stop()


def test_devices_are_answered_when_pub_sub_has_it(cloud, role, tmp_path):
    """QoS 1 and 2, through kills of the role: nothing that was answered is lost; each device's messages keep their order."""
    port = free_port()
    ingest = role("ingest", "--mqtt-listen", f"127.0.0.1:{port}", "--data-dir", str(tmp_path / "sessions"))
    device = Device(port)
    sent = [device.publish(n, 1 + n % 2) for n in range(100)]
    for each in sent:
        each.wait_for_publish(60)
    assert sorted(ids(cloud)) == list(range(100))
    message = arrived(cloud)[0]
    assert message["attributes"]["kind"] == "telemetry" and message["attributes"]["mqtt_client_id"] == "d1"
    sent = [device.publish(n, 1 + n % 2) for n in range(100, 400)]
    for _ in range(2):
        ingest.kill()
        ingest.start()
    wait_until(lambda: all(each.is_published() for each in sent), 120, "every answer")
    assert set(ids(cloud)) == set(range(400))
    device.close()
    ingest.terminate()


def test_nobody_is_answered_without_pub_sub(cloud, role, tmp_path):
    port = free_port()
    ingest = role("ingest", "--mqtt-listen", f"127.0.0.1:{port}", "--data-dir", str(tmp_path / "sessions"))
    device = Device(port)
    device.publish(0, 1).wait_for_publish(60)
    cloud.kill()
    unanswered = device.publish(1, 2)
    with concurrent.futures.ThreadPoolExecutor() as pool:
        answer = pool.submit(post, ingest, lines([2]))
        assert not answer.done() and not unanswered.is_published()
        cloud.start(keep_ports=True)
        assert answer.result().status_code == 202
    wait_until(unanswered.is_published, 60, "the device's answer")
    assert sorted(ids(cloud)) == [0, 1, 2]
    device.close()
    ingest.terminate()
