// INFORMATION_SCHEMA: views over the catalog, written out as the rows that it has now.
#include <algorithm>
#include <span>

#include "absl/strings/str_cat.h"
#include "warehouse/googlesql/emitter.h"
#include "warehouse/googlesql/sql_error.h"
#include "warehouse/googlesql/text.h"

namespace afluente::warehouse::googlesql {
namespace {

using Row = std::vector<std::string>;

struct ViewColumn {
  std::string_view name;
  TypeCode type;
};

constexpr TypeCode kText = TypeCode::kString;
constexpr TypeCode kWhen = TypeCode::kTimestamp;
constexpr TypeCode kCount = TypeCode::kInt64;

// Everything that a view lists: of one dataset, or of all.
struct Listed {
  std::string project;
  std::vector<std::string> datasets;
  std::vector<TableSchema> tables;
  std::vector<std::shared_ptr<const Routine>> routines;
};

std::string Time(int64_t micros) {
  return micros == 0 ? "CAST(NULL AS TIMESTAMPTZ)"
                     : Cat("CAST(make_timestamp(", micros, ") AS TIMESTAMPTZ)");
}

bool IsView(const TableSchema& table) {
  return table.kind == RelationKind::kView || table.kind == RelationKind::kMaterializedView;
}

Row Place(const TableName& name) {
  return {QuoteText(name.project), QuoteText(name.dataset), QuoteText(name.table)};
}

std::string_view TableType(const TableSchema& table) {
  switch (table.kind) {
    case RelationKind::kView:
      return "VIEW";
    case RelationKind::kMaterializedView:
      return "MATERIALIZED VIEW";
    case RelationKind::kSnapshot:
      return "SNAPSHOT";
    case RelationKind::kClone:
      return "CLONE";
    case RelationKind::kTable:
      break;
  }
  return "BASE TABLE";
}

constexpr ViewColumn kSchemata[] = {{"catalog_name", kText}, {"schema_name", kText},
                                    {"schema_owner", kText}, {"creation_time", kWhen},
                                    {"location", kText},     {"default_collation_name", kText}};

std::vector<Row> Schemata(const Listed& listed) {
  std::vector<Row> rows;
  for (const std::string& dataset : listed.datasets) {
    rows.push_back(
        {QuoteText(listed.project), QuoteText(dataset), "NULL", Time(0), "'US'", "NULL"});
  }
  return rows;
}

constexpr ViewColumn kTables[] = {{"table_catalog", kText},      {"table_schema", kText},
                                  {"table_name", kText},         {"table_type", kText},
                                  {"is_insertable_into", kText}, {"is_typed", kText},
                                  {"creation_time", kWhen},      {"default_collation_name", kText}};

std::vector<Row> Tables(const Listed& listed) {
  std::vector<Row> rows;
  for (const TableSchema& table : listed.tables) {
    Row row = Place(table.name);
    const bool writable = !IsView(table) && table.kind != RelationKind::kSnapshot;
    for (const std::string& value :
         {QuoteText(TableType(table)), QuoteText(writable ? "YES" : "NO"), QuoteText("NO"),
          Time(table.created_ms * 1'000), std::string("NULL")}) {
      row.push_back(value);
    }
    rows.push_back(std::move(row));
  }
  return rows;
}

constexpr ViewColumn kColumns[] = {{"table_catalog", kText},
                                   {"table_schema", kText},
                                   {"table_name", kText},
                                   {"column_name", kText},
                                   {"ordinal_position", kCount},
                                   {"is_nullable", kText},
                                   {"data_type", kText},
                                   {"is_generated", kText},
                                   {"is_hidden", kText},
                                   {"is_system_defined", kText},
                                   {"is_partitioning_column", kText},
                                   {"clustering_ordinal_position", kCount},
                                   {"collation_name", kText}};

std::vector<Row> Columns(const Listed& listed) {
  std::vector<Row> rows;
  for (const TableSchema& table : listed.tables) {
    for (size_t i = 0; i < table.columns.size(); ++i) {
      const schema::Column& column = table.columns[i];
      const auto key = std::find_if(table.clustering.begin(), table.clustering.end(),
                                    [&](const auto& c) { return SameName(c, column.name); });
      const bool partitions = SameName(table.partitioning.field, column.name);
      Row row = Place(table.name);
      for (const std::string& value :
           {QuoteText(column.name), Cat(i + 1),
            QuoteText(column.mode == schema::Mode::kRequired ? "NO" : "YES"),
            QuoteText(column.type.ToString()), QuoteText("NEVER"), QuoteText("NO"), QuoteText("NO"),
            QuoteText(partitions ? "YES" : "NO"),
            key == table.clustering.end() ? std::string("NULL")
                                          : Cat(key - table.clustering.begin() + 1),
            QuoteText("NULL")}) {
        row.push_back(value);
      }
      rows.push_back(std::move(row));
    }
  }
  return rows;
}

constexpr ViewColumn kFieldPaths[] = {{"table_catalog", kText}, {"table_schema", kText},
                                      {"table_name", kText},    {"column_name", kText},
                                      {"field_path", kText},    {"data_type", kText},
                                      {"description", kText}};

void AddPaths(const TableName& name, const schema::Column& column, const std::string& path,
              const schema::Type& type, std::vector<Row>* rows) {
  Row row = Place(name);
  for (const std::string& value :
       {QuoteText(column.name), QuoteText(path), QuoteText(type.ToString()),
        column.description.empty() ? std::string("NULL") : QuoteText(column.description)}) {
    row.push_back(value);
  }
  rows->push_back(std::move(row));
  const schema::Type& inner = type.kind == schema::TypeKind::kArray ? type.element() : type;
  if (inner.kind != schema::TypeKind::kStruct) return;
  for (const schema::Field& field : inner.fields) {
    AddPaths(name, column, Cat(path, ".", field.name), field.type, rows);
  }
}

std::vector<Row> FieldPaths(const Listed& listed) {
  std::vector<Row> rows;
  for (const TableSchema& table : listed.tables) {
    for (const schema::Column& column : table.columns) {
      AddPaths(table.name, column, column.name, column.type, &rows);
    }
  }
  return rows;
}

constexpr ViewColumn kTableOptions[] = {{"table_catalog", kText}, {"table_schema", kText},
                                        {"table_name", kText},    {"option_name", kText},
                                        {"option_type", kText},   {"option_value", kText}};

std::vector<Row> TableOptions(const Listed& listed) {
  std::vector<Row> rows;
  for (const TableSchema& table : listed.tables) {
    auto add = [&](std::string_view name, std::string_view type, const std::string& value) {
      Row row = Place(table.name);
      for (const std::string& part : {QuoteText(name), QuoteText(type), QuoteText(value)}) {
        row.push_back(part);
      }
      rows.push_back(std::move(row));
    };
    if (!table.description.empty()) {
      add("description", "STRING", Cat("\"", table.description, "\""));
    }
    if (RequiresPartitionFilter(table)) add("require_partition_filter", "BOOL", "true");
    if (table.properties && table.properties->partition_expiration_ms) {
      const double days = static_cast<double>(*table.properties->partition_expiration_ms) / 86.4e6;
      std::string text = absl::StrCat(days);
      if (text.find('.') == std::string::npos) text += ".0";
      add("partition_expiration_days", "FLOAT64", text);
    }
  }
  return rows;
}

constexpr ViewColumn kViews[] = {{"table_catalog", kText}, {"table_schema", kText},
                                 {"table_name", kText},    {"view_definition", kText},
                                 {"check_option", kText},  {"use_standard_sql", kText}};

std::vector<Row> Views(const Listed& listed) {
  std::vector<Row> rows;
  for (const TableSchema& table : listed.tables) {
    if (table.kind != RelationKind::kView) continue;
    Row row = Place(table.name);
    for (const std::string& value :
         {QuoteText(table.view_query), std::string("NULL"), QuoteText("YES")}) {
      row.push_back(value);
    }
    rows.push_back(std::move(row));
  }
  return rows;
}

constexpr ViewColumn kRoutines[] = {{"specific_catalog", kText},
                                    {"specific_schema", kText},
                                    {"specific_name", kText},
                                    {"routine_catalog", kText},
                                    {"routine_schema", kText},
                                    {"routine_name", kText},
                                    {"routine_type", kText},
                                    {"data_type", kText},
                                    {"routine_body", kText},
                                    {"routine_definition", kText},
                                    {"external_language", kText},
                                    {"created", kWhen},
                                    {"ddl", kText}};

std::vector<Row> Routines(const Listed& listed) {
  std::vector<Row> rows;
  for (const auto& routine : listed.routines) {
    Row row = Place(routine->name);
    const Row again = row;
    row.insert(row.end(), again.begin(), again.end());
    const bool external = routine->language != "SQL";
    for (const std::string& value :
         {QuoteText(routine->kind == RoutineKind::kFunction        ? "FUNCTION"
                    : routine->kind == RoutineKind::kTableFunction ? "TABLE FUNCTION"
                                                                   : "PROCEDURE"),
          routine->result ? QuoteText(routine->result->ToString()) : std::string("NULL"),
          QuoteText(external ? "EXTERNAL" : "SQL"), QuoteText(routine->body),
          external ? QuoteText(routine->language) : std::string("NULL"),
          Time(routine->created_micros), QuoteText(routine->statement)}) {
      row.push_back(value);
    }
    rows.push_back(std::move(row));
  }
  return rows;
}

constexpr ViewColumn kPartitions[] = {{"table_catalog", kText}, {"table_schema", kText},
                                      {"table_name", kText},    {"partition_id", kText},
                                      {"total_rows", kCount},   {"storage_tier", kText}};

struct View {
  std::string_view name;
  std::span<const ViewColumn> columns;
  std::vector<Row> (*rows)(const Listed&);  // nullptr: a query of its own
};

constexpr View kAll[] = {{"SCHEMATA", kSchemata, Schemata},
                         {"TABLES", kTables, Tables},
                         {"COLUMNS", kColumns, Columns},
                         {"COLUMN_FIELD_PATHS", kFieldPaths, FieldPaths},
                         {"TABLE_OPTIONS", kTableOptions, TableOptions},
                         {"VIEWS", kViews, Views},
                         {"ROUTINES", kRoutines, Routines},
                         {"PARTITIONS", kPartitions, nullptr}};

// The id of the partition that a row is in.
std::string PartitionId(const Partitioning& partitioning) {
  const std::string field =
      partitioning.field.empty() ? QuoteName(kPartitionTime) : QuoteName(partitioning.field);
  if (partitioning.unit == PartitionUnit::kRange) {
    return Cat("CASE WHEN ", field, " IS NULL THEN '__NULL__' WHEN ", field, " < ",
               partitioning.range_start, " OR ", field, " >= ", partitioning.range_end,
               " THEN '__UNPARTITIONED__' ELSE CAST(", field, " - (", field, " - ",
               partitioning.range_start, ") % ", partitioning.range_interval, " AS VARCHAR) END");
  }
  const std::string_view format = partitioning.unit == PartitionUnit::kHour    ? "%Y%m%d%H"
                                  : partitioning.unit == PartitionUnit::kMonth ? "%Y%m"
                                  : partitioning.unit == PartitionUnit::kYear  ? "%Y"
                                                                               : "%Y%m%d";
  return Cat("coalesce(strftime(CAST(", field, " AS TIMESTAMP), '", format, "'), '__NULL__')");
}

std::string PartitionsOf(const TableSchema& table) {
  const Row place = Place(table.name);
  const std::string start = Cat("SELECT ", place[0], " AS table_catalog, ", place[1],
                                " AS table_schema, ", place[2], " AS table_name, ");
  const std::string from = Cat(" FROM ", QualifiedName(table.name));
  if (table.partitioning.unit == PartitionUnit::kNone) {
    return Cat(start,
               "CAST(NULL AS VARCHAR) AS partition_id, count(*) AS total_rows, 'ACTIVE' AS "
               "storage_tier",
               from);
  }
  return Cat(start, PartitionId(table.partitioning),
             " AS partition_id, count(*) AS total_rows, "
             "'ACTIVE' AS storage_tier",
             from, " GROUP BY ALL");
}

std::string RowsSql(const View& view, const std::vector<Row>& rows) {
  std::string sql = "SELECT ";
  for (size_t i = 0; i < view.columns.size(); ++i) {
    Append(&sql, i == 0 ? "" : ", ", "CAST(c", i, " AS ", DuckdbName(view.columns[i].type), ") AS ",
           QuoteName(view.columns[i].name));
  }
  sql += " FROM (VALUES ";
  for (size_t r = 0; r < std::max<size_t>(rows.size(), 1); ++r) {
    Append(&sql, r == 0 ? "(" : ", (");
    for (size_t i = 0; i < view.columns.size(); ++i) {
      Append(&sql, i == 0 ? "" : ", ", rows.empty() ? "NULL" : rows[r][i]);
    }
    sql += ")";
  }
  sql += ") AS v(";
  for (size_t i = 0; i < view.columns.size(); ++i) Append(&sql, i == 0 ? "c" : ", c", i);
  return Cat(sql, ")", rows.empty() ? " WHERE FALSE" : "");
}

}  // namespace

bool Emitter::IsInformationSchema(const std::vector<std::string>& path) {
  return path.size() > 1 && SameName(path[path.size() - 2], "INFORMATION_SCHEMA");
}

std::string Emitter::EmitInformationSchema(const TableExpression& table,
                                           const std::vector<std::string>& path, Scope* scope) {
  Listed listed;
  const size_t before = path.size() - 2;
  const std::string inner = before > 0 ? path[before - 1] : options_.default_dataset;
  listed.project = before > 1 ? path[0] : options_.default_project;
  const bool all = inner.empty() || Lower(inner).starts_with("region-");
  const View* view = nullptr;
  for (const View& one : kAll) {
    if (SameName(one.name, path.back())) view = &one;
  }
  if (view == nullptr && all && IsJobsView(path.back())) return EmitJobs(table, path, scope);
  if (view == nullptr && Upper(path.back()).starts_with("JOBS")) {
    FailUnsupported(table.at, Cat("INFORMATION_SCHEMA.", path.back()));
  }
  const bool no_dataset = !all && !catalog_.HasDataset(listed.project, inner);
  if (view == nullptr || no_dataset) {
    throw SqlError{absl::StatusCode::kNotFound,
                   no_dataset
                       ? Cat("Not found: Dataset ", listed.project, ":", inner,
                             " was not found in location US")
                       : Cat("Not found: Table ", listed.project, ":", inner,
                             ".INFORMATION_SCHEMA.", path.back(), " was not found in location US"),
                   table.at};
  }
  if (options_.listing != nullptr) {
    listed.datasets = all || view->name == "SCHEMATA" ? options_.listing->Datasets(listed.project)
                                                      : std::vector<std::string>{inner};
    for (const std::string& dataset : listed.datasets) {
      for (TableSchema& one : options_.listing->Tables(listed.project, dataset)) {
        listed.tables.push_back(std::move(one));
      }
      for (auto& one : options_.listing->Routines(listed.project, dataset)) {
        listed.routines.push_back(std::move(one));
      }
    }
  }
  std::string sql = RowsSql(*view, view->rows == nullptr ? std::vector<Row>() : view->rows(listed));
  for (const TableSchema& one : listed.tables) {
    if (view->rows != nullptr || IsView(one)) continue;
    translation_->tables_read.push_back(one.name);
    Append(&sql, " UNION ALL ", PartitionsOf(one));
  }
  const std::string id = UniqueName("t");
  RangeVariable range;
  range.name = table.alias.empty() ? path.back() : table.alias;
  for (const ViewColumn& column : view->columns) {
    range.columns.push_back(
        {std::string(column.name), Cat(id, ".", QuoteName(column.name)), column.type});
  }
  AddRange(std::move(range), scope, table.at);
  return Cat("(", sql, ") AS ", id);
}

}  // namespace afluente::warehouse::googlesql
