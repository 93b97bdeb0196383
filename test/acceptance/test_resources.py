"""Snapshots, seek, detach, schemas and policies: Google's client over gRPC, plain HTTP over REST, and kill -9."""
import base64
import datetime
import json
import time
import uuid

import grpc
import pytest
import requests
from google.api_core import exceptions
from google.cloud import pubsub_v1
from google.iam.v1 import iam_policy_pb2, options_pb2, policy_pb2
from google.protobuf import duration_pb2, field_mask_pb2, timestamp_pb2
from google.pubsub_v1 import types
from google.pubsub_v1.services.schema_service.transports import SchemaServiceGrpcTransport
from google.type import expr_pb2

from google_clients import QUICK, Clients, datas
from pipeline import PROJECT

P = f"projects/{PROJECT}"
RETAINING = {"retain_acked_messages": True}
AVRO = json.dumps({"type": "record", "name": "Reading", "fields": [{"name": "id", "type": "int"}]})
AVRO_LATER = json.dumps({"type": "record", "name": "Reading", "fields": [
    {"name": "id", "type": "int"}, {"name": "note", "type": "string", "default": ""}]})
PROTO = 'syntax = "proto3";\nmessage Reading { int32 id = 1; string note = 2; }\n'


def named(kind):
    return f"{P}/{kind}/r-{uuid.uuid4().hex[:12]}"


def mask(*paths):
    return field_mask_pb2.FieldMask(paths=paths)


def snapshot_of(clients, subscription, **fields):
    return clients.subscriber.create_snapshot(
        request={"name": named("snapshots"), "subscription": subscription, **fields}, **QUICK)


def seek(clients, subscription, **target):
    clients.subscriber.seek(request={"subscription": subscription, **target}, **QUICK)


def take(clients, subscription, count):
    received = clients.pull_all(subscription, count)
    clients.ack(subscription, received)
    return sorted(datas(received))


@pytest.fixture(scope="module")
def schemas(shared):
    return pubsub_v1.SchemaServiceClient(transport=schema_transport(shared.doors["pubsub"]))


def schema_transport(address):
    """The schema client knows no emulator variable, so its channel is given."""
    return SchemaServiceGrpcTransport(channel=grpc.insecure_channel(address))


def make_schema(client, kind=types.Schema.Type.AVRO, definition=AVRO):
    return client.create_schema(request={"parent": P, "schema_id": f"r-{uuid.uuid4().hex[:12]}", "schema": {
        "type_": kind, "definition": definition}}, **QUICK)


# Seek and snapshots.

def test_seek_to_a_time_replays_what_was_published_since(clients):
    topic, name = clients.pair(**RETAINING)
    clients.publish(topic, b"before")
    time.sleep(0.02)
    middle = datetime.datetime.now(tz=datetime.timezone.utc)
    time.sleep(0.02)
    clients.publish(topic, b"after-1", b"after-2")
    assert take(clients, name, 3) == [b"after-1", b"after-2", b"before"]
    assert clients.nothing_to_pull(name)
    seek(clients, name, time=middle)
    assert take(clients, name, 2) == [b"after-1", b"after-2"]
    assert clients.nothing_to_pull(name)


def test_seek_to_a_time_to_come_purges(clients):
    topic, name = clients.pair()
    clients.publish(topic, b"old")
    seek(clients, name, time=timestamp_pb2.Timestamp(seconds=int(time.time()) + 3600))
    clients.publish(topic, b"new")
    assert take(clients, name, 1) == [b"new"]


def test_a_snapshot_replays_its_backlog_and_what_came_after(clients):
    topic, name = clients.pair()
    clients.publish(topic, b"1", b"2")
    made = snapshot_of(clients, name, labels={"k": "v"})
    assert made.topic == topic and dict(made.labels) == {"k": "v"}
    left = made.expire_time.timestamp() - time.time()
    assert 7 * 86400 - 60 < left <= 7 * 86400
    clients.publish(topic, b"3")
    assert take(clients, name, 3) == [b"1", b"2", b"3"]
    seek(clients, name, snapshot=made.name)
    assert take(clients, name, 3) == [b"1", b"2", b"3"]
    other = clients.subscription(topic)
    seek(clients, other, snapshot=made.name)
    assert take(clients, other, 3) == [b"1", b"2", b"3"]


def test_acks_from_before_a_seek_do_not_count(clients):
    topic, name = clients.pair(**RETAINING)
    clients.publish(topic, b"x")
    old = clients.pull(name)
    seek(clients, name, time=timestamp_pb2.Timestamp(seconds=0))
    clients.ack(name, old)
    assert take(clients, name, 1) == [b"x"]


def test_a_waiting_stream_gets_what_a_seek_brings_back(clients):
    topic, name = clients.pair(**RETAINING)
    clients.publish(topic, b"again")
    assert take(clients, name, 1) == [b"again"]
    got = []
    stream = clients.stream(name, lambda message: (got.append(message.data), message.ack()))
    time.sleep(0.3)
    seek(clients, name, time=timestamp_pb2.Timestamp(seconds=0))
    deadline = time.monotonic() + 10
    while not got and time.monotonic() < deadline:
        time.sleep(0.01)
    stream.cancel()
    stream.result(timeout=10)
    assert got == [b"again"]


def test_snapshots_are_read_listed_updated_and_deleted(clients):
    topic, name = clients.pair()
    made = snapshot_of(clients, name)
    assert clients.subscriber.get_snapshot(request={"snapshot": made.name}, **QUICK) == made
    listed = clients.subscriber.list_snapshots(request={"project": P}, **QUICK)
    assert made.name in [s.name for s in listed]
    assert list(clients.publisher.list_topic_snapshots(request={"topic": topic}, **QUICK)) == [made.name]
    updated = clients.subscriber.update_snapshot(
        request={"snapshot": {"name": made.name, "labels": {"a": "b"}}, "update_mask": mask("labels")}, **QUICK)
    assert dict(updated.labels) == {"a": "b"} and updated.expire_time == made.expire_time
    with pytest.raises(exceptions.InvalidArgument):
        clients.subscriber.update_snapshot(
            request={"snapshot": {"name": made.name, "topic": topic}, "update_mask": mask("topic")}, **QUICK)
    clients.subscriber.delete_snapshot(request={"snapshot": made.name}, **QUICK)
    for call in (lambda: clients.subscriber.get_snapshot(request={"snapshot": made.name}, **QUICK),
                 lambda: clients.subscriber.delete_snapshot(request={"snapshot": made.name}, **QUICK),
                 lambda: seek(clients, name, snapshot=made.name)):
        with pytest.raises(exceptions.NotFound):
            call()


def test_what_seek_and_snapshots_refuse(clients):
    topic, name = clients.pair()
    made = snapshot_of(clients, name)
    with pytest.raises(exceptions.AlreadyExists):
        clients.subscriber.create_snapshot(request={"name": made.name, "subscription": name}, **QUICK)
    with pytest.raises(exceptions.NotFound):
        snapshot_of(clients, f"{P}/subscriptions/missing")
    with pytest.raises(exceptions.InvalidArgument):
        clients.subscriber.create_snapshot(request={"name": f"{P}/snapshots/1x", "subscription": name}, **QUICK)
    _, elsewhere = clients.pair()
    with pytest.raises(exceptions.FailedPrecondition):
        seek(clients, elsewhere, snapshot=made.name)
    with pytest.raises(exceptions.InvalidArgument):
        seek(clients, name)


def test_topic_retention_is_shown_and_replays_to_a_later_subscription(clients):
    topic = clients.topic(message_retention_duration=duration_pb2.Duration(seconds=3600))
    clients.publish(topic, b"before")
    name = clients.subscription(topic)
    read = clients.subscriber.get_subscription(request={"subscription": name}, **QUICK)
    assert read.topic_message_retention_duration.total_seconds() == 3600
    seek(clients, name, time=timestamp_pb2.Timestamp(seconds=0))
    assert take(clients, name, 1) == [b"before"]


# Detach.

def test_a_detached_subscription_gets_nothing(clients):
    topic, name = clients.pair()
    clients.publish(topic, b"dropped")
    clients.publisher.detach_subscription(request={"subscription": name}, **QUICK)
    read = clients.subscriber.get_subscription(request={"subscription": name}, **QUICK)
    assert read.detached and read.topic == topic
    with pytest.raises(exceptions.FailedPrecondition):
        clients.subscriber.pull(request={"subscription": name, "max_messages": 1}, **QUICK)
    stream = clients.stream(name, lambda message: None)
    with pytest.raises(exceptions.FailedPrecondition):
        stream.result(timeout=10)
    assert list(clients.publisher.list_topic_subscriptions(request={"topic": topic}, **QUICK)) == []
    with pytest.raises(exceptions.NotFound):
        clients.publisher.detach_subscription(request={"subscription": f"{P}/subscriptions/missing"}, **QUICK)


# Schemas.

@pytest.mark.parametrize("kind, definition, good, bad", [
    (types.Schema.Type.AVRO, AVRO, b'{"id": 1}', b'{"id": "one"}'),
    (types.Schema.Type.PROTOCOL_BUFFER, PROTO, b'{"id": 1, "note": "n"}', b'{"id": 1, "other": 2}')])
def test_a_publish_must_fit_the_topics_schema(clients, schemas, kind, definition, good, bad):
    schema = make_schema(schemas, kind, definition)
    topic = clients.topic(schema_settings={"schema": schema.name, "encoding": types.Encoding.JSON})
    name = clients.subscription(topic)
    with pytest.raises(exceptions.InvalidArgument):
        clients.publish(topic, good, bad)
    clients.publish(topic, good, mine="x")
    received = clients.pull(name)
    assert datas(received) == [good]
    assert dict(received[0].message.attributes) == {
        "mine": "x", "googclient_schemaencoding": "JSON", "googclient_schemaname": schema.name,
        "googclient_schemarevisionid": schema.revision_id}


def test_schema_revisions(schemas):
    first = make_schema(schemas)
    assert len(first.revision_id) == 8 and first.definition == AVRO
    second = schemas.commit_schema(request={"name": first.name, "schema": {
        "name": first.name, "type_": types.Schema.Type.AVRO, "definition": AVRO_LATER}}, **QUICK)
    third = schemas.rollback_schema(request={"name": first.name, "revision_id": first.revision_id}, **QUICK)
    assert third.definition == AVRO and third.revision_id not in (first.revision_id, second.revision_id)
    listed = list(schemas.list_schema_revisions(request={"name": first.name, "page_size": 2}, **QUICK))
    assert [s.revision_id for s in listed] == [third.revision_id, second.revision_id, first.revision_id]
    assert all(not s.definition for s in listed), "lists are BASIC"
    read = schemas.get_schema(request={"name": f"{first.name}@{second.revision_id}"}, **QUICK)
    assert read.definition == AVRO_LATER
    schemas.delete_schema_revision(request={"name": f"{first.name}@{third.revision_id}"}, **QUICK)
    assert schemas.get_schema(request={"name": first.name}, **QUICK).revision_id == second.revision_id
    schemas.delete_schema(request={"name": first.name}, **QUICK)
    with pytest.raises(exceptions.NotFound):
        schemas.get_schema(request={"name": first.name}, **QUICK)


def test_a_topic_of_a_deleted_schema_takes_nothing(clients, schemas):
    schema = make_schema(schemas)
    topic = clients.topic(schema_settings={"schema": schema.name, "encoding": types.Encoding.JSON})
    schemas.delete_schema(request={"name": schema.name}, **QUICK)
    read = clients.publisher.get_topic(request={"topic": topic}, **QUICK)
    assert read.schema_settings.schema == "_deleted-schema_"
    with pytest.raises(exceptions.FailedPrecondition):
        clients.publish(topic, b'{"id": 1}')


def test_schemas_and_messages_are_validated_on_request(schemas):
    schema = {"type_": types.Schema.Type.AVRO, "definition": AVRO}
    schemas.validate_schema(request={"parent": P, "schema": schema}, **QUICK)
    with pytest.raises(exceptions.InvalidArgument):
        schemas.validate_schema(request={"parent": P, "schema": {**schema, "definition": "{"}}, **QUICK)
    request = {"parent": P, "schema": schema, "encoding": types.Encoding.BINARY}
    schemas.validate_message(request={**request, "message": b"\x02"}, **QUICK)
    with pytest.raises(exceptions.InvalidArgument):
        schemas.validate_message(request={**request, "message": b""}, **QUICK)


# Policies.

def test_policies_are_kept_with_their_etags_and_conditions(clients):
    topic = clients.topic()
    read = clients.publisher.get_iam_policy(request={"resource": topic}, **QUICK)
    assert read.etag == base64.b64decode("ACAB") and not read.bindings
    policy = policy_pb2.Policy(version=3, etag=read.etag, bindings=[policy_pb2.Binding(
        role="roles/pubsub.publisher", members=["user:ana@p.example"],
        condition=expr_pb2.Expr(expression="request.time < timestamp('2030-01-01T00:00:00Z')", title="until"))])
    kept = clients.publisher.set_iam_policy(
        request=iam_policy_pb2.SetIamPolicyRequest(resource=topic, policy=policy), **QUICK)
    assert kept.bindings == policy.bindings and kept.etag != read.etag
    with pytest.raises(exceptions.Aborted):
        clients.publisher.set_iam_policy(
            request=iam_policy_pb2.SetIamPolicyRequest(resource=topic, policy=policy), **QUICK)
    whole = clients.publisher.get_iam_policy(request=iam_policy_pb2.GetIamPolicyRequest(
        resource=topic, options=options_pb2.GetPolicyOptions(requested_policy_version=3)), **QUICK)
    assert whole == kept
    asked = clients.publisher.test_iam_permissions(
        request={"resource": topic, "permissions": ["pubsub.topics.publish"]}, **QUICK)
    assert list(asked.permissions) == ["pubsub.topics.publish"]
    bad = policy_pb2.Policy(bindings=[policy_pb2.Binding(role="roles/viewer", members=["ana"])])
    with pytest.raises(exceptions.InvalidArgument):
        clients.publisher.set_iam_policy(
            request=iam_policy_pb2.SetIamPolicyRequest(resource=topic, policy=bad), **QUICK)


# Checks.

@pytest.mark.parametrize("settings", [
    {"push_config": {"push_endpoint": "nowhere"}},
    {"push_config": {"push_endpoint": "https://p.example"}, "enable_exactly_once_delivery": True},
    {"bigquery_config": {"table": "only.two"}},
    {"dead_letter_policy": {"dead_letter_topic": f"{P}/topics/Data-dead", "max_delivery_attempts": 4}},
    {"retry_policy": {"minimum_backoff": duration_pb2.Duration(seconds=601)}},
    {"message_retention_duration": duration_pb2.Duration(seconds=32 * 86400)},
    {"labels": {"Capital": "x"}},
    {"message_transforms": [{"javascript_udf": {"function_name": "1f", "code": "x"}}]},
    {"detached": True},
    {"filter": "x" * 257}])
def test_a_setting_that_cannot_be_is_an_invalid_argument(clients, settings):
    topic = clients.topic()
    with pytest.raises(exceptions.InvalidArgument):
        clients.subscription(topic, **settings)


def test_masks_reach_into_fields(clients):
    _, name = clients.pair(dead_letter_policy={"dead_letter_topic": f"{P}/topics/Data-dead"})

    def update(subscription, *paths):
        return clients.subscriber.update_subscription(
            request={"subscription": {"name": name, **subscription}, "update_mask": mask(*paths)}, **QUICK)
    read = update({"dead_letter_policy": {"max_delivery_attempts": 9}}, "dead_letter_policy.max_delivery_attempts")
    assert read.dead_letter_policy.dead_letter_topic == f"{P}/topics/Data-dead"
    assert read.dead_letter_policy.max_delivery_attempts == 9
    read = update({}, "dead_letter_policy")
    assert not types.Subscription.pb(read).HasField("dead_letter_policy")
    with pytest.raises(exceptions.NotFound):
        update({"dead_letter_policy": {"dead_letter_topic": f"{P}/topics/missing"}}, "dead_letter_policy")


# REST.

def test_resources_over_rest(shared):
    topic, name, snap, schema = (named(k) for k in ("topics", "subscriptions", "snapshots", "schemas"))

    def ok(method, path, body=None):
        answer = shared.rest(method, path, body)
        assert answer.status_code == 200, (method, path, answer.text)
        return answer.json()
    made = ok("POST", f"{P}/schemas?schemaId={schema.rpartition('/')[2]}", {"type": "AVRO", "definition": AVRO})
    ok("PUT", topic, {"schemaSettings": {"schema": schema, "encoding": "JSON"}})
    ok("PUT", name, {"topic": topic, "retainAckedMessages": True})
    data = base64.b64encode(b'{"id": 7}').decode()
    ok("POST", f"{topic}:publish", {"messages": [{"data": data}]})
    assert ok("PUT", snap, {"subscription": name})["topic"] == topic
    pulled = ok("POST", f"{name}:pull", {"maxMessages": 1})["receivedMessages"]
    assert pulled[0]["message"]["attributes"]["googclient_schemarevisionid"] == made["revisionId"]
    ok("POST", f"{name}:acknowledge", {"ackIds": [pulled[0]["ackId"]]})
    ok("POST", f"{name}:seek", {"snapshot": snap})
    assert len(ok("POST", f"{name}:pull", {"maxMessages": 1})["receivedMessages"]) == 1
    assert ok("GET", f"{topic}/snapshots") == {"snapshots": [snap]}
    assert ok("GET", f"{schema}:listRevisions")["schemas"][0]["revisionId"] == made["revisionId"]
    assert ok("GET", f"{topic}:getIamPolicy")["etag"] == "ACAB"
    ok("POST", f"{snap}:setIamPolicy", {"policy": {"bindings": [{"role": "roles/viewer", "members": ["allUsers"]}]}})
    ok("POST", f"{name}:modifyPushConfig", {"pushConfig": {}})
    assert ok("POST", f"{name}:detach") == {}
    assert ok("GET", f"{name}?$alt=json;enum-encoding=int")["state"] == 1
    refused = shared.rest("POST", f"{name}:pull", {"maxMessages": 1})
    assert refused.status_code == 400 and refused.json()["error"]["status"] == "FAILED_PRECONDITION"


def test_the_doors_own_refusals_are_googles_errors(shared):
    url = f"http://{shared.doors['pubsub']}/v1/{P}/topics"
    answer = requests.get(url, headers={"Origin": "https://page.example"}, timeout=10)
    assert answer.status_code == 403 and answer.json()["error"]["status"] == "PERMISSION_DENIED"
    answer = requests.post(f"{url}/Data:publish", data=b" " * (21 << 20), timeout=30)
    assert answer.status_code == 413 and answer.json()["error"]["code"] == 413


# Durability.

def test_every_resource_survives_kill(launch):
    instance = launch()
    clients, schemas = Clients(instance), pubsub_v1.SchemaServiceClient(
        transport=schema_transport(instance.doors["pubsub"]))
    topic, name = clients.pair(**RETAINING)
    detached = clients.subscription(topic)
    clients.publish(topic, b"1", b"2")
    kept, deleted = snapshot_of(clients, name), snapshot_of(clients, name)
    clients.subscriber.delete_snapshot(request={"snapshot": deleted.name}, **QUICK)
    assert take(clients, name, 2) == [b"1", b"2"]
    old = clients.publish(topic, b"3") and clients.pull(name)
    clients.publisher.detach_subscription(request={"subscription": detached}, **QUICK)
    schema, gone = make_schema(schemas), make_schema(schemas)
    revised = schemas.commit_schema(request={"name": schema.name, "schema": {
        "type_": types.Schema.Type.AVRO, "definition": AVRO_LATER}}, **QUICK)
    checked = clients.topic(schema_settings={"schema": gone.name, "encoding": types.Encoding.JSON})
    schemas.delete_schema(request={"name": gone.name}, **QUICK)
    policy = clients.publisher.set_iam_policy(request=iam_policy_pb2.SetIamPolicyRequest(
        resource=kept.name, policy=policy_pb2.Policy(bindings=[
            policy_pb2.Binding(role="roles/viewer", members=["allUsers"])])), **QUICK)
    seek(clients, name, time=timestamp_pb2.Timestamp(seconds=0))
    clients.close()

    instance.restart()
    clients, schemas = Clients(instance), pubsub_v1.SchemaServiceClient(
        transport=schema_transport(instance.doors["pubsub"]))
    clients.ack(name, old)
    assert take(clients, name, 3) == [b"1", b"2", b"3"], "the seek held, and the ack of before it did not count"
    assert clients.subscriber.get_snapshot(request={"snapshot": kept.name}, **QUICK) == kept
    with pytest.raises(exceptions.NotFound):
        clients.subscriber.get_snapshot(request={"snapshot": deleted.name}, **QUICK)
    seek(clients, name, snapshot=kept.name)
    assert take(clients, name, 3) == [b"1", b"2", b"3"]
    assert clients.subscriber.get_subscription(request={"subscription": detached}, **QUICK).detached
    assert schemas.get_schema(request={"name": schema.name}, **QUICK) == revised
    assert schemas.get_schema(request={"name": f"{schema.name}@{schema.revision_id}"}, **QUICK) == schema
    read = clients.publisher.get_topic(request={"topic": checked}, **QUICK)
    assert read.schema_settings.schema == "_deleted-schema_"
    assert clients.publisher.get_iam_policy(request={"resource": kept.name}, **QUICK) == policy
    clients.close()
