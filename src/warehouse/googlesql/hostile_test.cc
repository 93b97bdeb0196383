// Text that nobody should send: truncations, flipped bytes, shuffled tokens. None may crash, and
// all errors are the caller's.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <random>

#include "warehouse/googlesql/corpus.h"
#include "warehouse/googlesql/lexer.h"
#include "warehouse/googlesql/sample_catalog.h"
#include "warehouse/googlesql/text.h"
#include "warehouse/googlesql/translate.h"

namespace afluente::warehouse::googlesql {
namespace {

constexpr const char* kStatements[] = {
    "MERGE d.u AS a USING (SELECT 8 AS id, 'x' AS w) AS b ON a.id = b.id WHEN MATCHED AND b.w = "
    "'x' "
    "THEN UPDATE SET w = b.w WHEN NOT MATCHED BY SOURCE THEN DELETE WHEN NOT MATCHED THEN INSERT "
    "ROW",
    "INSERT INTO d.u (id, w) VALUES (@a, DEFAULT), (2, UPPER(@b))",
    "CREATE OR REPLACE TABLE d.x (a INT64 NOT NULL, b STRUCT<c ARRAY<STRING>>) PARTITION BY "
    "DATE(a) CLUSTER BY a OPTIONS(description=\"d\")",
    "UPDATE d.t AS x SET name = u.w, v = NULL FROM d.u AS u WHERE u.id = x.id",
    "SELECT INT64(data.id) AS id, i AS item FROM messages AS m, UNNEST(JSON_VALUE_ARRAY(m.data, "
    "'$.a[0].b')) AS i WHERE attributes['k'] IS NOT NULL",
};

std::vector<std::string> Seeds() {
  std::vector<std::string> seeds(std::begin(kStatements), std::end(kStatements));
  for (const CorpusCase& item : ReadCorpus(GOOGLESQL_TESTDATA "/corpus.txt")) {
    seeds.push_back(item.sql);
  }
  return seeds;
}

void Try(const std::string& sql) {
  const SampleCatalog catalog;
  for (const absl::Status& status :
       {Translate(sql, catalog, {"p", "d", {}}).status(), TranslateTransform(sql, "x").status()}) {
    if (status.ok()) continue;
    ASSERT_TRUE(status.code() == absl::StatusCode::kInvalidArgument ||
                status.code() == absl::StatusCode::kUnimplemented ||
                status.code() == absl::StatusCode::kAlreadyExists ||
                status.code() == absl::StatusCode::kNotFound)
        << status << "\n"
        << sql;
  }
}

uint32_t Seed() {
  const char* given = std::getenv("AFLUENTE_SEED");
  const uint32_t seed =
      given != nullptr ? static_cast<uint32_t>(std::atoll(given)) : std::random_device()();
  std::fprintf(stderr, "AFLUENTE_SEED=%u\n", seed);
  return seed;
}

TEST(HostileTest, EveryCorpusStatementTranslates) {
  const std::vector<CorpusCase> corpus = ReadCorpus(GOOGLESQL_TESTDATA "/corpus.txt");
  ASSERT_GE(corpus.size(), 150u);
  const SampleCatalog catalog;
  for (const CorpusCase& item : corpus) {
    const auto result = Translate(item.sql, catalog, {"p", "d", {}});
    if (!item.error) {
      EXPECT_TRUE(result.ok()) << item.sql << "\n" << result.status();
    }
  }
}

TEST(HostileTest, TruncationsNeverCrash) {
  for (const std::string& seed : Seeds()) {
    for (size_t length = 0; length <= seed.size(); ++length) Try(seed.substr(0, length));
  }
}

TEST(HostileTest, FlippedBytesNeverCrash) {
  std::mt19937 random(Seed());
  const std::vector<std::string> seeds = Seeds();
  for (int round = 0; round < 4000; ++round) {
    std::string sql = seeds[random() % seeds.size()];
    const size_t flips = 1 + random() % 4;
    for (size_t i = 0; i < flips; ++i) {
      sql[random() % sql.size()] = static_cast<char>(random() % 256);
    }
    Try(sql);
  }
}

std::string Repeat(std::string_view head, std::string_view part, std::string_view separator,
                   size_t times, std::string_view tail = "") {
  std::string sql(head);
  for (size_t i = 0; i < times; ++i) {
    if (i > 0) sql += separator;
    sql += part;
  }
  return sql += tail;
}

TEST(HostileTest, WhatAStatementMayHoldIsBoundedByName) {
  struct Case {
    std::string within, beyond, message;
  };
  const auto cases = [](std::string_view head, std::string_view part, std::string_view separator,
                        size_t max, std::string_view tail, std::string_view message) {
    return Case{Repeat(head, part, separator, max, tail),
                Repeat(head, part, separator, max + 1, tail), Cat("more than ", max, " ", message)};
  };
  const SampleCatalog catalog;
  for (const Case& item : {
           cases("", "SELECT 1 AS x", " UNION ALL ", 1000, "", "SELECTs"),
           cases("SELECT ", "1", ",", 10'000, "", "columns in a SELECT list"),
           cases("SELECT ", "(SELECT 1)", ",", 200, "", "subqueries in expressions"),
           cases("SELECT ", "1 IN (SELECT 1)", ",", 200, "", "subqueries in expressions"),
           cases("SELECT ", "SUM(1) OVER ()", ",", 200, "", "windows"),
           cases("SELECT ", "TRUE", " AND ", 10'000, "", "operands in one chain"),
           cases("SELECT (", "1", ",", 1000, ")", "fields in a STRUCT"),
           cases("SELECT 1 AS x ORDER BY ", "x", ",", 1000, "", "ORDER BY keys"),
           cases("SELECT 1 AS x GROUP BY ", "x", ",", 1000, "", "GROUP BY keys"),
           cases("SELECT 1 AS x GROUP BY CUBE(", "x", ",", 12, ")", "columns in CUBE"),
           cases("SELECT 1 AS x FROM ", "UNNEST([1])", ",", 75, "", "tables in one FROM"),
           // The array and the 99,999 elements.
           Case{Repeat("SELECT [", "7", ",", 99'999, "]"),
                Repeat("SELECT [", "7", ",", 100'000, "]"), "more than 100000 expressions"},
           Case{Cat("SELECT '", std::string((1 << 20) - 9, 'x'), "'"),
                Cat("SELECT '", std::string((1 << 20) - 8, 'x'), "'"),
                "The maximum standard SQL query length is 1024.00K characters"},
       }) {
    const auto within = Translate(item.within, catalog, {"p", "d", {}});
    EXPECT_TRUE(within.ok()) << item.message << ": " << within.status();
    const auto beyond = Translate(item.beyond, catalog, {"p", "d", {}});
    EXPECT_EQ(beyond.status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(beyond.status().message()), testing::HasSubstr(item.message));
  }
}

TEST(HostileTest, ShuffledTokensNeverCrash) {
  std::mt19937 random(Seed());
  const std::vector<std::string> seeds = Seeds();
  std::vector<std::string> words;
  for (const std::string& seed : seeds) {
    const std::vector<Token> tokens = Tokenize(seed);
    for (const Token& token : tokens) words.push_back(seed.substr(token.at, token.end - token.at));
  }
  for (int round = 0; round < 4000; ++round) {
    const std::string& seed = seeds[random() % seeds.size()];
    std::string sql;
    for (const Token& token : Tokenize(seed)) {
      const uint32_t dice = random() % 20;
      if (dice == 0) continue;
      sql +=
          dice == 1 ? words[random() % words.size()] : seed.substr(token.at, token.end - token.at);
      sql += ' ';
    }
    Try(sql);
  }
}

}  // namespace
}  // namespace afluente::warehouse::googlesql
