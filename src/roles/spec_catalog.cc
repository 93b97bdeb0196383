#include "roles/spec_catalog.h"

#include <algorithm>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "api/caller_parameters.h"
#include "roles/apply_spec.h"
#include "warehouse/dead_letter_table.h"
#include "warehouse/googlesql/translate.h"

namespace afluente::roles {
namespace {

// Findings of all statements; the first unsupported one decides the code.
class Findings {
 public:
  void Add(const std::string& file, const absl::Status& status) {
    if (status.ok()) return;
    absl::StrAppend(&text_, text_.empty() ? "" : "\n", file, ": ", status.message());
    if (absl::IsInvalidArgument(status)) code_ = absl::StatusCode::kInvalidArgument;
  }
  absl::Status ToStatus() const {
    return text_.empty() ? absl::OkStatus() : absl::Status(code_, text_);
  }

 private:
  std::string text_;
  absl::StatusCode code_ = absl::StatusCode::kUnimplemented;
};

absl::Status ValidateTransform(const spec::Spec& spec, const spec::Function& function) {
  auto translation = warehouse::googlesql::TranslateTransform(function.sql, "messages");
  if (!translation.ok()) return translation.status();
  const spec::Table* table = FindTable(spec, function);
  if (table == nullptr) return absl::OkStatus();
  for (const std::string& column : translation->columns) {
    const bool known = std::any_of(table->schema.begin(), table->schema.end(), [&](const auto& c) {
      return absl::EqualsIgnoreCase(c.name, column);
    });
    if (!known) {
      return absl::InvalidArgumentError(
          absl::StrCat("column ", column, " is not in table ", function.dataset, ".", table->name));
    }
  }
  return absl::OkStatus();
}

}  // namespace

SpecCatalog::SpecCatalog(const spec::Spec& spec) : spec_(spec) {
  for (const spec::Dataset& dataset : spec.datasets) {
    for (const spec::Table& table : dataset.tables) {
      warehouse::TableSchema schema = ToTableSchema(spec, dataset.name, table);
      if (schema.function_fed) {
        schema.columns.push_back({"_message_id", {schema::TypeKind::kString, {}}, {}, ""});
        schema.columns.push_back({"_message_row", {schema::TypeKind::kInt64, {}}, {}, ""});
      }
      tables_[schema.name] = schema;
    }
  }
  for (const spec::Function& function : spec.functions) {
    const warehouse::TableName name{spec.project, function.dataset, "dead_letters"};
    tables_[name] = warehouse::DeadLetterTable(name);
  }
}

std::optional<warehouse::TableSchema> SpecCatalog::FindTable(
    const warehouse::TableName& name) const {
  const auto it = tables_.find(name);
  return it == tables_.end() ? std::nullopt : std::optional(it->second);
}

bool SpecCatalog::HasDataset(std::string_view project, std::string_view dataset) const {
  return project == spec_.project &&
         std::any_of(spec_.datasets.begin(), spec_.datasets.end(),
                     [&](const spec::Dataset& each) { return each.name == dataset; });
}

absl::Status ValidateSql(const spec::Spec& spec) {
  const SpecCatalog catalog(spec);
  Findings findings;
  for (const spec::Function& function : spec.functions) {
    if (function.sql.empty()) continue;
    findings.Add(function.sql_file, ValidateTransform(spec, function));
  }
  for (const spec::Endpoint& endpoint : spec.endpoints) {
    warehouse::googlesql::TranslateOptions options;
    options.default_project = spec.project;
    for (const spec::EndpointParameter& parameter : endpoint.parameters) {
      options.parameter_types.push_back({parameter.name, parameter.type});
    }
    for (const warehouse::Parameter& parameter : api::CallerParameters({})) {
      options.parameter_types.push_back({parameter.name, parameter.type});
    }
    const absl::Status status =
        warehouse::googlesql::Translate(endpoint.sql, catalog, options).status();
    if (!absl::IsNotFound(status)) findings.Add(endpoint.sql_file, status);
  }
  return findings.ToStatus();
}

}  // namespace afluente::roles
