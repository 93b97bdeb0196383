#include "api/total_order.h"

#include <algorithm>
#include <utility>

#include "api/value_bytes.h"
#include "schema/text.h"

namespace afluente::api {
namespace {

using schema::Concat;
using schema::TypeKind;

constexpr char kKeyName[] = "_afluente_key_";

std::string KeyName(size_t i) { return Concat(kKeyName, i); }

schema::Type Int64() { return {TypeKind::kInt64, {}}; }

// The statement as a table called t. A line of its own, since it may end with a comment.
std::string Rows(std::string_view sql) {
  sql = schema::StripSpace(sql);
  while (sql.ends_with(';')) sql = schema::StripSpace(sql.substr(0, sql.size() - 1));
  return Concat(" FROM (\n", sql, "\n) AS t");
}

// How a column breaks ties: its value where that is short, else its fingerprint.
std::string TieExpression(const std::string& column, TypeKind kind) {
  switch (kind) {
    case TypeKind::kString:
    case TypeKind::kBytes:
      return Concat("FARM_FINGERPRINT(", column, ")");
    case TypeKind::kJson:
    case TypeKind::kArray:
    case TypeKind::kStruct:
    case TypeKind::kInterval:
    case TypeKind::kRange:
    case TypeKind::kFloat64:  // NaN equals nothing
      return Concat("FARM_FINGERPRINT(TO_JSON_STRING(", column, "))");
    default:
      return column;
  }
}

schema::Value ValueAt(const warehouse::ColumnVector& column, size_t row) {
  if (column.IsNull(row)) return schema::Value();
  switch (column.type.kind) {
    case TypeKind::kBool:
      return schema::Value(column.ints[row] != 0);
    case TypeKind::kFloat64:
      return schema::Value(column.doubles[row]);
    case TypeKind::kString:
    case TypeKind::kBytes:
    case TypeKind::kNumeric:
    case TypeKind::kBigNumeric:
      return schema::Value(std::string(column.Bytes(row)));
    default:
      return schema::Value(column.ints[row]);
  }
}

std::string KeyBytes(const std::vector<schema::Value>& keys) {
  std::string bytes;
  for (const schema::Value& value : keys) AppendValueBytes(bytes, value);
  return bytes;
}

}  // namespace

TotalOrder::TotalOrder(const std::vector<schema::Column>& columns,
                       std::vector<warehouse::OrderKey> asked) {
  std::vector<bool> used(columns.size(), false);
  for (const warehouse::OrderKey& key : asked) {
    if (used[key.column]) continue;
    used[key.column] = true;
    const schema::Column& column = columns[key.column];
    keys_.push_back(
        {Concat("t.`", column.name, "`"), column.type, key.descending, key.nulls_first});
  }
  asked_ = keys_.size();
  for (size_t i = 0; i < columns.size(); ++i) {
    if (used[i]) continue;
    const std::string name = Concat("t.`", columns[i].name, "`");
    std::string tie = TieExpression(name, columns[i].type.kind);
    const bool fingerprint = tie != name;
    keys_.push_back({std::move(tie), fingerprint ? Int64() : columns[i].type, false, true});
  }
}

std::string TotalOrder::Ordered(std::string_view sql) const {
  std::string text = Concat("SELECT *", Rows(sql));
  for (size_t i = 0; i < asked_; ++i) {
    text += Concat(i == 0 ? " ORDER BY " : ", ", keys_[i].expression,
                   keys_[i].descending ? " DESC" : " ASC",
                   keys_[i].nulls_first ? " NULLS FIRST" : " NULLS LAST");
  }
  return text;
}

// Rows at or behind a position: the first key behind its value, or equal and the second behind, and
// so on; equal in all is at it.
std::string TotalOrder::Condition(const Position& after) const {
  std::string condition;
  std::string tail;
  for (size_t i = 0; i < keys_.size(); ++i) {
    const Key& key = keys_[i];
    const bool null = after.keys[i].is_null();
    const std::string value = Concat("@", KeyName(i));
    const std::string& at = key.expression;
    std::string behind = Concat(at, key.descending ? " < " : " > ", value);
    if (null) behind = key.nulls_first ? Concat(at, " IS NOT NULL") : "FALSE";
    if (!null && !key.nulls_first) behind = Concat("(", behind, " OR ", at, " IS NULL)");
    const std::string equal = null ? Concat(at, " IS NULL") : Concat(at, " = ", value);
    condition += Concat(behind, " OR (", equal, " AND (");
    tail += "))";
  }
  return Concat(condition, "TRUE", tail);
}

TotalOrder::Page TotalOrder::After(std::string_view sql, const Position* after,
                                   uint64_t rows) const {
  Page page;
  page.sql = "SELECT t.*";
  std::string order;
  for (size_t i = 0; i < keys_.size(); ++i) {
    page.sql += Concat(", ", keys_[i].expression, " AS ", KeyName(i));
    order +=
        Concat(i == 0 ? " ORDER BY " : ", ", KeyName(i), keys_[i].descending ? " DESC" : " ASC",
               keys_[i].nulls_first ? " NULLS FIRST" : " NULLS LAST");
  }
  page.sql += Rows(sql);
  if (after != nullptr) {
    page.sql += Concat(" WHERE ", Condition(*after));
    for (size_t i = 0; i < keys_.size(); ++i) {
      if (after->keys[i].is_null()) continue;
      page.parameters.push_back({KeyName(i), keys_[i].type, after->keys[i]});
    }
  }
  page.sql += Concat(order, " LIMIT @_afluente_limit OFFSET @_afluente_offset");
  const auto given = static_cast<int64_t>(after == nullptr ? 0 : after->given);
  page.parameters.push_back(
      {"_afluente_limit", Int64(), schema::Value(static_cast<int64_t>(rows))});
  page.parameters.push_back({"_afluente_offset", Int64(), schema::Value(given)});
  return page;
}

Position TotalOrder::Behind(const warehouse::ColumnBatch& batch, size_t rows,
                            const Position* before) const {
  const size_t first = batch.columns.size() - keys_.size();
  const auto keys_at = [&](size_t row) {
    std::vector<schema::Value> keys;
    for (size_t i = first; i < batch.columns.size(); ++i) {
      keys.push_back(ValueAt(batch.columns[i], row));
    }
    return keys;
  };
  Position position{keys_at(rows - 1), 1};
  const std::string bytes = KeyBytes(position.keys);
  while (position.given < rows && KeyBytes(keys_at(rows - 1 - position.given)) == bytes) {
    ++position.given;
  }
  const bool goes_on =
      position.given == rows && before != nullptr && KeyBytes(before->keys) == bytes;
  if (goes_on) position.given += before->given;
  return position;
}

}  // namespace afluente::api
