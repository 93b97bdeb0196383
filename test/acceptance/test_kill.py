"""Promises 1 to 3 under kill -9: nothing acknowledged is lost, nothing is there twice, everything is accounted for.

AFLUENTE_KILL_ROUNDS and AFLUENTE_SEED repeat a run or make it longer (`make soak`).
"""
import base64
import collections
import json
import random
import threading
import time

import grpc
import pytest
from google.pubsub_v1 import types
from instance import wait_until
from kill_game import CHANNEL_OPTIONS, ENOUGH_SECONDS, ROUNDS, SEED
from pipeline import PROJECT

TOPIC = f"projects/{PROJECT}/topics/Data"
SUBSCRIPTION = f"projects/{PROJECT}/subscriptions/all"
PUBLISHERS = 3

SPEC = """\
project: test-project
topics: {Data: {}}
subscriptions:
  all: {topic: Data, ack_deadline_seconds: 60}
datasets:
  ds:
    tables:
      events:
        schema:
          - {name: uid, type: STRING, mode: REQUIRED}
          - {name: padding, type: STRING}
  split:
    tables:
      parts:
        schema:
          - {name: uid, type: STRING}
          - {name: part, type: INT64}
functions:
  store: {topic: Data, table: ds.events, unknown_fields: ignore}
  parts: {topic: Data, table: split.parts, transform: {sql: parts.sql}}
endpoints:
  "/count": {sql: count.sql}
"""
FILES = {
    "count.sql": "SELECT COUNT(*) AS n FROM ds.events\n",
    "parts.sql": "SELECT JSON_VALUE(data, '$.uid') AS uid, CAST(part AS INT64) AS part\n"
                 "FROM messages, UNNEST(JSON_VALUE_ARRAY(data, '$.parts')) AS part\n",
}


class Caller:
    """Raw gRPC without retries: each answer is exactly what the server said to that call."""

    def __init__(self, address):
        self.channel = grpc.insecure_channel(address, options=CHANNEL_OPTIONS)
        self.publish = self._method("Publisher/Publish", types.PublishRequest, types.PublishResponse)
        self.pull = self._method("Subscriber/Pull", types.PullRequest, types.PullResponse)
        self.acknowledge = self._method("Subscriber/Acknowledge", types.AcknowledgeRequest, None)

    def _method(self, name, request, response):
        call = self.channel.unary_unary(
            f"/google.pubsub.v1.{name}", request_serializer=lambda r: r.SerializeToString(),
            response_deserializer=response.pb().FromString if response else lambda b: b)
        kind = request.pb()
        return lambda timeout=5, **fields: call(kind(**fields), timeout=timeout, wait_for_ready=False)

    def connect(self):
        """On a busy machine an attempt may time out, and a call is then told UNAVAILABLE: no answer of the server's."""
        grpc.channel_ready_future(self.channel).result(timeout=60)

    def close(self):
        self.channel.close()


class Publisher(threading.Thread):
    """Publishes batches of random sizes until told to stop; remembers what was answered and what was not."""

    def __init__(self, number, address, stop):
        super().__init__(daemon=True)
        self.random = random.Random(SEED * 1000 + number)
        self.number, self.caller, self.stop = number, Caller(address), stop
        self.answered = {}     # message id -> (uid, poison)
        self.unanswered = {}   # uid -> poison
        self.sent = self.answered_poison = 0
        self.refusals = collections.Counter()

    def payload(self):
        uid = f"p{self.number}-{self.sent}"
        self.sent += 1
        poison = self.random.random() < 0.03
        padding = "x" * self.random.choice((10, 100, 1000, 4000))
        if poison:
            return uid, True, ('{"uid": "%s", "padding": ' % uid).encode()
        parts = [str(k) for k in range(self.random.randrange(1, 4))]
        return uid, False, json.dumps({"uid": uid, "padding": padding, "parts": parts}).encode()

    def run(self):
        while not self.stop.is_set():
            batch = [self.payload() for _ in range(self.random.choice((1, 1, 5, 50)))]
            messages = [types.PubsubMessage.pb()(data=data) for _, _, data in batch]
            try:
                ids = self.caller.publish(topic=TOPIC, messages=messages).message_ids
            except grpc.RpcError as error:
                self.refusals[error.code()] += 1
                self.unanswered.update({uid: poison for uid, poison, _ in batch})
                time.sleep(0.02)
                continue
            assert len(ids) == len(batch)
            self.answered.update({i: (uid, poison) for i, (uid, poison, _) in zip(ids, batch)})
            self.answered_poison += sum(poison for _, poison, _ in batch)

    def enough(self):
        """Whether what was answered, of both kinds, proves something."""
        return len(self.answered) > 7 * ROUNDS and 0 < self.answered_poison < len(self.answered)


class Reader(threading.Thread):
    """Pulls and acknowledges; an ack answered with OK in the process that delivered it must hold for ever."""

    def __init__(self, address, stop, generation):
        super().__init__(daemon=True)
        self.caller, self.stop, self.generation = Caller(address), stop, generation
        self.received = {}        # message id -> data
        self.settled = set()      # ids whose ack was answered
        self.came_back = set()    # settled ids that were delivered again
        self.empty = 0            # empty pulls in a row

    def run(self):
        while not self.stop.is_set() or self.empty < 3:
            before = self.generation[0]
            try:
                answer = self.caller.pull(subscription=SUBSCRIPTION, max_messages=500, timeout=3)
                self.empty = 0 if answer.received_messages else self.empty + 1
                ids = [r.message.message_id for r in answer.received_messages]
                for r in answer.received_messages:
                    self.received.setdefault(r.message.message_id, r.message.data)
                self.came_back |= self.settled.intersection(ids)
                if ids:
                    self.caller.acknowledge(subscription=SUBSCRIPTION,
                                            ack_ids=[r.ack_id for r in answer.received_messages])
                    if self.generation[0] == before:
                        self.settled.update(ids)
            except grpc.RpcError as error:
                if error.code() == grpc.StatusCode.DEADLINE_EXCEEDED:
                    self.empty += 1
                time.sleep(0.02)


def duplicates(values):
    return [value for value, count in collections.Counter(values).items() if count > 1][:10]


@pytest.mark.timeout(1200 + 60 * ROUNDS)
def test_kill_at_random_moments_loses_and_doubles_nothing(launch):
    print(f"AFLUENTE_SEED={SEED} AFLUENTE_KILL_ROUNDS={ROUNDS}")
    moments = random.Random(SEED)
    instance = launch(SPEC, FILES)
    address, stop, generation = instance.doors["pubsub"], threading.Event(), [0]
    publishers = [Publisher(number, address, stop) for number in range(PUBLISHERS)]
    reading_stop = threading.Event()
    reader = Reader(address, reading_stop, generation)
    for thread in (*publishers, reader):
        thread.start()

    shown = 0
    for round_number in range(ROUNDS):
        time.sleep(moments.choice((0.02, 0.2, 0.5, 1.0)) * moments.random())
        try:
            shown = max(shown, instance.get("/count").json()["rows"][0]["n"])
        except (OSError, ValueError):
            pass
        generation[0] += 1
        instance.kill()
        instance.start(keep_ports=True)
        now = instance.get("/count").json()["rows"][0]["n"]
        assert now >= shown, f"round {round_number}: {shown} rows were shown before the kill, {now} after it"
        shown = now
        assert all(thread.is_alive() for thread in (*publishers, reader))
    wait_until(lambda: all(publisher.enough() for publisher in publishers), ENOUGH_SECONDS, "enough answers")
    stop.set()
    for thread in publishers:
        thread.join(timeout=90)
    generation[0] += 1
    instance.restart(keep_ports=True)
    # A pull whose answer came too late leaves its messages leased for a minute.
    answered = {i for publisher in publishers for i in publisher.answered}
    wait_until(lambda: answered <= reader.received.keys(), ENOUGH_SECONDS, "every answered message in the subscription")
    reading_stop.set()
    reader.join(timeout=90)
    assert not any(thread.is_alive() for thread in (*publishers, reader))
    verify(instance, publishers, reader)


def verify(instance, publishers, reader):
    answered = {i: v for p in publishers for i, v in p.answered.items()}
    assert sum(len(p.answered) for p in publishers) == len(answered), "one message id was given to two messages"
    may_be = {uid: poison for p in publishers for uid, poison in p.unanswered.items()}
    print(f"{len(answered)} answered, {len(may_be)} not answered, {len(reader.received)} delivered, "
          f"{sum((p.refusals for p in publishers), collections.Counter())}")
    assert all(publisher.enough() for publisher in publishers)

    instance.drain(120)
    stored = instance.query("SELECT _message_id AS id, uid FROM ds.events")
    letters = {d: instance.query(f"SELECT message_id AS id, data FROM {d}.dead_letters WHERE function = '{f}'")
               for d, f in (("ds", "store"), ("split", "parts"))}
    # Promise 2: no id twice, in the table, in the dead letters, or in both.
    for dead in letters.values():
        assert duplicates([r["id"] for r in dead]) == []
    everything = [r["id"] for r in stored] + [r["id"] for r in letters["ds"]]
    assert duplicates(everything) == []
    # Promise 1: each answered message is where it belongs, with its own payload.
    in_table = {r["id"]: r["uid"] for r in stored}
    dead_ids = {r["id"]: base64.b64decode(r["data"]).decode() for r in letters["ds"]}
    lost = [i for i, (uid, poison) in answered.items()
            if (not poison and in_table.get(i) != uid) or (poison and f'"{uid}"' not in dead_ids.get(i, ""))]
    assert lost == [], f"{len(lost)} acknowledged messages are lost or changed, e.g. {lost[:5]}"
    # Nothing is made up: what else is there was sent, and not answered.
    extra = {i: uid for i, uid in in_table.items() if i not in answered}
    assert set(extra.values()) <= {uid for uid, poison in may_be.items() if not poison}
    assert duplicates(extra.values()) == [], "one unanswered publish became two messages"
    # The SQL function: all rows of a message or none, each once.
    parts = collections.Counter((r["id"], r["part"], r["row"]) for r in instance.query(
        "SELECT _message_id AS id, part, _message_row AS `row` FROM split.parts"))
    assert max(parts.values()) == 1
    assert {i for i, _, _ in parts} == set(in_table), "both functions stored the same messages"
    of_message = collections.defaultdict(set)
    for i, part, row in parts:
        of_message[i].add((part, row))
    assert all(rows == {(k, k) for k in range(len(rows))} for rows in of_message.values())
    # Promise 3.
    for function in ("store", "parts"):
        published, stored_count, dropped, dead = instance.outcome(function)
        assert (stored_count, dropped, dead) == (len(in_table), 0, len(dead_ids))
        assert published == len(in_table) + len(dead_ids)
    # A plain subscription got every acknowledged message at least once, and no answered ack came undone.
    missed = set(answered) - set(reader.received)
    assert missed == set(), f"{len(missed)} acknowledged messages never reached the subscription"
    assert reader.came_back == set(), f"{len(reader.came_back)} acknowledged deliveries came back"


def test_a_publish_answered_before_the_kill_is_never_lost_even_if_the_kill_follows_at_once(launch):
    """The kill comes from the thread that got the answer: no time for anything to be written late."""
    instance = launch(SPEC, FILES)
    answered = {}
    for round_number in range(min(ROUNDS, 15)):
        caller = Caller(instance.doors["pubsub"])
        caller.connect()
        uid = f"direct-{round_number}"
        data = json.dumps({"uid": uid, "parts": ["0"]}).encode()
        ids = caller.publish(topic=TOPIC, messages=[types.PubsubMessage.pb()(data=data)]).message_ids
        instance.kill()
        caller.close()
        answered[ids[0]] = uid
        instance.start(keep_ports=True)
    assert len(answered) == min(ROUNDS, 15), "a message id was given twice"
    assert instance.outcome("store") == (len(answered), len(answered), 0, 0)
    rows = instance.query("SELECT _message_id AS id, uid FROM ds.events")
    assert {r["id"]: r["uid"] for r in rows} == answered and len(rows) == len(answered)


def test_a_process_killed_while_it_starts_starts_again(launch):
    instance = launch(SPEC, FILES)
    caller = Caller(instance.doors["pubsub"])
    caller.connect()
    for k in range(20):
        caller.publish(topic=TOPIC, messages=[
            types.PubsubMessage.pb()(data=json.dumps({"uid": f"{k}-{i}", "parts": []}).encode()) for i in range(100)])
    caller.close()
    instance.kill()
    moments = random.Random(SEED)
    print(f"AFLUENTE_SEED={SEED}")
    for _ in range(10):
        instance.start_and_kill(moments.random() * 0.15)
    instance.start()
    assert instance.outcome("store") == (2000, 2000, 0, 0)
    assert instance.value("SELECT COUNT(DISTINCT uid) AS n FROM ds.events") == 2000
