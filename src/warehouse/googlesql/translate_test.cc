#include "warehouse/googlesql/translate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <random>
#include <set>
#include <string>

#include "warehouse/googlesql/function_table.h"
#include "warehouse/googlesql/runtime_macros.h"
#include "warehouse/googlesql/sample_catalog.h"

namespace afluente::warehouse::googlesql {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

absl::StatusOr<Translation> Attempt(std::string_view sql) {
  const SampleCatalog catalog;
  return Translate(sql, catalog, {"p", "d", {{"id", {schema::TypeKind::kInt64, {}}}}});
}

std::string Sql(std::string_view sql) {
  const absl::StatusOr<Translation> result = Attempt(sql);
  return result.ok() ? result->sql : result.status().ToString();
}

std::string Error(std::string_view sql) {
  const absl::StatusOr<Translation> result = Attempt(sql);
  return result.ok() ? "OK: " + result->sql : std::string(result.status().message());
}

TEST(TranslateTest, NamesTablesByProjectAndDataset) {
  EXPECT_EQ(Sql("SELECT id FROM p.d.t"), "SELECT t1.\"id\" AS \"id\" FROM \"p.d\".\"t\" AS t1");
  EXPECT_EQ(Sql("SELECT id FROM `p.d.t`"), Sql("SELECT id FROM d.t"));
  EXPECT_EQ(Sql("SELECT id FROM t"), Sql("SELECT id FROM `p`.`d`.`t`"));
}

TEST(TranslateTest, ListsWhatIsReadAndWritten) {
  const auto query = Attempt("SELECT 1 FROM t, u AS a, u AS b");
  ASSERT_TRUE(query.ok()) << query.status();
  EXPECT_EQ(query->tables_read.size(), 2u);
  const auto insert = Attempt("INSERT INTO d.u (id, w) SELECT id, name FROM d.t");
  ASSERT_TRUE(insert.ok()) << insert.status();
  ASSERT_EQ(insert->tables_written.size(), 1u);
  EXPECT_EQ(insert->tables_written[0].table, "u");
  EXPECT_EQ(insert->kind, StatementKind::kInsert);
}

TEST(TranslateTest, BindsEachParameterOnce) {
  const auto query = Attempt("SELECT @ID + @id AS a, @other AS b FROM t WHERE id = @id LIMIT @n");
  ASSERT_TRUE(query.ok()) << query.status();
  EXPECT_THAT(query->parameters, ElementsAre("ID", "other", "n"));
  EXPECT_THAT(query->sql, HasSubstr("t1.\"id\" = CAST($1 AS BIGINT)"));
  EXPECT_THAT(query->sql, HasSubstr("LIMIT $3"));
  EXPECT_THAT(Attempt("SELECT ?, @x, ?")->parameters, ElementsAre("?1", "x", "?2"));
}

TEST(TranslateTest, TellsWhatIsNotDeterministic) {
  EXPECT_TRUE(Attempt("SELECT UPPER(name) FROM t")->deterministic);
  for (const char* sql :
       {"SELECT RAND()", "SELECT GENERATE_UUID()", "SELECT CURRENT_DATE()",
        "SELECT CURRENT_TIMESTAMP", "SELECT 1 FROM t WHERE ts < CURRENT_TIMESTAMP()"}) {
    EXPECT_FALSE(Attempt(sql)->deterministic) << sql;
  }
}

TEST(TranslateTest, ErrorsNameLineAndColumn) {
  const std::pair<const char*, const char*> cases[] = {
      {"SELECT nope FROM t", "Unrecognized name: nope at [1:8]"},
      {"SELECT\n  x.nope FROM t AS x", "Name nope not found inside x at [2:5]"},
      {"SELECT id FROM t, u", "Column name id is ambiguous at [1:8]"},
      {"SELECT NOPE(1)", "Function not found: NOPE at [1:8]"},
      {"SELECT 1 FROM p.d.nope",
       "Not found: Table p:d.nope was not found in location US at [1:15]"},
      {"SELECT 'é', FROM", "Syntax error: Unexpected end of statement at [1:17]"},
      {"SELECT", "Syntax error: Unexpected end of statement at [1:7]"},
      {"SELECT 1 2", "Syntax error: Expected end of input but got integer literal \"2\" at [1:10]"},
      {"SELEC 1", "Syntax error: Unexpected identifier \"SELEC\" at [1:1]"},
      {"SELECT 'abc", "Syntax error: Unclosed string literal at [1:8]"},
      {"SELECT * FROM", "Syntax error: Unexpected end of statement at [1:14]"},
      {"SELECT 1 + 'a'", "Could not cast literal \"a\" to type DATE at [1:12]"},
      {"SELECT id = name FROM t",
       "No matching signature for operator = for argument types: INT64, STRING\n  Signature: T1 = "
       "T1\n    Unable to find common supertype for templated argument <T1>\n      Input types for "
       "<T1>: {INT64, STRING} at [1:11]"},
      {"SELECT s.zz FROM j", "Field name zz does not exist in STRUCT<a INT64, b STRING> at [1:10]"},
      {"SELECT ROW_NUMBER() FROM t",
       "Analytic function ROW_NUMBER cannot be called without an OVER clause at [1:8]"},
      {"CREATE TABLE d.n AS SELECT 1 AS a, 2 AS A",
       "Duplicate column names in the result are not supported. Found duplicate(s): A at [1:1]"},
      {"SELECT id FROM t UNION ALL SELECT id, w FROM u",
       "Queries in UNION ALL have mismatched column count; query 1 has 1 columns, query 2 has 2 "
       "columns at [1:28]"},
      {"DELETE FROM d.t", "DELETE must have a WHERE clause at [1:1]"},
      {"UPDATE d.t SET id = 1", "UPDATE must have a WHERE clause at [1:1]"},
      {"INSERT INTO d.u (id, w) VALUES ('x', 'y')",
       "Value of type STRING cannot be assigned to id, which has type INT64 at [1:33]"},
      {"INSERT INTO d.u (id, zz) VALUES (1, 2)",
       "Column zz is not present in table p.d.u at [1:17]"},
      {"INSERT INTO d.u VALUES (1)",
       "Inserted row has wrong column count; Has 1, expected 2 at [1:25]"},
      {"SELECT 99999999999999999999", "Invalid integer literal: 99999999999999999999 at [1:8]"},
  };
  for (const auto& [sql, message] : cases) EXPECT_EQ(Error(sql), message) << sql;
}

TEST(TranslateTest, BareNamesNeedADataset) {
  const SampleCatalog catalog;
  const auto result = Translate("SELECT * FROM x", catalog, {"p", "", {}});
  EXPECT_EQ(result.status().message(),
            "Table \"x\" must be qualified with a dataset (e.g. dataset.table). at [1:15]");
}

TEST(TranslateTest, StatusCodesTellWhatHappened) {
  EXPECT_EQ(Attempt("SELECT * FROM nope").status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(Attempt("SELECT *").status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(Attempt("ALTER TABLE d.t ADD CONSTRAINT x").status().code(),
            absl::StatusCode::kUnimplemented);
  EXPECT_EQ(Attempt("CREATE TABLE d.t (a INT64)").status().code(),
            absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(Attempt("CREATE TABLE nope.x (a INT64)").status().code(), absl::StatusCode::kNotFound);
}

TEST(TranslateTest, CreateTableGoesThroughTheCatalog) {
  const auto result = Attempt(
      "CREATE TABLE IF NOT EXISTS d.fresh (a INT64 NOT NULL OPTIONS(description='the a'), "
      "b ARRAY<STRUCT<x STRING, y ARRAY<DATE>>>, c TIMESTAMP) PARTITION BY "
      "TIMESTAMP_TRUNC(c, HOUR) CLUSTER BY a OPTIONS(description='fresh')");
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->sql, "");
  ASSERT_EQ(result->created.size(), 1u);
  const TableSchema& table = result->created[0];
  EXPECT_EQ(table.name.ToString(), "p.d.fresh");
  ASSERT_EQ(table.columns.size(), 3u);
  EXPECT_EQ(table.columns[0].mode, schema::Mode::kRequired);
  EXPECT_EQ(table.columns[0].description, "the a");
  EXPECT_EQ(table.columns[1].type.kind, schema::TypeKind::kArray);
  EXPECT_EQ(table.partitioning.unit, PartitionUnit::kHour);
  EXPECT_EQ(table.partitioning.field, "c");
  EXPECT_THAT(table.clustering, ElementsAre("a"));
  const auto again = Attempt("CREATE TABLE IF NOT EXISTS d.t (a INT64)");
  ASSERT_TRUE(again.ok());
  EXPECT_TRUE(again->created.empty());
}

// What must never reach DuckDB, however it is written.
TEST(TranslateTest, InjectionsAreRefused) {
  for (const char* sql : {
           "SELECT * FROM `/etc/passwd`",
           "SELECT * FROM 'data.csv'",
           "SELECT * FROM `data.parquet`",
           "SELECT * FROM `d`.`x.csv`",
           "SELECT * FROM `\"p.d\".\"t\"`",
           "SELECT * FROM d.`t\" AS x`",
           "SELECT * FROM read_csv('/etc/passwd')",
           "SELECT * FROM duckdb_settings()",
           "SELECT * FROM sqlite_master",
           "SELECT * FROM `duckdb_tables()`",
           "SELECT read_text('/etc/passwd')",
           "SELECT getenv('HOME')",
           "SELECT query('SELECT 1')",
           "SELECT current_setting('threads')",
           "SELECT nextval('s')",
           "SELECT gsql_substr('a', 1, 1, NULL)",
           "SELECT gsql_farm_fingerprint(b'a')",
           "PRAGMA database_list",
           "COPY d.t TO '/tmp/x'",
           "ATTACH 'x.db'",
           "INSTALL httpfs",
           "LOAD httpfs",
           "EXPORT DATABASE 'x'",
           "DETACH x",
           "USE x",
           "VACUUM",
           "CHECKPOINT",
           "DESCRIBE t",
           "SELECT * FROM (VALUES (1))",
           "VALUES (1)",
           "SELECT 1::INT64",
           "SELECT $1",
           "SELECT {'a': 1}",
           "SELECT [x FOR x IN [1]]",
           "SELECT * FROM t LIMIT (SELECT 1)",
           "SELECT COLUMNS('a')",
           "SELECT * FROM t POSITIONAL JOIN u",
           "SELECT * FROM t ASOF JOIN u",
           "SELECT rowid FROM t",
           "SELECT t1.id FROM t",
           "SELECT id FROM main.t",
           "CREATE MACRO f(a) AS a",
           "CREATE SECRET x (TYPE s3)",
           "DROP DATABASE x",
           "INSERT INTO d.nope VALUES (1)",
           "UPDATE `x.csv` SET a = 1 WHERE TRUE",
           "SELECT DATE_TRUNC(day, 'month') FROM t",
           "SELECT EXTRACT(epoch FROM ts) FROM t",
           "SELECT JSON_VALUE(doc, '$.a''; DROP') FROM j WHERE doc.`a\" b` IS NULL AND x",
       }) {
    EXPECT_FALSE(Attempt(sql).ok()) << sql << " -> " << Sql(sql);
  }
}

TEST(TranslateTest, WhatIsNoStatementOfSqlIsAScript) {
  for (const char* sql : {"SET threads = 1", "CALL pragma_version()", "SELECT 1; SELECT 2"}) {
    ASSERT_TRUE(Attempt(sql).ok()) << sql;
    EXPECT_EQ(Attempt(sql)->kind, StatementKind::kScript) << sql;
    EXPECT_EQ(Attempt(sql)->sql, "") << sql;
  }
}

TEST(TranslateTest, PipesAndPivotsAreSelects) {
  EXPECT_EQ(Sql("FROM u |> WHERE id > 1 |> SELECT w"), Sql("SELECT w FROM u WHERE id > 1"));
  EXPECT_THAT(Sql("SELECT * FROM u PIVOT (COUNT(*) FOR w IN ('a' AS x))"),
              HasSubstr("FILTER (WHERE"));
  EXPECT_THAT(Error("FROM u |> FROB x"), HasSubstr("Unexpected identifier \"FROB\""));
  EXPECT_THAT(Error("SELECT HLL_COUNT.INIT(id) FROM u"), HasSubstr("is not supported"));
  EXPECT_THAT(Error("SELECT ST_AREA(id) FROM u"), HasSubstr("is not supported"));
}

TEST(TranslateTest, TextCannotLeaveItsQuotes) {
  EXPECT_THAT(Sql("SELECT 'it\\'s; DROP TABLE t --'"), HasSubstr("'it''s; DROP TABLE t --'"));
  EXPECT_THAT(Sql("SELECT 1 AS `a\"; DROP TABLE t; --`"), HasSubstr("\"a\"\"; DROP TABLE t; --\""));
  EXPECT_THAT(Sql("SELECT 'a\\0b'"), Not(HasSubstr(std::string(1, '\0'))));
  // A placeholder of the templates inside the user's own text stays text.
  EXPECT_THAT(Sql("SELECT JSON_QUERY_ARRAY(doc, '$.$2') FROM j"), HasSubstr("$.\"$2\"[*]"));
  EXPECT_THAT(Sql("SELECT TO_JSON_STRING(STRUCT(1 AS `$1`))"), HasSubstr("'$1'"));
  EXPECT_THAT(Sql("SELECT DATE_ADD(STRUCT(1 AS `$2`), INTERVAL LENGTH('\\\"; DROP') DAY)"),
              HasSubstr("STRUCT(\"$2\" BIGINT)"));
  EXPECT_THAT(Sql("SELECT FORMAT_DATE('$1 $E(x) %Y', day) FROM t"), HasSubstr("'$1 $E(x) %Y'"));
}

TEST(TranslateTest, DeepNestingIsRefusedNotFollowed) {
  auto repeat = [](std::string_view text, int n) {
    std::string out;
    for (int i = 0; i < n; ++i) out += text;
    return out;
  };
  for (int n : {50, 1000, 20000}) {
    for (const auto& [open, middle, close] : {std::array<std::string, 3>{"(", "1", ")"},
                                              {"ABS(", "1", ")"},
                                              {"[", "1", "]"},
                                              {"- ", "1", ""},
                                              {"NOT ", "TRUE", ""},
                                              {"CASE WHEN TRUE THEN ", "1", " END"},
                                              {"(SELECT ", "1", ")"},
                                              {"ARRAY(SELECT ", "1", ")"},
                                              {"STRUCT(", "1", ")"},
                                              {"CAST(", "1", " AS INT64)"},
                                              {"1 + (", "1", ")"},
                                              {"IF(TRUE, 1, ", "1", ")"}}) {
      const std::string sql = "SELECT " + repeat(open, n) + middle + repeat(close, n);
      const auto result = Attempt(sql);
      if (n > 50) {
        EXPECT_THAT(std::string(result.status().message()), HasSubstr("deeply nested")) << open;
      }
    }
    const std::string chain = "SELECT 1" + repeat(" + 1", n);
    if (n > 1000) {
      EXPECT_FALSE(Attempt(chain).ok());
    }
    EXPECT_TRUE(Attempt("SELECT TRUE" + repeat(" AND TRUE", std::min(n, 9'999))).ok());
    if (n > 50) {
      EXPECT_FALSE(Attempt("SELECT 1 FROM " + repeat("(", n) + "t" + repeat(")", n)).ok());
      EXPECT_FALSE(
          Attempt("SELECT CAST(NULL AS " + repeat("STRUCT<a ", n) + "INT64" + repeat(">", n) + ")")
              .ok());
    }
  }
}

TEST(TranslateTest, OutputGrowsWithTheStatement) {
  // Arguments that a template repeats would double at each level.
  std::string sql = "id";
  for (int i = 0; i < 60; ++i) sql = "SIGN(1 / " + sql + ")";
  const auto result = Attempt("SELECT " + sql + " FROM t");
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_LT(result->sql.size(), 100000u);
}

TEST(TranslateTest, LargeLiteralsAreTaken) {
  const std::string large(500'000, 'x');
  const auto result = Attempt("SELECT '" + large + "' AS a, LENGTH(b'" + large + "') AS b");
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_GT(result->sql.size(), size_t{1} << 20);
}

TEST(FunctionTableTest, NamesAndAritiesAreWellFormed) {
  std::set<std::pair<std::string, int>> seen;
  for (const Function& function : FunctionTable()) {
    EXPECT_TRUE(function.max_args == -1 || function.max_args >= function.min_args) << function.name;
    EXPECT_TRUE(!function.sql.empty() || function.emit != nullptr) << function.name;
    EXPECT_TRUE(seen.insert({std::string(function.name), function.min_args}).second)
        << function.name;
  }
  EXPECT_GT(seen.size(), 200u);
}

TEST(FunctionTableTest, EveryMacroThatIsEmittedIsDefined) {
  std::string defined;
  for (std::string_view macro : RuntimeMacros()) defined += std::string(macro) + "\n";
  for (const RuntimeFunction& f : RuntimeFunctions())
    defined += "MACRO " + std::string(f.name) + "(";
  for (const Function& function : FunctionTable()) {
    size_t at = 0;
    while ((at = function.sql.find("gsql_", at)) != std::string_view::npos) {
      const size_t end = function.sql.find('(', at);
      const std::string name(function.sql.substr(at, end - at));
      EXPECT_THAT(defined, HasSubstr("MACRO " + name + "(")) << function.name;
      at = end;
    }
  }
}

TEST(TransformTest, CarriesTheMessageThrough) {
  const auto result = TranslateTransform(
      "SELECT INT64(data.id) AS id, message_id, CURRENT_DATE() AS day FROM messages WHERE "
      "attributes.kind IS NOT NULL",
      "memory.batch");
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_THAT(result->columns, ElementsAre("id", "message_id", "day"));
  EXPECT_THAT(result->sql, HasSubstr("SELECT t1.\"message_index\" AS \"message_index\", "));
  EXPECT_THAT(result->sql, HasSubstr("FROM memory.batch AS t1 WHERE "));
  EXPECT_THAT(result->sql, HasSubstr("CAST((t1.\"publish_time\" AT TIME ZONE 'UTC') AS DATE)"));
  EXPECT_THAT(result->sql, Not(HasSubstr("now()")));
}

TEST(TransformTest, ParsesADocumentOnce) {
  const auto result = TranslateTransform(
      "SELECT JSON_VALUE(data, '$.a') AS a, JSON_VALUE(data, '$.b') AS b, JSON_VALUE(data, '$.a') "
      "AS again FROM messages",
      "batch");
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_THAT(result->sql,
              HasSubstr("FROM (SELECT *, json_extract_string(\"data\", ['$.\"a\"', '$.\"b\"']) "
                        "AS \"gsql_values\" FROM batch) AS t1"));
}

TEST(TransformTest, ArraysMakeRowsInOrder) {
  const auto result = TranslateTransform(
      "SELECT STRING(item.name) AS name FROM messages AS m, UNNEST(JSON_QUERY_ARRAY(m.data, "
      "'$.items')) AS item",
      "batch");
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_THAT(result->sql, HasSubstr("ORDER BY t1.\"message_index\", t2.\"o\""));
}

TEST(TransformTest, RefusesWhatIsNotRowWise) {
  const std::pair<const char*, const char*> cases[] = {
      {"SELECT COUNT(*) AS n FROM messages", "Aggregate function COUNT"},
      {"SELECT ROW_NUMBER() OVER () AS n FROM messages", "Analytic function ROW_NUMBER"},
      {"SELECT STRING_AGG(message_id) AS n FROM messages", "Aggregate function STRING_AGG"},
      {"SELECT SUM(1) OVER () AS n FROM messages", "Analytic function SUM"},
      {"SELECT DISTINCT message_id FROM messages", "DISTINCT"},
      {"SELECT message_id FROM messages LIMIT 1", "LIMIT"},
      {"SELECT message_id FROM messages ORDER BY 1", "ORDER BY"},
      {"SELECT message_id FROM messages GROUP BY 1", "GROUP BY"},
      {"SELECT message_id FROM messages QUALIFY TRUE", "QUALIFY"},
      {"SELECT message_id FROM messages UNION ALL SELECT 'a'", "set operation"},
      {"WITH x AS (SELECT 1 AS a) SELECT a FROM x", "WITH"},
      {"SELECT 1 AS a", "without FROM"},
      {"SELECT id FROM d.t", "FROM messages"},
      {"SELECT m.message_id FROM messages AS m, messages AS n", "Another table"},
      {"SELECT message_id FROM messages JOIN d.t ON TRUE", "messages only"},
      {"SELECT (SELECT MAX(message_id) FROM messages) AS m FROM messages", "messages only"},
      {"SELECT (SELECT id FROM d.t) AS m FROM messages", "messages only"},
      {"SELECT 1 AS a FROM messages JOIN t", "keyword ON"},
      {"SELECT RAND() AS r FROM messages", "RAND is refused"},
      {"SELECT GENERATE_UUID() AS r FROM messages", "GENERATE_UUID is refused"},
      {"SELECT @p AS r FROM messages", "no parameters"},
      {"SELECT 1 + 1 FROM messages", "needs a name"},
      {"SELECT 1 AS a, 2 AS A FROM messages", "Duplicate column name"},
      {"SELECT nope FROM messages", "Unrecognized name: nope at [1:8]"},
      {"DELETE FROM d.t WHERE TRUE", "no query"},
  };
  for (const auto& [sql, message] : cases) {
    const auto result = TranslateTransform(sql, "batch");
    EXPECT_EQ(result.status().code(), absl::StatusCode::kInvalidArgument) << sql;
    EXPECT_THAT(std::string(result.status().message()), HasSubstr(message)) << sql;
  }
}

}  // namespace
}  // namespace afluente::warehouse::googlesql
