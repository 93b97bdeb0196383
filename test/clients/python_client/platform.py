"""What surrounds the topic: BigQuery subscriptions, IAM, durability, reflection, health."""
import time

import grpc
from google.iam.v1 import policy_pb2

from outcome import NotOffered, Wrong, expect, expect_error, require
from python_client.session import QUICK, Session, scenarios


@scenarios("bigquery")
def bigquery(s):
    topic = s.topic()
    s.subscription(topic, bigquery_config={"table": s.server.table(), "use_table_schema": True,
                                           "drop_unknown_fields": True})
    if not s.server.warehouse:
        raise Wrong("accepted, but nothing writes to a table")
    s.put(topic, '{"id": 1, "name": "one", "unknown": true}', '{"id": 2, "name": "two"}')
    deadline = time.monotonic() + 20
    rows = []
    while len(rows) < 2 and time.monotonic() < deadline:
        rows = s.server.rows()
        time.sleep(0.2)
    expect("the rows", sorted((int(r["id"]), r["name"]) for r in rows), [(1, "one"), (2, "two")])


@scenarios("iam")
def iam(s):
    topic, subscription = s.pair()
    for client, resource in ((s.publisher, topic), (s.subscriber, subscription)):
        policy = client.get_iam_policy(request={"resource": resource}, **QUICK)
        stale = policy.etag
        policy.bindings.append(policy_pb2.Binding(role="roles/pubsub.viewer", members=["user:a@example.com"]))
        client.set_iam_policy(request={"resource": resource, "policy": policy}, **QUICK)
        stored = client.get_iam_policy(request={"resource": resource}, **QUICK)
        expect("bindings", [(b.role, list(b.members)) for b in stored.bindings],
               [("roles/pubsub.viewer", ["user:a@example.com"])])
        require("the etag did not change", stored.etag != stale)
        policy.etag = stale
        expect_error("a stale etag", "ABORTED", client.set_iam_policy,
                     request={"resource": resource, "policy": policy}, **QUICK)
    asked = ["pubsub.topics.publish", "pubsub.topics.get"]
    granted = s.publisher.test_iam_permissions(request={"resource": topic, "permissions": asked}, **QUICK).permissions
    require(f"permissions that were not asked for: {granted}", set(granted) <= set(asked))
    expect_error("a policy of no topic", "NOT_FOUND", s.publisher.get_iam_policy,
                 request={"resource": f"{s.project}/topics/missing"}, **QUICK)


@scenarios("durability")
def durability(s):
    server = s.server.fresh()
    try:
        before = Session(server)
        topic, subscription = before.pair(enable_message_ordering=True)
        for n in range(20):
            before.put(topic, *[f"{n}-{k}" for k in range(10)])
        acked = before.take(subscription, 50)
        before.ack(subscription, acked)
        server.kill_and_restart()
        after = Session(server)
        gone = {r.message.data for r in acked}
        wanted = {f"{n}-{k}".encode() for n in range(20) for k in range(10)} - gone
        received = {r.message.data for r in after.take(subscription, 150, 30)}
        expect("what is left after kill -9", sorted(received), sorted(wanted))
        after.none(subscription, "an acknowledged message came back")
        before.close()
        after.close()
    finally:
        server.stop()


def raw(s, path, request):
    method = s.channel.unary_unary(path, request_serializer=bytes, response_deserializer=bytes)
    return method(request, timeout=10)


@scenarios("health")
def health(s):
    # HealthCheckResponse{status: SERVING}
    expect("Health.Check", raw(s, "/grpc.health.v1.Health/Check", b""), b"\x08\x01")
    service = b"google.pubsub.v1.Publisher"
    expect("for Publisher", raw(s, "/grpc.health.v1.Health/Check", b"\x0a" + bytes([len(service)]) + service), b"\x08\x01")


@scenarios("reflection")
def reflection(s):
    answers = []
    for version in ("v1", "v1alpha"):
        method = s.channel.stream_stream(f"/grpc.reflection.{version}.ServerReflection/ServerReflectionInfo",
                                         request_serializer=bytes, response_deserializer=bytes)
        try:
            answers.append(next(method(iter([b"\x3a\x01*"]), timeout=10)))  # list_services
        except grpc.RpcError as error:
            if error.code() != grpc.StatusCode.UNIMPLEMENTED:
                raise
    if not answers:
        raise NotOffered("no reflection service")
    for name in (b"google.pubsub.v1.Publisher", b"google.pubsub.v1.Subscriber", b"google.pubsub.v1.SchemaService",
                 b"google.iam.v1.IAMPolicy"):
        require(f"reflection does not list {name.decode()}", name in answers[0])
