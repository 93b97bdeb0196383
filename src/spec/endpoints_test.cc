#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "spec/scratch_directory.h"
#include "spec/spec.h"

namespace afluente::spec {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

absl::StatusOr<Spec> LoadEndpoint(const std::string& path, const std::string& settings) {
  ScratchDirectory directory;
  directory.Write("a.sql", "SELECT 1");
  return Load(
      directory.Write("afluente.yaml", absl::StrCat("project: p\nendpoints:\n  \"", path,
                                                    "\":\n    sql: a.sql\n    ", settings, "\n")));
}

std::string Finding(const std::string& settings, const std::string& path = "/a") {
  const auto spec = LoadEndpoint(path, settings);
  return spec.ok() ? "" : std::string(spec.status().message());
}

TEST(Endpoints, ReadsEverySetting) {
  const auto read =
      LoadEndpoint("/a",
                   "description: More\n    cache: 1.5s\n    page_size: 50\n    max_rows: 200\n"
                   "    timeout: 2s\n    rate_limit: 50/10s\n    order_by: [\"-day\", id]\n"
                   "    cors: [\"https://app.example\", \"*\"]");
  ASSERT_TRUE(read.ok()) << read.status();
  const Endpoint& endpoint = read->endpoints[0];
  EXPECT_EQ(endpoint.description, "More");
  EXPECT_EQ(endpoint.cache, std::chrono::milliseconds(1'500));
  EXPECT_EQ(endpoint.page_size, 50);
  EXPECT_EQ(endpoint.max_rows, 200);
  EXPECT_EQ(endpoint.timeout, std::chrono::seconds(2));
  EXPECT_EQ(endpoint.rate_limit->requests, 50);
  EXPECT_EQ(endpoint.rate_limit->period, std::chrono::seconds(10));
  EXPECT_THAT(endpoint.order_by, ElementsAre("-day", "id"));
  EXPECT_THAT(endpoint.cors, ElementsAre("https://app.example", "*"));
}

TEST(Endpoints, RefusesSettingsByPlace) {
  EXPECT_THAT(Finding("page_size: 0"), HasSubstr(":5:16: endpoints./a.page_size"));
  EXPECT_THAT(Finding("page_size: 20\n    max_rows: 10"), HasSubstr("more than max_rows"));
  EXPECT_THAT(Finding("cache: 5"), HasSubstr("a duration"));
  EXPECT_THAT(Finding("timeout: 0s"), HasSubstr("more than 0s"));
  EXPECT_THAT(Finding("rate_limit: 5"), HasSubstr("a rate such as"));
  EXPECT_THAT(Finding("rate_limit: 0/s"), HasSubstr("a rate such as"));
  EXPECT_THAT(Finding("order_by: [a b]"), HasSubstr(":5:16: endpoints./a.order_by[0]"));
  EXPECT_THAT(Finding("cors: [\"https://a.example/\"]"), HasSubstr("an origin"));
  EXPECT_THAT(Finding("cors: [\"https://A.example\"]"), HasSubstr("an origin"));
  EXPECT_THAT(Finding("pagesize: 5"), HasSubstr("did you mean page_size?"));
}

TEST(Endpoints, ReadsParametersWithTheirBounds) {
  const auto spec =
      LoadEndpoint("/a/{id}",
                   "parameters:\n      id: {type: INT64, minimum: 1, maximum: 9, example: 7}\n"
                   "      day: {type: DATE, default: 2026-01-31, description: The day}\n"
                   "      kind: {type: STRING, optional: true, enum: [a, \"b\"]}\n"
                   "      tags: {type: ARRAY<INT64>, default: [1, 2]}");
  ASSERT_TRUE(spec.ok()) << spec.status();
  const auto& parameters = spec->endpoints[0].parameters;
  EXPECT_EQ(parameters[0].minimum, schema::Value(int64_t{1}));
  EXPECT_EQ(parameters[0].example, schema::Value(int64_t{7}));
  EXPECT_EQ(parameters[0].maximum, schema::Value(int64_t{9}));
  EXPECT_EQ(parameters[1].default_value, schema::Value(int64_t{20'484}));
  EXPECT_EQ(parameters[1].description, "The day");
  EXPECT_TRUE(parameters[2].optional);
  EXPECT_EQ(parameters[2].choices.size(), 2u);
  EXPECT_EQ(std::get<schema::Value::List>(parameters[3].default_value->data).size(), 2u);
}

TEST(Endpoints, RefusesParametersThatCannotBe) {
  EXPECT_THAT(Finding("parameters: {d: {type: DATE, default: tomorrow}}"),
              HasSubstr(":5:43: endpoints./a.parameters.d: default: expected DATE"));
  EXPECT_THAT(Finding("parameters: {d: {type: DATE, example: tomorrow}}"),
              HasSubstr("example: expected DATE"));
  EXPECT_THAT(Finding("parameters: {d: {type: INT64, minimum: 5, maximum: 4}}"),
              HasSubstr("maximum is below minimum"));
  EXPECT_THAT(Finding("parameters: {d: {type: NUMERIC, minimum: 10, maximum: 9}}"),
              HasSubstr("maximum is below minimum"));
  EXPECT_THAT(Finding("parameters: {d: {type: BOOL, minimum: 5}}"), HasSubstr("has no range"));
  EXPECT_THAT(Finding("parameters: {d: {type: INT64, optional: true, default: 1}}"),
              HasSubstr("one of default and optional"));
  EXPECT_THAT(Finding("parameters: {d: {default: 1}}"), HasSubstr("type is missing"));
  EXPECT_THAT(Finding("parameters: {d: {type: ARRAY<INT64>, default: 1}}"),
              HasSubstr("expected a list"));
  EXPECT_THAT(Finding("parameters: {Cursor: STRING}"), HasSubstr("every endpoint's own"));
  EXPECT_THAT(Finding("parameters: {id: {type: INT64, optional: true}}", "/a/{id}"),
              HasSubstr("it cannot be left out"));
}

}  // namespace
}  // namespace afluente::spec
