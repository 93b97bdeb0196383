// CREATE and DROP, and the statement as a whole.
#include <algorithm>

#include "warehouse/googlesql/emitter.h"
#include "warehouse/googlesql/sql_error.h"
#include "warehouse/googlesql/text.h"

namespace afluente::warehouse::googlesql {
namespace {

[[noreturn]] void FailExists(size_t at, const TableName& name) {
  throw SqlError{absl::StatusCode::kAlreadyExists,
                 Cat("Already Exists: Table ", name.project, ":", name.dataset, ".", name.table),
                 at};
}

}  // namespace

void Emitter::EmitStatement(const ParsedStatement& statement) {
  translation_->kind = statement.kind;
  switch (statement.kind) {
    case StatementKind::kQuery: {
      outermost_ = statement.query.get();
      const QueryOutput output = EmitQuery(*statement.query, nullptr);
      for (size_t i = 0; i < output.columns.size(); ++i) {
        for (size_t j = 0; j < i; ++j) {
          if (!SameName(output.columns[i].name, output.columns[j].name)) continue;
          Fail(statement.at, Cat("Duplicate column names in the result are not supported. Found "
                                 "duplicate(s): ",
                                 output.columns[i].name));
        }
      }
      translation_->sql = output.sql;
      return;
    }
    case StatementKind::kInsert:
      return EmitInsert(statement);
    case StatementKind::kUpdate:
      return EmitUpdate(statement);
    case StatementKind::kDelete:
    case StatementKind::kTruncate:
      return EmitDelete(statement);
    case StatementKind::kMerge:
      return EmitMerge(statement);
    case StatementKind::kCreateTable:
      return EmitCreateTable(statement);
    case StatementKind::kCreateView:
      return EmitCreateView(statement);
    case StatementKind::kDropTable:
    case StatementKind::kDropView:
      return EmitDropRelation(statement);
    case StatementKind::kCreateSchema:
    case StatementKind::kDropSchema:
      return EmitSchema(statement);
    case StatementKind::kAlterTable:
      FailUnsupported(statement.at, "ALTER TABLE");
  }
}

void Emitter::EmitCreateTable(const ParsedStatement& statement) {
  const TableName name = Complete(statement.target);
  if (!catalog_.HasDataset(name.project, name.dataset)) {
    throw SqlError{absl::StatusCode::kNotFound,
                   Cat("Not found: Dataset ", name.project, ":", name.dataset),
                   statement.target.at};
  }
  const bool exists = catalog_.FindTable(name).has_value();
  if (exists && statement.if_not_exists) return;
  if (exists && !statement.or_replace) FailExists(statement.target.at, name);
  translation_->tables_written.push_back(name);
  TableSchema table = DefinedTable(statement, name);
  if (statement.query != nullptr) {
    if (!statement.definitions.empty()) {
      FailUnsupported(statement.at, "CREATE TABLE with both columns and AS");
    }
    const bool laid_out = statement.partition_by != nullptr || !statement.clustering.empty();
    if (laid_out) FailUnsupported(statement.at, "CREATE TABLE AS with PARTITION BY or CLUSTER BY");
    const QueryOutput output = EmitQuery(*statement.query, nullptr);
    translation_->sql = Cat(statement.or_replace ? "CREATE OR REPLACE TABLE " : "CREATE TABLE ",
                            QualifiedName(name), " AS ", output.sql);
    return;
  }
  if (statement.definitions.empty()) {
    Fail(statement.at, "CREATE TABLE needs a list of columns or AS");
  }
  if (exists) translation_->sql = Cat("DROP TABLE ", QualifiedName(name));
  translation_->created.push_back(std::move(table));
}

TableSchema Emitter::DefinedTable(const ParsedStatement& statement, TableName name) {
  TableSchema table;
  table.name = std::move(name);
  table.description = statement.description;
  for (const ColumnDefinition& definition : statement.definitions) {
    for (const schema::Column& other : table.columns) {
      if (SameName(other.name, definition.name)) {
        Fail(definition.at, Cat("Duplicate column name ", definition.name, " in CREATE TABLE"));
      }
    }
    std::optional<schema::Type> type = ToSchema(definition.type);
    if (!type.has_value()) {
      FailUnsupported(definition.at, Cat("A column of type ", GoogleName(definition.type)));
    }
    schema::Column column;
    column.name = definition.name;
    column.type = *std::move(type);
    column.mode = definition.required ? schema::Mode::kRequired : schema::Mode::kNullable;
    column.description = definition.description;
    table.columns.push_back(std::move(column));
  }
  table.clustering = statement.clustering;
  if (statement.partition_by != nullptr) {
    table.partitioning = EmitPartitioning(*statement.partition_by);
  }
  for (const std::string& column : table.clustering) {
    const bool found =
        std::any_of(table.columns.begin(), table.columns.end(),
                    [&](const schema::Column& c) { return SameName(c.name, column); });
    if (!found && statement.query == nullptr) {
      Fail(statement.at, Cat("CLUSTER BY column ", column, " is not a column of the table"));
    }
  }
  return table;
}

// A column, DATE(column), or X_TRUNC(column, UNIT).
Partitioning Emitter::EmitPartitioning(const Expression& expression) {
  Partitioning partitioning;
  partitioning.unit = PartitionUnit::kDay;
  const Expression* column = &expression;
  if (expression.kind == ExpressionKind::kCall && !expression.args.empty()) {
    column = expression.args[0].get();
    if (expression.text.ends_with("_TRUNC") && expression.args.size() == 2) {
      const std::string& unit = expression.args[1]->text;
      partitioning.unit = unit == "HOUR"    ? PartitionUnit::kHour
                          : unit == "DAY"   ? PartitionUnit::kDay
                          : unit == "MONTH" ? PartitionUnit::kMonth
                          : unit == "YEAR"  ? PartitionUnit::kYear
                                            : PartitionUnit::kNone;
    } else if (expression.text != "DATE") {
      partitioning.unit = PartitionUnit::kNone;
    }
  }
  if (column->kind != ExpressionKind::kName || partitioning.unit == PartitionUnit::kNone) {
    FailUnsupported(expression.at, "This PARTITION BY");
  }
  const bool ingestion =
      SameName(column->text, "_PARTITIONDATE") || SameName(column->text, "_PARTITIONTIME");
  if (!ingestion) partitioning.field = column->text;
  return partitioning;
}

void Emitter::EmitCreateView(const ParsedStatement& statement) {
  const TableName name = Complete(statement.target);
  const bool exists = catalog_.FindTable(name).has_value();
  if (exists && statement.if_not_exists) return;
  if (exists && !statement.or_replace) FailExists(statement.target.at, name);
  if (!catalog_.HasDataset(name.project, name.dataset)) {
    throw SqlError{absl::StatusCode::kNotFound,
                   Cat("Not found: Dataset ", name.project, ":", name.dataset),
                   statement.target.at};
  }
  const QueryOutput output = EmitQuery(*statement.query, nullptr);
  if (!translation_->parameters.empty()) {
    Fail(statement.at, "Query parameters cannot be used in the definition of a view");
  }
  std::string columns;
  if (!statement.columns.empty() && statement.columns.size() != output.columns.size()) {
    Fail(statement.columns_at, Cat("The view's list has ", statement.columns.size(),
                                   " columns, its query ", output.columns.size()));
  }
  for (const std::string& column : statement.columns) {
    Append(&columns, columns.empty() ? " (" : ", ", QuoteName(column));
  }
  if (!columns.empty()) columns += ")";
  translation_->tables_written.push_back(name);
  translation_->sql = Cat(statement.or_replace ? "CREATE OR REPLACE VIEW " : "CREATE VIEW ",
                          QualifiedName(name), columns, " AS ", output.sql);
}

void Emitter::EmitDropRelation(const ParsedStatement& statement) {
  const bool table = statement.kind == StatementKind::kDropTable;
  if (statement.if_exists && !catalog_.FindTable(Complete(statement.target)).has_value()) return;
  const TableSchema found = ResolveTable(statement.target);
  translation_->tables_written.push_back(found.name);
  translation_->sql = Cat(table ? "DROP TABLE " : "DROP VIEW ", QualifiedName(found.name));
}

void Emitter::EmitSchema(const ParsedStatement& statement) {
  const std::vector<std::string>& parts = statement.target.parts;
  if (parts.size() > 2) Fail(statement.target.at, "A dataset is named project.dataset");
  const std::string project = parts.size() == 2 ? parts[0] : options_.default_project;
  const std::string& dataset = parts.back();
  const std::string quoted = QuoteName(Cat(project, ".", dataset));
  const bool exists = catalog_.HasDataset(project, dataset);
  const bool create = statement.kind == StatementKind::kCreateSchema;
  if (create ? exists && statement.if_not_exists : !exists && statement.if_exists) return;
  if (create && exists) {
    throw SqlError{absl::StatusCode::kAlreadyExists,
                   Cat("Already Exists: Dataset ", project, ":", dataset), statement.target.at};
  }
  if (!create && !exists) {
    throw SqlError{absl::StatusCode::kNotFound, Cat("Not found: Dataset ", project, ":", dataset),
                   statement.target.at};
  }
  translation_->tables_written.push_back({project, dataset, ""});
  translation_->sql =
      Cat(create ? "CREATE SCHEMA " : "DROP SCHEMA ", quoted, statement.cascade ? " CASCADE" : "");
}

}  // namespace afluente::warehouse::googlesql
