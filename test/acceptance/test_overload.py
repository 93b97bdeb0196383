"""More than the function can take, at every door at once: what is acknowledged is stored, memory stays flat, then all is as before.

`tools/soak overload` does the same for a minute, ten times as fast as this machine goes (bench/overload.py).
"""
import json
import threading
import uuid

import paho.mqtt.client as paho
import requests
from instance import wait_until
from pipeline import PROJECT, event, message, publish

SPEC = """\
project: test-project
topics: {Data: {}}
datasets:
  ds: {tables: {rows: {schema: [{name: id, type: STRING, mode: REQUIRED}, {name: filler, type: STRING}]}}}
functions:
  store: {topic: Data, table: ds.rows, transform: {javascript: slow.js}}
sources: {mqtt: {routes: {"in/+": {topic: Data}}}}
limits: {memory: 512Mi}
"""
# About a thousand messages a second.
FILES = {"slow.js": """function slow(message, metadata) {
  let sum = 0;
  for (let i = 0; i < 20000; ++i) sum += i;
  return JSON.parse(message.data);
}
"""}
EACH = 4_000  # messages a door
FILLER = "x" * 1_000
MEMORY = 500 << 20


class Door(threading.Thread):
    """Sends its share as fast as it is let, in parts that it repeats under new ids when they are refused."""

    def __init__(self, instance, send):
        super().__init__(daemon=True)
        self.instance, self.send, self.acknowledged, self.failure = instance, send, [], None

    def run(self):
        try:
            while len(self.acknowledged) < EACH:
                ids = [str(uuid.uuid4()) for _ in range(200)]
                if self.send(self.instance, ids):
                    self.acknowledged += ids
        except Exception as failure:  # told by the test's own thread
            self.failure = failure


def by_pubsub(instance, ids):
    answer = instance.rest("POST", f"projects/{PROJECT}/topics/Data:publish",
                           {"messages": [message(event(id=i, filler=FILLER)) for i in ids]})
    assert answer.status_code in (200, 429, 503), answer.text
    return answer.status_code == 200


def by_http(instance, ids):
    answer = requests.post(instance.doors["ingest"] + "/ingest/Data?atomic=true", timeout=60,
                           data="\n".join(event(id=i, filler=FILLER) for i in ids),
                           headers={"Content-Type": "application/x-ndjson"})
    assert answer.status_code == 202 or (answer.status_code in (429, 503) and "Retry-After" in answer.headers), answer.text
    return answer.status_code == 202


def by_mqtt(instance, ids):
    host, port = instance.doors["mqtt"].rsplit(":", 1)
    client = paho.Client(paho.CallbackAPIVersion.VERSION2, client_id=ids[0], protocol=paho.MQTTv5)
    refused = []
    client.on_publish = lambda _c, _d, mid, reason, _p: refused.append(mid) if reason.value >= 0x80 else None
    client.connect(host, int(port))
    client.loop_start()
    sent = [client.publish("in/overload", event(id=i, filler=FILLER), qos=1) for i in ids]
    for info in sent:
        info.wait_for_publish(60)
    client.disconnect()
    client.loop_stop()
    assert all(info.is_published() for info in sent)
    return not refused


def test_every_door_at_once_against_a_slow_function(launch):
    instance = launch(SPEC, FILES)
    publish(instance, [event(id="before")])
    instance.drain()
    before = instance.resident_bytes()
    doors = [Door(instance, send) for send in (by_pubsub, by_http, by_mqtt) for _ in range(2)]
    for door in doors:
        door.start()
    most = pending = 0
    while any(door.is_alive() for door in doors):
        most = max(most, instance.resident_bytes())
        pending = max(pending, json.loads(instance.admin("/v1/backlog").text)["messages"])
        doors[0].join(0.1)
    assert [door.failure for door in doors] == [None] * len(doors)
    assert pending > 1_000, "the function was not overloaded"
    while (left := json.loads(instance.admin("/v1/backlog").text)["messages"]) > 0:
        most = max(most, instance.resident_bytes())
        assert instance.running(), left
        doors[0].join(0.1)
        threading.Event().wait(0.1)
    assert most - before < MEMORY, f"{(most - before) >> 20} MiB more than before"
    acknowledged = {i for door in doors for i in door.acknowledged}
    rows = instance.query("SELECT id, COUNT(*) AS n FROM ds.rows GROUP BY id")
    stored = {row["id"] for row in rows}
    assert acknowledged <= stored and {row["n"] for row in rows} == {1}
    line = instance.balance("store")
    assert line["pending"] == 0 and line["stored"] == len(stored) == line["published"]
    # By itself it is as before: the next message is stored without another one's push.
    publish(instance, [event(id="after")])
    wait_until(lambda: instance.query("SELECT id FROM ds.rows WHERE id = 'after'"), 30, "the message after it")
