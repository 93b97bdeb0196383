#include "warehouse/duckdb/translation_cache.h"

#include "host/check.h"

namespace afluente::warehouse::duckdb {
namespace {

// Longer statements are translated each time: a cache of them could hold gigabytes.
constexpr size_t kCachedTextMax = 64 << 10;

void AppendType(const schema::Type& type, std::string& key) {
  key += static_cast<char>('a' + static_cast<int>(type.kind));
  for (const schema::Field& field : type.fields) {
    key += field.name;
    key += '\x01';
    AppendType(field.type, key);
  }
  key += '\x02';
}

std::string KeyOf(const Statement& statement, const std::vector<Parameter>& parameters) {
  std::string key = statement.text;
  key += '\0';
  key += statement.default_project;
  key += '\0';
  key += statement.default_dataset;
  for (const Parameter& parameter : parameters) {
    key += '\0';
    key += parameter.name;
    key += '\0';
    AppendType(parameter.type, key);
  }
  return key;
}

}  // namespace

googlesql::TranslateOptions OptionsOf(const Statement& statement,
                                      const std::vector<Parameter>& parameters,
                                      const CatalogSnapshot& catalog) {
  googlesql::TranslateOptions options;
  options.default_project = statement.default_project;
  options.default_dataset = statement.default_dataset;
  options.listing = &catalog;
  for (const Parameter& parameter : parameters) {
    options.parameter_types.push_back({parameter.name, parameter.type});
  }
  return options;
}

absl::StatusOr<std::shared_ptr<const googlesql::Translation>> TranslationCache::Translate(
    const Statement& statement, const std::vector<Parameter>& parameters,
    const CatalogSnapshot& catalog) {
  std::string key = KeyOf(statement, parameters);
  {
    absl::MutexLock lock(&mutex_);
    auto found = entries_.find(key);
    if (found != entries_.end() && found->second.generation == catalog.generation) {
      by_use_.splice(by_use_.begin(), by_use_, found->second.place);
      return found->second.translation;
    }
  }
  const googlesql::TranslateOptions options = OptionsOf(statement, parameters, catalog);
  AFLUENTE_ASSIGN_OR_RETURN(googlesql::Translation translation,
                            googlesql::Translate(statement.text, catalog, options));
  auto shared = std::make_shared<const googlesql::Translation>(std::move(translation));
  if (key.size() > kCachedTextMax) return shared;
  absl::MutexLock lock(&mutex_);
  auto [place, added] = entries_.try_emplace(key);
  if (added) {
    by_use_.push_front(key);
    place->second.place = by_use_.begin();
  }
  place->second.translation = shared;
  place->second.generation = catalog.generation;
  if (entries_.size() > entries_max_) {
    entries_.erase(by_use_.back());
    by_use_.pop_back();
  }
  return shared;
}

}  // namespace afluente::warehouse::duckdb
