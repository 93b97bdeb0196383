#include "api/caller.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/synchronization/notification.h"
#include "api/api.h"
#include "api/fake_warehouse.h"
#include "host/worker_pool.h"
#include "http/problem.h"
#include "spec/spec.h"
#include "telemetry/metrics.h"

namespace afluente::api {
namespace {

using schema::TypeKind;
using testing::HasSubstr;

// An API that lets in whoever has a header X-Test-Caller, but not into /closed.
class CallerTest : public testing::Test {
 protected:
  CallerTest() {
    warehouse_.facts.columns = {{"a", {TypeKind::kString, {}}, {}, ""}};
    warehouse_.facts.parameters = {"caller_email", "CALLER_GROUPS"};
  }

  absl::Status Create(std::vector<spec::EndpointParameter> parameters = {}, bool identity = true) {
    spec::Endpoint mine;
    mine.path = "/mine";
    mine.sql = "SELECT a FROM t WHERE a = @caller_email AND b IN UNNEST(@CALLER_GROUPS)";
    mine.parameters = std::move(parameters);
    spec::Endpoint closed = mine;
    closed.path = "/closed/{x}";
    closed.parameters.push_back({"x", {TypeKind::kInt64, {}}});
    ApiOptions options;
    if (identity) {
      options.guard = [](http::Handler inner) {
        return [inner](http::Request request, http::Responder responder) {
          if (request.headers.Find("X-Test-Caller") || request.path == "/health") {
            return inner(std::move(request), std::move(responder));
          }
          responder(http::Problem(401, "", ""));
        };
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
      endpoints = {closed};
    }
    auto api = Api::Create(endpoints, warehouse_, workers_, metrics_, std::move(options));
    if (api.ok()) api_ = *std::move(api);
    return api.status();
  }

  http::Response Get(const std::string& path, const std::string& caller,
                     std::vector<std::pair<std::string, std::string>> query = {},
                     const std::string& host = "api.example") {
    http::Request request;
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
  host::WorkerPool workers_{1, 4};
  telemetry::Metrics metrics_;
  std::string closed_parameters_;
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
