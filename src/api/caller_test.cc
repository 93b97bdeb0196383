#include "api/caller.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/synchronization/notification.h"
#include "api/api.h"
#include "api/fake_warehouse.h"
#include "host/worker_pool.h"
#include "http/body_stream.h"
#include "http/problem.h"
#include "spec/spec.h"
#include "telemetry/metrics.h"

namespace afluente::api {
namespace {

using schema::TypeKind;
using testing::HasSubstr;

std::string Field(const http::Response& answer, std::string_view name) {
  const std::string* value = answer.headers.Find(name);
  return value == nullptr ? "" : *value;
}

http::Headers Fields(const std::string& name, const std::string& value) {
  http::Headers headers;
  headers.Add(name, value);
  return headers;
}

// An API that lets in whoever has a header X-Test-Caller, but not into /closed.
class CallerTest : public testing::Test {
 protected:
  CallerTest() {
    warehouse_.facts.columns = {{"a", {TypeKind::kString, {}}, {}, ""}};
    warehouse_.facts.parameters = {"caller_email", "CALLER_GROUPS"};
  }

  absl::Status Create(std::vector<spec::EndpointParameter> parameters = {}, bool identity = true) {
    spec::Endpoint mine;
    mine.cache = cache_;
    mine.page_size = page_size_;
    mine.path = "/mine";
    mine.sql = "SELECT a FROM t WHERE a = @caller_email AND b IN UNNEST(@CALLER_GROUPS)";
    mine.parameters = std::move(parameters);
    spec::Endpoint closed = mine;
    closed.path = "/closed/{x}";
    closed.parameters.push_back({"x", {TypeKind::kInt64, {}}});
    ApiOptions options;
    options.endpoints.caller_fields = "X-Test-Caller";
    options.endpoints.parquet = &parquet_;
    if (identity) {
      options.guard = [](http::Handler inner) {
        return [inner](http::Request request, http::Responder responder) {
          if (request.headers.Find("X-Test-Caller") || request.path == "/health") {
            return inner(std::move(request), std::move(responder));
          }
          responder(http::Problem(401, "", ""));
        };
      };
      options.may_use = [this](const http::Request&, const std::string& path) {
        return path != "/closed/{x}" || may_use_closed_;
      };
      options.identify = [](const http::Request& request,
                            const std::string& path) -> absl::StatusOr<Caller> {
        if (path == "/closed/{x}" || path == "/docs") return absl::PermissionDeniedError("no");
        return Caller{*request.headers.Find("X-Test-Caller"), {"g@x.y"}, {}};
      };
    }
    warehouse_.facts.parameters = {"caller_email", "CALLER_GROUPS"};
    std::vector<spec::Endpoint> endpoints = {mine};
    if (!closed_parameters_.empty()) {
      warehouse_.facts.parameters.push_back("x");
      closed.parameters[0].example = example_;
      if (example_.has_value()) warehouse_.facts.parameters = {"x"};
      endpoints = {closed};
    }
    auto api = Api::Create(endpoints, warehouse_, workers_, metrics_, std::move(options));
    if (api.ok()) api_ = *std::move(api);
    return api.status();
  }

  http::Response Get(const std::string& path, const std::string& caller,
                     std::vector<std::pair<std::string, std::string>> query = {},
                     const std::string& host = "api.example", const http::Headers& more = {}) {
    http::Request request;
    request.headers = more;
    request.method = "GET";
    request.path = request.target = path;
    request.query = std::move(query);
    request.headers.Add("Host", host);
    if (!caller.empty()) request.headers.Add("X-Test-Caller", caller);
    absl::Notification answered;
    http::Response answer;
    api_->handler()(std::move(request), [&](http::Response response) {
      answer = std::move(response);
      answered.Notify();
    });
    answered.WaitForNotification();
    return answer;
  }

  FakeWarehouse warehouse_;
  FakeParquet parquet_;
  host::WorkerPool workers_{1, 4};
  telemetry::Metrics metrics_;
  // Every answer is the caller's own email.
  void AnswerEmails() {
    warehouse_.versions = std::vector<warehouse::TableVersion>{{{"p", "d", "t"}, 1}};
    warehouse_.answer = [](const std::vector<warehouse::Parameter>& parameters) {
      return std::vector{Batch({Texts({std::get<std::string>(parameters[0].value.data)})})};
    };
  }

  std::optional<std::chrono::milliseconds> cache_;
  std::optional<int64_t> page_size_;
  std::string closed_parameters_;
  std::optional<schema::Value> example_;  // of the closed endpoint, which then reads no caller
  bool may_use_closed_ = false;
  std::unique_ptr<Api> api_;
};

TEST_F(CallerTest, TheProvenCallerIsBound) {
  ASSERT_TRUE(Create().ok());
  const http::Response answer = Get("/mine", "ana@ltm.example");
  EXPECT_EQ(answer.status, 200);
  const std::string* cached = answer.headers.Find("Cache-Control");
  ASSERT_NE(cached, nullptr) << answer.body;
  EXPECT_EQ(*cached, "private, no-store");
  const auto asked = warehouse_.asked();
  ASSERT_EQ(asked.size(), 1u);
  const auto& parameters = asked[0].parameters;
  ASSERT_EQ(parameters.size(), 2u);
  EXPECT_EQ(parameters[0].name, "caller_email");
  EXPECT_EQ(parameters[0].value, schema::Value(std::string("ana@ltm.example")));
  EXPECT_EQ(parameters[1].value,
            schema::Value(schema::Value::List{schema::Value(std::string("g@x.y"))}));
}

TEST_F(CallerTest, MemoryAndTagsAreEachCallersOwn) {
  AnswerEmails();
  cache_ = std::chrono::minutes(1);
  ASSERT_TRUE(Create().ok());
  const http::Response ana = Get("/mine", "ana@ltm.example");
  EXPECT_THAT(ana.body, HasSubstr("ana@"));
  EXPECT_EQ(Field(ana, "Cache-Control"), "private, no-cache");
  EXPECT_THAT(Field(ana, "Vary"), HasSubstr("X-Test-Caller"));
  const std::string tag = Field(ana, "ETag");
  ASSERT_NE(tag, "");
  EXPECT_THAT(Get("/mine", "ana@ltm.example").body, HasSubstr("ana@"));
  EXPECT_EQ(warehouse_.asked().size(), 1u) << "the second came from memory";
  const http::Headers has_anas = Fields("If-None-Match", tag);
  EXPECT_EQ(Get("/mine", "ana@ltm.example", {}, "api.example", has_anas).status, 304);
  const http::Response bob = Get("/mine", "bob@ltm.example", {}, "api.example", has_anas);
  EXPECT_EQ(bob.status, 200);
  EXPECT_THAT(bob.body, HasSubstr("bob@"));
  EXPECT_NE(Field(bob, "ETag"), tag);
  EXPECT_EQ(warehouse_.asked().size(), 2u);
}

TEST_F(CallerTest, ExamplesShowNobodyARowOfOthers) {
  ASSERT_TRUE(Create().ok());
  const http::Response mine = Get("/openapi.json", "ana@x.y");
  EXPECT_EQ(mine.status, 200);
  EXPECT_TRUE(warehouse_.asked().empty()) << "rows by caller are never an example";
  EXPECT_EQ(*mine.headers.Find("Vary"), "X-Test-Caller");
  // Rows that all who may ask see alike, of an endpoint that not all may ask.
  closed_parameters_ = "x";
  example_ = schema::Value(int64_t{1});
  ASSERT_TRUE(Create().ok());
  Get("/openapi.json", "bob@x.y");
  EXPECT_TRUE(warehouse_.asked().empty());
  may_use_closed_ = true;
  Get("/openapi.json", "ana@x.y");
  EXPECT_EQ(warehouse_.asked().size(), 1u);
}

TEST_F(CallerTest, ACursorIsItsCallersAlone) {
  page_size_ = 1;
  warehouse_.batches = {Batch({Texts({"x", "y"}), Ints({1, 2})})};
  ASSERT_TRUE(Create().ok());
  const std::string link = Field(Get("/mine", "ana@ltm.example"), "Link");
  const size_t begin = link.find("cursor=") + 7;
  ASSERT_GT(begin, 7u) << link;
  const std::string cursor = link.substr(begin, link.find('>') - begin);
  EXPECT_EQ(Get("/mine", "ana@ltm.example", {{"cursor", cursor}}).status, 200);
  EXPECT_EQ(Get("/mine", "bob@ltm.example", {{"cursor", cursor}}).status, 400);
}

TEST_F(CallerTest, TailsAreNotSharedBetweenCallers) {
  AnswerEmails();
  ASSERT_TRUE(Create().ok());
  for (const char* caller : {"ana@ltm.example", "bob@ltm.example"}) {
    const http::Response tail =
        Get("/mine", caller, {}, "api.example", Fields("Accept", "text/event-stream"));
    ASSERT_NE(tail.stream, nullptr) << tail.body;
    const auto ready = std::make_shared<absl::Notification>();
    tail.stream->Attach([ready] {
      if (!ready->HasBeenNotified()) ready->Notify();
    });
    std::string written;
    tail.stream->Take(written);
    if (written.empty()) ready->WaitForNotification();
  }
  const auto asked = warehouse_.asked();
  ASSERT_EQ(asked.size(), 2u);
  EXPECT_NE(asked[0].parameters[0].value, asked[1].parameters[0].value);
  api_->StopTails();
}

TEST_F(CallerTest, NoRequestCanGiveIt) {
  ASSERT_TRUE(Create().ok());
  EXPECT_EQ(Get("/mine", "ana@ltm.example", {{"caller_email", "bob@ltm.example"}}).status, 400);
  EXPECT_TRUE(warehouse_.asked().empty());
}

TEST_F(CallerTest, NoEndpointMayDeclareIt) {
  EXPECT_THAT(std::string(Create({{"Caller_Email", {TypeKind::kString, {}}}}).message()),
              HasSubstr("bound to who asks"));
}

TEST_F(CallerTest, WithoutIdentityItIsNull) {
  ASSERT_TRUE(Create({}, false).ok());
  EXPECT_EQ(Get("/mine", "").status, 403) << "Host is not loopback";
  EXPECT_EQ(Get("/mine", "", {}, "localhost").status, 200);
  const auto asked = warehouse_.asked();
  ASSERT_EQ(asked.size(), 1u);
  EXPECT_TRUE(asked[0].parameters[0].value.is_null());
  EXPECT_EQ(asked[0].parameters[1].value, schema::Value(schema::Value::List{}));
}

TEST_F(CallerTest, EveryPathButHealthNeedsOne) {
  ASSERT_TRUE(Create().ok());
  EXPECT_EQ(Get("/mine", "").status, 401);
  EXPECT_EQ(Get("/docs", "").status, 401);
  EXPECT_EQ(Get("/nowhere", "").status, 401);
  EXPECT_EQ(Get("/health", "").status, 200);
}

TEST_F(CallerTest, AnEndpointIsIdentifiedByItsOwnPath) {
  closed_parameters_ = "x";
  ASSERT_TRUE(Create().ok());
  EXPECT_EQ(Get("/closed/1", "ana@ltm.example").status, 403);
  EXPECT_EQ(Get("/closed/1.csv", "ana@ltm.example").status, 403);
  EXPECT_EQ(Get("/docs", "ana@ltm.example").status, 403);
  EXPECT_EQ(Get("/openapi.json", "ana@ltm.example").status, 200);
  EXPECT_TRUE(warehouse_.asked().empty());
}

}  // namespace
}  // namespace afluente::api
