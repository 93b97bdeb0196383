#include "warehouse/duckdb/alter_table.h"

#include <algorithm>
#include <set>

#include "host/check.h"
#include "schema/text.h"
#include "schema/utf8.h"
#include "warehouse/duckdb/live_catalog.h"
#include "warehouse/duckdb/logical_type.h"
#include "warehouse/duckdb/row_chunks.h"
#include "warehouse/duckdb/vector_writer.h"

namespace afluente::warehouse::duckdb {
namespace {

using schema::Column;
using schema::Mode;
using schema::Type;
using schema::TypeKind;

constexpr size_t kColumnsMax = 10'000;
constexpr int kNestingMax = 15;

bool SameName(std::string_view a, std::string_view b) { return schema::EqualsIgnoreCase(a, b); }

bool IsMessageColumn(std::string_view name) {
  return SameName(name, kMessageIdColumn) || SameName(name, kMessageRowColumn);
}

const Column* FindColumn(const TableSchema& table, std::string_view name) {
  for (const Column& column : table.columns) {
    if (SameName(column.name, name)) return &column;
  }
  return nullptr;
}

// The expression that widens column `name`, empty when `from` does not widen to `to`.
std::string Widening(const Type& from, const Type& to, const std::string& name) {
  bool exact = from.kind == TypeKind::kInt64 || from.kind == TypeKind::kNumeric;
  if (exact && to.kind == TypeKind::kBigNumeric) {
    return schema::Concat("afluente_bignumeric(CAST(", name, " AS VARCHAR))");
  }
  if ((exact || from.kind == TypeKind::kBigNumeric) && to.kind == TypeKind::kFloat64) {
    return schema::Concat("CAST(", name, " AS DOUBLE)");
  }
  if (from.kind == TypeKind::kInt64 && to.kind == TypeKind::kNumeric) {
    return schema::Concat("CAST(", name, " AS DECIMAL(38,9))");
  }
  return {};
}

absl::Status Refuse(const TableSchema& table, std::string_view what) {
  return absl::FailedPreconditionError(schema::Concat("table ", table.name.ToString(), ": ", what));
}

absl::Status AlterColumn(const Column& stored, const Column& wanted, Alteration& plan,
                         Column& result) {
  std::string alter = schema::Concat("ALTER TABLE ", TableSql(plan.result.name), " ALTER COLUMN ",
                                     QuoteIdentifier(stored.name));
  if (stored.mode == Mode::kNullable && wanted.mode == Mode::kRequired) {
    return Refuse(plan.result, schema::Concat("column ", stored.name,
                                              " cannot change from NULLABLE to REQUIRED"));
  }
  if (stored.mode != wanted.mode) {
    plan.statements.push_back(schema::Concat(alter, " DROP NOT NULL"));
    result.mode = wanted.mode;
  }
  if (stored.type != wanted.type) {
    std::string widened = Widening(stored.type, wanted.type, QuoteIdentifier(stored.name));
    if (widened.empty()) {
      return Refuse(plan.result,
                    schema::Concat("column ", stored.name, " cannot change type from ",
                                   stored.type.ToString(), " to ", wanted.type.ToString()));
    }
    plan.statements.push_back(
        schema::Concat(alter, " TYPE ", SqlType(wanted.type), " USING ", widened));
    result.type = wanted.type;
  }
  result.description = wanted.description;
  return absl::OkStatus();
}

absl::Status CheckColumnName(std::string_view name) {
  if (name.empty() || name.size() > 300 || !schema::IsUtf8(name)) {
    return absl::InvalidArgumentError("a column name must have 1 to 300 characters");
  }
  auto wrong = [](unsigned char c) {
    return c < 0x20 || c == 0x7F ||
           std::string_view("!\"$()*,./;?@[\\]^`{}~").find(c) != std::string_view::npos;
  };
  if (std::any_of(name.begin(), name.end(), wrong) || schema::IsDigit(name[0])) {
    return absl::InvalidArgumentError(schema::Concat("Invalid field name \"", name, "\""));
  }
  return absl::OkStatus();
}

absl::Status CheckType(const Type& type, std::string_view column, int depth) {
  if (depth > kNestingMax) {
    return absl::InvalidArgumentError(
        schema::Concat("column ", column, " is nested deeper than ", kNestingMax, " levels"));
  }
  if (type.kind == TypeKind::kArray) {
    if (type.fields.size() != 1 || type.fields[0].type.kind == TypeKind::kArray) {
      return absl::InvalidArgumentError(
          schema::Concat("column ", column, ": Cannot construct array with element type ARRAY"));
    }
    return CheckType(type.fields[0].type, column, depth);
  }
  if (type.kind != TypeKind::kStruct) return absl::OkStatus();
  if (type.fields.empty()) {
    return absl::InvalidArgumentError(schema::Concat("column ", column, ": a STRUCT needs fields"));
  }
  std::set<std::string> names;
  for (const schema::Field& field : type.fields) {
    AFLUENTE_RETURN_IF_ERROR(CheckColumnName(field.name));
    if (!names.insert(schema::Lowercase(field.name)).second) {
      return absl::InvalidArgumentError(
          schema::Concat("column ", column, ": Duplicate field name ", field.name));
    }
    AFLUENTE_RETURN_IF_ERROR(CheckType(field.type, column, depth + 1));
  }
  return absl::OkStatus();
}

bool WordCharacter(char c) { return schema::IsAlpha(c) || schema::IsDigit(c) || c == '_'; }

}  // namespace

void AddMessageColumns(TableSchema& table) {
  if (!table.function_fed) return;
  Type text;
  text.kind = TypeKind::kString;
  if (FindColumn(table, kMessageIdColumn) == nullptr) {
    table.columns.push_back({std::string(kMessageIdColumn), text, Mode::kNullable, ""});
  }
  if (FindColumn(table, kMessageRowColumn) == nullptr) {
    table.columns.push_back({std::string(kMessageRowColumn), Type(), Mode::kNullable, ""});
  }
}

absl::StatusOr<Alteration> PlanAlteration(const TableSchema& stored, const TableSchema& wanted) {
  Alteration plan;
  plan.result = stored;
  for (Column& column : plan.result.columns) {
    const Column* want = FindColumn(wanted, column.name);
    if (want == nullptr) {
      // A table stays fed when its function leaves the spec.
      if (stored.function_fed && IsMessageColumn(column.name)) continue;
      return Refuse(stored, schema::Concat("column ", column.name, " cannot be removed"));
    }
    Column before = column;
    AFLUENTE_RETURN_IF_ERROR(AlterColumn(before, *want, plan, column));
  }
  for (const Column& column : wanted.columns) {
    if (FindColumn(stored, column.name) != nullptr) continue;
    if (column.mode == Mode::kRequired) {
      return Refuse(stored, schema::Concat("column ", column.name,
                                           " cannot be added as REQUIRED to an existing table"));
    }
    plan.statements.push_back(schema::Concat("ALTER TABLE ", TableSql(stored.name), " ADD COLUMN ",
                                             QuoteIdentifier(column.name), " ",
                                             SqlType(column.type)));
    plan.result.columns.push_back(column);
  }
  if (stored.partitioning != wanted.partitioning) {
    return Refuse(stored, "its partitioning cannot change");
  }
  plan.result.clustering = wanted.clustering;
  plan.result.description = wanted.description;
  plan.result.function_fed = stored.function_fed || wanted.function_fed;
  if (wanted.properties) plan.result.properties = wanted.properties;
  plan.changed = !plan.statements.empty() || plan.result.columns != stored.columns ||
                 plan.result.clustering != stored.clustering ||
                 plan.result.description != stored.description ||
                 plan.result.properties != stored.properties ||
                 plan.result.function_fed != stored.function_fed;
  return plan;
}

absl::Status CheckDatasetName(std::string_view dataset) {
  if (dataset.empty() || dataset.size() > 1024 ||
      !std::all_of(dataset.begin(), dataset.end(), WordCharacter)) {
    return absl::InvalidArgumentError(schema::Concat(
        "Invalid dataset ID \"", dataset.substr(0, 100),
        "\". Dataset IDs must be alphanumeric (plus underscores) and must be at most "
        "1024 characters long."));
  }
  return absl::OkStatus();
}

absl::Status CheckTable(const TableSchema& table) {
  auto wrong = [](unsigned char c) {
    return c < 0x20 || c == 0x7F || std::string_view("\"$*./\\`").find(c) != std::string_view::npos;
  };
  const std::string& name = table.name.table;
  if (name.empty() || name.size() > 1024 || !schema::IsUtf8(name) ||
      std::any_of(name.begin(), name.end(), wrong)) {
    return absl::InvalidArgumentError(
        schema::Concat("Invalid table ID \"", name.substr(0, 100), "\""));
  }
  if (table.columns.empty() || table.columns.size() > kColumnsMax) {
    return absl::InvalidArgumentError(schema::Concat("table ", table.name.ToString(),
                                                     " must have 1 to ", kColumnsMax, " columns"));
  }
  std::set<std::string> names;
  for (const Column& column : table.columns) {
    AFLUENTE_RETURN_IF_ERROR(CheckColumnName(column.name));
    if (!names.insert(schema::Lowercase(column.name)).second) {
      return absl::InvalidArgumentError(schema::Concat("Duplicate field name ", column.name));
    }
    AFLUENTE_RETURN_IF_ERROR(CheckType(column.type, column.name, 1));
  }
  std::vector<std::string> mentioned = table.clustering;
  if (!table.partitioning.field.empty()) mentioned.push_back(table.partitioning.field);
  for (const std::string& column : mentioned) {
    if (FindColumn(table, column) == nullptr) {
      return absl::InvalidArgumentError(
          schema::Concat("partitioning or clustering names no column: ", column));
    }
  }
  return absl::OkStatus();
}

}  // namespace afluente::warehouse::duckdb
