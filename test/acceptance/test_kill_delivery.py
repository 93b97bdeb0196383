"""I1, I5, I6 and I8 under kill -9 while subscriptions seek, bury, push, store and change: nothing answered is lost or undone.

A message, a setting, is in one of the states that the answers so far leave possible. An answer narrows them to one, a call
without an answer adds to them, and what a restart shows must be one of them.
"""
import collections
import json
import time
import zlib

import grpc
import pytest
from google.iam.v1 import iam_policy_pb2, policy_pb2
from google.protobuf import timestamp_pb2
from google.pubsub_v1 import types
from instance import wait_until
from kill_game import ROUNDS, SEEN_SECONDS, Player, play
from pipeline import PROJECT
from push_endpoint import Endpoint

SPEC = """\
project: test-project
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
"""
ABSENT, WAITING, ACKED, BURIED = "absent", "waiting", "acked", "buried"


class SubscriptionGame(Player):
    """One topic with one subscription, and the possible states of each message."""

    SETTINGS = {}
    SIZES = (0, 100, 2000)

    def __init__(self, number, instance):
        super().__init__(number, instance)
        name = f"{type(self).__name__.lower()}-{number}"
        self.topic = f"projects/{PROJECT}/topics/{name}"
        self.subscription = f"projects/{PROJECT}/subscriptions/{name}"
        self.states = {}  # data -> the possible ones
        self.leased = set()  # since the last start
        self.done = collections.Counter()
        self.call("Publisher/CreateTopic", types.Topic.pb()(name=self.topic))
        self.call("Subscriber/CreateSubscription", types.Subscription.pb(
            types.Subscription(name=self.subscription, topic=self.topic, **self.settings())))

    def settings(self):
        return {"ack_deadline_seconds": 600, **self.SETTINGS}

    def change(self, call, becomes, kind):
        """`becomes` gives of each message that `call` may change the states it then may have."""
        before = {data: self.states.get(data, {ABSENT}) for data in becomes}
        for data, after in becomes.items():
            self.states[data] = before[data] | after
        call()
        self.states.update(becomes)
        self.done[kind] += 1

    def publish(self):
        batch = self.payloads(self.SIZES)
        self.change(lambda: self.publish_to(self.topic, batch), {data: {WAITING} for data in batch}, "publish")

    def take(self, most):
        received = self.pull(self.subscription, most)
        for each in received:
            assert WAITING in self.states.get(each.message.data, ()), f"{each.message.data[:20]} came back"
            self.states[each.message.data] = {WAITING}
        return received

    def acknowledge(self):
        received = self.take(20)
        if received:
            self.change(lambda: self.acknowledge_to(self.subscription, [each.ack_id for each in received]),
                        {each.message.data: {ACKED} for each in received}, "ack")

    def act(self):
        return self.publish() if self.random.random() < 0.5 else self.acknowledge()

    def enough(self):
        return sum(self.done.values()) >= ROUNDS

    def verify(self):
        self.leased.clear()
        expected = {data for data, states in self.states.items() if states == {WAITING}}
        received = self.pull_all(self.subscription, expected)
        self.settle([each.message.data for each in received], WAITING)
        self.set_deadline(self.subscription, [each.ack_id for each in received], 0)

    def settle(self, shown, state):
        """`shown` are exactly those in `state`."""
        assert len(shown) == len(set(shown)), "a message is there twice"
        for data in shown:
            assert state in self.states.get(data, ()), f"{data[:20]} is {state}, not {self.states.get(data)}"
            self.states[data] = {state}
        shown = set(shown)
        lost = [data for data, states in self.states.items() if states == {state} and data not in shown]
        assert not lost, f"{len(lost)} messages that were {state} are not, e.g. {lost[0][:20]}"
        for data in self.states.keys() - shown:
            self.states[data] = self.states[data] - {state}

    def summary(self):
        count = collections.Counter(next(iter(states)) if len(states) == 1 else "unknown" for states in self.states.values())
        return {**self.done, **count}


class Seeking(SubscriptionGame):
    """Seeks to times and to snapshots, which come and go."""

    SETTINGS = {"retain_acked_messages": True}

    def __init__(self, number, instance):
        super().__init__(number, instance)
        self.marks = []      # a time, and what was published before it
        self.snapshots = {}  # name -> the possible states of each message then
        self.made = 0

    def act(self):
        kind = self.random.random()
        if kind < 0.8:
            return super().act()
        if kind < 0.85:
            return self.mark()
        if kind < 0.9:
            return self.change_snapshots()
        return self.seek_to_time() if kind < 0.95 else self.seek_to_snapshot()

    def mark(self):
        time.sleep(0.002)  # what is published after it has another publish time
        self.marks.append((time.time_ns(), set(self.states)))
        time.sleep(0.002)

    def seek_to_time(self):
        if not self.marks:
            return
        moment, before = self.random.choice(self.marks)
        stamp = timestamp_pb2.Timestamp()
        stamp.FromNanoseconds(moment)
        self.seek({data: ACKED if data in before else WAITING for data in self.states}, "seek to time", time=stamp)

    def seek_to_snapshot(self):
        if not self.snapshots:
            return
        name, captured = self.random.choice(sorted(self.snapshots.items()))
        self.seek({data: captured.get(data, WAITING) for data in self.states}, "seek to snapshot", snapshot=name)

    def seek(self, becomes, kind, **target):
        known = {data: {ABSENT} & states | ({becomes[data]} if states != {ABSENT} else set())
                 for data, states in self.states.items()}
        self.change(lambda: self.call("Subscriber/Seek", types.SeekRequest.pb()(subscription=self.subscription, **target)),
                    known, kind)

    def conclude(self):
        self.publish()
        self.mark()
        self.publish()
        self.take_snapshot()
        wait_until(lambda: (self.acknowledge(), self.done["ack"] > 0)[1], SEEN_SECONDS, "something to acknowledge")
        self.seek_to_snapshot()
        self.publish()
        self.seek_to_time()
        self.publish()

    def change_snapshots(self):
        if len(self.snapshots) > 2:
            name = self.random.choice(sorted(self.snapshots))
            del self.snapshots[name]  # whatever the answer, never used again
            self.call("Subscriber/DeleteSnapshot", types.DeleteSnapshotRequest.pb()(snapshot=name))
            self.done["delete snapshot"] += 1
            return
        self.take_snapshot()

    def take_snapshot(self):
        name = f"projects/{PROJECT}/snapshots/game-{self.number}-{self.made}"
        self.made += 1
        if any(len(states - {ABSENT}) > 1 for states in self.states.values()):
            return  # its content would be a guess
        captured = {data: next(iter(states - {ABSENT})) for data, states in self.states.items() if states != {ABSENT}}
        self.call("Subscriber/CreateSnapshot", types.CreateSnapshotRequest.pb()(name=name, subscription=self.subscription))
        self.snapshots[name] = captured
        self.done["snapshot"] += 1

    def verify(self):
        super().verify()
        answer = self.call("Subscriber/ListSnapshots", types.ListSnapshotsRequest.pb()(project=f"projects/{PROJECT}", page_size=1000),
                           types.ListSnapshotsResponse)
        lost = self.snapshots.keys() - {each.name for each in answer.snapshots}
        assert not lost, f"snapshots are lost: {lost}"


class ExactlyOnce(SubscriptionGame):
    """Nothing acknowledged comes again, and nothing under lease comes twice."""

    SETTINGS = {"enable_exactly_once_delivery": True}

    def act(self):
        kind = self.random.random()
        if kind < 0.4:
            return self.publish()
        return self.acknowledge() if kind < 0.8 else self.refuse()

    def take(self, most):
        received = super().take(most)
        datas = {each.message.data for each in received}
        assert not datas & self.leased, f"{len(datas & self.leased)} messages came while leased"
        self.leased |= datas
        return received

    def refuse(self):
        received = self.take(10)
        if received:
            self.set_deadline(self.subscription, [each.ack_id for each in received], 0)
            self.leased -= {each.message.data for each in received}
            self.done["nack"] += 1


class Burying(SubscriptionGame):
    """Nacks until messages are dead letters: each is in one place, once."""

    def __init__(self, number, instance):
        self.dead = f"projects/{PROJECT}/topics/dead-{number}"
        self.grave = f"projects/{PROJECT}/subscriptions/dead-{number}"
        super().__init__(number, instance)

    def settings(self):
        self.call("Publisher/CreateTopic", types.Topic.pb()(name=self.dead))
        self.call("Subscriber/CreateSubscription", types.Subscription.pb()(name=self.grave, topic=self.dead,
                                                                           ack_deadline_seconds=600))
        return {"ack_deadline_seconds": 600, "dead_letter_policy": {"dead_letter_topic": self.dead, "max_delivery_attempts": 5}}

    def act(self):
        kind = self.random.random()
        if kind < 0.15:
            return self.publish()
        return self.acknowledge() if kind < 0.25 else self.refuse()

    def conclude(self):
        """One message more, refused until it is a dead letter."""
        data = f"{self.number}-last".encode()
        self.change(lambda: self.publish_to(self.topic, [data]), {data: {WAITING}}, "publish")

        def buried():
            self.refuse()
            found = self.pull(self.grave, 1000)
            self.set_deadline(self.grave, [each.ack_id for each in found], 0)
            return data in {each.message.data for each in found}
        wait_until(buried, SEEN_SECONDS, "a dead letter")
        self.states[data] = {BURIED}

    def refuse(self):
        received = self.take(100)
        if not received:
            return self.publish()  # without it most turns would do nothing
        for each in received:
            self.states[each.message.data] = {WAITING, BURIED}
        self.set_deadline(self.subscription, [each.ack_id for each in received], 0)
        self.done["nack"] += 1

    def verify(self):
        """Those on their way to the dead letters are for a moment in neither place."""
        received, buried = [], []
        there = {data for data, states in self.states.items() if not states & {ABSENT, ACKED}}
        deadline = time.monotonic() + SEEN_SECONDS
        while True:
            some, dead = self.pull_all(self.subscription, set()), self.pull_all(self.grave, set())
            received += some
            buried += dead
            if not some and not dead and (time.monotonic() > deadline or
                                          not there - {each.message.data for each in received + buried}):
                break
        datas = [each.message.data for each in received], [each.message.data for each in buried]
        assert not set(datas[0]) & set(datas[1]), "a message is a dead letter and is delivered"
        missing = there - set(datas[0]) - set(datas[1])
        assert not missing, f"{len(missing)} messages are lost, e.g. {min(missing)[:20]}"
        self.settle(datas[1], BURIED)
        self.settle(datas[0], WAITING)
        for data in datas[0]:
            self.states[data] = {WAITING, BURIED}
        for name, some in ((self.subscription, received), (self.grave, buried)):
            self.set_deadline(name, [each.ack_id for each in some], 0)


class Pushed(SubscriptionGame):
    """What is answered reaches the endpoint, also when it refuses now and then."""

    SIZES = (0, 100)

    def settings(self):
        self.refused = set()
        self.endpoint = Endpoint(answer=self.answer)
        return {"push_config": {"push_endpoint": self.endpoint.url}}

    def answer(self, push):
        refuse = zlib.crc32(push.body) % 20 == 0 and push.body not in self.refused  # once each
        if refuse:
            self.refused.add(push.body)
        return 503 if refuse else 200

    def act(self):
        self.publish()
        time.sleep(0.05)

    def verify(self):
        wanted = {data for data, states in self.states.items() if states == {WAITING}}
        wait_until(lambda: not wanted - set(self.endpoint.datas()), 2 * SEEN_SECONDS, "every push")
        made_up = set(self.endpoint.datas()) - self.states.keys()
        assert not made_up, f"{len(made_up)} pushes were never published"

    def summary(self):
        return {**super().summary(), "pushes": len(self.endpoint.pushes), "refused": len(self.refused)}


class Stored(SubscriptionGame):
    """A BigQuery subscription: each message is a row, once."""

    SIZES = (0, 100)

    def settings(self):
        self.ids = {}
        return {"bigquery_config": {"table": f"{PROJECT}.ds.raw", "write_metadata": True}}

    def act(self):
        batch = self.payloads(self.SIZES)
        self.states.update({data: {ABSENT, WAITING} for data in batch})
        self.ids.update(zip(self.publish_to(self.topic, batch), batch))
        self.states.update({data: {WAITING} for data in batch})

    def enough(self):
        return len(self.ids) >= ROUNDS

    def verify(self):
        sql = "SELECT message_id, COUNT(*) AS n, ANY_VALUE(data) AS data FROM ds.raw GROUP BY message_id"

        def rows_of_all():  # and perhaps of some whose answer was lost
            found = self.instance.query(sql)
            return found if self.ids.keys() <= {row["message_id"] for row in found} else None
        if not self.ids:
            return
        rows = wait_until(rows_of_all, 2 * SEEN_SECONDS, "every row")
        assert all(row["n"] == 1 for row in rows), "a message is in the table twice"
        stored = {row["message_id"]: row["data"].encode() for row in rows}
        lost = [each for each, data in self.ids.items() if stored.get(each) != data]
        assert not lost, f"{len(lost)} messages are not in the table, e.g. {lost[0]}"
        assert set(stored.values()) <= self.states.keys(), "a row was never published"


class Resources(Player):
    """Settings that are one of what the answers leave possible: a schema, a policy, a subscription detached for good."""

    def __init__(self, number, instance):
        super().__init__(number, instance)
        self.topic = f"projects/{PROJECT}/topics/resources-{number}"
        self.call("Publisher/CreateTopic", types.Topic.pb()(name=self.topic))
        self.schema = f"projects/{PROJECT}/schemas/game-{number}"
        self.possible = {self.read_schema: {None}, self.read_policy: {None}}
        self.made, self.answered = 0, collections.Counter()

    def set(self, read, value, call, kind):
        before = self.possible.get(read, {None})
        self.possible[read] = before | {value}
        call()
        self.possible[read] = {value}
        self.answered[kind] += 1

    def enough(self):
        return sum(self.answered.values()) >= ROUNDS

    def act(self):
        self.made += 1
        self.random.choice((self.change_schema, self.change_policy, self.detach))()

    def read_schema(self):
        try:
            return self.call("SchemaService/GetSchema", types.GetSchemaRequest.pb()(name=self.schema, view=2), types.Schema).definition
        except grpc.RpcError as error:
            assert error.code() == grpc.StatusCode.NOT_FOUND, error
            return None

    def change_schema(self):
        definition = json.dumps({"type": "record", "name": "R", "fields": [
            {"name": "a", "type": "int"}, {"name": f"b{self.made}", "type": "int", "default": 0}]})
        schema = types.Schema(name=self.schema, type_=types.Schema.Type.AVRO, definition=definition)
        known = self.possible[self.read_schema]
        if len(known) > 1:
            return
        if known == {None}:
            self.set(self.read_schema, definition, lambda: self.call("SchemaService/CreateSchema", types.CreateSchemaRequest.pb(
                types.CreateSchemaRequest(parent=f"projects/{PROJECT}", schema=schema, schema_id=self.schema.split("/")[-1]))), "schema")
        elif self.random.random() < 0.3:
            self.set(self.read_schema, None, lambda: self.call("SchemaService/DeleteSchema", types.DeleteSchemaRequest.pb()(
                name=self.schema)), "delete schema")
        else:
            self.set(self.read_schema, definition, lambda: self.call("SchemaService/CommitSchema", types.CommitSchemaRequest.pb(
                types.CommitSchemaRequest(name=self.schema, schema=schema))), "commit")

    def read_policy(self):
        policy = self.call("IAMPolicy/GetIamPolicy", iam_policy_pb2.GetIamPolicyRequest(resource=self.topic), policy_pb2.Policy,
                           package="google.iam.v1")
        return policy.bindings[0].members[0] if policy.bindings else None

    def change_policy(self):
        member = f"user:u{self.made}@example.com"
        policy = policy_pb2.Policy(bindings=[policy_pb2.Binding(role="roles/viewer", members=[member])])
        self.set(self.read_policy, member, lambda: self.call("IAMPolicy/SetIamPolicy", iam_policy_pb2.SetIamPolicyRequest(
            resource=self.topic, policy=policy), package="google.iam.v1"), "policy")

    def detach(self):
        name = f"projects/{PROJECT}/subscriptions/detached-{self.number}-{self.made}"

        def read():
            return self.call("Subscriber/GetSubscription", types.GetSubscriptionRequest.pb()(subscription=name),
                             types.Subscription).detached
        self.call("Subscriber/CreateSubscription", types.Subscription.pb()(name=name, topic=self.topic))
        self.possible[read] = {False}
        self.set(read, True, lambda: self.call("Publisher/DetachSubscription", types.DetachSubscriptionRequest.pb()(
            subscription=name)), "detach")

    def verify(self):
        for read, possible in self.possible.items():
            shown = read()
            assert shown in possible, f"{read.__name__}: {shown} is none of {possible}"
            self.possible[read] = {shown}

    def summary(self):
        return dict(self.answered)


@pytest.mark.timeout(900 + 60 * ROUNDS)
def test_kill_while_subscriptions_seek_bury_push_store_and_change_undoes_nothing(launch):
    instance = launch(SPEC, {})
    players = [game(number, instance) for number, game in enumerate(
        (Seeking, Seeking, ExactlyOnce, Burying, Pushed, Stored, Resources))]
    play(instance, players)
    for seeking in players[:2]:
        assert all(seeking.done[kind] > 0 for kind in ("snapshot", "ack", "seek to time", "seek to snapshot")), seeking.summary()
    assert players[3].summary()[BURIED] > 0 and all(player.satisfied.is_set() for player in players)
