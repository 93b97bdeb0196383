import com.google.api.gax.rpc.StatusCode.Code;
import com.google.protobuf.ByteString;
import com.google.pubsub.v1.CommitSchemaRequest;
import com.google.pubsub.v1.DeleteSchemaRevisionRequest;
import com.google.pubsub.v1.Encoding;
import com.google.pubsub.v1.GetSchemaRequest;
import com.google.pubsub.v1.JavaScriptUDF;
import com.google.pubsub.v1.ListSchemaRevisionsRequest;
import com.google.pubsub.v1.MessageTransform;
import com.google.pubsub.v1.PubsubMessage;
import com.google.pubsub.v1.RollbackSchemaRequest;
import com.google.pubsub.v1.Schema;
import com.google.pubsub.v1.SchemaSettings;
import com.google.pubsub.v1.SchemaView;
import com.google.pubsub.v1.ValidateMessageRequest;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.StreamSupport;

/** Schemas and JavaScript transforms. */
final class Schemas {
  private static final String AVRO = "{\"type\": \"record\", \"name\": \"State\", \"fields\": ["
      + "{\"name\": \"name\", \"type\": \"string\"}, {\"name\": \"id\", \"type\": \"int\"}]}";
  private static final String AVRO_MORE = AVRO.replace("]}",
      ", {\"name\": \"note\", \"type\": \"string\", \"default\": \"\"}]}");
  private static final String PROTO = "syntax = \"proto3\"; message State { string name = 1; int32 id = 2; }";
  private static final String SCRIPT = "function upper(message, metadata) {\n"
      + "  if (message.attributes.drop) return null;\n"
      + "  return {data: message.data.toUpperCase(), attributes: message.attributes};\n}";
  private static final MessageTransform UPPER = MessageTransform.newBuilder().setJavascriptUdf(
      JavaScriptUDF.newBuilder().setFunctionName("upper").setCode(SCRIPT)).build();

  private Schemas() {}

  static void addTo(Map<String, Suite.Scenario> scenarios) {
    scenarios.put("schema-admin", Schemas::admin);
    scenarios.put("schema-revisions", Schemas::revisions);
    Schema.Type proto = Schema.Type.PROTOCOL_BUFFER;
    scenarios.put("schema-avro-json", s -> validated(s, Schema.Type.AVRO, AVRO, Encoding.JSON,
        "{\"name\": \"Alaska\", \"id\": 1}", "{\"name\": \"A\"}"));
    scenarios.put("schema-avro-binary", s -> validated(s, Schema.Type.AVRO, AVRO, Encoding.BINARY,
        "\fAlaska\2", "\fAla"));
    scenarios.put("schema-proto-json", s -> validated(s, proto, PROTO, Encoding.JSON,
        "{\"name\": \"A\", \"id\": 1}", "{\"x\": 1}"));
    scenarios.put("schema-proto-binary", s -> validated(s, proto, PROTO, Encoding.BINARY,
        "\n\6Alaska\20\1", "\377\377"));
    scenarios.put("transform-topic", Schemas::transformTopic);
    scenarios.put("transform-subscription", Schemas::transformSubscription);
  }

  private static Schema make(Session s, Schema.Type type, String definition) {
    return s.schemas.createSchema(s.project, Schema.newBuilder().setType(type).setDefinition(definition).build(),
        Session.id(s.name("schemas")));
  }

  private static Schema full(Session s, String name) {
    return s.schemas.getSchema(GetSchemaRequest.newBuilder().setName(name).setView(SchemaView.FULL).build());
  }

  private static void admin(Session s) throws Exception {
    Schema made = make(s, Schema.Type.AVRO, AVRO);
    String name = made.getName();
    Session.require(!made.getRevisionId().isEmpty(), "no revision id");
    Session.equal("definition", full(s, name).getDefinition(), AVRO);
    Session.require(StreamSupport.stream(s.schemas.listSchemas(s.project).iterateAll().spliterator(), false)
        .anyMatch(x -> x.getName().equals(name)), "ListSchemas lacks it");
    Session.refused("a wrong definition", () -> make(s, Schema.Type.AVRO, "{\"type\": \"nonsense\"}"),
        Code.INVALID_ARGUMENT);
    s.schemas.validateSchema(s.project, Schema.newBuilder().setType(Schema.Type.PROTOCOL_BUFFER)
        .setDefinition(PROTO).build());
    Session.refused("ValidateMessage of a wrong one", () -> s.schemas.validateMessage(ValidateMessageRequest
        .newBuilder().setParent(s.project).setName(name).setEncoding(Encoding.JSON)
        .setMessage(ByteString.copyFromUtf8("{\"name\": 1}")).build()), Code.INVALID_ARGUMENT);
    s.schemas.deleteSchema(name);
    Session.refused("after delete", () -> full(s, name), Code.NOT_FOUND);
  }

  private static PubsubMessage bytes(String latin) {
    return PubsubMessage.newBuilder().setData(ByteString.copyFrom(latin, StandardCharsets.ISO_8859_1)).build();
  }

  private static void validated(Session s, Schema.Type type, String definition, Encoding encoding, String good,
      String bad) throws Exception {
    Schema schema = make(s, type, definition);
    String topic = s.topic(b -> b.setSchemaSettings(SchemaSettings.newBuilder().setSchema(schema.getName())
        .setEncoding(encoding)));
    String subscription = s.subscription(topic);
    s.post(topic, bytes(good));
    PubsubMessage message = s.take(subscription, 1).get(0).getMessage();
    Session.equal("data", message.getData(), bytes(good).getData());
    Session.equal("googclient_schemaencoding", message.getAttributesMap().get("googclient_schemaencoding"),
        encoding.name());
    Session.equal("googclient_schemarevisionid", message.getAttributesMap().get("googclient_schemarevisionid"),
        schema.getRevisionId());
    Session.refused("a message that does not fit", () -> s.post(topic, bytes(good), bytes(bad)),
        Code.INVALID_ARGUMENT);
    s.none(subscription, "part of a refused request was stored", 1);
  }

  private static TreeSet<String> revisionIds(Session s, String name) {
    return StreamSupport.stream(s.schemas.listSchemaRevisions(ListSchemaRevisionsRequest.newBuilder().setName(name)
        .build()).iterateAll().spliterator(), false).map(Schema::getRevisionId)
        .collect(Collectors.toCollection(TreeSet::new));
  }

  private static void revisions(Session s) throws Exception {
    String first = make(s, Schema.Type.AVRO, AVRO).getName();
    String firstId = full(s, first).getRevisionId();
    String secondId = s.schemas.commitSchema(CommitSchemaRequest.newBuilder().setName(first).setSchema(
        Schema.newBuilder().setName(first).setType(Schema.Type.AVRO).setDefinition(AVRO_MORE)).build())
        .getRevisionId();
    Session.equal("revisions", revisionIds(s, first), Session.set(firstId, secondId));
    String thirdId = s.schemas.rollbackSchema(RollbackSchemaRequest.newBuilder().setName(first)
        .setRevisionId(firstId).build()).getRevisionId();
    Session.equal("after the rollback", full(s, first).getDefinition(), AVRO);
    s.schemas.deleteSchemaRevision(DeleteSchemaRevisionRequest.newBuilder().setName(first + "@" + secondId).build());
    Session.equal("after deleting the second", revisionIds(s, first), Session.set(firstId, thirdId));
  }

  private static void postTwo(Session s, String topic) {
    s.post(topic, Session.text("hello"), Session.text("gone").toBuilder().putAttributes("drop", "1").build());
  }

  private static void transformTopic(Session s) throws Exception {
    String topic = s.topic(b -> b.addMessageTransforms(UPPER));
    String subscription = s.subscription(topic);
    postTwo(s, topic);
    Session.equal("the messages", Session.texts(s.take(subscription, 1)), Session.set("HELLO"));
    s.none(subscription, "a dropped message arrived", 1);
  }

  private static void transformSubscription(Session s) throws Exception {
    String topic = s.topic();
    String plain = s.subscription(topic);
    String changed = s.subscription(topic, b -> b.addMessageTransforms(UPPER));
    postTwo(s, topic);
    Session.equal("without a transform", Session.texts(s.take(plain, 2)), Session.set("hello", "gone"));
    Session.equal("with it", Session.texts(s.take(changed, 1)), Session.set("HELLO"));
    s.none(changed, "a dropped message arrived", 1);
  }
}
