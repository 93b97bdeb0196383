#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "absl/strings/str_split.h"
#include "spec/scratch_directory.h"
#include "spec/spec.h"

namespace afluente::spec {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

// What this version takes of the example in docs.
constexpr std::string_view kFull = R"(project: ltm-demo
topics:
  Data:
    message_retention_duration: 604800s
  Data-dead: {}
subscriptions:
  audit: {topic: Data, filter: 'attributes.kind = "audit"', ack_deadline_seconds: 30}
datasets:
  enterprise_app_dataset:
    location: US
    tables:
      latest_table:
        schema:
          - {name: app_id, type: INT64, mode: REQUIRED}
          - {name: app_department, type: STRING}
          - {name: tags, type: STRING, mode: REPEATED}
          - name: place
            type: RECORD
            mode: REPEATED
            fields: [{name: lat, type: FLOAT}, {name: lon, type: FLOAT64}]
          - {name: date, type: DATE, description: The day}
        time_partitioning: {type: DAY, field: date}
        clustering: [app_id]
functions:
  store:
    topic: Data
    filter: 'attributes.kind = "action"'
    table: enterprise_app_dataset.latest_table
    transform: {sql: functions/store.sql}
    retry_policy: {minimum_backoff: 0.5s, maximum_backoff: 600s}
    dead_letter_policy: {topic: Data-dead, max_delivery_attempts: 7}
    enable_message_ordering: true
    start: latest
endpoints:
  "/app_info/{app_id}:{app_department}":
    summary: Rows of one app in one department
    sql: queries/app_info.sql
    parameters: {since: DATE, app_department: STRING, app_id: INT64}
limits: {memory: 1Gi, threads: 2, disk: 50Gi, request_bytes: 10Mi}
deploy:
  region: us-central1
  api: {port: 8000, cpu: 1, memory: 2Gi, min_instances: 1}
)";

absl::StatusOr<Spec> LoadText(std::string_view text) {
  ScratchDirectory directory;
  directory.Write("functions/store.sql", "SELECT 1 AS app_id FROM messages");
  directory.Write("queries/app_info.sql", "SELECT 1");
  directory.Write("queries/empty.sql", " \n");
  directory.Write("queries/latin.sql", "SELECT '\xE9'");
  return Load(directory.Write("afluente.yaml", text));
}

// The findings' lines without the file's name.
std::vector<std::string> FindingsOf(std::string_view text) {
  auto spec = LoadText(text);
  if (spec.ok()) return {};
  EXPECT_EQ(spec.status().code(), absl::StatusCode::kInvalidArgument);
  std::vector<std::string> lines = absl::StrSplit(std::string(spec.status().message()), '\n');
  for (std::string& line : lines) line = line.substr(line.find("afluente.yaml:") + 14);
  return lines;
}

std::string Base(std::string_view tail) {
  return std::string("project: demo-project\n").append(tail);
}

// A table with the given columns and further keys.
std::string WithTable(std::string_view columns, std::string_view further = "") {
  return std::string("project: demo-project\ndatasets:\n  d:\n    tables:\n      t:\n")
      .append("        schema: [")
      .append(columns)
      .append("]\n")
      .append(further);
}

TEST(Load, ReadsEveryPart) {
  auto spec = LoadText(kFull);
  ASSERT_TRUE(spec.ok()) << spec.status();
  EXPECT_EQ(spec->project, "ltm-demo");
  ASSERT_EQ(spec->topics.size(), 2u);
  EXPECT_EQ(spec->topics[0].message_retention_duration, std::chrono::seconds(604800));
  EXPECT_EQ(spec->topics[1].message_retention_duration, std::nullopt);
  ASSERT_EQ(spec->subscriptions.size(), 1u);
  EXPECT_EQ(spec->subscriptions[0].ack_deadline_seconds, 30);
  ASSERT_EQ(spec->datasets.size(), 1u);
  const Table& table = spec->datasets[0].tables.at(0);
  ASSERT_EQ(table.schema.size(), 5u);
  EXPECT_EQ(table.schema[0].mode, schema::Mode::kRequired);
  EXPECT_EQ(table.schema[2].type.ToString(), "ARRAY<STRING>");
  EXPECT_EQ(table.schema[3].type.ToString(), "ARRAY<STRUCT<lat FLOAT64, lon FLOAT64>>");
  EXPECT_EQ(table.schema[4].description, "The day");
  EXPECT_EQ(table.time_partitioning->type, "DAY");
  EXPECT_EQ(table.time_partitioning->field, "date");
  EXPECT_THAT(table.clustering, ElementsAre("app_id"));
  ASSERT_EQ(spec->functions.size(), 1u);
  const Function& function = spec->functions[0];
  EXPECT_EQ(function.dataset, "enterprise_app_dataset");
  EXPECT_EQ(function.table, "latest_table");
  EXPECT_THAT(function.sql, HasSubstr("FROM messages"));
  EXPECT_EQ(function.sql_file, "functions/store.sql");
  EXPECT_EQ(function.retry_policy.minimum_backoff, std::chrono::milliseconds(500));
  EXPECT_EQ(function.retry_policy.maximum_backoff, std::chrono::seconds(600));
  EXPECT_EQ(function.dead_letter_policy.topic, "Data-dead");
  EXPECT_EQ(function.dead_letter_policy.max_delivery_attempts, 7);
  EXPECT_TRUE(function.enable_message_ordering);
  EXPECT_EQ(function.start, Start::kLatest);
  ASSERT_EQ(spec->endpoints.size(), 1u);
  std::vector<std::string> names;
  for (const auto& parameter : spec->endpoints[0].parameters) {
    names.push_back(parameter.name + " " + parameter.type.ToString());
  }
  EXPECT_THAT(names, ElementsAre("app_id INT64", "app_department STRING", "since DATE"));
  EXPECT_EQ(spec->endpoints[0].sql, "SELECT 1");
  EXPECT_EQ(spec->limits.memory_bytes, uint64_t{1} << 30);
  EXPECT_EQ(spec->limits.threads, 2);
}

TEST(Load, OnlyTheProjectIsRequired) {
  EXPECT_TRUE(LoadText("project: demo-project").ok());
  EXPECT_THAT(FindingsOf(""), ElementsAre("1:1: project is missing"));
  EXPECT_TRUE(LoadText(Base("topics:\ndatasets:\nendpoints: {}\n")).ok());
}

TEST(Load, ListsAllFindingsInOrderWithSuggestions) {
  EXPECT_THAT(
      FindingsOf("project: Demo\ntopcs: {}\ntopics:\n  Data: {message_retention: 600s}\n"
                 "subscriptions:\n  s: {topic: Dta, ack_deadline_seconds: \"30\"}\n"
                 "limits: {memory: 2GB}\n"),
      ElementsAre(
          HasSubstr("1:10: project: expected a project id"),
          "2:1: unknown key \"topcs\"; did you mean topics?",
          HasSubstr("4:10: unknown key \"message_retention\" in topics.Data"),
          HasSubstr("6:3: subscriptions: \"s\" is not a name for Pub/Sub"),
          "6:14: topic \"Dta\" is not in topics; did you mean Data?",
          "6:41: subscriptions.s.ack_deadline_seconds: expected a whole number, found the text "
          "\"30\"",
          HasSubstr("7:18: limits.memory: expected a size such as 512Mi or 2Gi, found the text")));
}

TEST(Load, RefusesWrongTypes) {
  EXPECT_THAT(FindingsOf("- a\n"), ElementsAre("1:1: the file: expected a map, found a list"));
  EXPECT_THAT(FindingsOf("just text"), ElementsAre(HasSubstr("the file: expected a map")));
  EXPECT_THAT(FindingsOf("project: 123456\n"), ElementsAre(HasSubstr("found the number 123456")));
  EXPECT_THAT(FindingsOf("project: true\n"), ElementsAre(HasSubstr("found true")));
  EXPECT_THAT(FindingsOf("project:\n"), ElementsAre(HasSubstr("found nothing")));
  EXPECT_THAT(FindingsOf(Base("topics: [Data]\n")),
              ElementsAre(HasSubstr("2:9: topics: expected a map, found a list")));
  EXPECT_THAT(FindingsOf(Base("limits: {threads: 0}\n")),
              ElementsAre(HasSubstr("a number from 1 to 256, found the number 0")));
  EXPECT_THAT(FindingsOf(Base("limits: {threads: 1.5}\n")), ElementsAre(HasSubstr("whole number")));
  EXPECT_THAT(FindingsOf(Base("limits: {memory: 1Ki}\n")), ElementsAre(HasSubstr("128Mi to 16Ti")));
  EXPECT_TRUE(LoadText(Base("limits: {memory: 1073741824}\n")).ok());
  EXPECT_THAT(FindingsOf(Base("topics:\n  Data: {message_retention_duration: 10m}\n")),
              ElementsAre(HasSubstr("expected a duration such as 600s, found the text \"10m\"")));
  EXPECT_THAT(FindingsOf(Base("topics:\n  Data: {message_retention_duration: 599s}\n")),
              ElementsAre(HasSubstr("from 600s to 2678400s")));
}

TEST(Load, RefusesByNameWhatThisVersionLacks) {
  EXPECT_THAT(FindingsOf(Base("topics:\n  Data: {schema: {file: a.avsc, encoding: JSON}}\n")),
              ElementsAre("3:10: topics.Data.schema is not supported by this version"));
  std::string functions = WithTable("{name: a, type: INT64}") +
                          "topics: {Data: {}}\nfunctions:\n  f: {topic: Data, table: d.t, ";
  EXPECT_THAT(FindingsOf(functions + "max_staleness: 60s}"),
              ElementsAre(HasSubstr("functions.f.max_staleness is not supported")));
}

TEST(Load, ChecksColumns) {
  EXPECT_THAT(FindingsOf(WithTable("{name: a, type: INT46}")),
              ElementsAre("6:34: datasets.d.tables.t: unknown type INT46; did you mean INT64?"));
  EXPECT_THAT(FindingsOf(WithTable("{name: a, type: INT64}, {name: A, type: INT64}")),
              ElementsAre(HasSubstr("column A occurs twice")));
  EXPECT_THAT(FindingsOf(WithTable("{name: 1a, type: INT64}")),
              ElementsAre(HasSubstr("expected a column name")));
  EXPECT_THAT(FindingsOf(WithTable("{name: _PARTITIONTIME, type: DATE}")),
              ElementsAre(HasSubstr("BigQuery keeps names")));
  EXPECT_THAT(FindingsOf(WithTable("{name: _message_id, type: STRING}")),
              ElementsAre(HasSubstr("is added by Afluente")));
  EXPECT_THAT(FindingsOf(WithTable("{name: a, type: \"ARRAY<INT64>\"}")),
              ElementsAre(HasSubstr("mode: REPEATED")));
  EXPECT_THAT(FindingsOf(WithTable("{name: a, type: \"STRUCT<b INT64>\"}")),
              ElementsAre(HasSubstr("STRUCT")));
  EXPECT_THAT(FindingsOf(WithTable("{name: a, type: RECORD}")),
              ElementsAre(HasSubstr("needs fields")));
  EXPECT_THAT(FindingsOf(WithTable("{name: a, type: INT64, fields: [{name: b, type: INT64}]}")),
              ElementsAre(HasSubstr("fields belong to type RECORD")));
  EXPECT_THAT(FindingsOf(WithTable("{name: a, type: INT64, mode: required}")),
              ElementsAre(HasSubstr("did you mean REQUIRED?")));
  EXPECT_THAT(FindingsOf(WithTable("{name: a, type: GEOGRAPHY}")),
              ElementsAre(HasSubstr("GEOGRAPHY is not supported")));
  EXPECT_THAT(FindingsOf(WithTable("{type: INT64}")), ElementsAre(HasSubstr("name is missing")));
  EXPECT_THAT(FindingsOf(WithTable("")), ElementsAre(HasSubstr("expected 1 to 10000 items")));
  EXPECT_THAT(FindingsOf(WithTable("{name: a, type: RECORD, fields: [{name: b, type: INT64, mode: "
                                   "REQUIRED}]}")),
              ElementsAre(HasSubstr("REQUIRED within a RECORD")));
}

TEST(Load, RefusesNamesThatDifferOnlyInCase) {
  EXPECT_THAT(FindingsOf(WithTable("{name: a, type: INT64}",
                                   "      T: {schema: [{name: a, type: INT64}]}\n  D: {}\n")),
              ElementsAre(HasSubstr("7:7: datasets.d.tables: names that differ only in case (T)"),
                          HasSubstr("8:3: datasets: names that differ only in case (D)")));
}

TEST(Load, ChecksPartitioningAndClustering) {
  const std::string columns =
      "{name: id, type: INT64}, {name: day, type: DATE}, {name: at, type: TIMESTAMP}, "
      "{name: f, type: FLOAT64}, {name: tags, type: STRING, mode: REPEATED}";
  auto findings = [&](const std::string& further) {
    return FindingsOf(WithTable(columns, "        " + further + "\n"));
  };
  EXPECT_THAT(findings("time_partitioning: {type: HOUR, field: at}"), ElementsAre());
  EXPECT_THAT(findings("time_partitioning: {type: DAY, field: dy}"),
              ElementsAre(HasSubstr("there is no column \"dy\"; did you mean day?")));
  EXPECT_THAT(findings("time_partitioning: {type: HOUR, field: day}"),
              ElementsAre(HasSubstr("cannot partition by HOUR; expected DATETIME or TIMESTAMP")));
  EXPECT_THAT(findings("time_partitioning: {type: DAY, field: id}"),
              ElementsAre(HasSubstr("column id of type INT64 cannot partition")));
  EXPECT_THAT(findings("time_partitioning: {type: WEEK, field: day}"),
              ElementsAre(HasSubstr("expected one of HOUR, DAY, MONTH, YEAR")));
  EXPECT_THAT(findings("time_partitioning: {field: day}"),
              ElementsAre(HasSubstr("time_partitioning.type is missing")));
  EXPECT_THAT(findings("clustering: [id, day, at]"), ElementsAre());
  EXPECT_THAT(findings("clustering: [f]"), ElementsAre(HasSubstr("FLOAT64 cannot cluster")));
  EXPECT_THAT(findings("clustering: [tags]"), ElementsAre(HasSubstr("cannot cluster")));
  EXPECT_THAT(findings("clustering: [id, id]"), ElementsAre(HasSubstr("clusters twice")));
  EXPECT_THAT(findings("clustering: [idd]"), ElementsAre(HasSubstr("did you mean id?")));
  EXPECT_THAT(findings("clustering: []"), ElementsAre(HasSubstr("1 to 4 items")));
  EXPECT_THAT(findings("clustering: id"), ElementsAre(HasSubstr("expected a list")));
}

TEST(Load, ChecksFunctions) {
  const std::string base = WithTable("{name: a, type: INT64}") +
                           "      dead_letters: {schema: [{name: a, type: INT64}]}\n";
  EXPECT_THAT(FindingsOf(base), ElementsAre(HasSubstr("dead_letters is reserved")));
  const std::string good =
      WithTable("{name: a, type: INT64}") + "topics: {Data: {}, Other: {}}\nfunctions:\n";
  auto findings = [&](const std::string& function) { return FindingsOf(good + function); };
  EXPECT_THAT(findings("  f: {topic: Data, table: d.t}"), ElementsAre());
  EXPECT_THAT(findings("  f: {topic: Data, table: d.t}\n  g: {topic: Data, table: d.t}"),
              ElementsAre(HasSubstr("d.t is fed by function f already")));
  EXPECT_THAT(findings("  f: {topic: Data, table: d.tt}"),
              ElementsAre(HasSubstr("there is no table \"d.tt\" in datasets; did you mean d.t?")));
  EXPECT_THAT(findings("  f: {topic: Data, table: t}"),
              ElementsAre(HasSubstr("expected dataset.table")));
  EXPECT_THAT(findings("  f: {topic: Data}"),
              ElementsAre(HasSubstr("functions.f: table is missing")));
  EXPECT_THAT(findings("  f: {table: d.t}"),
              ElementsAre(HasSubstr("functions.f.topic is missing")));
  EXPECT_THAT(findings("  f:"),
              ElementsAre(HasSubstr("topic is missing"), HasSubstr("table is missing")));
  EXPECT_THAT(findings("  f: {topic: Data, table: d.t, previous_name: e}\n  e: {removed: true}"),
              ElementsAre(HasSubstr("f.previous_name: there is a function \"e\" in functions")));
  EXPECT_THAT(findings("  f: {topic: Gone, table: gone.t, removed: true}"), ElementsAre());
  EXPECT_THAT(findings("  f: {topic: Data, table: d.t, filter: 'attributes.a = b'}"),
              ElementsAre(HasSubstr("filter: column 16: expected a text in double quotes")));
  EXPECT_THAT(findings("  f: {topic: Data, table: d.t, transform: {sql: nowhere.sql}}"),
              ElementsAre(HasSubstr("\"nowhere.sql\": there is no such file")));
  EXPECT_THAT(findings("  f: {topic: Data, table: d.t, transform: {}}"),
              ElementsAre(HasSubstr("expected one of sql")));
  EXPECT_THAT(findings("  f: {topic: Data, table: d.t, transform: {sql: functions}}"),
              ElementsAre(HasSubstr("this is not a file")));
  EXPECT_THAT(findings("  f: {topic: Data, table: d.t, transform: {sql: queries/empty.sql}}"),
              ElementsAre(HasSubstr("the file is empty")));
  EXPECT_THAT(findings("  f: {topic: Data, table: d.t, transform: {sql: queries/latin.sql}}"),
              ElementsAre(HasSubstr("not UTF-8")));
  EXPECT_THAT(findings("  f: {topic: Data, table: d.t, unknown_fields: ignore, transform: {sql: "
                       "functions/store.sql}}"),
              ElementsAre(HasSubstr("sql names its columns")));
  EXPECT_THAT(findings("  f: {topic: Data, table: d.t, unknown_fields: rejct}"),
              ElementsAre(HasSubstr("did you mean reject?")));
  EXPECT_THAT(findings("  f: {topic: Data, table: d.t, dead_letter_policy: {topic: Data}}"),
              ElementsAre(HasSubstr("would come back")));
  EXPECT_THAT(findings("  f: {topic: Data, table: d.t, dead_letter_policy: {topic: Othr}}"),
              ElementsAre(HasSubstr("did you mean Other?")));
  EXPECT_THAT(findings("  f: {topic: Data, table: d.t, dead_letter_policy: "
                       "{max_delivery_attempts: 4}}"),
              ElementsAre(HasSubstr("from 5 to 100")));
  EXPECT_THAT(findings("  f: {topic: Data, table: d.t, retry_policy: {minimum_backoff: 100s}}"),
              ElementsAre(HasSubstr("minimum_backoff is above maximum_backoff")));
  EXPECT_THAT(findings("  f: {topic: Data, table: d.t, retry_policy: {maximum_backoff: 601s}}"),
              ElementsAre(HasSubstr("600s at most")));
  EXPECT_THAT(findings("  \"f g\": {topic: Data, table: d.t}"),
              ElementsAre(HasSubstr("is not a function name")));
}

TEST(Load, ChecksEndpoints) {
  auto findings = [](const std::string& path, const std::string& parameters) {
    return FindingsOf(Base("endpoints:\n  \"" + path +
                           "\": {sql: queries/app_info.sql, parameters: {" + parameters + "}}"));
  };
  EXPECT_THAT(findings("/a/{b}", "b: INT64, c: DATE"), ElementsAre());
  EXPECT_THAT(findings("/a/{b}", "c: INT64"),
              ElementsAre(HasSubstr("3:3: endpoints./a/{b}: path parameter b has no type")));
  EXPECT_THAT(findings("/a/{b}", ""), ElementsAre(HasSubstr("has no type in parameters")));
  EXPECT_THAT(findings("/a/{b}", "b: INT46"), ElementsAre(HasSubstr("did you mean INT64?")));
  EXPECT_THAT(findings("/a", "b: \"ARRAY<INT64>\""), ElementsAre());
  EXPECT_THAT(findings("/a/{b}", "b: \"ARRAY<INT64>\""),
              ElementsAre(HasSubstr("b cannot stand in the path")));
  EXPECT_THAT(findings("/a", "b: \"STRUCT<c INT64>\""), ElementsAre(HasSubstr("no text")));
  EXPECT_THAT(findings("/a", "b: 1"),
              ElementsAre(HasSubstr("found the number 1"), HasSubstr("unknown type 1")));
  EXPECT_THAT(findings("/a", "b: INT64, B: INT64"), ElementsAre(HasSubstr("occurs twice")));
  EXPECT_THAT(findings("a", ""), ElementsAre(HasSubstr("column 1: a path starts with /")));
  EXPECT_THAT(findings("/a/", ""), ElementsAre(HasSubstr("no / at its end")));
  EXPECT_THAT(findings("/a//b", ""), ElementsAre(HasSubstr("empty segment")));
  EXPECT_THAT(findings("/a/../b", ""), ElementsAre(HasSubstr("no . or .. segment")));
  EXPECT_THAT(findings("/{a}{b}", "a: INT64, b: INT64"), ElementsAre(HasSubstr("text between")));
  EXPECT_THAT(findings("/{a}/{A}", "a: INT64"), ElementsAre(HasSubstr("occurs twice")));
  EXPECT_THAT(findings("/{a", "a: INT64"), ElementsAre(HasSubstr("column 2: this { has no }")));
  EXPECT_THAT(findings("/{}", ""), ElementsAre(HasSubstr("expected a parameter name")));
  EXPECT_THAT(findings("/a?b=1", ""), ElementsAre(HasSubstr("cannot hold")));
  EXPECT_THAT(findings("/ñ", ""), ElementsAre(HasSubstr("cannot hold")));
  EXPECT_THAT(findings("/health", ""), ElementsAre(HasSubstr("answered by Afluente itself")));
  EXPECT_THAT(FindingsOf(Base("endpoints:\n  \"/a/{b}\": {sql: queries/app_info.sql, parameters: "
                              "{b: INT64}}\n  \"/a/{c}\": {sql: queries/app_info.sql, parameters: "
                              "{c: INT64}}")),
              ElementsAre(HasSubstr("/a/{c} matches the same paths as /a/{b}")));
  EXPECT_THAT(FindingsOf(Base("endpoints:\n  /a: {}")), ElementsAre(HasSubstr("sql is missing")));
}

TEST(Load, FindsDuplicateKeysAtEveryLevel) {
  EXPECT_THAT(FindingsOf("project: demo-project\nproject: demo-project\n"),
              ElementsAre("2:1: duplicate key \"project\"; the first is at line 1"));
  EXPECT_THAT(FindingsOf(Base("topics:\n  Data: {}\n  Data: {}\n")),
              ElementsAre(HasSubstr("4:3: duplicate key \"Data\"")));
}

TEST(Load, BoundsHostileFiles) {
  EXPECT_THAT(FindingsOf("a: &x 1\n"), ElementsAre(HasSubstr("anchors")));
  EXPECT_THAT(FindingsOf("a: &x [1]\nb: [*x, *x]\n"), ElementsAre(HasSubstr("anchors")));
  EXPECT_THAT(FindingsOf("a: !!python/object x\n"), ElementsAre(HasSubstr("tags")));
  EXPECT_THAT(FindingsOf("a: 1\n---\nb: 2\n"), ElementsAre(HasSubstr("only one YAML document")));
  EXPECT_THAT(FindingsOf("? [a]\n: 1\n"), ElementsAre(HasSubstr("a key must be a text")));
  EXPECT_THAT(FindingsOf("a: [1\n"), ElementsAre(HasSubstr("YAML: ")));
  EXPECT_THAT(FindingsOf("a: \xFF\n"), ElementsAre("1:1: the file is not UTF-8 text"));
  EXPECT_THAT(FindingsOf(std::string_view("a: \0", 4)), ElementsAre(HasSubstr("UTF-8")));
  EXPECT_THAT(FindingsOf(std::string(70, '[') + std::string(70, ']')),
              ElementsAre(HasSubstr("deeper than 64")));
  EXPECT_FALSE(FindingsOf(std::string(100'000, '[')).empty());
  EXPECT_FALSE(FindingsOf(std::string(100'000, '{')).empty());
  EXPECT_THAT(FindingsOf(std::string(2 << 20, 'a')), ElementsAre(HasSubstr("more than 1048576")));
  std::string many = "project: demo-project\n";
  for (int i = 0; i < 300; ++i) many += "unknown" + std::to_string(i) + ": 1\n";
  std::vector<std::string> lines = FindingsOf(many);
  EXPECT_EQ(lines.size(), 101u);
  EXPECT_THAT(lines.back(), HasSubstr("and 200 more findings"));
}

TEST(Load, NamesFilesThatCannotBeRead) {
  ScratchDirectory directory;
  EXPECT_THAT(std::string(Load(directory.path() + "/none.yaml").status().message()),
              HasSubstr("none.yaml:1:1: there is no such file"));
  EXPECT_THAT(std::string(Load(directory.path()).status().message()), HasSubstr("not a file"));
}

TEST(DescribeLimits, ShowsEachWithItsDefault) {
  Limits limits;
  limits.memory_bytes = uint64_t{512} << 20;
  std::string text = DescribeLimits(limits);
  EXPECT_THAT(text, HasSubstr("memory          512Mi"));
  EXPECT_THAT(text, HasSubstr("(default 2Gi)"));
  EXPECT_THAT(text, HasSubstr("request_bytes   10Mi"));
}

}  // namespace
}  // namespace afluente::spec
