#include <atomic>
#include <chrono>
#include <thread>

#include "broker/wire/door_fixture.h"
#include "gmock/gmock.h"
#include "http/client.h"
#include "http/raw_connection.h"

namespace afluente::broker::wire {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

class RestTest : public DoorTest {
 protected:
  // The error's shape is Google's: {"error": {"code", "message", "status"}}.
  void ExpectError(const http::Response& response, int code, const std::string& status,
                   const std::string& part, const std::string& trace = "") {
    SCOPED_TRACE(trace);
    EXPECT_EQ(response.status, code) << response.body;
    EXPECT_THAT(response.body,
                StartsWith(absl::StrCat("{\"error\":{\"code\":", code, ",\"message\":\"")));
    EXPECT_THAT(response.body, HasSubstr(absl::StrCat("\"status\":\"", status, "\"}}")));
    EXPECT_THAT(response.body, HasSubstr(part));
    const std::string* type = response.headers.Find("Content-Type");
    ASSERT_NE(type, nullptr);
    EXPECT_THAT(*type, StartsWith("application/json"));
  }
};

TEST_F(RestTest, AnswersErrorsAsGoogle) {
  ExpectError(Rest("GET", "/v1/projects/p/topics/none"), 404, "NOT_FOUND",
              "projects/p/topics/none");
  ASSERT_TRUE(CreateTopic().ok());
  ExpectError(Rest("PUT", "/v1/projects/p/topics/t", "{}"), 409, "ALREADY_EXISTS", "");
  ExpectError(Rest("GET", "/v1/nowhere"), 404, "NOT_FOUND", "/v1/nowhere");
  ExpectError(Rest("POST", "/v1/projects/p/topics/t"), 404, "NOT_FOUND", "POST");
  ExpectError(Rest("POST", "/v1/elsewhere:publish"), 404, "NOT_FOUND", "elsewhere");
  broker_.FailPublishes(absl::ResourceExhaustedError("The disk is \"full\"."));
  ExpectError(Rest("POST", "/v1/projects/p/topics/t:publish", R"({"messages":[{"data":"YQ=="}]})"),
              429, "RESOURCE_EXHAUSTED", R"(The disk is \"full\".)");
}

TEST_F(RestTest, NamesWhatIsWrongInABody) {
  const std::string publish = "/v1/projects/p/topics/t:publish";
  ExpectError(Rest("POST", publish, R"({"messages":[{"foo":1}]})"), 400, "INVALID_ARGUMENT",
              R"(Unknown name \"foo\" at 'messages[0]': Cannot find field.)");
  ExpectError(Rest("POST", publish, R"({"nope":1})"), 400, "INVALID_ARGUMENT",
              R"(Unknown name \"nope\": Cannot find field.)");
  ExpectError(Rest("POST", publish, R"({"messages":[{"data":"!!"}]})"), 400, "INVALID_ARGUMENT",
              "messages[0].data");
  for (const char* bad :
       {"{", "[]", "1", "nul", "\xff\xfe", R"({"messages":[{"attributes":{"a":1]}]})"})
    ExpectError(Rest("POST", publish, bad), 400, "INVALID_ARGUMENT", "", bad);
  // Deeper than any message: refused, not a stack overflow.
  ExpectError(Rest("POST", publish, std::string(100'000, '[')), 400, "INVALID_ARGUMENT", "");
  std::string deep;
  for (int i = 0; i < 5'000; ++i) deep += "{\"messages\":[";
  ExpectError(Rest("POST", publish, deep), 400, "INVALID_ARGUMENT", "");
  ExpectAlive();
}

TEST_F(RestTest, ReadsQueryParameters) {
  for (const char* name : {"a", "b", "c"})
    ASSERT_EQ(Rest("PUT", absl::StrCat("/v1/projects/p/topics/", name)).status, 200);
  const http::Response page = Rest("GET", "/v1/projects/p/topics?pageSize=2");
  EXPECT_THAT(page.body, HasSubstr("nextPageToken"));
  EXPECT_THAT(page.body, Not(HasSubstr("topics/c")));
  const http::Response rest =
      Rest("GET",
           "/v1/projects/p/topics?page_size=2&pageToken=projects%2Fp%2Ftopics%2Fb"
           "&key=ignored&alt=json");
  EXPECT_THAT(rest.body, HasSubstr("topics/c"));
  EXPECT_THAT(rest.body, Not(HasSubstr("topics/a")));
  ExpectError(Rest("GET", "/v1/projects/p/topics?pageSize=x"), 400, "INVALID_ARGUMENT", "");
  ExpectError(Rest("GET", "/v1/projects/p/topics?pageSize=-1"), 400, "INVALID_ARGUMENT",
              "page_size");
  ExpectError(Rest("GET", "/v1/projects/p/topics?size=1"), 400, "INVALID_ARGUMENT", "size");
  ExpectError(Rest("GET", "/v1/projects/p/topics?alt=xml"), 400, "INVALID_ARGUMENT", "xml");
  ExpectError(Rest("GET", "/v1/projects/p/topics?fields=topics"), 501, "UNIMPLEMENTED", "fields");
  ExpectError(Rest("POST", "/v1/projects/p/topics/a:publish?topic=x", "{}"), 400,
              "INVALID_ARGUMENT", "topic");
}

TEST_F(RestTest, EnumsAsNumbersOnRequest) {
  ASSERT_TRUE(CreateTopic().ok());
  EXPECT_THAT(Rest("GET", "/v1/projects/p/topics/t").body, HasSubstr(R"("state":"ACTIVE")"));
  EXPECT_THAT(Rest("GET", "/v1/projects/p/topics/t?%24alt=json%3Benum-encoding%3Dint").body,
              HasSubstr(R"("state":1)"));
}

TEST_F(RestTest, UpdatesByMask) {
  ASSERT_TRUE(CreateTopic().ok());
  // The path names the topic, whatever the body says.
  const http::Response updated = Rest(
      "PATCH", "/v1/projects/p/topics/t",
      R"({"topic":{"name":"projects/p/topics/other","labels":{"a":"1"}},"updateMask":"labels"})");
  EXPECT_EQ(updated.status, 200) << updated.body;
  EXPECT_EQ(broker_.GetTopic(kTopic)->labels.at("a"), "1");
  ExpectError(Rest("PATCH", "/v1/projects/p/topics/t",
                   R"({"topic":{"labels":{"a":"1"}},"updateMask":"kmsKeyName"})"),
              501, "UNIMPLEMENTED", "kms_key_name");
  ExpectError(Rest("PATCH", "/v1/projects/p/topics/t", R"({"topic":{},"updateMask":"x"})"), 400,
              "INVALID_ARGUMENT", "'x'");
}

TEST_F(RestTest, RefusesByNameWhatIsNotThere) {
  ASSERT_TRUE(CreateTopic().ok());
  ExpectError(
      Rest("PUT", "/v1/projects/p/subscriptions/s",
           R"({"topic":"projects/p/topics/t","cloudStorageConfig":{"bucket":"somewhere"}})"),
      501, "UNIMPLEMENTED", "Subscription.cloud_storage_config");
  ExpectError(Rest("POST", "/v1/projects/p/subscriptions/s:streamingPull", "{}"), 501,
              "UNIMPLEMENTED", "google.pubsub.v1.Subscriber.StreamingPull");
}

TEST_F(RestTest, TheHttpServersOwnRefusalsAreGooglesErrorsToo) {
  ExpectError(Rest("POST", "/v1/projects/p/topics/t:publish", std::string(21 << 20, ' ')), 413,
              "INVALID_ARGUMENT", "");
  http::Headers headers;
  headers.Add("Origin", "https://page.example");
  auto foreign = http::Fetch(
      "GET", absl::StrCat("http://127.0.0.1:", port_, "/v1/projects/p/topics"), "", headers);
  ASSERT_TRUE(foreign.ok()) << foreign.status();
  ExpectError(*foreign, 403, "PERMISSION_DENIED", "other sites");
}

TEST_F(RestTest, TheOtherMethods) {
  ASSERT_TRUE(CreateTopic().ok());
  ASSERT_TRUE(CreateSubscription().ok());
  EXPECT_THAT(Rest("GET", "/v1/projects/p/subscriptions/s").body,
              HasSubstr(R"("ackDeadlineSeconds":10)"));
  EXPECT_THAT(Rest("GET", "/v1/projects/p/subscriptions").body, HasSubstr(kSubscription));
  EXPECT_EQ(Rest("GET", "/v1/projects/p/topics/t/subscriptions").body,
            R"({"subscriptions":["projects/p/subscriptions/s"]})");
  EXPECT_EQ(Rest("PATCH", "/v1/projects/p/subscriptions/s",
                 R"({"subscription":{"ackDeadlineSeconds":30},
                     "updateMask":"ackDeadlineSeconds"})")
                .status,
            200);
  EXPECT_EQ(broker_.GetSubscription(kSubscription)->ack_deadline.count(), 30);
  EXPECT_EQ(Rest("POST", "/v1/projects/p/subscriptions/s:modifyAckDeadline",
                 R"({"ackIds":["x"],"ackDeadlineSeconds":20})")
                .body,
            "{}");
  EXPECT_EQ(broker_.deadlines(), (std::vector<std::pair<std::string, int64_t>>{{"x", 20}}));
  EXPECT_EQ(Rest("POST", "/v1/projects/p/subscriptions/s:pull",
                 R"({"maxMessages":1,"returnImmediately":true})")
                .body,
            "{}");
  EXPECT_EQ(Rest("DELETE", "/v1/projects/p/subscriptions/s").body, "{}");
  EXPECT_EQ(Rest("DELETE", "/v1/projects/p/topics/t").body, "{}");
  EXPECT_EQ(Rest("GET", "/v1/projects/p/topics/t").status, 404);
}

TEST_F(RestTest, APullEndsWhenItsCallerLeaves) {
  ASSERT_TRUE(CreateTopic().ok());
  ASSERT_TRUE(CreateSubscription().ok());
  const std::string body = R"({"maxMessages":1})";
  {
    http::RawConnection caller(port_);
    ASSERT_TRUE(caller.Send(absl::StrCat(
        "POST /v1/", kSubscription,
        ":pull HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: ", body.size(), "\r\n\r\n", body)));
    ASSERT_TRUE(broker_.queues().AwaitConsumers(1));
    ASSERT_TRUE(broker_.queues().AwaitWaiting());
  }
  const auto left = std::chrono::steady_clock::now();
  EXPECT_TRUE(broker_.queues().AwaitConsumers(0));
  // Not because its ten seconds were over.
  EXPECT_LT(std::chrono::steady_clock::now() - left, std::chrono::seconds(5));
  ASSERT_TRUE(Publish({"a"}).ok());
  EXPECT_THAT(Rest("POST", absl::StrCat("/v1/", kSubscription, ":pull"), body).body,
              HasSubstr(R"("data":"YQ==")"));
}

TEST_F(RestTest, LargeBodiesAreReadOnAWorker) {
  ASSERT_TRUE(CreateTopic().ok());
  const std::string data(4 << 20, 'Q');
  const std::string body = absl::StrCat(R"({"messages":[{"data":")", data, R"("}]})");
  EXPECT_EQ(Rest("POST", "/v1/projects/p/topics/t:publish", body).body, R"({"messageIds":["1"]})");
  const std::string too_large(21 << 20, ' ');
  EXPECT_EQ(Rest("POST", "/v1/projects/p/topics/t:publish", too_large).status, 413);
  ExpectAlive();
}

TEST_F(RestTest, StopWaitsForWhatTheBrokerStillAnswers) {
  ASSERT_TRUE(CreateTopic().ok());
  broker_.HoldPublishes();
  std::thread caller([&] {
    (void)http::Fetch("POST",
                      absl::StrCat("http://127.0.0.1:", port_, "/v1/projects/p/topics/t:publish"),
                      R"({"messages":[{"data":"YQ=="}]})");
  });
  ASSERT_TRUE(broker_.AwaitHeld(1));
  std::atomic<bool> released{false};
  std::thread releaser([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    released = true;
    broker_.ReleasePublishes();
  });
  door_->Stop(std::chrono::milliseconds(0));
  EXPECT_TRUE(released);
  door_.reset();
  releaser.join();
  caller.join();
}

}  // namespace
}  // namespace afluente::broker::wire
