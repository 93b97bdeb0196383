#pragma once

#include <cstdint>
#include <list>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "warehouse/duckdb/live_catalog.h"
#include "warehouse/googlesql/translate.h"
#include "warehouse/warehouse.h"

namespace afluente::warehouse::duckdb {

// Translations by statement text, defaults and parameter types, for one generation of the catalog
// each; the least recently used go. Thread-safe.
class TranslationCache {
 public:
  explicit TranslationCache(size_t entries_max) : entries_max_(entries_max) {}

  // Shared, since a query may still use a translation that another thread evicts.
  absl::StatusOr<std::shared_ptr<const googlesql::Translation>> Translate(
      const Statement& statement, const std::vector<Parameter>& parameters,
      const CatalogSnapshot& catalog);

 private:
  struct Entry {
    std::shared_ptr<const googlesql::Translation> translation;
    uint64_t generation = 0;
    std::list<std::string>::iterator place;
  };

  const size_t entries_max_;
  absl::Mutex mutex_;
  absl::flat_hash_map<std::string, Entry> entries_ ABSL_GUARDED_BY(mutex_);
  std::list<std::string> by_use_ ABSL_GUARDED_BY(mutex_);  // most recent first
};

googlesql::TranslateOptions OptionsOf(const Statement& statement,
                                      const std::vector<Parameter>& parameters,
                                      const CatalogSnapshot& catalog);

}  // namespace afluente::warehouse::duckdb
