#include "cli/migration_record.h"

#include <cstdio>
#include <fstream>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"

namespace afluente::cli {

using nlohmann::json;

absl::StatusOr<MigrationRecord> MigrationRecord::Load(const std::string& file) {
  MigrationRecord record;
  std::ifstream in(file);
  if (!in) return record;
  const json read = json::parse(in, nullptr, /*allow_exceptions=*/false);
  const absl::Status damaged =
      absl::DataLossError(absl::StrCat(file, ": no record of a migration"));
  if (!read.is_object() || !read.contains("tables") || !read.contains("topics")) return damaged;
  for (const auto& [name, table] : read["tables"].items()) {
    if (!table.is_object()) return damaged;
    record.tables[name] = {table.value("stream", ""), table.value("rows", uint64_t{0}),
                           table.value("done", false)};
  }
  for (const auto& [name, sequence] : read["topics"].items()) {
    if (!sequence.is_number_unsigned()) return damaged;
    record.topics[name] = sequence.get<uint64_t>();
  }
  return record;
}

absl::Status MigrationRecord::Save(const std::string& file) const {
  json out = {{"tables", json::object()}, {"topics", topics}};
  for (const auto& [name, table] : tables) {
    out["tables"][name] = {{"stream", table.stream}, {"rows", table.rows}, {"done", table.done}};
  }
  const std::string part = file + ".part";
  {
    std::ofstream written(part, std::ios::trunc);
    written << out.dump() << "\n";
    written.close();
    if (!written) return absl::UnavailableError(absl::StrCat(part, ": cannot be written"));
  }
  if (std::rename(part.c_str(), file.c_str()) != 0) {
    return absl::UnavailableError(absl::StrCat(file, ": cannot be written"));
  }
  return absl::OkStatus();
}

}  // namespace afluente::cli
