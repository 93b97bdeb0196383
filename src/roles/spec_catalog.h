#pragma once

#include <map>
#include <optional>
#include <string_view>

#include "absl/status/status.h"
#include "spec/spec.h"
#include "warehouse/catalog.h"

namespace afluente::roles {

// The tables that a specification declares, before any engine has them: what its SQL is checked
// against. Immutable.
class SpecCatalog final : public warehouse::CatalogView {
 public:
  explicit SpecCatalog(const spec::Spec& spec);
  std::optional<warehouse::TableSchema> FindTable(const warehouse::TableName& name) const override;
  bool HasDataset(std::string_view project, std::string_view dataset) const override;

 private:
  const spec::Spec& spec_;
  std::map<warehouse::TableName, warehouse::TableSchema> tables_;
};

// Translates every statement of the specification without an engine. INVALID_ARGUMENT or
// UNIMPLEMENTED lists every finding, a line each: "file: message [at line:column]". Tables made at
// run time are not known here: a missing table is left to the engine.
absl::Status ValidateSql(const spec::Spec& spec);

}  // namespace afluente::roles
