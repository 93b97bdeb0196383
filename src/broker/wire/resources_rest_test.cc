// Snapshots, schemas, policies, seek and detach over REST, in front of the real broker.
#include <nlohmann/json.hpp>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "broker/broker.h"
#include "broker/wire/door_fixture.h"
#include "broker/wire/method_table.h"
#include "broker/wire/traffic.h"
#include "gmock/gmock.h"

namespace afluente::broker::wire {
namespace {

using nlohmann::json;
using testing::HasSubstr;

constexpr char kAvro[] = R"({"type":"record","name":"E","fields":[{"name":"id","type":"int"}]})";

class ResourcesRestTest : public DoorTest {
 protected:
  ResourcesRestTest() : DoorTest(Behind::kBroker) {
    Ok("PUT", "/v1/projects/p/topics/data", "{}");
    Ok("PUT", "/v1/projects/p/subscriptions/all", R"({"topic":"projects/p/topics/data"})");
  }
  json Ok(const std::string& method, const std::string& path, const std::string& body = "") {
    const http::Response response = Rest(method, path, body);
    EXPECT_EQ(response.status, 200) << method << " " << path << ": " << response.body;
    return json::parse(response.body, nullptr, /*allow_exceptions=*/false);
  }
  // The error's status; empty when it is none.
  std::string Refused(const std::string& method, const std::string& path,
                      const std::string& body = "") {
    const http::Response response = Rest(method, path, body);
    const json parsed = json::parse(response.body, nullptr, /*allow_exceptions=*/false);
    if (!parsed.is_object() || !parsed.contains("error")) return "";
    EXPECT_EQ(parsed["error"]["code"], response.status);
    return parsed["error"]["status"];
  }
  void PublishText(const std::string& text) {
    Ok("POST", "/v1/projects/p/topics/data:publish",
       absl::StrCat(R"({"messages":[{"data":")", absl::Base64Escape(text), R"("}]})"));
  }
  std::vector<std::string> PullAndAck() {
    const json pulled = Ok("POST", "/v1/projects/p/subscriptions/all:pull",
                           R"({"maxMessages":100,"returnImmediately":true})");
    std::vector<std::string> texts;
    json ids = json::array();
    for (const json& each : pulled.value("receivedMessages", json::array())) {
      std::string text;
      absl::Base64Unescape(each["message"]["data"].get<std::string>(), &text);
      texts.push_back(text);
      ids.push_back(each["ackId"]);
    }
    if (!texts.empty())
      Ok("POST", "/v1/projects/p/subscriptions/all:acknowledge", json{{"ackIds", ids}}.dump());
    return texts;
  }
};

TEST_F(ResourcesRestTest, EveryMethodButTheStreamHasAHandler) {
  CallCount calls;
  auto open_calls = std::make_shared<OpenCalls>(1);
  telemetry::Metrics metrics;
  Traffic traffic(metrics);
  Broker& broker = *real_broker_;
  Service service({broker, broker, broker, broker, broker, broker}, workers_, *open_calls, calls,
                  traffic);
  const MethodTable methods(service, metrics, clock_, nullptr);
  int found = 0;
  for (const auto* each : methods.services()) {
    for (int i = 0; i < each->method_count(); ++i) {
      const bool handled = methods.Get(*each->method(i)).handler != nullptr;
      EXPECT_EQ(handled, each->method(i)->name() != "StreamingPull")
          << each->method(i)->full_name();
      ++found;
    }
  }
  EXPECT_GE(found, 38);
}

TEST_F(ResourcesRestTest, SnapshotsAndSeek) {
  PublishText("a");
  const json made = Ok("PUT", "/v1/projects/p/snapshots/snap",
                       R"({"subscription":"projects/p/subscriptions/all","labels":{"a":"1"}})");
  EXPECT_EQ(made["topic"], "projects/p/topics/data");
  EXPECT_THAT(made["expireTime"].get<std::string>(), HasSubstr("Z"));
  EXPECT_EQ(PullAndAck(), std::vector<std::string>{"a"});
  EXPECT_TRUE(PullAndAck().empty());
  EXPECT_EQ(Ok("POST", "/v1/projects/p/subscriptions/all:seek",
               R"({"snapshot":"projects/p/snapshots/snap"})"),
            json::object());
  EXPECT_EQ(PullAndAck(), std::vector<std::string>{"a"});
  PublishText("b");
  Ok("POST", "/v1/projects/p/subscriptions/all:seek", R"({"time":"2100-01-01T00:00:00Z"})");
  EXPECT_TRUE(PullAndAck().empty());
  EXPECT_EQ(Refused("POST", "/v1/projects/p/subscriptions/all:seek", "{}"), "INVALID_ARGUMENT");
  EXPECT_EQ(Refused("POST", "/v1/projects/p/subscriptions/all:seek",
                    R"({"snapshot":"projects/p/snapshots/none"})"),
            "NOT_FOUND");

  EXPECT_EQ(Ok("GET", "/v1/projects/p/snapshots/snap"), made);
  EXPECT_EQ(Ok("GET", "/v1/projects/p/snapshots")["snapshots"], json::array({made}));
  EXPECT_EQ(Ok("GET", "/v1/projects/p/topics/data/snapshots")["snapshots"],
            json::array({"projects/p/snapshots/snap"}));
  const json changed = Ok("PATCH", "/v1/projects/p/snapshots/snap",
                          R"({"snapshot":{"labels":{"b":"2"}},"updateMask":"labels"})");
  EXPECT_EQ(changed["labels"], (json{{"b", "2"}}));
  EXPECT_EQ(changed["expireTime"], made["expireTime"]);
  EXPECT_EQ(Refused("PATCH", "/v1/projects/p/snapshots/snap",
                    R"({"snapshot":{"topic":"x"},"updateMask":"topic"})"),
            "INVALID_ARGUMENT");
  EXPECT_EQ(Refused("PUT", "/v1/projects/p/snapshots/snap",
                    R"({"subscription":"projects/p/subscriptions/all"})"),
            "ALREADY_EXISTS");
  EXPECT_EQ(Refused("PUT", "/v1/projects/p/snapshots/other",
                    R"({"subscription":"projects/p/subscriptions/all","tags":{"a":"b"}})"),
            "UNIMPLEMENTED");
  EXPECT_EQ(Ok("DELETE", "/v1/projects/p/snapshots/snap"), json::object());
  EXPECT_EQ(Refused("GET", "/v1/projects/p/snapshots/snap"), "NOT_FOUND");
}

TEST_F(ResourcesRestTest, DetachAndModifyPushConfig) {
  Ok("POST", "/v1/projects/p/subscriptions/all:modifyPushConfig",
     R"({"pushConfig":{"pushEndpoint":"http://127.0.0.1:1/x",
         "noWrapper":{"writeMetadata":true}}})");
  json read = Ok("GET", "/v1/projects/p/subscriptions/all");
  EXPECT_EQ(read["pushConfig"]["pushEndpoint"], "http://127.0.0.1:1/x");
  EXPECT_EQ(read["pushConfig"]["noWrapper"]["writeMetadata"], true);
  EXPECT_EQ(Refused("POST", "/v1/projects/p/subscriptions/all:modifyPushConfig",
                    R"({"pushConfig":{"pushEndpoint":"nowhere"}})"),
            "INVALID_ARGUMENT");
  Ok("POST", "/v1/projects/p/subscriptions/all:modifyPushConfig", R"({"pushConfig":{}})");
  EXPECT_EQ(Ok("GET", "/v1/projects/p/subscriptions/all")["pushConfig"], json::object());

  EXPECT_EQ(Ok("POST", "/v1/projects/p/subscriptions/all:detach"), json::object());
  EXPECT_EQ(Ok("GET", "/v1/projects/p/subscriptions/all")["detached"], true);
  EXPECT_EQ(Refused("POST", "/v1/projects/p/subscriptions/all:pull", R"({"maxMessages":1})"),
            "FAILED_PRECONDITION");
  EXPECT_EQ(Ok("GET", "/v1/projects/p/topics/data/subscriptions"), json::object());
}

TEST_F(ResourcesRestTest, Schemas) {
  const std::string definition = json{{"type", "AVRO"}, {"definition", kAvro}}.dump();
  const json made = Ok("POST", "/v1/projects/p/schemas?schemaId=event", definition);
  EXPECT_EQ(made["name"], "projects/p/schemas/event");
  const std::string first = made["revisionId"];
  EXPECT_EQ(Refused("POST", "/v1/projects/p/schemas?schemaId=event", definition), "ALREADY_EXISTS");
  EXPECT_EQ(Refused("POST", "/v1/projects/p/schemas?schemaId=x", definition), "INVALID_ARGUMENT");
  EXPECT_EQ(Refused("POST", "/v1/projects/p/schemas?schemaId=other",
                    R"({"type":"AVRO","definition":"{"})"),
            "INVALID_ARGUMENT");
  // A verb is not a part of the name.
  const json committed = Ok("POST", "/v1/projects/p/schemas/event:commit",
                            absl::StrCat(R"({"schema":)", definition, "}"));
  const std::string second = committed["revisionId"];
  json revisions = Ok("GET", "/v1/projects/p/schemas/event:listRevisions");
  ASSERT_EQ(revisions["schemas"].size(), 2u);
  EXPECT_EQ(revisions["schemas"][0]["revisionId"], second);
  EXPECT_FALSE(revisions["schemas"][0].contains("definition")) << "BASIC is the default of lists";
  EXPECT_EQ(Ok("GET", "/v1/projects/p/schemas/event")["definition"], kAvro);
  EXPECT_FALSE(Ok("GET", "/v1/projects/p/schemas/event?view=BASIC").contains("definition"));
  EXPECT_EQ(Ok("GET", "/v1/projects/p/schemas?view=2")["schemas"][0]["definition"], kAvro);
  EXPECT_EQ(Ok("GET", absl::StrCat("/v1/projects/p/schemas/event@", first))["revisionId"], first);
  const json rolled = Ok("POST", "/v1/projects/p/schemas/event:rollback",
                         absl::StrCat(R"({"revisionId":")", first, R"("})"));
  EXPECT_EQ(rolled["definition"], kAvro);
  Ok("DELETE", absl::StrCat("/v1/projects/p/schemas/event@", second, ":deleteRevision"));
  EXPECT_EQ(Refused("GET", absl::StrCat("/v1/projects/p/schemas/event@", second)), "NOT_FOUND");

  EXPECT_EQ(
      Ok("POST", "/v1/projects/p/schemas:validate", absl::StrCat(R"({"schema":)", definition, "}")),
      json::object());
  EXPECT_EQ(Refused("POST", "/v1/projects/p/schemas:validate",
                    R"({"schema":{"type":"AVRO","definition":"nothing"}})"),
            "INVALID_ARGUMENT");
  auto validate = [](const std::string& message, const std::string& encoding) {
    return json{{"name", "projects/p/schemas/event"},
                {"message", absl::Base64Escape(message)},
                {"encoding", encoding}}
        .dump();
  };
  Ok("POST", "/v1/projects/p/schemas:validateMessage", validate(R"({"id":1})", "JSON"));
  Ok("POST", "/v1/projects/p/schemas:validateMessage", validate("\x02", "BINARY"));
  EXPECT_EQ(
      Refused("POST", "/v1/projects/p/schemas:validateMessage", validate(R"({"id":"x"})", "JSON")),
      "INVALID_ARGUMENT");
  EXPECT_EQ(Refused("POST", "/v1/projects/p/schemas:validateMessage", R"({"encoding":"JSON"})"),
            "INVALID_ARGUMENT");
  EXPECT_EQ(Ok("DELETE", "/v1/projects/p/schemas/event"), json::object());
  EXPECT_EQ(Ok("GET", "/v1/projects/p/schemas"), json::object());
}

TEST_F(ResourcesRestTest, Policies) {
  const std::string topic = "/v1/projects/p/topics/data";
  // Google binds the read to GET, its proto to POST.
  EXPECT_EQ(Ok("GET", topic + ":getIamPolicy"), (json{{"etag", "ACAB"}}));
  const std::string policy =
      R"({"policy":{"bindings":[{"role":"roles/viewer","members":["allUsers"]}],"etag":"ACAB"}})";
  const json set = Ok("POST", topic + ":setIamPolicy", policy);
  EXPECT_EQ(set["version"], 1);
  EXPECT_EQ(Ok("POST", topic + ":getIamPolicy", "{}"), set);
  EXPECT_EQ(Refused("POST", topic + ":setIamPolicy", policy), "ABORTED");
  EXPECT_EQ(Refused("POST", topic + ":setIamPolicy",
                    R"({"policy":{"bindings":[{"role":"roles/viewer","members":["nobody"]}]}})"),
            "INVALID_ARGUMENT");
  EXPECT_EQ(Refused("POST", topic + ":setIamPolicy",
                    R"({"policy":{"auditConfigs":[{"service":"allServices"}]}})"),
            "UNIMPLEMENTED");
  const json conditional =
      Ok("POST", topic + ":setIamPolicy",
         R"({"policy":{"version":3,"bindings":[{"role":"roles/viewer","members":["allUsers"],
          "condition":{"expression":"true","title":"always"}}]}})");
  EXPECT_EQ(conditional["version"], 3);
  EXPECT_EQ(Ok("GET", topic + ":getIamPolicy?options.requestedPolicyVersion=3"), conditional);
  const json before = Ok("GET", topic + ":getIamPolicy");
  EXPECT_EQ(before["version"], 1);
  EXPECT_THAT(before["bindings"][0]["role"].get<std::string>(), HasSubstr("_withcond_"));
  EXPECT_EQ(Refused("GET", topic + ":getIamPolicy?options.requestedPolicyVersion=2"),
            "INVALID_ARGUMENT");
  // Without a mask for the bindings they stay.
  const json kept = Ok("POST", topic + ":setIamPolicy", R"({"policy":{},"updateMask":"etag"})");
  EXPECT_EQ(kept["bindings"], conditional["bindings"]);
  EXPECT_EQ(Refused("GET", "/v1/projects/p/topics/none:getIamPolicy"), "NOT_FOUND");

  EXPECT_EQ(Ok("POST", topic + ":testIamPermissions",
               R"({"permissions":["pubsub.topics.get","pubsub.topics.publish"]})")["permissions"],
            json::array({"pubsub.topics.get", "pubsub.topics.publish"}));
  EXPECT_EQ(Ok("POST", "/v1/projects/p/topics/none:testIamPermissions",
               R"({"permissions":["pubsub.topics.get"]})"),
            json::object());
  for (const char* bad : {"pubsub.*", "pubsub.topics.*", "get", "pubsub..get"})
    EXPECT_EQ(Refused("POST", topic + ":testIamPermissions", json{{"permissions", {bad}}}.dump()),
              "INVALID_ARGUMENT")
        << bad;
  // A policy goes with its resource.
  Ok("DELETE", topic);
  Ok("PUT", topic, "{}");
  EXPECT_EQ(Ok("GET", topic + ":getIamPolicy"), (json{{"etag", "ACAB"}}));
}

TEST_F(ResourcesRestTest, UpdatesWithinFieldsAndPrintsPretty) {
  Ok("PUT", "/v1/projects/p/topics/dead", "{}");
  Ok("PATCH", "/v1/projects/p/subscriptions/all",
     R"({"subscription":{"deadLetterPolicy":{"deadLetterTopic":"projects/p/topics/dead"},
         "expirationPolicy":{}},"updateMask":"deadLetterPolicy,expirationPolicy"})");
  const json read = Ok("PATCH", "/v1/projects/p/subscriptions/all",
                       R"({"subscription":{"deadLetterPolicy":{"maxDeliveryAttempts":9}},
                           "updateMask":"deadLetterPolicy.maxDeliveryAttempts"})");
  EXPECT_EQ(read["deadLetterPolicy"]["deadLetterTopic"], "projects/p/topics/dead");
  EXPECT_EQ(read["deadLetterPolicy"]["maxDeliveryAttempts"], 9);
  EXPECT_EQ(read["expirationPolicy"], json::object());
  EXPECT_EQ(Refused("PATCH", "/v1/projects/p/subscriptions/all",
                    R"({"subscription":{"deadLetterPolicy":{"maxDeliveryAttempts":4}},
                        "updateMask":"deadLetterPolicy.maxDeliveryAttempts"})"),
            "INVALID_ARGUMENT");
  EXPECT_EQ(Refused("PATCH", "/v1/projects/p/subscriptions/all",
                    R"({"subscription":{"deadLetterPolicy":{"deadLetterTopic":
                        "projects/p/topics/none"}},"updateMask":"deadLetterPolicy"})"),
            "NOT_FOUND");
  EXPECT_THAT(Rest("GET", "/v1/projects/p/topics/data?prettyPrint=true").body, HasSubstr("\n "));
  EXPECT_EQ(
      Ok("GET", "/v1/projects/p/subscriptions/all?%24alt=json%3Benum-encoding%3Dint")["state"], 1);
}

}  // namespace
}  // namespace afluente::broker::wire
