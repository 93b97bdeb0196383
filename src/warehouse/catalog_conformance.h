#pragma once

// The suite every Catalog passes. Included by one test of each engine's folder, which instantiates
// it with that engine's factory.

#include <gtest/gtest.h>

#include "warehouse/conformance.h"

namespace afluente::warehouse {

class CatalogConformance : public ::testing::TestWithParam<EngineFactory> {
 protected:
  void SetUp() override {
    engine_ = GetParam()();
    ASSERT_NE(engine_, nullptr);
    ASSERT_TRUE(catalog().EnsureDataset("proj", "ds").ok());
  }
  Catalog& catalog() { return engine_->catalog(); }
  Warehouse& warehouse() { return engine_->warehouse(); }

  static TableSchema Table(std::vector<schema::Column> columns) {
    TableSchema table;
    table.name = {"proj", "ds", "t"};
    table.columns = std::move(columns);
    return table;
  }

  std::unique_ptr<EngineUnderTest> engine_;
};

using schema::TypeKind;

TEST_P(CatalogConformance, DatasetsAreCaseSensitiveAndListed) {
  EXPECT_TRUE(catalog().EnsureDataset("proj", "ds").ok());
  EXPECT_TRUE(catalog().EnsureDataset("other", "ds2").ok());
  EXPECT_TRUE(catalog().HasDataset("proj", "ds"));
  EXPECT_FALSE(catalog().HasDataset("proj", "DS"));
  EXPECT_FALSE(catalog().HasDataset("proj", "ds2"));
  EXPECT_EQ(*catalog().ListDatasets("other"), std::vector<std::string>{"ds2"});
  EXPECT_TRUE(catalog().ListDatasets("nobody")->empty());
}

TEST_P(CatalogConformance, BadDatasetNamesAreRefused) {
  for (std::string name : {"", "a b", "a.b", "a\"b", "a'; DROP TABLE x", "naïve"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(catalog().EnsureDataset("proj", name))) << name;
  }
}

TEST_P(CatalogConformance, ATableIsFoundAsItWasGivenAndAfterARestart) {
  TableSchema table =
      Table({Required("id", Scalar(TypeKind::kInt64)), Nullable("at", Scalar(TypeKind::kDate))});
  table.columns[0].description = "the \"key\"";
  table.partitioning = {PartitionUnit::kDay, "at"};
  table.clustering = {"id"};
  table.description = "rows; of 'things'";
  ASSERT_TRUE(catalog().EnsureTable(table).ok());
  for (int round = 0; round < 2; ++round) {
    std::optional<TableSchema> found = catalog().FindTable(table.name);
    ASSERT_TRUE(found.has_value());
    EXPECT_EQ(found->columns, table.columns);
    EXPECT_EQ(found->partitioning, table.partitioning);
    EXPECT_EQ(found->clustering, table.clustering);
    EXPECT_EQ(found->description, table.description);
    EXPECT_FALSE(found->function_fed);
    EXPECT_EQ(catalog().ListTables("proj", "ds")->size(), 1u);
    engine_->Restart();
  }
  EXPECT_FALSE(catalog().FindTable({"proj", "ds", "T"}).has_value());
}

TEST_P(CatalogConformance, AFedTableHasTheMessageColumns) {
  TableSchema table = Table({Nullable("a", Scalar(TypeKind::kInt64))});
  table.function_fed = true;
  ASSERT_TRUE(catalog().EnsureTable(table).ok());
  ASSERT_TRUE(catalog().EnsureTable(table).ok());
  std::optional<TableSchema> found = catalog().FindTable(table.name);
  ASSERT_TRUE(found.has_value());
  ASSERT_EQ(found->columns.size(), 3u);
  EXPECT_EQ(found->columns[1].name, "_message_id");
  EXPECT_EQ(found->columns[1].type, Scalar(TypeKind::kString));
  EXPECT_EQ(found->columns[2].name, "_message_row");
  EXPECT_EQ(found->columns[2].type, Scalar(TypeKind::kInt64));
  // What was found may be given back.
  EXPECT_TRUE(catalog().EnsureTable(*found).ok());
  EXPECT_EQ(catalog().FindTable(table.name)->columns.size(), 3u);
}

TEST_P(CatalogConformance, AllowedAlterationsKeepTheRows) {
  TableSchema table =
      Table({Required("n", Scalar(TypeKind::kInt64)), Nullable("d", Scalar(TypeKind::kNumeric)),
             Nullable("b", Scalar(TypeKind::kInt64))});
  ASSERT_TRUE(catalog().EnsureTable(table).ok());
  ASSERT_TRUE(
      QueryRows(warehouse(), "INSERT INTO ds.t (n, d, b) VALUES (7, NUMERIC '1.5', -3)").ok());
  table.columns[0] = Nullable("n", Scalar(TypeKind::kNumeric));
  table.columns[1].type = Scalar(TypeKind::kBigNumeric);
  table.columns[2].type = Scalar(TypeKind::kFloat64);
  table.columns.push_back(Nullable("later", schema::Type::Array(Scalar(TypeKind::kString))));
  table.description = "now described";
  absl::Status altered = catalog().EnsureTable(table);
  ASSERT_TRUE(altered.ok()) << altered;
  EXPECT_EQ(catalog().FindTable(table.name)->columns, table.columns);
  absl::StatusOr<Rows> rows = QueryRows(warehouse(), "SELECT n, d, b, later FROM ds.t");
  ASSERT_TRUE(rows.ok()) << rows.status();
  ASSERT_EQ(rows->size(), 1u);
  EXPECT_EQ((*rows)[0][0], Text("7"));
  EXPECT_EQ((*rows)[0][1], Text("1.5"));
  EXPECT_EQ((*rows)[0][2], schema::Value(-3.0));
  EXPECT_TRUE(QueryRows(warehouse(), "INSERT INTO ds.t (d) VALUES (NULL)").ok());
}

TEST_P(CatalogConformance, OtherAlterationsAreRefusedByColumn) {
  TableSchema table =
      Table({Nullable("a", Scalar(TypeKind::kInt64)), Nullable("b", Scalar(TypeKind::kString))});
  ASSERT_TRUE(catalog().EnsureTable(table).ok());
  auto refused = [&](TableSchema changed, const std::string& named) {
    absl::Status status = catalog().EnsureTable(changed);
    EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
    EXPECT_NE(std::string(status.message()).find(named), std::string::npos) << status;
  };
  TableSchema changed = table;
  changed.columns[1].type = Scalar(TypeKind::kInt64);
  refused(changed, "column b");
  changed = table;
  changed.columns.pop_back();
  refused(changed, "column b");
  changed = table;
  changed.columns[0].mode = schema::Mode::kRequired;
  refused(changed, "column a");
  changed = table;
  changed.columns.push_back(Required("c", Scalar(TypeKind::kInt64)));
  refused(changed, "column c");
  changed = table;
  changed.partitioning = {PartitionUnit::kDay, ""};
  refused(changed, "partitioning");
  EXPECT_EQ(catalog().FindTable(table.name)->columns, table.columns);
}

TEST_P(CatalogConformance, BadTablesAreRefused) {
  auto invalid = [&](TableSchema table) {
    EXPECT_TRUE(absl::IsInvalidArgument(catalog().EnsureTable(table)));
    EXPECT_FALSE(catalog().FindTable(table.name).has_value());
  };
  invalid(Table({}));
  invalid(Table({Nullable("a", Scalar(TypeKind::kInt64)), Nullable("A", Scalar(TypeKind::kDate))}));
  invalid(Table({Nullable("a\"b", Scalar(TypeKind::kInt64))}));
  invalid(Table({Nullable("", Scalar(TypeKind::kInt64))}));
  invalid(
      Table({Nullable("a", schema::Type::Array(schema::Type::Array(Scalar(TypeKind::kInt64))))}));
  invalid(Table({Nullable("a", schema::Type::Struct({}))}));
  TableSchema table = Table({Nullable("a", Scalar(TypeKind::kInt64))});
  table.clustering = {"nope"};
  invalid(table);
  table.clustering.clear();
  table.name.table = "bad`name";
  invalid(table);
  table.name = {"proj", "missing", "t"};
  EXPECT_TRUE(absl::IsNotFound(catalog().EnsureTable(table)));
}

TEST_P(CatalogConformance, ADroppedTableIsGoneAndItsVersionNeverReturns) {
  TableSchema table = Table({Nullable("a", Scalar(TypeKind::kInt64))});
  ASSERT_TRUE(catalog().EnsureTable(table).ok());
  uint64_t first = warehouse().Versions({table.name})->at(0).version;
  ASSERT_TRUE(catalog().DropTable(table.name).ok());
  EXPECT_TRUE(absl::IsNotFound(catalog().DropTable(table.name)));
  EXPECT_FALSE(catalog().FindTable(table.name).has_value());
  EXPECT_TRUE(absl::IsNotFound(QueryRows(warehouse(), "SELECT * FROM ds.t").status()));
  EXPECT_TRUE(absl::IsNotFound(warehouse().Versions({table.name}).status()));
  engine_->Restart();
  ASSERT_TRUE(catalog().EnsureTable(table).ok());
  EXPECT_GT(warehouse().Versions({table.name})->at(0).version, first);
}

}  // namespace afluente::warehouse
