// ALTER TABLE and EXPORT DATA.
#include <algorithm>

#include "warehouse/googlesql/emitter.h"
#include "warehouse/googlesql/sql_error.h"
#include "warehouse/googlesql/text.h"

namespace afluente::warehouse::googlesql {
namespace {

std::vector<schema::Column>::iterator FindColumn(TableSchema* table, std::string_view name) {
  return std::find_if(table->columns.begin(), table->columns.end(),
                      [&](const schema::Column& c) { return SameName(c.name, name); });
}

// What a column's type may become.
bool Widens(const SqlType& from, const SqlType& to) {
  if (from.code == to.code) return true;
  return from.IsNumber() && to.IsNumber() && CommonType(from, to).code == to.code;
}

void CheckNotLaidOut(const TableSchema& table, const std::string& column, size_t at,
                     std::string_view action) {
  const bool used = SameName(table.partitioning.field, column) ||
                    std::any_of(table.clustering.begin(), table.clustering.end(),
                                [&](const std::string& c) { return SameName(c, column); });
  if (used) {
    Fail(at, Cat("ALTER TABLE ", action,
                 " cannot be applied to the partitioning or clustering column ", column));
  }
}

}  // namespace

void Emitter::EmitAlter(const ParsedStatement& statement) {
  const TableName name = Complete(statement.target);
  if (statement.if_exists && !catalog_.FindTable(name).has_value()) return;
  TableSchema table = ResolveTable(statement.target);
  translation_->tables_written.push_back(table.name);
  if (table.kind == RelationKind::kSnapshot) {
    Fail(statement.target.at, "A snapshot cannot be altered");
  }
  for (const AlterAction& action : statement.actions) {
    const bool options_only = action.action == "SET OPTIONS";
    const bool view =
        table.kind == RelationKind::kView || table.kind == RelationKind::kMaterializedView;
    if (view && !options_only) {
      Fail(action.at, Cat("ALTER TABLE ", action.action, " is not supported for a view"));
    }
    if (options_only) {
      ApplyTableOptions(action.options, &table);
    } else if (action.action == "RENAME TO") {
      EmitRename(action, &table);
    } else {
      EmitAlterColumn(action, &table);
    }
  }
  translation_->altered = std::move(table);
}

void Emitter::EmitRename(const AlterAction& action, TableSchema* table) {
  TableName renamed = table->name;
  renamed.table = action.new_name;
  if (catalog_.FindTable(renamed).has_value()) {
    throw SqlError{
        absl::StatusCode::kAlreadyExists,
        Cat("Already Exists: Table ", renamed.project, ":", renamed.dataset, ".", renamed.table),
        action.at};
  }
  translation_->then.push_back(
      Cat("ALTER TABLE ", QualifiedName(table->name), " RENAME TO ", QuoteName(action.new_name)));
  table->name = std::move(renamed);
}

void Emitter::EmitAlterColumn(const AlterAction& action, TableSchema* table) {
  const std::string alter = Cat("ALTER TABLE ", QualifiedName(table->name), " ");
  if (action.action == "ADD COLUMN") return EmitAddColumn(action, table);
  const auto column = FindColumn(table, action.column);
  if (column == table->columns.end()) {
    if (action.if_exists) return;
    Fail(action.at, Cat("Column not found: ", action.column));
  }
  const std::string quoted = QuoteName(column->name);
  if (action.action == "DROP COLUMN") {
    CheckNotLaidOut(*table, column->name, action.at, action.action);
    if (table->columns.size() == 1) Fail(action.at, "A table must have at least one column");
    translation_->then.push_back(Cat(alter, "DROP COLUMN ", quoted));
    table->columns.erase(column);
    return;
  }
  if (action.action == "RENAME COLUMN") {
    CheckNotLaidOut(*table, column->name, action.at, action.action);
    if (FindColumn(table, action.new_name) != table->columns.end()) {
      Fail(action.at, Cat("Column already exists: ", action.new_name));
    }
    translation_->then.push_back(
        Cat(alter, "RENAME COLUMN ", quoted, " TO ", QuoteName(action.new_name)));
    column->name = action.new_name;
    return;
  }
  const std::string alter_column = Cat(alter, "ALTER COLUMN ", quoted, " ");
  if (action.action == "DROP NOT NULL") {
    translation_->then.push_back(Cat(alter_column, "DROP NOT NULL"));
    column->mode = schema::Mode::kNullable;
  } else if (action.action == "DROP DEFAULT") {
    translation_->then.push_back(Cat(alter_column, "DROP DEFAULT"));
  } else if (action.action == "SET DEFAULT") {
    const ScopeColumn target{column->name, quoted, FromSchema(column->type)};
    translation_->then.push_back(
        Cat(alter_column, "SET DEFAULT ", EmitValue(*action.definition.default_value, target, {})));
  } else if (action.action == "COLUMN OPTIONS") {
    column->description = action.definition.description;
  } else {
    const SqlType from = FromSchema(column->type);
    const SqlType& to = action.definition.type;
    if (!Widens(from, to)) {
      Fail(action.at,
           Cat("ALTER TABLE ALTER COLUMN SET DATA TYPE requires that the existing column "
               "type (",
               GoogleName(from), ") is assignable to the new type (", GoogleName(to), ")"));
    }
    column->type = *ToSchema(to);
    const std::string value = EmitStored({quoted, from}, {column->name, quoted, to});
    translation_->then.push_back(Cat(alter_column, "TYPE ",
                                     to.Is(TypeCode::kBigNumeric) ? "BIGNUMERIC" : DuckdbName(to),
                                     " USING ", value));
  }
}

void Emitter::EmitAddColumn(const AlterAction& action, TableSchema* table) {
  const ColumnDefinition& definition = action.definition;
  if (FindColumn(table, definition.name) != table->columns.end()) {
    if (action.if_exists) return;
    Fail(action.at, Cat("Column already exists: ", definition.name));
  }
  if (definition.required) {
    Fail(definition.at,
         Cat("Cannot add required columns to an existing schema. Column: ", definition.name));
  }
  if (definition.default_value != nullptr) {
    Fail(definition.at, "ALTER TABLE ADD COLUMN with a default value expression is not supported");
  }
  std::optional<schema::Type> type = ToSchema(definition.type);
  if (!type) FailUnsupported(definition.at, Cat("A column of type ", GoogleName(definition.type)));
  schema::Column column;
  column.name = definition.name;
  column.type = *std::move(type);
  column.description = definition.description;
  const std::string name =
      definition.type.Is(TypeCode::kBigNumeric) ? "BIGNUMERIC" : DuckdbName(definition.type);
  translation_->then.push_back(Cat("ALTER TABLE ", QualifiedName(table->name), " ADD COLUMN ",
                                   QuoteName(column.name), " ", name));
  table->columns.push_back(std::move(column));
}

void Emitter::EmitExport(const ParsedStatement& statement) {
  std::string uri;
  for (const OptionValue& option : statement.options) {
    if (option.name == "format" && option.value->kind == ExpressionKind::kString) {
      const std::string format = Upper(option.value->text);
      if (format != "CSV" && format != "JSON" && format != "AVRO" && format != "PARQUET") {
        Fail(option.at,
             Cat("'", option.value->text,
                 "' is not a valid value; failed to set 'format' in EXPORT DATA OPTIONS"));
      }
    }
    if (option.name == "uri" && option.value->kind == ExpressionKind::kString) {
      uri = option.value->text;
    }
  }
  if (uri.empty()) Fail(statement.at, "Option 'uri' is missing or empty.");
  FailUnsupported(statement.at, "EXPORT DATA to a bucket");
}

}  // namespace afluente::warehouse::googlesql
