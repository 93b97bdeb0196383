#include "api/api.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <thread>

#include "absl/synchronization/blocking_counter.h"
#include "absl/synchronization/notification.h"
#include "api/answer_format.h"
#include "api/fake_warehouse.h"
#include "host/worker_pool.h"
#include "spec/spec.h"
#include "telemetry/metrics.h"

namespace afluente::api {
namespace {

using schema::TypeKind;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::MatchesRegex;
using testing::Not;
using testing::StartsWith;

// The original system's endpoint over a fake warehouse.
class ApiTest : public testing::Test {
 protected:
  ApiTest() {
    endpoint_.path = "/app_info/{app_id}:{app_department}";
    endpoint_.summary = "Rows of one app in one department";
    endpoint_.sql =
        "SELECT user_email, action_id FROM t WHERE app_id = @app_id AND d = @app_department";
    endpoint_.sql_file = "queries/app_info.sql";
    endpoint_.parameters = {{"app_id", {TypeKind::kInt64, {}}},
                            {"app_department", {TypeKind::kString, {}}}};
    warehouse_.facts.columns = {{"user_email", {TypeKind::kString, {}}, {}, ""},
                                {"action_id", {TypeKind::kInt64, {}}, {}, ""}};
    warehouse_.facts.parameters = {"app_id", "app_department"};
    warehouse_.batches = {
        Batch({Texts({"a@x", "b@x"}), Ints({9007199254740993, -9223372036854775807 - 1})})};
  }

  absl::Status Create(ApiOptions options = {}) {
    workers_ = std::make_unique<host::WorkerPool>(1, queue_max_);
    options.endpoints.parquet = &parquet_;
    auto api = Api::Create({endpoint_}, warehouse_, *workers_, metrics_, std::move(options));
    if (!api.ok()) return api.status();
    api_ = *std::move(api);
    return absl::OkStatus();
  }

  void Send(const std::string& target, std::function<void(http::Response)> done,
            const http::Headers& headers = {}, const std::string& method = "GET") {
    http::Request request;
    request.method = method;
    request.headers = headers;
    if (headers.Find("Host") == nullptr) request.headers.Add("Host", "localhost:8000");
    const size_t question = target.find('?');
    request.target = target;
    request.path = target.substr(0, question);
    std::string query = question == std::string::npos ? "" : target.substr(question + 1);
    while (!query.empty()) {
      const size_t end = std::min(query.find('&'), query.size());
      const size_t equals = query.find('=');
      request.query.emplace_back(query.substr(0, equals),
                                 query.substr(equals + 1, end - equals - 1));
      query.erase(0, end + 1);
    }
    api_->handler()(std::move(request), std::move(done));
  }

  http::Response Get(const std::string& target, const http::Headers& headers = {}) {
    absl::Notification answered;
    http::Response result;
    Send(
        target,
        [&](http::Response response) {
          result = std::move(response);
          answered.Notify();
        },
        headers);
    answered.WaitForNotification();
    return result;
  }

  http::Response GetAs(const std::string& accept) {
    http::Headers headers;
    headers.Add("Accept", accept);
    return Get("/app_info/1:x", headers);
  }

  spec::Endpoint endpoint_;
  FakeWarehouse warehouse_;
  FakeParquet parquet_;
  telemetry::Metrics metrics_;
  size_t queue_max_ = 16;
  std::unique_ptr<Api> api_;
  std::unique_ptr<host::WorkerPool> workers_;  // goes first: its tasks use the API
};

TEST_F(ApiTest, AnswersRows) {
  ASSERT_TRUE(Create().ok());
  const http::Response response = Get("/app_info/7:sales");
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.body,
            "{\"rows\":[{\"user_email\":\"a@x\",\"action_id\":9007199254740993},"
            "{\"user_email\":\"b@x\",\"action_id\":-9223372036854775808}],\"next_cursor\":null}");
  EXPECT_EQ(*response.headers.Find("Content-Type"), "application/json");
  EXPECT_THAT(*response.headers.Find("X-Request-Id"), MatchesRegex("[0-9a-f]{32}"));
  const auto asked = warehouse_.asked();
  ASSERT_EQ(asked.size(), 1u);
  EXPECT_EQ(asked[0].statement.text, endpoint_.sql);
  ASSERT_EQ(asked[0].parameters.size(), 2u);
  EXPECT_EQ(asked[0].parameters[0].value, schema::Value(int64_t{7}));
  EXPECT_EQ(asked[0].parameters[1].value, schema::Value(std::string("sales")));
}

TEST_F(ApiTest, NoRowIsAnEmptyList) {
  warehouse_.batches.clear();
  ASSERT_TRUE(Create().ok());
  EXPECT_EQ(Get("/app_info/7:sales").body, "{\"rows\":[],\"next_cursor\":null}");
}

TEST_F(ApiTest, InjectionIsOnlyAValue) {
  ASSERT_TRUE(Create().ok());
  EXPECT_EQ(Get("/app_info/7:x'%20OR%201=1;DROP%20TABLE%20t--%40app_id").status, 200);
  const auto asked = warehouse_.asked();
  EXPECT_EQ(asked[0].statement.text, endpoint_.sql);
  EXPECT_EQ(asked[0].parameters[1].value,
            schema::Value(std::string("x' OR 1=1;DROP TABLE t--@app_id")));
  const http::Response refused = Get("/app_info/7%20OR%201=1:x");
  EXPECT_EQ(refused.status, 400);
  EXPECT_EQ(warehouse_.asked().size(), 1u);
}

TEST_F(ApiTest, BadParametersAreNamed) {
  endpoint_.parameters.push_back({"ids", schema::Type::Array({TypeKind::kInt64, {}})});
  endpoint_.parameters.push_back({"day", {TypeKind::kDate, {}}});
  warehouse_.facts.parameters = {"app_id", "app_department", "ids", "DAY"};
  ASSERT_TRUE(Create().ok());
  const auto refused = [this](const std::string& target, const std::string& words) {
    const http::Response response = Get(target);
    EXPECT_EQ(response.status, 400) << target;
    EXPECT_EQ(*response.headers.Find("Content-Type"), "application/problem+json");
    const auto problem = nlohmann::json::parse(response.body);
    EXPECT_EQ(problem["status"], 400);
    EXPECT_THAT(problem["detail"].get<std::string>(), HasSubstr(words)) << target;
  };
  refused("/app_info/x:y?ids=1&day=2020-01-01", "parameter 'app_id': expected INT64");
  refused("/app_info/9223372036854775808:y?ids=1&day=2020-01-01", "'app_id'");
  refused("/app_info/1:y?ids=1", "parameter 'day': missing");
  refused("/app_info/1:y?day=2020-01-01", "parameter 'ids': missing");
  refused("/app_info/1:y?ids=1&day=2020-01-01&day=2020-01-01", "parameter 'day': given more than");
  refused("/app_info/1:y?ids=1&day=2020-02-30", "parameter 'day'");
  refused("/app_info/1:y?ids=1&ids=z&day=2020-01-01", "parameter 'ids'");
  refused("/app_info/1:y?ids=1&day=2020-01-01&Day=1", "unknown parameter \"Day\"");
  refused("/app_info/1:y?ids=1&day=2020-01-01&app_id=2", "parameter 'app_id'");
  refused("/app_info/1:%00?ids=1&day=2020-01-01", "NUL in path parameter 'app_department'");
  refused("/app_info/1:%ff?ids=1&day=2020-01-01", "invalid UTF-8 in path parameter");
  EXPECT_TRUE(warehouse_.asked().empty());
  EXPECT_EQ(Get("/app_info/1:y?ids=3&ids=1&day=2020-01-01").status, 200);
  EXPECT_EQ(
      warehouse_.asked()[0].parameters[2].value,
      schema::Value(schema::Value::List{schema::Value(int64_t{3}), schema::Value(int64_t{1})}));
}

TEST_F(ApiTest, BrokenEndpointsFailAtTheStart) {
  warehouse_.describe_status = absl::InvalidArgumentError("Unrecognized name: x at [1:8]");
  EXPECT_EQ(Create(), absl::InvalidArgumentError(
                          "queries/app_info.sql: endpoint /app_info/{app_id}:{app_department}: "
                          "Unrecognized name: x at [1:8]"));
  warehouse_.describe_status = absl::OkStatus();
  warehouse_.facts.query = false;
  EXPECT_THAT(std::string(Create().message()), HasSubstr("must be a query"));
  warehouse_.facts.query = true;
  warehouse_.facts.parameters = {"app_id", "app_department", "other"};
  EXPECT_THAT(std::string(Create().message()), HasSubstr("@other is not among"));
  warehouse_.facts.parameters = {"app_id"};
  EXPECT_THAT(std::string(Create().message()), HasSubstr("'app_department' is not used"));
  warehouse_.facts.parameters = {"app_id", "app_department"};
  warehouse_.facts.columns.push_back({"User_Email", {TypeKind::kString, {}}, {}, ""});
  EXPECT_THAT(std::string(Create().message()), HasSubstr("two columns are named 'User_Email'"));
  warehouse_.facts.columns.pop_back();
  endpoint_.parameters[0].type = schema::Type::Array({TypeKind::kInt64, {}});
  EXPECT_THAT(std::string(Create().message()), HasSubstr("cannot be in the path"));
  endpoint_.parameters[0].type = {TypeKind::kInt64, {}};
  endpoint_.path = "/health";
  endpoint_.parameters.clear();
  warehouse_.facts.parameters.clear();
  EXPECT_THAT(std::string(Create().message()),
              AllOf(StartsWith("queries/app_info.sql: endpoint /health: "),
                    HasSubstr("the API's own paths")));
}

TEST_F(ApiTest, NeverCutsAnAnswerShort) {
  ApiOptions few_rows;
  few_rows.endpoints.rows_max = 1;
  ASSERT_TRUE(Create(few_rows).ok());
  const http::Response response = Get("/app_info/1:x");
  EXPECT_EQ(response.status, 422);
  EXPECT_THAT(response.body, HasSubstr("more than 1 rows"));
  EXPECT_EQ(warehouse_.asked()[0].limits.rows_max, 2u);
  ApiOptions few_bytes;
  few_bytes.endpoints.answer_bytes_max = 20;
  ASSERT_TRUE(Create(few_bytes).ok());
  EXPECT_THAT(Get("/app_info/1:x").body, HasSubstr("more than 20 bytes"));
  // Half an answer, then an error: not a 200.
  warehouse_.end_status = absl::UnavailableError("disk /secret/path");
  ASSERT_TRUE(Create().ok());
  const http::Response failed = Get("/app_info/1:x");
  EXPECT_EQ(failed.status, 503);
  EXPECT_THAT(failed.body, Not(HasSubstr("secret")));
}

TEST_F(ApiTest, FailuresOfTheStatement) {
  ASSERT_TRUE(Create().ok());
  const std::vector<std::pair<absl::StatusCode, int>> table = {
      {absl::StatusCode::kDeadlineExceeded, 504}, {absl::StatusCode::kInvalidArgument, 422},
      {absl::StatusCode::kOutOfRange, 422},       {absl::StatusCode::kUnavailable, 503},
      {absl::StatusCode::kNotFound, 503},         {absl::StatusCode::kInternal, 500}};
  for (const auto& [code, status] : table) {
    warehouse_.query_status = absl::Status(code, "SELECT secret FROM t");
    const http::Response response = Get("/app_info/1:x");
    EXPECT_EQ(response.status, status);
    EXPECT_THAT(response.body, Not(HasSubstr("secret")));
  }
}

TEST_F(ApiTest, FullPoolRefusesByName) {
  queue_max_ = 1;
  absl::Notification running;
  absl::Notification go_on;
  warehouse_.before_query = [&] {
    if (!running.HasBeenNotified()) running.Notify();
    go_on.WaitForNotification();
  };
  ASSERT_TRUE(Create().ok());
  absl::BlockingCounter answered(2);
  const auto done = [&](http::Response response) {
    EXPECT_EQ(response.status, 200);
    answered.DecrementCount();
  };
  Send("/app_info/1:x", done);
  running.WaitForNotification();
  Send("/app_info/1:x", done);
  const http::Response refused = Get("/app_info/1:x");
  EXPECT_EQ(refused.status, 503);
  EXPECT_THAT(refused.body, HasSubstr("too many requests"));
  EXPECT_NE(refused.headers.Find("Retry-After"), nullptr);
  go_on.Notify();
  answered.Wait();
}

TEST_F(ApiTest, WaitingTooLongIsATimeout) {
  ApiOptions no_time;
  no_time.endpoints.timeout = std::chrono::milliseconds(0);
  ASSERT_TRUE(Create(no_time).ok());
  EXPECT_EQ(Get("/app_info/1:x").status, 504);
  EXPECT_TRUE(warehouse_.asked().empty());
}

TEST_F(ApiTest, FormatsByAccept) {
  ASSERT_TRUE(Create().ok());
  EXPECT_EQ(GetAs("text/csv").body,
            "user_email,action_id\r\na@x,9007199254740993\r\nb@x,-9223372036854775808\r\n");
  EXPECT_EQ(GetAs("application/x-ndjson").body,
            "{\"user_email\":\"a@x\",\"action_id\":9007199254740993}\n"
            "{\"user_email\":\"b@x\",\"action_id\":-9223372036854775808}\n");
  EXPECT_EQ(*GetAs("text/html,application/xml;q=0.9,*/*;q=0.8").headers.Find("Content-Type"),
            "application/json");
  EXPECT_EQ(*GetAs("text/csv").headers.Find("Vary"), "Accept, Accept-Encoding");
  EXPECT_EQ(GetAs("application/vnd.apache.parquet").body, "PAR1 2");
  EXPECT_EQ(GetAs("image/png").status, 406);
}

TEST_F(ApiTest, WhatIsCompressedWithinItselfIsNotCompressedAgain) {
  EXPECT_FALSE(IsCompressible(AnswerFormat::kParquet));
  EXPECT_TRUE(IsCompressible(AnswerFormat::kArrow));
  ApiOptions few_bytes;
  few_bytes.endpoints.answer_bytes_max = 20;
  ASSERT_TRUE(Create(few_bytes).ok());
  EXPECT_EQ(GetAs("application/vnd.apache.parquet").status, 422);
}

TEST_F(ApiTest, SuffixesOnlyWhereNoValueCouldHaveThem) {
  ASSERT_TRUE(Create().ok());
  EXPECT_EQ(Get("/app_info/1:x.csv").status, 200);
  EXPECT_EQ(warehouse_.asked()[0].parameters[1].value, schema::Value(std::string("x.csv")));
  endpoint_.path = "/by_app/{app_department}/{app_id}";
  ASSERT_TRUE(Create().ok());
  EXPECT_THAT(Get("/by_app/x/1.csv").body, StartsWith("user_email,action_id\r\n"));
  EXPECT_THAT(Get("/by_app/x/1.ndjson").body, StartsWith("{\"user_email\""));
  EXPECT_THAT(Get("/by_app/x/1").body, StartsWith("{\"rows\":["));
}

TEST_F(ApiTest, HealthAndUnknownPaths) {
  ASSERT_TRUE(Create().ok());
  http::Headers probe;
  probe.Add("Host", "10.1.2.3:8000");
  EXPECT_EQ(Get("/health", probe).body, "{\"status\":\"ok\"}");
  EXPECT_EQ(Get("/openapi.json", probe).status, 403);
  EXPECT_NE(Get("/openapi.json", probe).headers.Find("X-Request-Id"), nullptr);
  const http::Response unknown = Get("/nothing");
  EXPECT_EQ(unknown.status, 404);
  EXPECT_EQ(*unknown.headers.Find("Content-Type"), "application/problem+json");
}

TEST_F(ApiTest, KeepsACallersRequestId) {
  ASSERT_TRUE(Create().ok());
  http::Headers headers;
  headers.Add("X-Request-Id", "trace-1.a_B");
  EXPECT_EQ(*Get("/health", headers).headers.Find("X-Request-Id"), "trace-1.a_B");
  http::Headers hostile;
  hostile.Add("X-Request-Id", "a b\"c");
  EXPECT_THAT(*Get("/health", hostile).headers.Find("X-Request-Id"), MatchesRegex("[0-9a-f]{32}"));
}

TEST_F(ApiTest, CountsRequests) {
  ASSERT_TRUE(Create().ok());
  Get("/app_info/1:x");
  Get("/app_info/z:x");
  Get("/nothing");
  const std::string page = metrics_.Expose();
  const std::string name = "afluente_api_requests_total{endpoint=\"";
  EXPECT_THAT(page, HasSubstr(name + "/app_info/{app_id}:{app_department}\",status=\"200\"} 1\n"));
  EXPECT_THAT(page, HasSubstr(name + "/app_info/{app_id}:{app_department}\",status=\"400\"} 1\n"));
  EXPECT_THAT(page, HasSubstr(name + "\",status=\"404\"} 1\n"));
}

TEST_F(ApiTest, DescribesItself) {
  endpoint_.parameters.push_back({"ids", schema::Type::Array({TypeKind::kInt64, {}})});
  warehouse_.facts.parameters.push_back("ids");
  ASSERT_TRUE(Create().ok());
  const auto document = nlohmann::json::parse(Get("/openapi.json").body);
  EXPECT_EQ(document["openapi"], "3.1.0");
  EXPECT_EQ(document["servers"][0]["url"], ".");
  const auto& get = document["paths"]["/app_info/{app_id}:{app_department}"]["get"];
  EXPECT_EQ(get["parameters"][0]["in"], "path");
  EXPECT_EQ(get["parameters"][0]["schema"]["type"], "integer");
  EXPECT_EQ(get["parameters"][2]["in"], "query");
  EXPECT_EQ(get["parameters"][2]["schema"]["items"]["type"], "integer");
  const auto& row = get["responses"]["200"]["content"]["application/json"]["schema"]["properties"]
                       ["rows"]["items"];
  EXPECT_EQ(row["properties"]["action_id"]["type"], nlohmann::json::array({"integer", "null"}));
  EXPECT_FALSE(row.contains("required"));  // ?fields= may leave any out
}

TEST_F(ApiTest, ExamplesAreTheAnswerToTheSpecificationsOwnValues) {
  const auto example = [this] {
    const auto document = nlohmann::json::parse(Get("/openapi.json").body);
    const auto& get = document["paths"]["/app_info/{app_id}:{app_department}"]["get"];
    return get["responses"]["200"]["content"]["application/json"]["example"];
  };
  ASSERT_TRUE(Create().ok());
  EXPECT_EQ(example()["rows"][0]["user_email"], "text");
  EXPECT_TRUE(warehouse_.asked().empty()) << "no value out of the data may be given away";
  endpoint_.parameters[0].example = schema::Value(int64_t{7});
  endpoint_.parameters[1].choices = {schema::Value(std::string("sales"))};
  ASSERT_TRUE(Create().ok());
  const auto found = example();
  EXPECT_EQ(found["rows"][0]["user_email"], "a@x");
  EXPECT_EQ(found["rows"][1]["action_id"], -9223372036854775807 - 1);
  EXPECT_EQ(found["next_cursor"], nullptr);
  ASSERT_EQ(warehouse_.asked().size(), 1u);
  EXPECT_EQ(warehouse_.asked()[0].parameters[0].value, schema::Value(int64_t{7}));
  EXPECT_EQ(warehouse_.asked()[0].parameters[1].value, schema::Value(std::string("sales")));
  example();
  EXPECT_EQ(warehouse_.asked().size(), 1u) << "kept for a while";
  warehouse_.query_status = absl::InternalError("secret words");
  ASSERT_TRUE(Create().ok());
  EXPECT_EQ(example()["rows"][0]["user_email"], "text");
  EXPECT_THAT(Get("/openapi.json").body, Not(HasSubstr("secret")));
}

TEST_F(ApiTest, DocsNeedNothingFromOutside) {
  ASSERT_TRUE(Create().ok());
  const http::Response page = Get("/docs");
  EXPECT_THAT(*page.headers.Find("Content-Security-Policy"), HasSubstr("script-src 'self'"));
  EXPECT_THAT(page.body, AllOf(HasSubstr("href=\"docs/style.css\""),
                               HasSubstr("src=\"docs/app.js\""), Not(HasSubstr("://"))));
  EXPECT_THAT(Get("/docs/app.js").body, HasSubstr("fetch(\"openapi.json\""));
  EXPECT_EQ(*Get("/docs/style.css").headers.Find("Content-Type"), "text/css; charset=utf-8");
  EXPECT_EQ(*Get("/docs/").headers.Find("Location"), "../docs");
}

}  // namespace
}  // namespace afluente::api
