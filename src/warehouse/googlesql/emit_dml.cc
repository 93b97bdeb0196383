// INSERT, UPDATE, DELETE, TRUNCATE, MERGE.
#include <algorithm>

#include "warehouse/googlesql/emitter.h"
#include "warehouse/googlesql/sql_error.h"
#include "warehouse/googlesql/text.h"

namespace afluente::warehouse::googlesql {
namespace {

const schema::Column* FindColumn(const std::vector<schema::Column>& columns,
                                 std::string_view name) {
  for (const schema::Column& column : columns) {
    if (SameName(column.name, name)) return &column;
  }
  return nullptr;
}

// BIGNUMERIC is stored as its canonical text.
std::string Stored(const std::string& sql, const SqlType& type) {
  if (!type.Is(TypeCode::kBigNumeric)) return sql;
  return Cat("rtrim(rtrim(CAST(CAST(", sql, " AS ", DuckdbName(type), ") AS VARCHAR), '0'), '.')");
}

bool Assignable(const SqlType& from, const SqlType& to, bool literal) {
  if (!from.known() || !to.known() || from.code == to.code) return true;
  if (from.Is(TypeCode::kInt64) && to.IsNumber()) return true;
  if (from.IsDecimal() && (to.IsDecimal() || to.Is(TypeCode::kFloat64))) return true;
  if (literal && from.Is(TypeCode::kFloat64) && to.IsDecimal()) return true;
  const bool from_date = from.Is(TypeCode::kDate) || from.Is(TypeCode::kDatetime);
  if (from_date && (to.Is(TypeCode::kDatetime) || to.Is(TypeCode::kTimestamp))) return true;
  return literal && from.Is(TypeCode::kString) &&
         ((to.code >= TypeCode::kDate && to.code <= TypeCode::kTimestamp) ||
          to.Is(TypeCode::kBytes));
}

}  // namespace

std::string Emitter::WriteTarget(const ParsedStatement& statement, TableSchema* table) {
  *table = ResolveTable(statement.target);
  if (table->kind != RelationKind::kTable && table->kind != RelationKind::kClone) {
    Fail(statement.target.at, Cat("Cannot modify ", table->name.project, ":", table->name.dataset,
                                  ".", table->name.table, ": it is a ",
                                  table->kind == RelationKind::kSnapshot ? "snapshot" : "view"));
  }
  translation_->tables_written.push_back(table->name);
  return QualifiedName(table->name);
}

Scope Emitter::TargetScope(const TableSchema& table, const std::string& alias,
                           const std::string& id) {
  Scope scope;
  RangeVariable range;
  range.name = alias.empty() ? table.name.table : alias;
  for (const schema::Column& column : QueryColumns(table)) {
    range.columns.push_back(StoredColumn(column, id));
  }
  if (IngestionPartitioned(table)) AddPartitionColumns(id, &range.columns);
  AddRange(std::move(range), &scope, 0);
  return scope;
}

std::vector<ScopeColumn> Emitter::TargetColumns(const TableSchema& table,
                                                const std::vector<std::string>& names, size_t at) {
  const std::vector<schema::Column> all = QueryColumns(table);
  std::vector<ScopeColumn> columns;
  if (names.empty()) {
    for (const schema::Column& column : table.columns) {
      columns.push_back({column.name, QuoteName(column.name), FromSchema(column.type)});
    }
  }
  for (const std::string& name : names) {
    const schema::Column* column = FindColumn(all, name);
    if (column == nullptr) {
      Fail(at, Cat("Column ", name, " is not present in table ", table.name.ToString()));
    }
    for (const ScopeColumn& other : columns) {
      if (SameName(other.name, name)) {
        Fail(at, Cat("INSERT has columns with duplicate name: ", name));
      }
    }
    columns.push_back({column->name, QuoteName(column->name), FromSchema(column->type)});
  }
  return columns;
}

void Emitter::CheckInsertable(const Emitted& value, const ScopeColumn& column, size_t position,
                              size_t at) {
  if (Assignable(value.type, column.type, value.literal)) return;
  Fail(at, position == 0 ? Cat("Value of type ", GoogleName(value.type), " cannot be assigned to ",
                               column.name, ", which has type ", GoogleName(column.type))
                         : Cat("Query column ", position, " has type ", GoogleName(value.type),
                               " which cannot be inserted into column ", column.name,
                               ", which has type ", GoogleName(column.type)));
}

std::string Emitter::EmitValue(const Expression& value, const ScopeColumn& column,
                               const Scope& scope) {
  if (value.kind == ExpressionKind::kDefault) return "DEFAULT";
  const Emitted emitted = Conform(Emit(value, scope), column.type);
  CheckInsertable(emitted, column, 0, value.at);
  return EmitStored(emitted, column);
}

// A value as its column stores it.
std::string Emitter::EmitStored(const Emitted& value, const ScopeColumn& column) {
  const Emitted conformed = Conform(value, column.type);
  // Text for BYTES would be read as DuckDB's own escapes.
  const bool text = conformed.type.Is(TypeCode::kString) && column.type.Is(TypeCode::kBytes);
  if (text) return Cat("encode(", conformed.sql, ")");
  if (column.type.Is(TypeCode::kBigNumeric)) return Stored(conformed.sql, column.type);
  const bool cast = conformed.type.code != column.type.code && column.type.known();
  return cast ? Cat("CAST(", conformed.sql, " AS ", DuckdbName(column.type), ")") : conformed.sql;
}

// A SELECT of one row, for scripts.
void Emitter::EmitRow(const std::vector<const Expression*>& expressions,
                      const std::vector<SqlType>& targets) {
  const Scope empty;
  std::string items;
  for (size_t i = 0; i < expressions.size(); ++i) {
    Emitted value = Emit(*expressions[i], empty);
    const bool assigned = targets.size() == expressions.size();
    if (assigned) {
      const ScopeColumn target{"", "", targets[i]};
      if (!Assignable(value.type, targets[i], value.literal)) {
        Fail(expressions[i]->at, Cat("Cannot coerce expression to type ", GoogleName(targets[i])));
      }
      value.sql = value.type.known() ? EmitStored(value, target)
                                     : Cat("CAST(", value.sql, " AS ", DuckdbName(targets[i]), ")");
    } else if (value.type.known() && !DuckdbName(value.type).empty()) {
      value.sql = Cat("CAST(", value.sql, " AS ", DuckdbName(value.type), ")");
    }
    Append(&items, i == 0 ? "SELECT " : ", ", value.sql, " AS v", i);
  }
  translation_->sql = items;
}

void Emitter::EmitInsert(const ParsedStatement& statement) {
  TableSchema table;
  std::string sql = Cat("INSERT INTO ", WriteTarget(statement, &table), " (");
  const std::vector<ScopeColumn> columns =
      TargetColumns(table, statement.columns, statement.columns_at);
  for (size_t i = 0; i < columns.size(); ++i) {
    Append(&sql, i == 0 ? "" : ", ", columns[i].sql);
  }
  sql += ") ";
  if (statement.query != nullptr) {
    const QueryOutput output = EmitQuery(*statement.query, nullptr);
    if (output.columns.size() != columns.size()) {
      Fail(statement.query->at, Cat("Inserted row has wrong column count; Has ",
                                    output.columns.size(), ", expected ", columns.size()));
    }
    const std::string id = UniqueName("t");
    std::string items;
    for (size_t i = 0; i < columns.size(); ++i) {
      // Literals inside a query have lost that mark: text may still become a date.
      const bool text = output.columns[i].type.Is(TypeCode::kString);
      CheckInsertable({"", output.columns[i].type, text}, columns[i], i + 1, statement.query->at);
      const std::string name = Cat(id, ".", output.columns[i].sql);
      const Emitted value = Conform({name, output.columns[i].type}, columns[i].type);
      Append(&items, i == 0 ? "" : ", ", Stored(value.sql, columns[i].type));
    }
    translation_->sql = Cat(sql, "SELECT ", items, " FROM (", output.sql, ") AS ", id);
    return;
  }
  const Scope empty;
  std::string rows;
  for (const std::vector<ExpressionPtr>& row : statement.rows) {
    if (row.size() != columns.size()) {
      Fail(row[0]->at, Cat("Inserted row has wrong column count; Has ", row.size(), ", expected ",
                           columns.size()));
    }
    Append(&rows, rows.empty() ? "VALUES (" : ", (");
    for (size_t i = 0; i < row.size(); ++i) {
      Append(&rows, i == 0 ? "" : ", ", EmitValue(*row[i], columns[i], empty));
    }
    rows += ")";
  }
  translation_->sql = sql + rows;
}

std::string Emitter::EmitAssignments(const std::vector<Assignment>& assignments,
                                     const TableSchema& table, const Scope& scope) {
  std::string sql;
  std::vector<std::string> seen;
  for (const Assignment& assignment : assignments) {
    // The column may be written behind the target's own name.
    std::string name = assignment.column;
    std::vector<std::string> path = assignment.path;
    const bool own = !path.empty() && scope.FindRange(name) == &scope.ranges[0] &&
                     FindColumn(QueryColumns(table), name) == nullptr;
    if (own) {
      name = path[0];
      path.erase(path.begin());
    }
    if (!path.empty()) FailUnsupported(assignment.at, "Assigning to a nested field");
    const ScopeColumn column = TargetColumns(table, {name}, assignment.at)[0];
    if (std::find(seen.begin(), seen.end(), column.name) != seen.end()) {
      Fail(assignment.at, Cat("Update item ", column.name, " assigned more than once"));
    }
    seen.push_back(column.name);
    Append(&sql, sql.empty() ? "" : ", ", column.sql, " = ",
           EmitValue(*assignment.value, column, scope));
  }
  return sql;
}

void Emitter::EmitUpdate(const ParsedStatement& statement) {
  TableSchema table;
  const std::string target = WriteTarget(statement, &table);
  const std::string id = UniqueName("t");
  Scope scope = TargetScope(table, statement.alias, id);
  std::string from;
  if (statement.from != nullptr) {
    // FROM does not see the target; SET and WHERE see both.
    Scope added;
    from = Cat(" FROM ", EmitFrom(*statement.from, &added));
    for (RangeVariable& range : added.ranges) {
      if (scope.FindRange(range.name) != nullptr && !range.name.empty()) {
        Fail(statement.from->at, Cat("Duplicate table alias ", range.name));
      }
      scope.ranges.push_back(std::move(range));
    }
    scope.columns.insert(scope.columns.end(), added.columns.begin(), added.columns.end());
  }
  const std::string assignments = EmitAssignments(statement.assignments, table, scope);
  NotePartitionFilter(table);
  CheckPartitionFilters(statement.where.get(), statement.at);
  translation_->sql = Cat("UPDATE ", target, " AS ", id, " SET ", assignments, from, " WHERE ",
                          Emit(*statement.where, scope).sql);
}

void Emitter::EmitDelete(const ParsedStatement& statement) {
  TableSchema table;
  const std::string target = WriteTarget(statement, &table);
  if (statement.kind == StatementKind::kTruncate) {
    translation_->sql = Cat("DELETE FROM ", target);
    return;
  }
  const std::string id = UniqueName("t");
  const Scope scope = TargetScope(table, statement.alias, id);
  NotePartitionFilter(table);
  CheckPartitionFilters(statement.where.get(), statement.at);
  translation_->sql =
      Cat("DELETE FROM ", target, " AS ", id, " WHERE ", Emit(*statement.where, scope).sql);
}

void Emitter::EmitMerge(const ParsedStatement& statement) {
  TableSchema table;
  const std::string target_sql = WriteTarget(statement, &table);
  const std::string id = UniqueName("t");
  const Scope target = TargetScope(table, statement.alias, id);
  Scope source;
  const std::string source_sql = EmitFrom(*statement.from, &source);
  Scope both = target;
  for (const RangeVariable& range : source.ranges) both.ranges.push_back(range);
  both.columns.insert(both.columns.end(), source.columns.begin(), source.columns.end());
  std::string sql = Cat("MERGE INTO ", target_sql, " AS ", id, " USING ", source_sql, " ON ",
                        Emit(*statement.where, both).sql);
  for (const MergeBranch& branch : statement.branches) {
    Append(&sql, " ", EmitMergeBranch(branch, table, target, source, both));
  }
  translation_->sql = sql;
}

std::string Emitter::EmitMergeBranch(const MergeBranch& branch, const TableSchema& table,
                                     const Scope& target, const Scope& source, const Scope& both) {
  static constexpr std::string_view kWhen[] = {"WHEN MATCHED", "WHEN NOT MATCHED BY TARGET",
                                               "WHEN NOT MATCHED BY SOURCE"};
  const Scope& scope = branch.when == MergeBranch::When::kMatched              ? both
                       : branch.when == MergeBranch::When::kNotMatchedByTarget ? source
                                                                               : target;
  std::string sql(kWhen[static_cast<size_t>(branch.when)]);
  if (branch.condition != nullptr) Append(&sql, " AND ", Emit(*branch.condition, scope).sql);
  const bool insert = branch.action.starts_with("INSERT");
  if (insert != (branch.when == MergeBranch::When::kNotMatchedByTarget)) {
    Fail(branch.at, Cat(branch.action, " is not allowed in this WHEN clause of MERGE"));
  }
  if (branch.action == "DELETE") return sql + " THEN DELETE";
  if (branch.action == "UPDATE") {
    return Cat(sql, " THEN UPDATE SET ", EmitAssignments(branch.assignments, table, scope));
  }
  const std::vector<ScopeColumn> columns = TargetColumns(table, branch.columns, branch.at);
  std::string names;
  std::string values;
  if (branch.action == "INSERT ROW") {
    for (const ScopeColumn& column : columns) {
      Expression name;
      name.kind = ExpressionKind::kName;
      name.at = branch.at;
      name.text = column.name;
      Append(&names, names.empty() ? "" : ", ", column.sql);
      Append(&values, values.empty() ? "" : ", ", EmitValue(name, column, scope));
    }
  } else if (columns.size() != branch.values.size()) {
    Fail(branch.at, Cat("Inserted row has wrong column count; Has ", branch.values.size(),
                        ", expected ", columns.size()));
  }
  for (size_t i = 0; i < branch.values.size(); ++i) {
    Append(&names, i == 0 ? "" : ", ", columns[i].sql);
    Append(&values, i == 0 ? "" : ", ", EmitValue(*branch.values[i], columns[i], scope));
  }
  return Cat(sql, " THEN INSERT (", names, ") VALUES (", values, ")");
}

}  // namespace afluente::warehouse::googlesql
