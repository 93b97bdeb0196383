#pragma once

#include <stdlib.h>

#include <filesystem>
#include <memory>
#include <string>

#include "host/check.h"
#include "warehouse/duckdb/duckdb_database.h"

namespace afluente::warehouse::duckdb {

// A database in a directory of its own, removed at the end. For tests, one thread.
class TestDatabase {
 public:
  explicit TestDatabase(DuckdbOptions options = {}) : options_(std::move(options)) {
    std::string pattern = (std::filesystem::temp_directory_path() / "afluente_XXXXXX").string();
    AFLUENTE_CHECK(mkdtemp(pattern.data()) != nullptr);
    options_.directory = pattern;
    Reopen();
  }
  ~TestDatabase() {
    database_.reset();
    std::filesystem::remove_all(options_.directory);
  }

  void Reopen() {
    database_.reset();
    auto opened = DuckdbDatabase::Open(options_);
    if (!opened.ok()) std::fprintf(stderr, "%s\n", opened.status().ToString().c_str());
    AFLUENTE_CHECK(opened.ok());
    database_ = *std::move(opened);
  }
  void Close() { database_.reset(); }
  void InterruptQueries() { database_->InterruptQueries(); }

  const std::string& directory() const { return options_.directory; }
  DuckdbDatabase& database() { return *database_; }
  Warehouse& warehouse() { return database_->warehouse(); }
  Catalog& catalog() { return database_->catalog(); }
  TableWriter& table_writer() { return database_->table_writer(); }
  BatchSqlCompiler& batch_sql_compiler() { return database_->batch_sql_compiler(); }

 private:
  DuckdbOptions options_;
  std::unique_ptr<DuckdbDatabase> database_;
};

}  // namespace afluente::warehouse::duckdb
