#include <gtest/gtest.h>

#include "warehouse/conformance.h"
#include "warehouse/duckdb/test_database.h"
#include "warehouse/key_column.h"

namespace afluente::warehouse::duckdb {
namespace {

TableSchema Keyed() {
  TableSchema table;
  table.name = {"proj", "ds", "keyed"};
  table.columns = {Required("k", Scalar(schema::TypeKind::kString)),
                   Nullable("n", Scalar(schema::TypeKind::kInt64))};
  table.clustering = {"k"};
  return table;
}

class KeyIndexTest : public testing::Test {
 protected:
  KeyIndexTest() {
    EXPECT_TRUE(database_.catalog().EnsureDataset("proj", "ds").ok());
    EXPECT_TRUE(database_.catalog().EnsureTable(Keyed()).ok());
    EXPECT_TRUE(Run("INSERT INTO keyed (k, n) SELECT CAST(MOD(i, 5000) AS STRING), i "
                    "FROM UNNEST(GENERATE_ARRAY(0, 9999)) AS i")
                    .ok());
    EXPECT_TRUE(Run("INSERT INTO keyed (k, n) VALUES ('7', NULL)").ok());
  }

  absl::Status Run(const std::string& sql) {
    return QueryRows(database_.warehouse(), sql).status();
  }

  // How many rows a lookup by key and number finds.
  int64_t Count(const std::string& condition) {
    const auto rows =
        QueryRows(database_.warehouse(), "SELECT COUNT(*) FROM keyed AS t WHERE " + condition,
                  {{"k", Scalar(schema::TypeKind::kString), Text("7")},
                   {"n", Scalar(schema::TypeKind::kInt64), Int(5007)}});
    EXPECT_TRUE(rows.ok()) << rows.status();
    return rows.ok() ? std::get<int64_t>((*rows)[0][0].data) : -1;
  }

  void CheckLookups() {
    EXPECT_EQ(Count("k = @k AND n = @n"), 1);
    EXPECT_EQ(Count("@n = t.n AND t.k = @k"), 1);
    EXPECT_EQ(Count("k = @k AND n = 8"), 0);
    EXPECT_EQ(Count("k = @k AND k = '8' AND n = @n"), 0);
    EXPECT_EQ(Count("k = @k AND (n = @n OR n IS NULL)"), 2);
    EXPECT_EQ(Count("k = @k AND n > @n - 5001"), 2);
    EXPECT_EQ(Count("NOT (k = @k AND n = @n)"), 9'999);
    EXPECT_EQ(Count("k = @k OR n = @n"), 3);
    EXPECT_EQ(Count("k = @k AND n = NULLIF(@n, 5007)"), 0);
  }

  TestDatabase database_;
};

TEST_F(KeyIndexTest, LookupsFindWhatScansDo) {
  CheckLookups();
  database_.Reopen();
  CheckLookups();
}

TEST_F(KeyIndexTest, ColumnsCanStillBeAltered) {
  TableSchema wider = Keyed();
  wider.columns[0].mode = schema::Mode::kNullable;
  wider.columns[1].type = Scalar(schema::TypeKind::kNumeric);
  wider.columns.push_back(Nullable("extra", Scalar(schema::TypeKind::kString)));
  wider.columns.push_back(Nullable("more", Scalar(schema::TypeKind::kString)));
  const absl::Status altered = database_.catalog().EnsureTable(wider);
  EXPECT_TRUE(altered.ok()) << altered;
  wider.clustering = {"extra"};
  EXPECT_TRUE(database_.catalog().EnsureTable(wider).ok());
  wider.clustering = {"k"};
  EXPECT_TRUE(database_.catalog().EnsureTable(wider).ok());
  EXPECT_EQ(Count("k = @k AND n = CAST(@n AS NUMERIC)"), 1);
  database_.Reopen();
  EXPECT_TRUE(Run("UPDATE keyed SET n = n + 1 WHERE k = '7'").ok());
  EXPECT_TRUE(Run("DELETE FROM keyed WHERE k = '8'").ok());
  EXPECT_EQ(Count("k = @k AND n = 5008"), 1);
  EXPECT_TRUE(database_.catalog().DropTable(wider.name).ok());
}

TEST(KeyColumn, IsTheFirstClusteringColumnThatComparesAsStored) {
  TableSchema table = Keyed();
  EXPECT_EQ(KeyColumn(table)->name, "k");
  table.columns[0].type = Scalar(schema::TypeKind::kBigNumeric);
  EXPECT_EQ(KeyColumn(table), nullptr);
  table.clustering.clear();
  EXPECT_EQ(KeyColumn(table), nullptr);
}

}  // namespace
}  // namespace afluente::warehouse::duckdb
