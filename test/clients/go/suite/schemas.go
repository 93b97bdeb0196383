package main

import (
	"time"

	"cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"
	"google.golang.org/grpc/codes"
)

const (
	avro = `{"type": "record", "name": "State", "fields": [{"name": "name", "type": "string"}, ` +
		`{"name": "id", "type": "int"}]}`
	avroMore = `{"type": "record", "name": "State", "fields": [{"name": "name", "type": "string"}, ` +
		`{"name": "id", "type": "int"}, {"name": "note", "type": "string", "default": ""}]}`
	proto  = `syntax = "proto3"; message State { string name = 1; int32 id = 2; }`
	script = `function upper(message, metadata) {
  if (message.attributes.drop) return null;
  return {data: message.data.toUpperCase(), attributes: message.attributes};
}`
)

func init() {
	add("schema-admin", schemaAdmin)
	add("schema-revisions", schemaRevisions)
	asJSON, asBinary := pubsubpb.Encoding_JSON, pubsubpb.Encoding_BINARY
	add("schema-avro-json", validated(pubsubpb.Schema_AVRO, avro, asJSON, `{"name": "Alaska", "id": 1}`, `{"name": "A"}`))
	add("schema-avro-binary", validated(pubsubpb.Schema_AVRO, avro, asBinary, "\x0cAlaska\x02", "\x0cAla"))
	add("schema-proto-json", validated(pubsubpb.Schema_PROTOCOL_BUFFER, proto, asJSON, `{"name": "A", "id": 1}`, `{"x": 1}`))
	add("schema-proto-binary", validated(pubsubpb.Schema_PROTOCOL_BUFFER, proto, asBinary, "\x0a\x06Alaska\x10\x01", "\xff\xff"))
	add("transform-topic", transformTopic)
	add("transform-subscription", transformSubscription)
}

func (s *session) schema(kind pubsubpb.Schema_Type, definition string) (*pubsubpb.Schema, error) {
	name := s.name("schemas")
	return s.schemas.CreateSchema(s.ctx, &pubsubpb.CreateSchemaRequest{Parent: s.project,
		SchemaId: name[len(s.project+"/schemas/"):], Schema: &pubsubpb.Schema{Type: kind, Definition: definition}})
}

func schemaAdmin(s *session) {
	made := get(s.schema(pubsubpb.Schema_AVRO, avro))
	require(made.RevisionId != "", "no revision id")
	stored := get(s.schemas.GetSchema(s.ctx, &pubsubpb.GetSchemaRequest{Name: made.Name, View: pubsubpb.SchemaView_FULL}))
	equal("definition", stored.Definition, avro)
	found := false
	for _, one := range all(s.schemas.ListSchemas(s.ctx, &pubsubpb.ListSchemasRequest{Parent: s.project}).Next) {
		found = found || one.Name == made.Name
	}
	require(found, "ListSchemas lacks it")
	_, err := s.schema(pubsubpb.Schema_AVRO, `{"type": "nonsense"}`)
	refused("a wrong definition", codes.InvalidArgument, err)
	get(s.schemas.ValidateSchema(s.ctx, &pubsubpb.ValidateSchemaRequest{Parent: s.project,
		Schema: &pubsubpb.Schema{Type: pubsubpb.Schema_PROTOCOL_BUFFER, Definition: proto}}))
	_, err = s.schemas.ValidateMessage(s.ctx, &pubsubpb.ValidateMessageRequest{Parent: s.project,
		SchemaSpec: &pubsubpb.ValidateMessageRequest_Name{Name: made.Name}, Message: []byte(`{"name": 1}`),
		Encoding: pubsubpb.Encoding_JSON})
	refused("ValidateMessage of a wrong one", codes.InvalidArgument, err)
	must(s.schemas.DeleteSchema(s.ctx, &pubsubpb.DeleteSchemaRequest{Name: made.Name}))
	_, err = s.schemas.GetSchema(s.ctx, &pubsubpb.GetSchemaRequest{Name: made.Name})
	refused("after delete", codes.NotFound, err)
}

func validated(kind pubsubpb.Schema_Type, definition string, encoding pubsubpb.Encoding, good, bad string) func(*session) {
	return func(s *session) {
		schema := get(s.schema(kind, definition))
		topic := s.topic(func(t *pubsubpb.Topic) {
			t.SchemaSettings = &pubsubpb.SchemaSettings{Schema: schema.Name, Encoding: encoding}
		})
		subscription := s.subscription(topic)
		s.put(topic, good)
		message := s.take(subscription, 1)[0].Message
		equal("data", string(message.Data), good)
		equal("googclient_schemaencoding", message.Attributes["googclient_schemaencoding"], encoding)
		equal("googclient_schemarevisionid", message.Attributes["googclient_schemarevisionid"], schema.RevisionId)
		_, err := s.post(topic, &pubsubpb.PubsubMessage{Data: []byte(good)}, &pubsubpb.PubsubMessage{Data: []byte(bad)})
		refused("a message that does not fit", codes.InvalidArgument, err)
		s.none(subscription, "part of a refused request was stored", time.Second)
	}
}

func schemaRevisions(s *session) {
	first := get(s.schema(pubsubpb.Schema_AVRO, avro))
	second := get(s.schemas.CommitSchema(s.ctx, &pubsubpb.CommitSchemaRequest{Name: first.Name,
		Schema: &pubsubpb.Schema{Name: first.Name, Type: pubsubpb.Schema_AVRO, Definition: avroMore}}))
	require(second.RevisionId != first.RevisionId, "the second revision has the first's id")
	listed := all(s.schemas.ListSchemaRevisions(s.ctx, &pubsubpb.ListSchemaRevisionsRequest{Name: first.Name}).Next)
	equal("revisions", len(listed), 2)
	third := get(s.schemas.RollbackSchema(s.ctx, &pubsubpb.RollbackSchemaRequest{
		Name: first.Name, RevisionId: first.RevisionId}))
	old := get(s.schemas.GetSchema(s.ctx, &pubsubpb.GetSchemaRequest{Name: third.Name, View: pubsubpb.SchemaView_FULL}))
	equal("after the rollback", old.Definition, avro)
	get(s.schemas.DeleteSchemaRevision(s.ctx, &pubsubpb.DeleteSchemaRevisionRequest{
		Name: first.Name + "@" + second.RevisionId}))
	listed = all(s.schemas.ListSchemaRevisions(s.ctx, &pubsubpb.ListSchemaRevisionsRequest{Name: first.Name}).Next)
	equal("revisions after deleting the second", len(listed), 2)
}

func upper() []*pubsubpb.MessageTransform {
	udf := &pubsubpb.JavaScriptUDF{FunctionName: "upper", Code: script}
	return []*pubsubpb.MessageTransform{{Transform: &pubsubpb.MessageTransform_JavascriptUdf{JavascriptUdf: udf}}}
}

func (s *session) putTwo(topic string) {
	get(s.post(topic, &pubsubpb.PubsubMessage{Data: []byte("hello")},
		&pubsubpb.PubsubMessage{Data: []byte("gone"), Attributes: map[string]string{"drop": "1"}}))
}

func transformTopic(s *session) {
	topic := s.topic(func(t *pubsubpb.Topic) { t.MessageTransforms = upper() })
	subscription := s.subscription(topic)
	s.putTwo(topic)
	equal("the messages", texts(s.take(subscription, 1)), set("HELLO"))
	s.none(subscription, "a dropped message arrived", time.Second)
}

func transformSubscription(s *session) {
	topic, plain := s.pair()
	changed := s.subscription(topic, func(sub *pubsubpb.Subscription) { sub.MessageTransforms = upper() })
	s.putTwo(topic)
	equal("without a transform", texts(s.take(plain, 2)), set("hello", "gone"))
	equal("with it", texts(s.take(changed, 1)), set("HELLO"))
	s.none(changed, "a dropped message arrived", time.Second)
}
