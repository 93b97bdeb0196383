"""Topics with a schema, by Google's client: what is refused and how it is said, encodings, ranges of revisions."""
import json
import uuid

import grpc
import pytest
from google.api_core import exceptions
from google.cloud import pubsub_v1
from google.pubsub_v1 import types
from google.pubsub_v1.services.schema_service.transports import SchemaServiceGrpcTransport

from google_clients import QUICK, datas

AVRO, PROTOBUF = types.Schema.Type.AVRO, types.Schema.Type.PROTOCOL_BUFFER
JSON, BINARY = types.Encoding.JSON, types.Encoding.BINARY
ORDER = json.dumps({"type": "record", "name": "Order", "fields": [
    {"name": "id", "type": "long"},
    {"name": "note", "type": ["null", "string"]},
    {"name": "lines", "type": {"type": "array", "items": {"type": "record", "name": "Line", "fields": [
        {"name": "sku", "type": "string"}, {"name": "count", "type": "int"}]}}}]})
ORDER_PROTO = """syntax = "proto3";
import "google/protobuf/timestamp.proto";
message Order { int64 id = 1; repeated Line lines = 2; google.protobuf.Timestamp time = 3;
  message Line { string sku = 1; int32 count = 2; } }"""


@pytest.fixture(scope="module")
def schemas(shared):
    return pubsub_v1.SchemaServiceClient(
        transport=SchemaServiceGrpcTransport(channel=grpc.insecure_channel(shared.doors["pubsub"])))


@pytest.fixture
def make(clients, schemas):
    """A schema, and a topic of it with a subscription."""
    def made(kind, definition, encoding=JSON, **settings):
        schema = schemas.create_schema(request={
            "parent": clients.project, "schema_id": f"s-{uuid.uuid4().hex[:12]}",
            "schema": {"type_": kind, "definition": definition}}, **QUICK)
        topic = clients.topic(schema_settings={"schema": schema.name, "encoding": encoding, **settings})
        return schema, topic, clients.subscription(topic)
    return made


@pytest.mark.parametrize("data, field", [
    (b'{"id": "7", "note": null, "lines": []}', "id"),
    (b'{"id": 7, "note": "bare", "lines": []}', "note"),
    (b'{"id": 7, "note": null, "lines": [{"sku": "a", "count": 1}, {"sku": "b", "count": "x"}]}', "lines[1].count"),
    (b'{"id": 7, "note": null}', "lines")])
def test_the_refusal_names_the_field_and_the_revision(clients, make, data, field):
    schema, topic, name = make(AVRO, ORDER)
    with pytest.raises(exceptions.InvalidArgument) as refused:
        clients.publish(topic, b'{"id": 7, "note": {"string": "n"}, "lines": []}', data)
    said = refused.value.message
    assert said.startswith("Invalid data in message: Message failed schema validation."), said
    assert f'field "{field}"' in said and schema.name in said and schema.revision_id in said
    assert clients.nothing_to_pull(name), "all of a publish or none"


@pytest.mark.parametrize("kind, definition, good, bad", [
    (AVRO, ORDER, b"\x0e\x02\x02n\x02\x02a\x04\x00", b"\x0e\x02\x02n\x02\x02a\x04"),
    (PROTOBUF, ORDER_PROTO, b"\x08\x07\x12\x05\x0a\x01a\x10\x02", b"\x08\x07\x12\x05\x0a\x01a")])
def test_binary_data(clients, make, kind, definition, good, bad):
    schema, topic, name = make(kind, definition, BINARY)
    with pytest.raises(exceptions.InvalidArgument):
        clients.publish(topic, bad)
    with pytest.raises(exceptions.InvalidArgument):
        clients.publish(topic, good + b"\x7f")
    clients.publish(topic, good)
    received = clients.pull(name)
    assert datas(received) == [good]
    assert received[0].message.attributes["googclient_schemaencoding"] == "BINARY"
    assert received[0].message.attributes["googclient_schemarevisionid"] == schema.revision_id


def test_a_protobuf_message_in_json_with_a_well_known_type(clients, make):
    _, topic, name = make(PROTOBUF, ORDER_PROTO)
    good = b'{"id": "7", "lines": [{"sku": "a"}], "time": "2026-11-24T06:00:00Z"}'
    with pytest.raises(exceptions.InvalidArgument) as refused:
        clients.publish(topic, b'{"id": "7", "lines": [{"sku": "a", "count": "many"}]}')
    assert "lines[0].count" in refused.value.message
    clients.publish(topic, good)
    assert datas(clients.pull(name)) == [good]


def test_the_newest_allowed_revision_that_fits_is_said(clients, schemas, make):
    first, topic, name = make(AVRO, json.dumps({"type": "record", "name": "R", "fields": [
        {"name": "a", "type": "int"}]}))
    second = schemas.commit_schema(request={"name": first.name, "schema": {
        "name": first.name, "type_": AVRO, "definition": json.dumps({"type": "record", "name": "R", "fields": [
            {"name": "a", "type": "int"}, {"name": "b", "type": "int", "default": 0}]})}}, **QUICK)
    only_first = clients.topic(schema_settings={"schema": first.name, "encoding": JSON,
                                                "last_revision_id": first.revision_id})
    only_second = clients.topic(schema_settings={"schema": first.name, "encoding": JSON,
                                                 "first_revision_id": second.revision_id})
    clients.publish(topic, b'{"a": 1}', b'{"a": 1, "b": 2}')
    assert sorted(r.message.attributes["googclient_schemarevisionid"] for r in clients.pull_all(name, 2)) == \
        sorted([first.revision_id, second.revision_id])
    name = clients.subscription(only_first)
    clients.publish(only_first, b'{"a": 1, "b": 2}')
    assert clients.pull(name)[0].message.attributes["googclient_schemarevisionid"] == first.revision_id
    with pytest.raises(exceptions.InvalidArgument):
        clients.publish(only_second, b'{"a": 1}')


@pytest.mark.parametrize("kind, definition, later", [
    (AVRO, ORDER, ORDER.replace('"long"', '"string"')),
    (PROTOBUF, ORDER_PROTO, ORDER_PROTO.replace("int64 id", "string id"))])
def test_a_revision_that_contradicts_the_last_is_refused(schemas, make, kind, definition, later):
    schema, _, _ = make(kind, definition)
    with pytest.raises((exceptions.InvalidArgument, exceptions.FailedPrecondition)) as refused:
        schemas.commit_schema(request={"name": schema.name, "schema": {
            "name": schema.name, "type_": kind, "definition": later}}, **QUICK)
    assert "id" in refused.value.message


@pytest.mark.parametrize("kind, definition, said", [
    (AVRO, '{"type": "record", "name": "R", "fields": [{"name": "a", "type": "strin"}]}', 'field "a": unknown type'),
    (PROTOBUF, 'syntax = "proto3";\nmessage R { strin a = 1; }', "line 2 column 13"),
    (AVRO, "[" * 100_000, "not an Avro schema"),
    (PROTOBUF, "message A {" * 10_000, "nested more than")])
def test_a_definition_that_does_not_compile_says_where(clients, schemas, kind, definition, said):
    with pytest.raises(exceptions.InvalidArgument) as refused:
        schemas.validate_schema(request={
            "parent": clients.project, "schema": {"type_": kind, "definition": definition}}, **QUICK)
    assert said in refused.value.message


def test_data_made_to_harm_is_refused_quickly(clients, make):
    _, topic, _ = make(AVRO, '{"type": "record", "name": "N", "fields": [{"name": "n", "type": ["null", "N"]}, '
                             '{"name": "a", "type": {"type": "array", "items": "null"}}]}', BINARY)
    for data in (b"\x02" * 2_000_000, b"\x00" + b"\x80\x80\x80\x80\x80\x80\x80\x10"):
        with pytest.raises(exceptions.InvalidArgument):
            clients.publish(topic, data)
