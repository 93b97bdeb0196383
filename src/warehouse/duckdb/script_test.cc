// Scripts, routines and what they leave behind.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "warehouse/conformance.h"
#include "warehouse/duckdb/test_database.h"
#include "warehouse/javascript.h"

namespace afluente::warehouse::duckdb {
namespace {

using ::testing::HasSubstr;

// Answers every call with its arguments.
class EchoJavaScript final : public JavaScriptFunctions {
 public:
  absl::StatusOr<std::string> Call(std::string_view code, std::string_view arguments) override {
    if (code.find("throw") != std::string_view::npos) {
      return absl::InvalidArgumentError("Error: boom (line 2 column 7)");
    }
    return std::string(arguments.substr(1, arguments.size() - 2));
  }
};

class ScriptTest : public ::testing::Test {
 protected:
  ScriptTest() : database_(WithJavaScript()) {
    EXPECT_TRUE(database_.catalog().EnsureDataset("p", "d").ok());
  }

  static DuckdbOptions WithJavaScript() {
    DuckdbOptions options;
    options.javascript = std::make_shared<EchoJavaScript>();
    return options;
  }

  absl::StatusOr<Rows> Run(const std::string& sql, const std::vector<Parameter>& parameters = {}) {
    auto stream = database_.warehouse().Query({sql, "p", "d"}, parameters, {});
    if (!stream.ok()) return stream.status();
    return ReadAll(**stream);
  }
  // The first value of the last result.
  schema::Value One(const std::string& sql) {
    absl::StatusOr<Rows> rows = Run(sql);
    EXPECT_TRUE(rows.ok()) << sql << ": " << rows.status();
    if (!rows.ok() || rows->empty()) return schema::Value();
    return (*rows)[0][0];
  }
  std::string Error(const std::string& sql) {
    absl::StatusOr<Rows> rows = Run(sql);
    EXPECT_FALSE(rows.ok()) << sql;
    return std::string(rows.status().message());
  }

  TestDatabase database_;
};

TEST_F(ScriptTest, LoopsCountAndStop) {
  EXPECT_EQ(One("DECLARE i, n INT64 DEFAULT 0; WHILE TRUE DO SET i = i + 1; IF i > 5 THEN BREAK; "
                "ELSEIF MOD(i, 2) = 0 THEN CONTINUE; END IF; SET n = n + i; END WHILE; SELECT n"),
            Int(9));
  EXPECT_EQ(One("DECLARE i INT64 DEFAULT 0; outer_one: LOOP LOOP SET i = i + 1; LEAVE outer_one; "
                "END LOOP; END LOOP outer_one; SELECT i"),
            Int(1));
  EXPECT_EQ(One("DECLARE i INT64 DEFAULT 0; REPEAT SET i = i + 2; UNTIL i >= 5 END REPEAT; "
                "CASE i WHEN 6 THEN SELECT 'six'; ELSE SELECT 'other'; END CASE"),
            Text("six"));
  EXPECT_EQ(One("DECLARE s INT64 DEFAULT 0; FOR r IN (SELECT x, x * 2 AS y FROM UNNEST([1, 2]) x) "
                "DO SET s = s + r.x * r.y; END FOR; SELECT s"),
            Int(10));
}

TEST_F(ScriptTest, BlocksHideAndErrorsAreCaught) {
  EXPECT_EQ(One("DECLARE x INT64 DEFAULT 1; BEGIN DECLARE x INT64 DEFAULT 2; SET x = 3; END; "
                "SELECT x"),
            Int(1));
  EXPECT_EQ(One("BEGIN SELECT 1 / 0; EXCEPTION WHEN ERROR THEN SELECT @@error.message; END"),
            Text("division by zero: 1 / 0"));
  EXPECT_EQ(Error("BEGIN RAISE USING MESSAGE = 'mine'; EXCEPTION WHEN ERROR THEN RAISE; END"),
            "mine");
  EXPECT_EQ(Error("SELECT 1; SET y = 1"), "Undeclared variable: y at [1:11]");
  EXPECT_EQ(Error("SELECT 1; DECLARE y INT64"),
            "Variable declarations are allowed only at the start of a block or script at [1:11]");
  EXPECT_EQ(Error("ASSERT 1 = 2 AS 'not so'; SELECT 1"), "not so at [1:1]");
  EXPECT_THAT(Error("SELECT 1; BREAK"), HasSubstr("only allowed inside of a loop body"));
}

TEST_F(ScriptTest, TransactionsCommitOrLeaveNothing) {
  ASSERT_TRUE(Run("CREATE TABLE d.t (id INT64)").ok());
  EXPECT_EQ(One("BEGIN TRANSACTION; INSERT INTO d.t VALUES (1); SELECT COUNT(*) FROM d.t; COMMIT"),
            Int(1));
  ASSERT_TRUE(Run("BEGIN TRANSACTION; INSERT INTO d.t VALUES (2); ROLLBACK").ok());
  EXPECT_EQ(One("SELECT COUNT(*) FROM d.t"), Int(1));
  EXPECT_FALSE(
      Run("BEGIN TRANSACTION; INSERT INTO d.t VALUES (3); SELECT ERROR('x'); COMMIT").ok());
  EXPECT_EQ(One("SELECT COUNT(*) FROM d.t"), Int(1));
  // What the script leaves open is rolled back.
  ASSERT_TRUE(Run("BEGIN TRANSACTION; INSERT INTO d.t VALUES (4)").ok());
  EXPECT_EQ(One("SELECT COUNT(*) FROM d.t"), Int(1));
  EXPECT_THAT(Error("COMMIT"), HasSubstr("no transaction"));
}

TEST_F(ScriptTest, RoutinesOutliveTheProcess) {
  ASSERT_TRUE(Run("CREATE FUNCTION d.plus(x INT64, y INT64) RETURNS INT64 AS (x + y)").ok());
  ASSERT_TRUE(Run("CREATE TABLE FUNCTION d.upto(n INT64) AS SELECT v FROM "
                  "UNNEST(GENERATE_ARRAY(1, n)) AS v")
                  .ok());
  ASSERT_TRUE(
      Run("CREATE PROCEDURE d.twice(IN a INT64, OUT b INT64) BEGIN SET b = a * 2; END").ok());
  database_.Reopen();
  EXPECT_EQ(One("SELECT d.plus(SUM(v), 1) FROM d.upto(3)"), Int(7));
  EXPECT_EQ(One("DECLARE r INT64; CALL d.twice(21, r); SELECT r"), Int(42));
  EXPECT_EQ(One("SELECT COUNT(*) FROM d.INFORMATION_SCHEMA.ROUTINES"), Int(3));
  EXPECT_THAT(Error("CREATE FUNCTION d.plus(x INT64) AS (x)"), HasSubstr("Already Exists"));
  EXPECT_THAT(Error("SELECT d.plus(1)"), HasSubstr("No matching signature"));
  ASSERT_TRUE(Run("DROP FUNCTION d.plus").ok());
  EXPECT_EQ(Error("SELECT d.plus(1, 2)"), "Function not found: d.plus at [1:8]");
}

TEST_F(ScriptTest, FunctionsSeeTheirArgumentsOnly) {
  EXPECT_EQ(One("CREATE TEMP FUNCTION f(x INT64) AS (x + 1); SELECT f(f(x)) FROM UNNEST([5]) AS x"),
            Int(7));
  EXPECT_THAT(Error("CREATE TEMP FUNCTION f(x INT64) AS (y); SELECT f(1)"),
              HasSubstr("Unrecognized name: y"));
  EXPECT_EQ(One("CREATE TEMP FUNCTION g(a ANY TYPE) AS ((SELECT MAX(v) FROM UNNEST(a) AS v)); "
                "SELECT g([1, 9, 4])"),
            Int(9));
}

TEST_F(ScriptTest, JavaScriptGetsIntegersAsText) {
  EXPECT_EQ(One("CREATE TEMP FUNCTION j(x INT64) RETURNS STRING LANGUAGE js AS 'return x'; "
                "SELECT j(41)"),
            Text("41"));
  EXPECT_EQ(Error("CREATE TEMP FUNCTION j(x INT64) RETURNS STRING LANGUAGE js AS 'throw 1'; "
                  "SELECT j(41)"),
            "Error: boom at j(INT64) line 1, column 7");
}

TEST_F(ScriptTest, TemporaryTablesGoWithTheirScript) {
  EXPECT_EQ(One("CREATE TEMP TABLE x AS SELECT 5 AS n; INSERT INTO x VALUES (6); SELECT SUM(n) "
                "FROM x"),
            Int(11));
  EXPECT_THAT(Error("SELECT * FROM x"), HasSubstr("Not found: Table p:d.x"));
  EXPECT_EQ(*database_.catalog().ListDatasets("p"), std::vector<std::string>{"d"});
}

TEST_F(ScriptTest, DynamicStatementsTakeAndGiveValues) {
  EXPECT_EQ(One("DECLARE y INT64; EXECUTE IMMEDIATE 'SELECT ? * @k' INTO y USING 6, 7 AS k; "
                "SELECT y"),
            Int(42));
  EXPECT_THAT(Error("EXECUTE IMMEDIATE 'SELECT 1; SELECT 2'"), HasSubstr("one statement"));
}

TEST_F(ScriptTest, EndlessScriptsEnd) {
  QueryLimits limits;
  limits.timeout = std::chrono::milliseconds(200);
  auto stream = database_.warehouse().Query({"LOOP SELECT 1; END LOOP", "p", "d"}, {}, limits);
  EXPECT_EQ(stream.status().code(), absl::StatusCode::kDeadlineExceeded) << stream.status();
  std::string deep;
  for (int i = 0; i < 5000; ++i) deep += "BEGIN ";
  EXPECT_THAT(Error(deep), HasSubstr("too deeply nested"));
}

TEST_F(ScriptTest, FunctionsCannotGrowWithoutBound) {
  std::string script = "CREATE TEMP FUNCTION f0(x INT64) AS ((SELECT x + x)); ";
  for (int i = 1; i < 16; ++i) {
    script += "CREATE TEMP FUNCTION f" + std::to_string(i) + "(x INT64) AS (f" +
              std::to_string(i - 1) + "(x) + f" + std::to_string(i - 1) + "(x)); ";
  }
  EXPECT_THAT(Error(script + "SELECT f15(1)"), HasSubstr("too complex"));
  EXPECT_THAT(Error("SET threads = 1"), HasSubstr("Undeclared variable: threads"));
  EXPECT_THAT(Error("CALL pragma_version()"), HasSubstr("Not found: Procedure"));
}

TEST_F(ScriptTest, PositionalParametersGoByPlace) {
  const schema::Type number{schema::TypeKind::kInt64, {}};
  absl::StatusOr<Rows> rows = Run("SELECT ? - ?", {{"", number, Int(50)}, {"", number, Int(8)}});
  ASSERT_TRUE(rows.ok()) << rows.status();
  EXPECT_EQ((*rows)[0][0], Int(42));
  EXPECT_FALSE(Run("SELECT ?").ok());
}

TEST_F(ScriptTest, PartitionFiltersAreDemanded) {
  ASSERT_TRUE(Run("CREATE TABLE d.f (day DATE, n INT64) PARTITION BY day "
                  "OPTIONS(require_partition_filter=TRUE)")
                  .ok());
  ASSERT_TRUE(Run("INSERT INTO d.f VALUES (DATE '2024-01-01', 1)").ok());
  EXPECT_THAT(Error("SELECT n FROM d.f"), HasSubstr("without a filter over column(s) 'day'"));
  EXPECT_EQ(One("SELECT n FROM d.f WHERE day = '2024-01-01'"), Int(1));
}

}  // namespace
}  // namespace afluente::warehouse::duckdb
