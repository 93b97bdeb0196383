// FROM: tables, joins, UNNEST, and the SELECT list's stars.
#include <algorithm>

#include "warehouse/googlesql/emitter.h"
#include "warehouse/googlesql/limits.h"
#include "warehouse/googlesql/sql_error.h"
#include "warehouse/googlesql/text.h"

namespace afluente::warehouse::googlesql {

std::string QualifiedName(const TableName& name) {
  return Cat(QuoteName(Cat(name.project, ".", name.dataset)), ".", QuoteName(name.table));
}

ScopeColumn StoredColumn(const schema::Column& column, std::string_view table) {
  ScopeColumn result{column.name, Cat(table, ".", QuoteName(column.name)), FromSchema(column.type)};
  if (result.type.Is(TypeCode::kBigNumeric)) {
    result.stored = result.sql;
    result.sql = Cat("CAST(", result.sql, " AS ", DuckdbName(result.type), ")");
  }
  return result;
}

std::vector<schema::Column> QueryColumns(const TableSchema& table) {
  std::vector<schema::Column> columns = table.columns;
  if (!table.function_fed) return columns;
  for (const auto& [name, kind] :
       {std::pair<std::string_view, schema::TypeKind>("_message_id", schema::TypeKind::kString),
        {"_message_row", schema::TypeKind::kInt64}}) {
    const bool listed = std::any_of(columns.begin(), columns.end(),
                                    [&](const schema::Column& c) { return c.name == name; });
    if (listed) continue;
    schema::Column column;
    column.name = name;
    column.type.kind = kind;
    columns.push_back(std::move(column));
  }
  return columns;
}

TableName Emitter::Complete(const NamePath& path) {
  TableName name;
  name.table = path.parts.back();
  const size_t parts = path.parts.size();
  if (FindTemporary(path).has_value()) {
    return {options_.default_project, options_.temporary_dataset, name.table};
  }
  if (parts > 3) FailUnsupported(path.at, "A table name of more than three parts");
  if (parts == 1 && options_.default_dataset.empty()) {
    Fail(path.at,
         Cat("Table \"", name.table, "\" must be qualified with a dataset (e.g. dataset.table)."));
  }
  name.dataset = parts == 1 ? options_.default_dataset : path.parts[parts - 2];
  name.project = parts == 3 ? path.parts[0] : options_.default_project;
  return name;
}

// A name alone finds a script's temporary table first.
std::optional<TableSchema> Emitter::FindTemporary(const NamePath& path) {
  if (path.parts.size() != 1 || options_.temporary_dataset.empty()) return std::nullopt;
  return catalog_.FindTable({options_.default_project, options_.temporary_dataset, path.parts[0]});
}

TableSchema Emitter::ResolveTable(const NamePath& path) {
  const TableName name = Complete(path);
  std::optional<TableSchema> table = FindTemporary(path);
  if (!table.has_value()) table = catalog_.FindTable(name);
  if (table.has_value()) return *std::move(table);
  const std::string place = Cat(name.project, ":", name.dataset);
  const bool odd = std::any_of(name.dataset.begin(), name.dataset.end(),
                               [](unsigned char c) { return !isalnum(c) && c != '_' && c != '-'; });
  if (odd) {
    Fail(path.at, Cat("Invalid dataset ID \"", name.dataset,
                      "\". Dataset IDs must be alphanumeric (plus underscores and dashes) and must "
                      "be at most 1024 characters long."));
  }
  if (catalog_.HasDataset(name.project, name.dataset)) {
    throw SqlError{
        absl::StatusCode::kNotFound,
        Cat("Not found: Table ", place, ".", name.table, " was not found in location US"), path.at};
  }
  if (name.project == options_.default_project) {
    throw SqlError{absl::StatusCode::kNotFound,
                   Cat("Not found: Dataset ", place, " was not found in location US"), path.at};
  }
  throw SqlError{absl::StatusCode::kPermissionDenied,
                 Cat("Access Denied: Table ", place, ".", name.table,
                     ": User does not have permission to query table ", place, ".", name.table,
                     ", or perhaps it does not exist."),
                 path.at};
}

void Emitter::AddRange(RangeVariable range, Scope* scope, size_t at) {
  if (!range.name.empty() && scope->FindRange(range.name) != nullptr) {
    Fail(at, Cat("Duplicate table alias ", range.name, " in the same FROM clause"));
  }
  scope->columns.insert(scope->columns.end(), range.columns.begin(), range.columns.end());
  scope->ranges.push_back(std::move(range));
}

std::string Emitter::EmitFrom(const TableExpression& table, Scope* scope) {
  if (table.kind == TableKind::kJoin) return EmitJoin(table, scope);
  std::string sql = EmitTable(table, scope);
  if (table.sample.empty()) return sql;
  translation_->deterministic = false;
  return Cat(sql, " TABLESAMPLE system(", table.sample, " PERCENT)");
}

std::string Emitter::EmitTable(const TableExpression& table, Scope* scope) {
  if (table.kind == TableKind::kName) return EmitNamedTable(table, scope);
  if (table.kind == TableKind::kFunction) return EmitTableFunction(table, scope);
  if (table.kind == TableKind::kPivot) return EmitPivot(table, scope);
  if (table.kind == TableKind::kUnpivot) return EmitUnpivot(table, scope);
  if (table.kind == TableKind::kUnnest) {
    return EmitUnnest(table, Emit(*table.unnest, *scope), scope);
  }
  if (table.with_offset) FailSyntax(table.at, "WITH OFFSET follows an array, not a query");
  // A subquery in FROM sees what surrounds the query, not its neighbours.
  QueryOutput output = EmitQuery(*table.query, scope->outer);
  const std::string id = UniqueName("t");
  RangeVariable range;
  range.name = table.alias;
  range.value.sql = "";
  for (ScopeColumn& column : output.columns) column.sql = Cat(id, ".", column.sql);
  range.columns = output.columns;
  if (output.as == SelectAs::kValue) {
    range.value = {output.columns[0].sql, output.columns[0].type};
    range.columns.clear();
    for (const SqlField& field : range.value.type.fields) {
      if (!range.value.type.Is(TypeCode::kStruct)) break;
      range.columns.push_back(
          {field.name, FieldOf(range.value, field.name, table.at).sql, field.type});
    }
    if (!range.value.type.Is(TypeCode::kStruct)) {
      range.columns.push_back({table.alias, range.value.sql, range.value.type});
    }
  }
  AddRange(std::move(range), scope, table.at);
  return Cat("(", output.sql, ") AS ", id);
}

std::string Emitter::EmitNamedTable(const TableExpression& table, Scope* scope) {
  NamePath path{table.path, table.at};
  // `FROM t, t.arr`: a path that begins with an earlier range variable is an array of it.
  if (path.parts.size() > 1 && scope->FindRange(path.parts[0]) != nullptr) {
    Expression name;
    name.kind = ExpressionKind::kName;
    name.at = table.at;
    name.text = path.parts[0];
    Emitted array = *EmitQualified(name, *scope);
    for (size_t i = 1; i < path.parts.size(); ++i) {
      array = FieldOf(std::move(array), path.parts[i], table.at);
    }
    return EmitUnnest(table, array, scope);
  }
  if (table.with_offset) FailSyntax(table.at, "WITH OFFSET follows an array, not a table");
  if (std::optional<std::string> messages = EmitMessages(table, scope)) return *messages;
  const std::string id = UniqueName("t");
  RangeVariable range;
  range.name = table.alias.empty() ? path.parts.back() : table.alias;
  const CommonTableEntry* common =
      path.parts.size() == 1 ? FindCommonTable(path.parts[0]) : nullptr;
  if (common != nullptr) {
    for (const ScopeColumn& column : common->columns) {
      range.columns.push_back({column.name, Cat(id, ".", column.sql), column.type});
    }
    const std::string sql = Cat(common->sql, " AS ", id);
    AddRange(std::move(range), scope, table.at);
    return sql;
  }
  if (transform_ != nullptr) Fail(table.at, "A function's SQL reads FROM messages only");
  if (IsInformationSchema(path.parts)) return EmitInformationSchema(table, path.parts, scope);
  if (path.parts.back().ends_with('*')) return EmitWildcard(table, Complete(path), scope);
  const TableSchema found = ResolveTable(path);
  for (const schema::Column& column : QueryColumns(found)) {
    range.columns.push_back(StoredColumn(column, id));
  }
  if (IngestionPartitioned(found)) AddPartitionColumns(id, &range.columns);
  NotePartitionFilter(found);
  std::vector<TableName>& read = translation_->tables_read;
  if (std::find(read.begin(), read.end(), found.name) == read.end()) read.push_back(found.name);
  AddRange(std::move(range), scope, table.at);
  return Cat(QualifiedName(found.name), " AS ", id);
}

std::string Emitter::EmitUnnest(const TableExpression& table, const Emitted& array, Scope* scope) {
  if (array.type.known() && !array.type.Is(TypeCode::kArray)) {
    Fail(table.at, Cat("Values referenced in UNNEST must be arrays. UNNEST contains expression of "
                       "type ",
                       GoogleName(array.type)));
  }
  const std::string id = UniqueName("t");
  RangeVariable range;
  range.name = table.alias;
  if (range.name.empty() && table.kind == TableKind::kName) range.name = table.path.back();
  range.value = {Cat(id, ".\"v\""), array.type.element()};
  if (range.value.type.Is(TypeCode::kStruct)) {
    for (const SqlField& field : range.value.type.fields) {
      range.columns.push_back(
          {field.name, FieldOf(range.value, field.name, table.at).sql, field.type});
    }
  } else {
    range.columns.push_back({range.name, range.value.sql, range.value.type});
  }
  AddRange(std::move(range), scope, table.at);
  const std::string offset = Cat(id, ".\"o\"");
  if (table.with_offset) {
    RangeVariable offsets;
    offsets.name = table.offset_alias;
    offsets.columns.push_back({table.offset_alias, offset, TypeCode::kInt64});
    offsets.value = {offset, TypeCode::kInt64};
    AddRange(std::move(offsets), scope, table.at);
  }
  if (transform_ != nullptr && scope->outer == nullptr) transform_->ordinals.push_back(offset);
  if (!table.with_offset && transform_ == nullptr) {
    return Cat("(SELECT unnest(", array.sql, ") AS \"v\") AS ", id);
  }
  // The array is named once, so that it is computed once.
  return Cat("(SELECT unnest(s.a) AS \"v\", unnest(range(len(s.a))) AS \"o\" FROM (SELECT ",
             array.sql, " AS a) AS s) AS ", id);
}

std::string Emitter::EmitJoin(const TableExpression& table, Scope* scope) {
  const std::string left = EmitFrom(*table.left, scope);
  // What the right side adds is kept apart: USING merges columns.
  Scope right;
  right.outer = scope->outer;
  right.windows = scope->windows;
  right.ranges = scope->ranges;
  right.columns = scope->columns;
  const size_t before = scope->columns.size();
  std::string right_sql = EmitFrom(*table.right, &right);
  scope->ranges = right.ranges;
  // Only the emission of an array begins so.
  const bool array_right = right_sql.starts_with("(SELECT unnest(");
  if (table.right->kind == TableKind::kJoin) right_sql = Cat("(", right_sql, ")");
  std::string condition;
  if (!table.using_columns.empty()) {
    Scope added;
    added.columns.assign(right.columns.begin() + static_cast<std::ptrdiff_t>(before),
                         right.columns.end());
    condition = EmitUsing(table, scope, &added);
  } else {
    scope->columns = right.columns;
    if (table.on != nullptr) condition = Emit(*table.on, *scope).sql;
  }
  static constexpr std::string_view kWords[] = {"CROSS JOIN", "CROSS JOIN", "JOIN",
                                                "LEFT JOIN",  "RIGHT JOIN", "FULL JOIN"};
  const bool bare = table.join == JoinType::kComma || table.join == JoinType::kCross;
  if (!bare && condition.empty()) {
    if (!array_right || table.join == JoinType::kRight || table.join == JoinType::kFull) {
      FailSyntax(table.at, "A join needs ON or USING");
    }
    condition = "TRUE";
  }
  if (array_right) right_sql = Cat("LATERAL ", right_sql);
  std::string sql = Cat(left, " ", kWords[static_cast<size_t>(table.join)], " ", right_sql);
  if (!bare) Append(&sql, " ON ", condition);
  return sql;
}

// Writes USING as ON, and leaves in `scope` the merged columns first, then both sides' others.
std::string Emitter::EmitUsing(const TableExpression& table, Scope* scope, Scope* right) {
  std::string condition;
  std::vector<ScopeColumn> merged;
  for (const std::string& name : table.using_columns) {
    std::vector<ScopeColumn*> found;
    for (Scope* side : {scope, right}) {
      auto it = std::find_if(side->columns.begin(), side->columns.end(),
                             [&](const ScopeColumn& c) { return SameName(c.name, name); });
      if (it == side->columns.end()) {
        Fail(table.at, Cat("Column ", name, " in USING clause not found on ",
                           side == scope ? "left" : "right", " side of join"));
      }
      found.push_back(&*it);
    }
    Append(&condition, condition.empty() ? "" : " AND ", found[0]->sql, " = ", found[1]->sql);
    ScopeColumn column = table.join == JoinType::kRight ? *found[1] : *found[0];
    if (table.join == JoinType::kFull) {
      column.sql = Cat("coalesce(", found[0]->sql, ", ", found[1]->sql, ")");
    }
    merged.push_back(std::move(column));
    scope->columns.erase(scope->columns.begin() + (found[0] - scope->columns.data()));
    right->columns.erase(right->columns.begin() + (found[1] - right->columns.data()));
  }
  merged.insert(merged.end(), scope->columns.begin(), scope->columns.end());
  merged.insert(merged.end(), right->columns.begin(), right->columns.end());
  scope->columns = std::move(merged);
  return condition;
}

std::vector<SelectAlias> Emitter::EmitItems(const Select& select, const Scope& scope) {
  std::vector<SelectAlias> items;
  for (const SelectItem& item : select.items) {
    if (item.star) {
      ExpandStar(item, scope, &items);
      continue;
    }
    SelectAlias alias;
    alias.name = item.alias;
    if (alias.name.empty() && (item.expression->kind == ExpressionKind::kName ||
                               item.expression->kind == ExpressionKind::kField)) {
      alias.name = item.expression->text;
    }
    alias.value = Emit(*item.expression, scope);
    items.push_back(std::move(alias));
  }
  if (items.size() > kSelectListMax) {
    Fail(select.at, Cat("Query is too complex: it has more than ", kSelectListMax,
                        " columns in a SELECT list"));
  }
  for (size_t i = 0; i < items.size(); ++i) items[i].ordinal = i + 1;
  return items;
}

void Emitter::ExpandStar(const SelectItem& item, const Scope& scope,
                         std::vector<SelectAlias>* out) {
  std::vector<ScopeColumn> columns = scope.columns;
  for (auto& [from, to] : item.rename) {
    auto it = std::find_if(columns.begin(), columns.end(),
                           [&](const ScopeColumn& c) { return SameName(c.name, from); });
    if (it == columns.end()) Fail(item.at, Cat("Unrecognized name: ", from));
    it->name = to;
  }
  if (item.expression != nullptr) {
    const RangeVariable* range = item.expression->kind == ExpressionKind::kName
                                     ? scope.FindRange(item.expression->text)
                                     : nullptr;
    if (range != nullptr) {
      columns = range->columns;
    } else {
      const Emitted base = Emit(*item.expression, scope);
      if (!base.type.Is(TypeCode::kStruct)) {
        Fail(item.at, Cat("Dot-star is not supported for type ", GoogleName(base.type)));
      }
      columns.clear();
      for (const SqlField& field : base.type.fields) {
        columns.push_back({field.name, FieldOf(base, field.name, item.at).sql, field.type});
      }
    }
  } else if (columns.empty()) {
    Fail(item.at, "SELECT * must have a FROM clause");
  }
  std::erase_if(columns, [](const ScopeColumn& c) { return c.hidden; });
  for (const std::string& name : item.except) {
    const size_t size = columns.size();
    std::erase_if(columns, [&](const ScopeColumn& c) { return SameName(c.name, name); });
    if (columns.size() == size) {
      Fail(item.at, Cat("Column ", name, " in SELECT * EXCEPT list does not exist"));
    }
  }
  std::vector<bool> used(item.replace.size());
  for (const ScopeColumn& column : columns) {
    SelectAlias alias{column.name, 0, {column.sql, column.type, false, column.stored}};
    for (size_t i = 0; i < item.replace.size(); ++i) {
      if (!SameName(item.replace[i].first, column.name)) continue;
      alias.value = Emit(*item.replace[i].second, scope);
      used[i] = true;
    }
    out->push_back(std::move(alias));
  }
  for (size_t i = 0; i < used.size(); ++i) {
    if (used[i]) continue;
    Fail(item.at,
         Cat("Column ", item.replace[i].first, " in SELECT * REPLACE list does not exist"));
  }
}

}  // namespace afluente::warehouse::googlesql
