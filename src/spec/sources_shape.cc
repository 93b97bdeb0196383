#include "spec/sources_shape.h"

#include "event/topic_filter.h"

namespace afluente::spec {
namespace {

bool IsSha256Hex(std::string_view text) {
  return text.size() == 64 && text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

bool IsFullTopicName(std::string_view text) {
  const size_t slash = text.find("/topics/");
  return text.starts_with("projects/") && slash != std::string_view::npos && slash > 9 &&
         IsPubsubName(text.substr(slash + 8));
}

bool IsHostPort(std::string_view text) {
  const size_t colon = text.rfind(':');
  if (colon == std::string_view::npos || colon == 0 || text.size() - colon > 6) return false;
  const std::string_view port = text.substr(colon + 1);
  return !port.empty() && port.find_first_not_of("0123456789") == std::string_view::npos &&
         text.find_first_of("/ @") == std::string_view::npos;
}

bool IsPasswordHash(std::string_view text) { return text.starts_with("$7$"); }
bool IsPublicKey(std::string_view text) { return text.starts_with("-----BEGIN PUBLIC KEY-----"); }

constexpr TextForm kTopicFilter = {
    "an MQTT topic filter ('+' for one level, '#' for the rest, not $SYS)", event::IsTopicFilter,
    "^[^$]"};
constexpr TextForm kSha256 = {"a SHA-256 as 64 lower-case hexadecimal digits", IsSha256Hex,
                              "^[0-9a-f]{64}$"};
constexpr TextForm kFullTopic = {"projects/PROJECT/topics/TOPIC", IsFullTopicName,
                                 "^projects/[^/]+/topics/[^/]+$"};
constexpr TextForm kHostPort = {"HOST:PORT", IsHostPort, "^[^/ @]+:[0-9]{1,5}$"};
constexpr TextForm kRate = {"a rate such as 100/s, 600/m or 50/10s", IsRate,
                            "^[0-9]{1,9}/([smh]|[0-9]{1,13}(\\.[0-9]{1,3})?s)$"};
constexpr TextForm kPasswordHash = {
    "a hash as `afluente hash-password` or mosquitto_passwd writes it ($7$...)", IsPasswordHash,
    "^\\$7\\$"};
constexpr TextForm kPublicKey = {"a public key in PEM (-----BEGIN PUBLIC KEY-----)", IsPublicKey,
                                 "^-----BEGIN PUBLIC KEY-----"};

const Shape* Mqtt(ShapeTable* t) {
  const Shape* route = t->Object(
      "Where messages go.",
      {{"topic", t->Text("The topic's name."), true},
       {"attributes", t->Map("Attributes of every message of the route.", {}, t->Text("A value."))},
       {"ordering_key", t->Choice("What becomes the messages' ordering key; left out: none.",
                                  {"mqtt_topic", "mqtt_client_id"})}});
  const Shape* tls =
      t->Object("The certificate of the door for TLS.",
                {{"certificate_file", t->Text("A PEM file, the chain after it."), true},
                 {"key_file", t->Text("Its private key, a PEM file."), true},
                 {"client_ca_file",
                  t->Text("Who signs devices' certificates; one whose common name is the client id "
                          "stands for a password.")}});
  return t->Object(
      "Devices, or the bridge of any MQTT broker.",
      {{"routes",
        t->Map("Topics by MQTT topic filter; the most specific that fits a message counts.",
               kTopicFilter, route),
        true},
       {"devices", t->Object("Who may connect; left out: everybody on this machine.",
                             {{"file", t->Text("A file with `devices:`."), true}})},
       {"tls", tls}});
}

}  // namespace

const Shape* SourcesShape(ShapeTable* t) {
  const Shape* http = t->Object("POST /ingest/{topic}.",
                                {{"api_keys_file", t->Text("A file with `keys:`, required where "
                                                           "the door leaves loopback.")}});
  return t->Object("Ways in besides Pub/Sub.", {{"http", http}, {"mqtt", Mqtt(t)}});
}

const Shape* ForwardShape(ShapeTable* t) {
  return t->Object(
      "Sends the topic's messages on to another Pub/Sub.",
      {{"topic", t->Text("The other topic's full name.", kFullTopic), true},
       {"endpoint", t->Text("HOST:PORT of its gRPC door; left out: Google's.", kHostPort)},
       {"rate", t->Text("Messages that are sent at most, also after an outage.", kRate)}});
}

const Shape& ApiKeysShape() {
  static ShapeTable table;
  static const Shape& shape = *[] {
    ShapeTable* t = &table;
    const Shape* key =
        t->Object("A key that may publish.",
                  {{"name", t->Text("Whose it is."), true},
                   {"sha256", t->Text("The key's hash.", kSha256), true},
                   {"topics", t->List("The topics that it may publish to; left out: all.", 1, 1'000,
                                      t->Text("A topic's name."))}});
    return t->Object("The keys of POST /ingest.",
                     {{"keys", t->List("The keys.", 0, 1'000, key), true}});
  }();
  return shape;
}

const Shape& DevicesShape() {
  static ShapeTable table;
  static const Shape& shape = *[] {
    ShapeTable* t = &table;
    const Shape* device = t->Object(
        "A device, by at least one of these.",
        {{"password_hash", t->Text("Of its password.", kPasswordHash)},
         {"public_keys", t->List("Of the JWTs (RS256, ES256) that it sends as its password.", 1, 3,
                                 t->Text("A key.", kPublicKey))},
         {"certificate", t->Boolean("A client certificate of this common name will do.")},
         {"topics", t->List("Topic filters that it may publish to; left out: all.", 1, 100,
                            t->Text("A filter.", kTopicFilter))}});
    return t->Object("The devices of the MQTT door.",
                     {{"devices", t->Map("Devices by client id.", {}, device), true}});
  }();
  return shape;
}

}  // namespace afluente::spec
