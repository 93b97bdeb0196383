"""Schemas: their administration, revisions, and validation at publish in each encoding."""
import json

from google.pubsub_v1.types import Encoding, Schema

from outcome import expect, expect_error, require
from python_client.session import QUICK, scenarios

AVRO = json.dumps({"type": "record", "name": "State", "fields": [
    {"name": "name", "type": "string"}, {"name": "id", "type": "int"}]})
AVRO_MORE = json.dumps({"type": "record", "name": "State", "fields": [
    {"name": "name", "type": "string"}, {"name": "id", "type": "int"},
    {"name": "note", "type": "string", "default": ""}]})
AVRO_BREAKING = json.dumps({"type": "record", "name": "State", "fields": [{"name": "name", "type": "long"}]})
PROTO = 'syntax = "proto3"; message State { string name = 1; int32 id = 2; }'
AVRO_BYTES = b"\x0cAlaska\x02"
PROTO_BYTES = b"\x0a\x06Alaska\x10\x01"
JSON_BYTES = b'{"name": "Alaska", "id": 1}'


def make(s, kind, definition):
    return s.schemas.create_schema(
        request={"parent": s.project, "schema_id": s.name("schemas").rsplit("/", 1)[1],
                 "schema": {"type_": kind, "definition": definition}}, **QUICK)


@scenarios("schema-admin")
def schema_admin(s):
    schema = make(s, Schema.Type.AVRO, AVRO)
    require("no revision id", schema.revision_id)
    require("no revision time", schema.revision_create_time)
    stored = s.schemas.get_schema(request={"name": schema.name, "view": "FULL"}, **QUICK)
    expect("definition", stored.definition, AVRO)
    basic = s.schemas.get_schema(request={"name": schema.name, "view": "BASIC"}, **QUICK)
    expect("definition in the BASIC view", basic.definition, "")
    listed = {x.name for x in s.schemas.list_schemas(request={"parent": s.project}, **QUICK)}
    require("ListSchemas lacks it", schema.name in listed)
    expect_error("a wrong definition", "INVALID_ARGUMENT", make, s, Schema.Type.AVRO, '{"type": "nonsense"}')
    expect_error("ValidateSchema of a wrong one", "INVALID_ARGUMENT", s.schemas.validate_schema,
                 request={"parent": s.project, "schema": {"type_": "PROTOCOL_BUFFER", "definition": "message {"}}, **QUICK)
    s.schemas.validate_schema(
        request={"parent": s.project, "schema": {"type_": "PROTOCOL_BUFFER", "definition": PROTO}}, **QUICK)
    validate = {"parent": s.project, "name": schema.name, "encoding": "JSON"}
    s.schemas.validate_message(request={**validate, "message": JSON_BYTES}, **QUICK)
    expect_error("ValidateMessage of a wrong one", "INVALID_ARGUMENT", s.schemas.validate_message,
                 request={**validate, "message": b'{"name": 1}'}, **QUICK)
    s.schemas.delete_schema(request={"name": schema.name}, **QUICK)
    expect_error("after delete", "NOT_FOUND", s.schemas.get_schema, request={"name": schema.name}, **QUICK)
    expect_error("a topic of no schema", "NOT_FOUND", s.topic,
                 schema_settings={"schema": schema.name, "encoding": "JSON"})


def validated(s, kind, definition, encoding, good, bad):
    """Publishes through a topic with the schema: good ones arrive marked, bad ones are refused."""
    schema = make(s, kind, definition)
    topic = s.topic(schema_settings={"schema": schema.name, "encoding": encoding})
    subscription = s.subscription(topic)
    s.publish_messages(topic, [{"data": good, "attributes": {"own": "kept"}}])
    message = s.take(subscription, 1)[0].message
    expect("data", message.data, good)
    attributes = dict(message.attributes)
    expect("own attribute", attributes.get("own"), "kept")
    expect("googclient_schemaencoding", attributes.get("googclient_schemaencoding"), encoding.name)
    expect("googclient_schemaname", attributes.get("googclient_schemaname"), schema.name)
    expect("googclient_schemarevisionid", attributes.get("googclient_schemarevisionid"), schema.revision_id)
    for data in bad:
        expect_error(f"publishing {data!r}", "INVALID_ARGUMENT", s.publish_messages, topic,
                     [{"data": good}, {"data": data}])
    s.none(subscription, "part of a refused request was stored")


@scenarios("schema-avro-json")
def avro_json(s):
    validated(s, Schema.Type.AVRO, AVRO, Encoding.JSON, JSON_BYTES,
              [b'{"name": "Alaska"}', b'{"name": "Alaska", "id": "1"}', b"not json", AVRO_BYTES])


@scenarios("schema-avro-binary")
def avro_binary(s):
    validated(s, Schema.Type.AVRO, AVRO, Encoding.BINARY, AVRO_BYTES, [b"\x0cAla", AVRO_BYTES + b"\x00", b"\x01"])


@scenarios("schema-proto-json")
def proto_json(s):
    validated(s, Schema.Type.PROTOCOL_BUFFER, PROTO, Encoding.JSON, JSON_BYTES,
              [b'{"name": 5}', b'{"unknown": 1}', b"not json"])


@scenarios("schema-proto-binary")
def proto_binary(s):
    validated(s, Schema.Type.PROTOCOL_BUFFER, PROTO, Encoding.BINARY, PROTO_BYTES, [b"\x0a\x06Ala", b"\xff\xff\xff"])


@scenarios("schema-revisions")
def revisions(s):
    first = make(s, Schema.Type.AVRO, AVRO)
    topic = s.topic(schema_settings={"schema": first.name, "encoding": Encoding.JSON})
    subscription = s.subscription(topic)
    commit = {"name": first.name, "schema": {"name": first.name, "type_": "AVRO"}}
    expect_error("an incompatible revision", "INVALID_ARGUMENT", s.schemas.commit_schema,
                 request={**commit, "schema": {**commit["schema"], "definition": AVRO_BREAKING}}, **QUICK)
    second = s.schemas.commit_schema(
        request={**commit, "schema": {**commit["schema"], "definition": AVRO_MORE}}, **QUICK)
    require("the second revision has the first's id", second.revision_id != first.revision_id)
    latest = s.schemas.get_schema(request={"name": first.name}, **QUICK)
    expect("the latest revision", latest.revision_id, second.revision_id)
    old = s.schemas.get_schema(request={"name": f"{first.name}@{first.revision_id}"}, **QUICK)
    expect("the first, by its id", old.definition, AVRO)
    listed = [x.revision_id for x in s.schemas.list_schema_revisions(request={"name": first.name}, **QUICK)]
    expect("ListSchemaRevisions", sorted(listed), sorted([first.revision_id, second.revision_id]))
    s.publish_messages(topic, [{"data": b'{"name": "A", "id": 1, "note": "new"}'}])
    attributes = s.take(subscription, 1)[0].message.attributes
    expect("the revision that validated", attributes["googclient_schemarevisionid"], second.revision_id)
    third = s.schemas.rollback_schema(request={"name": first.name, "revision_id": first.revision_id}, **QUICK)
    require("a rollback makes a new revision", third.revision_id not in (first.revision_id, second.revision_id))
    expect("its definition", third.definition, AVRO)
    s.schemas.delete_schema_revision(request={"name": f"{first.name}@{second.revision_id}"}, **QUICK)
    listed = {x.revision_id for x in s.schemas.list_schema_revisions(request={"name": first.name}, **QUICK)}
    expect("after deleting the second", listed, {first.revision_id, third.revision_id})
