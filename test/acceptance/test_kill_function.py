"""Promises 2 and 3 under kill -9 for each transform, with a function over HTTP that misbehaves.

AFLUENTE_KILL_ROUNDS and AFLUENTE_SEED repeat a run or make it longer (`make soak`).
"""
import base64
import collections
import json
import random
import re
import threading
import time

import pytest
import requests
from kill_game import ROUNDS, SEED
from pipeline import PROJECT, message
from test_function_http import Scripted

TABLE = "{schema: [{name: uid, type: STRING, mode: REQUIRED}, {name: part, type: INT64}]}"
POLICIES = """
    retry_policy: {minimum_backoff: 0.05s, maximum_backoff: 0.2s}
    dead_letter_policy: {topic: Data-dead, max_delivery_attempts: 5}
"""
SPEC = f"""\
project: {PROJECT}
topics: {{Data: {{}}, Data-dead: {{}}}}
subscriptions:
  dead: {{topic: Data-dead, ack_deadline_seconds: 600}}
datasets:
  by_name: {{tables: {{rows: {TABLE}}}}}
  by_sql: {{tables: {{rows: {TABLE}}}}}
  by_javascript: {{tables: {{rows: {TABLE}}}}}
  by_http: {{tables: {{rows: {TABLE}}}}}
functions:
  by_name:
    topic: Data
    table: by_name.rows
    unknown_fields: ignore{POLICIES}
  by_sql:
    topic: Data
    table: by_sql.rows
    transform: {{sql: parts.sql}}{POLICIES}
  by_javascript:
    topic: Data
    table: by_javascript.rows
    enable_message_ordering: true
    transform: {{javascript: parts.js}}{POLICIES}
  by_http:
    topic: Data
    table: by_http.rows
    transform: {{http: "URL", concurrency: 16, timeout: 0.3s}}{POLICIES}
"""
FILES = {
    "parts.sql": "SELECT JSON_VALUE(data, '$.uid') AS uid, CAST(part AS INT64) AS part\n"
                 "FROM messages, UNNEST(JSON_VALUE_ARRAY(data, '$.parts')) AS part\n",
    "parts.js": """\
function parts(message, metadata) {
  const event = JSON.parse(message.data);
  if (metadata.delivery_attempt <= event.stubborn) throw new Error('not yet');
  return event.parts.map(part => ({uid: event.uid, part: Number(part)}));
}
"""}
FUNCTIONS = ("by_name", "by_sql", "by_javascript", "by_http")


class Publisher(threading.Thread):
    """Publishes until told to stop; remembers what was answered. `pause` ends between two requests."""

    def __init__(self, instance):
        super().__init__(daemon=True)
        self.instance, self.random = instance, random.Random(SEED)
        self.answered, self.asked, self.sent = {}, {}, 0
        self.stop = threading.Event()

    def payload(self):
        event = {"uid": f"u{self.sent}", "parts": [str(k) for k in range(self.random.choice((0, 1, 1, 2, 3)))],
                 "stubborn": self.random.choice((0,) * 30 + (1, 2, 7))}
        self.sent += 1
        text = json.dumps(event)
        poison = self.random.random() < 0.02
        if poison:
            text = text[:-1]
        self.asked[event["uid"]] = event | {"poison": poison}
        return event["uid"], {**message(text), "orderingKey": f"k{self.random.randrange(50)}"}

    def run(self):
        while not self.stop.is_set():
            batch = [self.payload() for _ in range(self.random.choice((1, 5, 20)))]
            port = self.instance.doors["pubsub"].rsplit(":", 1)[1]
            try:
                answer = requests.post(f"http://127.0.0.1:{port}/v1/projects/{PROJECT}/topics/Data:publish",
                                       json={"messages": [m for _, m in batch]}, timeout=60)
            except requests.RequestException:
                time.sleep(0.02)
                continue
            if answer.status_code == 200:
                self.answered.update(zip(answer.json()["messageIds"], [uid for uid, _ in batch]))
            time.sleep(0.01)


class Misbehaving:
    """A function that fails, answers late or nonsense, stores for itself, or gives rows."""

    def __init__(self):
        self.random, self.lock = random.Random(SEED + 1), threading.Lock()

    def __call__(self, body):
        with self.lock:
            fate = self.random.random()
        if fate < 0.08:
            return 503, b"busy"
        if fate < 0.12:
            return 200, b'[{"uid": '
        if fate < 0.13:
            time.sleep(0.5)
        try:
            event = json.loads(base64.b64decode(body["message"]["data"]))
        except ValueError:
            return 400, b"poison"
        if event["stubborn"] == 2:
            return 204, b""  # stored for itself
        return 200, json.dumps([{"uid": event["uid"], "part": int(part)} for part in event["parts"]]).encode()


@pytest.fixture
def function():
    server = Scripted(Misbehaving())
    yield server
    server.shutdown()
    server.server_close()


@pytest.mark.timeout(300 + 15 * ROUNDS)
def test_every_message_has_one_outcome_under_each_transform(launch, function):
    print(f"AFLUENTE_SEED={SEED} AFLUENTE_KILL_ROUNDS={ROUNDS}")
    moments = random.Random(SEED + 2)
    instance = launch(SPEC.replace("URL", function.url), FILES)
    publisher = Publisher(instance)
    publisher.start()
    for _ in range(ROUNDS):
        before = len(publisher.answered)
        deadline = time.monotonic() + 60
        # A round has shown something when at least one publish of it was answered.
        while len(publisher.answered) == before and time.monotonic() < deadline:
            time.sleep(0.01)
        time.sleep(moments.choice((0.01, 0.1, 0.3, 0.8)) * moments.random())
        instance.kill()
        instance.start(keep_ports=True)
        assert publisher.is_alive()
    publisher.stop.set()
    publisher.join(timeout=120)
    assert not publisher.is_alive()
    instance.drain(300)
    letters = {name: verify(instance, name, publisher) for name in FUNCTIONS}
    verify_dead_letter_topic(instance, letters)


def verify(instance, name, publisher):
    """Every answered message has one outcome of function `name`; gives its dead letters' ids."""
    rows = instance.query(f"SELECT _message_id AS id, _message_row AS n, uid, part FROM {name}.rows")
    places = collections.Counter((r["id"], r["n"]) for r in rows)
    assert [place for place, times in places.items() if times > 1] == [], "a row is there twice"
    stored = collections.defaultdict(list)
    for row in sorted(rows, key=lambda r: r["n"]):
        stored[row["id"]].append((row["uid"], row["part"]))
    dead = [r["message_id"] for r in instance.query(
        f"SELECT message_id FROM {name}.dead_letters WHERE `function` = '{name}' AND state = 'dead'")]
    assert len(dead) == len(set(dead)), "a dead letter is there twice"
    assert not set(dead) & set(stored), "stored and dead-lettered"
    for message_id, rows_of in stored.items():
        event = publisher.asked[rows_of[0][0]]
        expected = [(event["uid"], None)] if name == "by_name" else [(event["uid"], int(p)) for p in event["parts"]]
        assert rows_of == expected, (message_id, rows_of, expected)
        assert not event["poison"]
    neither = {i: publisher.asked[uid] for i, uid in publisher.answered.items() if i not in stored and i not in set(dead)}
    kept = [e for e in neither.values() if e["poison"] or not (
        name != "by_name" and (not e["parts"] or (name == "by_http" and e["stubborn"] == 2)))]
    assert kept == [], f"{name}: no outcome"
    line = instance.balance(name)
    assert line["pending"] == 0 and line["dead_lettered"] == len(dead)
    assert line["published"] >= len(publisher.answered)
    assert line["rows"] == len(rows)
    print(name, {side: line[side] for side in ("published", "stored", "dropped", "dead_lettered", "rows")})
    return set(dead)


def verify_dead_letter_topic(instance, letters):
    """Each dead letter reached the topic, and once."""
    seen, wanted = collections.Counter(), sum(len(ids) for ids in letters.values())
    deadline = time.monotonic() + 60
    empty = 0
    while (sum(seen.values()) < wanted or empty < 3) and time.monotonic() < deadline:
        got = instance.rest("POST", f"projects/{PROJECT}/subscriptions/dead:pull",
                            {"maxMessages": 1000}).json().get("receivedMessages", [])
        empty = 0 if got else empty + 1
        for each in got:
            attributes = each["message"]["attributes"]
            uid = re.search(r'"uid": "(u\d+)"', base64.b64decode(each["message"]["data"]).decode()).group(1)
            seen[attributes["CloudPubSubDeadLetterSourceSubscription"], uid,
                 attributes["CloudPubSubDeadLetterSourceTopicPublishTime"]] += 1
        if got:
            instance.rest("POST", f"projects/{PROJECT}/subscriptions/dead:acknowledge",
                          {"ackIds": [each["ackId"] for each in got]})
    assert [key for key, times in seen.items() if times > 1] == [], "a dead letter reached its topic twice"
    by_function = collections.Counter(key[0] for key in seen)
    assert by_function == {name: len(ids) for name, ids in letters.items() if ids}
