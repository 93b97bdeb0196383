// CREATE and DROP, and the statement as a whole.
#include <algorithm>
#include <cmath>
#include <optional>

#include "absl/strings/numbers.h"
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

[[noreturn]] void FailNoDataset(size_t at, const TableName& name) {
  throw SqlError{
      absl::StatusCode::kNotFound,
      Cat("Not found: Dataset ", name.project, ":", name.dataset, " was not found in location US"),
      at};
}

std::string StatementType(const ParsedStatement& statement) {
  switch (statement.kind) {
    case StatementKind::kQuery:
      return "SELECT";
    case StatementKind::kInsert:
      return "INSERT";
    case StatementKind::kUpdate:
      return "UPDATE";
    case StatementKind::kDelete:
      return "DELETE";
    case StatementKind::kTruncate:
      return "TRUNCATE_TABLE";
    case StatementKind::kMerge:
      return "MERGE";
    case StatementKind::kCreateTable:
      if (statement.copy == "SNAPSHOT") return "CREATE_SNAPSHOT_TABLE";
      return statement.query != nullptr ? "CREATE_TABLE_AS_SELECT" : "CREATE_TABLE";
    case StatementKind::kDropTable:
      return "DROP_TABLE";
    case StatementKind::kAlterTable:
      return "ALTER_TABLE";
    case StatementKind::kCreateSchema:
      return "CREATE_SCHEMA";
    case StatementKind::kDropSchema:
      return "DROP_SCHEMA";
    case StatementKind::kCreateView:
      return statement.materialized ? "CREATE_MATERIALIZED_VIEW" : "CREATE_VIEW";
    case StatementKind::kDropView:
      return "DROP_VIEW";
    case StatementKind::kExport:
      return "EXPORT_DATA";
    case StatementKind::kScript:
      return "SCRIPT";
    case StatementKind::kCreateRoutine:
    case StatementKind::kDropRoutine:
      break;
  }
  const bool create = statement.kind == StatementKind::kCreateRoutine;
  const RoutineKind kind = statement.routine->kind;
  return Cat(create ? "CREATE_" : "DROP_", kind == RoutineKind::kProcedure       ? "PROCEDURE"
                                           : kind == RoutineKind::kTableFunction ? "TABLE_FUNCTION"
                                                                                 : "FUNCTION");
}

}  // namespace

void Emitter::EmitStatement(const ParsedStatement& statement) {
  translation_->kind = statement.kind;
  translation_->statement_type = StatementType(statement);
  switch (statement.kind) {
    case StatementKind::kQuery: {
      outermost_ = statement.query.get();
      translation_->sql = EmitQuery(*statement.query, nullptr).sql;
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
      return EmitAlter(statement);
    case StatementKind::kCreateRoutine:
      return EmitCreateRoutine(statement);
    case StatementKind::kDropRoutine:
      return EmitDropRoutine(statement);
    case StatementKind::kExport:
      return EmitExport(statement);
    case StatementKind::kScript:
      translation_->statement_type = "SCRIPT";
      return;
  }
}

TableName Emitter::NewTableName(const ParsedStatement& statement) {
  if (!statement.temporary) return Complete(statement.target);
  if (options_.temporary_dataset.empty() || statement.target.parts.size() != 1) {
    Fail(statement.target.at,
         "CREATE TEMP TABLE is only allowed inside a script, with a name alone");
  }
  return {options_.default_project, options_.temporary_dataset, statement.target.parts[0]};
}

// False when the statement has nothing to do.
bool Emitter::MayCreate(const ParsedStatement& statement, const TableName& name) {
  if (!catalog_.HasDataset(name.project, name.dataset)) FailNoDataset(statement.target.at, name);
  const std::optional<TableSchema> found = catalog_.FindTable(name);
  if (found.has_value() && statement.if_not_exists) {
    translation_->columns = found->columns;
    return false;
  }
  if (found.has_value() && !statement.or_replace) FailExists(statement.target.at, name);
  translation_->tables_written.push_back(name);
  return true;
}

void Emitter::EmitCreateTable(const ParsedStatement& statement) {
  const TableName name = NewTableName(statement);
  if (!MayCreate(statement, name)) {
    if (!statement.definitions.empty()) {
      translation_->columns = DefinedTable(statement, name).columns;
    }
    return;
  }
  if (!statement.copy.empty()) return EmitCopy(statement, name);
  TableSchema table = DefinedTable(statement, name);
  if (statement.query != nullptr) return EmitCreateTableAs(statement, std::move(table));
  if (statement.definitions.empty()) {
    Fail(statement.at, "CREATE TABLE needs a list of columns or AS");
  }
  EmitDefaults(statement, table);
  translation_->columns = table.columns;
  if (catalog_.FindTable(name).has_value()) {
    translation_->sql = Cat("DROP TABLE ", QualifiedName(name));
  }
  translation_->created.push_back(std::move(table));
}

void Emitter::EmitDefaults(const ParsedStatement& statement, const TableSchema& table) {
  const Scope empty;
  for (size_t i = 0; i < statement.definitions.size(); ++i) {
    const ColumnDefinition& definition = statement.definitions[i];
    if (definition.default_value == nullptr) continue;
    const schema::Column& column = table.columns[i];
    const ScopeColumn target{column.name, QuoteName(column.name), FromSchema(column.type)};
    translation_->then.push_back(Cat("ALTER TABLE ", QualifiedName(table.name), " ALTER COLUMN ",
                                     target.sql, " SET DEFAULT ",
                                     EmitValue(*definition.default_value, target, empty)));
  }
}

void Emitter::EmitCreateTableAs(const ParsedStatement& statement, TableSchema table) {
  const QueryOutput output = EmitQuery(*statement.query, nullptr);
  std::string query = output.sql;
  if (!statement.definitions.empty()) {
    if (statement.definitions.size() != output.columns.size()) {
      Fail(statement.at, Cat("Number of columns in the column definition list does not match the "
                             "number of columns produced by the query"));
    }
    const std::string id = UniqueName("t");
    std::string items;
    for (size_t i = 0; i < output.columns.size(); ++i) {
      const ScopeColumn target{table.columns[i].name, QuoteName(table.columns[i].name),
                               FromSchema(table.columns[i].type)};
      const Emitted value{Cat(id, ".", output.columns[i].sql), output.columns[i].type};
      CheckInsertable(value, target, 0, statement.query->at);
      Append(&items, i == 0 ? "" : ", ", EmitStored(value, target), " AS ", target.sql);
    }
    query = Cat("SELECT ", items, " FROM (", query, ") AS ", id);
    EmitDefaults(statement, table);
  } else {
    for (size_t i = 0; i < output.columns.size(); ++i) {
      for (size_t j = 0; j < i; ++j) {
        if (!SameName(output.columns[i].name, output.columns[j].name)) continue;
        Fail(statement.at, Cat("Duplicate column names in the result are not supported. Found "
                               "duplicate(s): ",
                               output.columns[i].name));
      }
      if (output.columns[i].anonymous) {
        Fail(statement.at,
             Cat("CREATE TABLE columns must be named, but column ", i + 1, " has no name"));
      }
    }
    CheckLayoutColumns(statement, table, output.columns);
  }
  const bool ingestion = IngestionPartitioned(table);
  if (ingestion)
    query = Cat("SELECT *, date_trunc('day', now()) AS \"_PARTITIONTIME\" FROM (", query, ")");
  translation_->sql = Cat(statement.or_replace ? "CREATE OR REPLACE TABLE " : "CREATE TABLE ",
                          QualifiedName(table.name), " AS ", query);
  translation_->layout = std::move(table);
}

// What PARTITION BY and CLUSTER BY name must be columns of the query.
void Emitter::CheckLayoutColumns(const ParsedStatement& statement, const TableSchema& table,
                                 const std::vector<ScopeColumn>& columns) {
  std::vector<std::string> named = table.clustering;
  if (!table.partitioning.field.empty()) named.push_back(table.partitioning.field);
  for (const std::string& name : named) {
    const bool found = std::any_of(columns.begin(), columns.end(),
                                   [&](const ScopeColumn& c) { return SameName(c.name, name); });
    if (!found) Fail(statement.at, Cat("Unrecognized name: ", name));
  }
}

// LIKE, COPY, CLONE and CREATE SNAPSHOT TABLE.
void Emitter::EmitCopy(const ParsedStatement& statement, const TableName& name) {
  TableSchema source = ResolveTable(statement.source);
  if (source.kind == RelationKind::kView || source.kind == RelationKind::kMaterializedView) {
    Fail(statement.source.at, Cat(statement.copy, " is not supported for a view"));
  }
  TableSchema table = source;
  table.name = name;
  table.function_fed = false;
  table.columns = QueryColumns(source);
  table.kind = statement.copy == "SNAPSHOT" ? RelationKind::kSnapshot
               : statement.copy == "CLONE"  ? RelationKind::kClone
                                            : RelationKind::kTable;
  ApplyTableOptions(statement.options, &table);
  translation_->columns = table.columns;
  if (statement.copy == "LIKE") {
    if (statement.query != nullptr) FailUnsupported(statement.at, "CREATE TABLE LIKE with AS");
    if (catalog_.FindTable(name).has_value()) {
      translation_->sql = Cat("DROP TABLE ", QualifiedName(name));
    }
    translation_->created.push_back(std::move(table));
    return;
  }
  translation_->tables_read.push_back(source.name);
  translation_->sql = Cat(statement.or_replace ? "CREATE OR REPLACE TABLE " : "CREATE TABLE ",
                          QualifiedName(name), " AS SELECT * FROM ", QualifiedName(source.name));
  translation_->layout = std::move(table);
}

// The text of a string option; NULL clears it.
static std::string OptionText(const OptionValue& option) {
  if (option.value->kind == ExpressionKind::kNull) return "";
  if (option.value->kind != ExpressionKind::kString) {
    Fail(option.value->at, Cat("Option ", option.name, " takes a string literal"));
  }
  return option.value->text;
}

// Days as a number that may have a fraction; NULL: never.
static std::optional<int64_t> PartitionExpirationMs(const OptionValue& option,
                                                    const TableSchema& table) {
  constexpr double kDayMs = 86'400'000;
  constexpr double kDaysMax = 36'500'000;  // beyond what a DATE holds
  if (option.value->kind == ExpressionKind::kNull) return std::nullopt;
  const bool by_time = table.partitioning.unit != PartitionUnit::kNone &&
                       table.partitioning.unit != PartitionUnit::kRange;
  if (!by_time) {
    Fail(option.at, "partition_expiration_days is only allowed for tables partitioned by time");
  }
  double days = 0;
  const bool number = option.value->kind == ExpressionKind::kInteger ||
                      option.value->kind == ExpressionKind::kFloat;
  if (!number || !absl::SimpleAtod(option.value->text, &days) || !(days > 0) || days > kDaysMax) {
    Fail(option.value->at, "Option partition_expiration_days takes a positive number");
  }
  return std::llround(days * kDayMs);
}

void Emitter::ApplyTableOptions(const std::vector<OptionValue>& options, TableSchema* table) {
  for (const OptionValue& option : options) {
    if (option.name == "description") {
      table->description = OptionText(option);
    } else if (option.name == "require_partition_filter") {
      if (option.value->kind != ExpressionKind::kBool) {
        Fail(option.value->at, "Option require_partition_filter takes TRUE or FALSE");
      }
      if (!table->properties) table->properties.emplace();
      table->properties->require_partition_filter = Upper(option.value->text) == "TRUE";
      if (RequiresPartitionFilter(*table) && table->partitioning.unit == PartitionUnit::kNone) {
        Fail(option.at, "require_partition_filter is only allowed for partitioned tables");
      }
    } else if (option.name == "partition_expiration_days") {
      if (!table->properties) table->properties.emplace();
      table->properties->partition_expiration_ms = PartitionExpirationMs(option, *table);
    } else {
      FailUnsupported(option.at, Cat("Option ", option.name));
    }
  }
}

TableSchema Emitter::DefinedTable(const ParsedStatement& statement, TableName name) {
  TableSchema table;
  table.name = std::move(name);
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
    if (!found && !statement.definitions.empty()) {
      Fail(statement.at, Cat("CLUSTER BY column ", column, " is not a column of the table"));
    }
  }
  ApplyTableOptions(statement.options, &table);
  return table;
}

// RANGE_BUCKET(column, GENERATE_ARRAY(start, end, interval)).
static Partitioning RangePartitioning(const Expression& expression) {
  Partitioning partitioning;
  partitioning.unit = PartitionUnit::kRange;
  const Expression& array = *expression.args[1];
  const bool shaped = expression.args[0]->kind == ExpressionKind::kName &&
                      array.kind == ExpressionKind::kCall && array.text == "GENERATE_ARRAY" &&
                      array.args.size() == 3;
  int64_t* const bounds[] = {&partitioning.range_start, &partitioning.range_end,
                             &partitioning.range_interval};
  for (size_t i = 0; i < 3; ++i) {
    const Expression* bound = shaped ? array.args[i].get() : nullptr;
    const bool minus = bound != nullptr && bound->kind == ExpressionKind::kUnary;
    if (minus) bound = bound->args[0].get();
    if (bound == nullptr || bound->kind != ExpressionKind::kInteger ||
        !absl::SimpleAtoi(bound->text, bounds[i])) {
      Fail(expression.at,
           "PARTITION BY RANGE_BUCKET takes a column and GENERATE_ARRAY of literals");
    }
    if (minus) *bounds[i] = -*bounds[i];
  }
  partitioning.field = expression.args[0]->text;
  return partitioning;
}

// A column, DATE(column), X_TRUNC(column, UNIT) or RANGE_BUCKET.
Partitioning Emitter::EmitPartitioning(const Expression& expression) {
  if (expression.kind == ExpressionKind::kCall && expression.text == "RANGE_BUCKET" &&
      expression.args.size() == 2) {
    return RangePartitioning(expression);
  }
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
  if (!MayCreate(statement, name)) return;
  const QueryOutput output = EmitQuery(*statement.query, nullptr);
  if (!translation_->parameters.empty()) {
    Fail(statement.at, "Query parameters cannot be used in the definition of a view");
  }
  if (statement.partition_by != nullptr || !statement.clustering.empty()) {
    if (!statement.materialized) Fail(statement.at, "A view cannot be partitioned or clustered");
    FailUnsupported(statement.at, "A materialized view with PARTITION BY or CLUSTER BY");
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
  TableSchema layout;
  layout.name = name;
  layout.kind = statement.materialized ? RelationKind::kMaterializedView : RelationKind::kView;
  layout.view_query = statement.query_text;
  ApplyTableOptions(statement.options, &layout);
  translation_->layout = std::move(layout);
  translation_->sql = Cat(statement.or_replace ? "CREATE OR REPLACE VIEW " : "CREATE VIEW ",
                          QualifiedName(name), columns, " AS ", output.sql);
}

void Emitter::EmitDropRelation(const ParsedStatement& statement) {
  const bool table = statement.kind == StatementKind::kDropTable;
  const TableName name = Complete(statement.target);
  if (statement.if_exists && !catalog_.FindTable(name).has_value()) return;
  const TableSchema found = ResolveTable(statement.target);
  const bool view =
      found.kind == RelationKind::kView || found.kind == RelationKind::kMaterializedView;
  if (view == table) {
    Fail(statement.target.at,
         Cat("Cannot drop ", name.project, ":", name.dataset, ".", name.table,
             view ? ": it is a view, not a table" : ": it is a table, not a view"));
  }
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
  for (const OptionValue& option : statement.options) {
    // There is one location here, whatever its name.
    if (option.name != "location") FailUnsupported(option.at, Cat("Option ", option.name));
  }
  translation_->cascade = statement.cascade;
  translation_->tables_written.push_back({project, dataset, ""});
  translation_->sql =
      Cat(create ? "CREATE SCHEMA " : "DROP SCHEMA ", quoted, statement.cascade ? " CASCADE" : "");
}

}  // namespace afluente::warehouse::googlesql
