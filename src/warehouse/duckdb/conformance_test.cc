#include <gtest/gtest.h>

#include "warehouse/catalog_conformance.h"
#include "warehouse/duckdb/test_database.h"
#include "warehouse/table_writer_conformance.h"
#include "warehouse/warehouse_conformance.h"

namespace afluente::warehouse {
namespace {

class DuckdbUnderTest final : public EngineUnderTest {
 public:
  Warehouse& warehouse() override { return database_.warehouse(); }
  Catalog& catalog() override { return database_.catalog(); }
  TableWriter& table_writer() override { return database_.table_writer(); }
  void Restart() override { database_.Reopen(); }

 private:
  duckdb::TestDatabase database_;
};

EngineFactory Duckdb() {
  return [] { return std::make_unique<DuckdbUnderTest>(); };
}

INSTANTIATE_TEST_SUITE_P(Duckdb, CatalogConformance, ::testing::Values(Duckdb()));
INSTANTIATE_TEST_SUITE_P(Duckdb, TableWriterConformance, ::testing::Values(Duckdb()));
INSTANTIATE_TEST_SUITE_P(Duckdb, WarehouseConformance, ::testing::Values(Duckdb()));

}  // namespace
}  // namespace afluente::warehouse
